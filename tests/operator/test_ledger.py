"""A ledger holds what is admitted until it is settled, and its watermarks cover the rest."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.operator.ledger import (
    EXPIRY_SECONDS,
    MAX_BYTES,
    MAX_RESERVATIONS,
    Ledger,
    Reservation,
    Reservations,
    close,
    ledger_json,
    new_ledger,
    open_ledger,
    parse_ledger,
    prune,
    reserve,
    settled_version,
    size_of,
)
from double_booked.operator.objects import (
    Booking,
    Calendar,
    NamespacedName,
    ObjectMeta,
    Rules,
    parse_time,
)

from .factories import TEAM, booking, calendar, key


def stored(ledger: Ledger, uid: str = "ledger", version: int = 1) -> Ledger:
    """Return a ledger as the API server stores it, parsed."""
    raw = ledger_json(ledger)
    raw["metadata"] |= {"uid": uid, "resourceVersion": str(version)}
    return parse_ledger(raw)


def opened(*reservations: Reservation) -> Ledger:
    return replace(open_ledger(stored(new_ledger(TEAM)), 0, 0), reservations=reservations)


def test_create_is_settled_by_its_uid_only() -> None:
    create = reserve(booking("a", 9, 10, uid="new"), None)
    assert settled_version(create, None, 0) == 0
    assert settled_version(create, booking("a", 8, 9, uid="old", version=9), 0) == 0
    assert settled_version(create, booking("a", 9, 10, uid="new", version=9), 0) == 9
    assert settled_version(create, None, 11) == 11


def test_update_is_settled_by_a_newer_object_of_its_name() -> None:
    old = booking("a", 8, 9, version=3)
    update = reserve(booking("a", 9, 10, version=4), old)
    assert settled_version(update, old, 0) == 0
    assert settled_version(update, booking("a", 8, 9, version=4), 0) == 4
    assert settled_version(update, booking("a", 8, 9, uid="another", version=6), 0) == 6
    assert settled_version(update, None, 5) == 5


def test_change_of_a_calendar_is_settled_by_a_newer_one() -> None:
    change = reserve(calendar(capacity=2, version=4), calendar(version=3))
    assert settled_version(change, calendar(version=3), 0) == 0
    assert settled_version(change, calendar(version=5), 0) == 5


def test_every_review_of_a_write_has_another_id() -> None:
    one, other = (reserve(booking("a", 9, 10), None) for _ in range(2))
    assert one.id != other.id


def test_repeated_review_replaces_the_reservation_of_the_same_write() -> None:
    first = reserve(booking("a", 9, 10), None)
    again = reserve(booking("a", 9, 10), None)
    elsewhere = reserve(booking("a", 11, 12), None)
    other_uid = reserve(booking("a", 9, 10, uid="another"), None)
    held = Reservations([first]).plus(again).plus(elsewhere).plus(other_uid)
    assert list(held) == [again, elsewhere, other_uid]


def test_reserved_booking_is_on_its_calendars() -> None:
    both = reserve(booking("a", 9, 10, "gpu", "staging"), None)
    one = reserve(booking("b", 9, 10, "gpu"), None)
    held = Reservations([both, one])
    assert [wanted.key.name for wanted in held.wanted_on(key("staging"))] == ["a"]
    assert [wanted.key.name for wanted in held.wanted_on(key("gpu"))] == ["a", "b"]
    assert not list(held.wanted_on(NamespacedName("elsewhere", "gpu")))
    assert held.has_booking(key("a"))
    assert not held.has_booking(key("c"))


def test_rules_of_every_reserved_write_are_returned() -> None:
    held = Reservations(
        reserve(calendar(capacity=capacity, version=2), calendar()) for capacity in (3, 2)
    )
    assert [rules.capacity for rules in held.rules_for(key("staging"))] == [3, 2]
    assert not list(held.rules_for(key("gpu")))


def test_seconds_left_are_those_of_the_last_reservation_of_a_booking() -> None:
    one, other = (reserve(booking("a", start, start + 1), None) for start in (9, 11))
    held = Reservations([one, other], {one.id: 3.0, other.id: 7.0})
    assert held.seconds_left(key("a")) == 7
    assert held.seconds_left(key("b")) == 0
    assert Reservations([one]).seconds_left(key("a")) == EXPIRY_SECONDS


def test_pruning_raises_the_watermark_of_the_kind_to_what_was_seen() -> None:
    kept, settled, never = (reserve(booking(name, 9, 10), None) for name in "abc")
    rules = reserve(calendar(capacity=2, version=2), calendar())
    ledger = opened(kept, settled, never, rules)
    pruned = prune(ledger, {settled.id: 7, never.id: 0, rules.id: 5})
    assert pruned.reservations == (kept,)
    assert (pruned.bookings_version, pruned.calendars_version) == (7, 5)
    again = prune(replace(pruned, reservations=(never,)), {never.id: 0})
    assert (again.bookings_version, again.calendars_version) == (7, 5)


def test_new_ledger_is_closed_until_it_is_opened() -> None:
    created = stored(new_ledger(TEAM))
    assert created.closed
    assert not created.is_open
    assert not created.was_open
    ledger = stored(open_ledger(created, 8, 9), version=2)
    assert ledger.is_open
    assert (ledger.bookings_version, ledger.calendars_version) == (8, 9)


def test_ledger_that_was_restored_under_another_uid_is_not_open() -> None:
    restored = stored(opened(), uid="another")
    assert not restored.is_open
    closed = stored(close(restored), uid="another")
    assert closed.closed
    assert closed.was_open
    assert close(closed).closed != closed.closed


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "Booking"},
        {"id": "1", "kind": "Booking", "name": "a", "uid": "u", "start": "soon", "end": "later"},
        {"id": "1", "kind": "Calendar", "name": "a", "uid": "u", "rules": {"capacity": "many"}},
    ],
)
def test_unreadable_ledger_is_not_open(entry: dict[str, Any]) -> None:
    raw = ledger_json(opened())
    raw["metadata"] |= {"uid": "ledger", "resourceVersion": "1"}
    ledger = parse_ledger(raw | {"reservations": [entry]})
    assert not ledger.is_open
    assert stored(close(ledger)).was_open


def test_stored_ledger_is_written_conditionally() -> None:
    assert "uid" not in ledger_json(new_ledger(TEAM))["metadata"]
    assert ledger_json(stored(new_ledger(TEAM), "uid-7", 42))["metadata"] == {
        "name": "bookings",
        "namespace": TEAM,
        "uid": "uid-7",
        "resourceVersion": "42",
    }


def test_a_full_ledger_of_the_longest_names_is_over_its_size() -> None:
    longest = reserve(booking("a" * 253, 9, 10, *(f"{n:02}" + "c" * 251 for n in range(16))), None)
    assert size_of(longest) * MAX_RESERVATIONS > MAX_BYTES
    usual = reserve(booking("hotfix-login", 9, 10), None)
    assert size_of(usual) * MAX_RESERVATIONS < MAX_BYTES


names = st.text("abc-", min_size=1, max_size=5)
instants = st.integers(parse_time("0001-01-01T00:00:00Z"), parse_time("9999-12-31T23:59:59Z"))
bookings = st.builds(
    lambda name, uid, times, calendars, replaces: Booking(
        ObjectMeta(NamespacedName(TEAM, name), uid, 0, 0),
        "",
        min(times),
        max(times),
        tuple(calendars),
        replaces=tuple(replaces),
    ),
    names,
    names,
    st.tuples(instants, instants),
    st.lists(names, min_size=1, unique=True),
    st.lists(names, unique=True),
)
calendars = st.builds(
    lambda name, uid, capacity, rejects: Calendar(
        ObjectMeta(NamespacedName(TEAM, name), uid, 0, 0),
        Rules(capacity, rejects, 90 * 10**9, "1m30s"),
    ),
    names,
    names,
    st.integers(1, 10**9),
    st.booleans(),
)


@given(st.lists(st.tuples(names, bookings | calendars, st.integers(0, 2**60))))
def test_ledger_reads_back_as_it_was_written(
    entries: list[tuple[str, Booking | Calendar, int]],
) -> None:
    ledger = replace(opened(), reservations=tuple(Reservation(*entry) for entry in entries))
    assert stored(ledger) == ledger
