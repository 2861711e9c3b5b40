"""Writes with `replaces` never put a calendar over its capacity, in whatever order they arrive."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from double_booked.operator.admission import CapacityView, find_overlaps
from double_booked.operator.ledger import Reservation, Reservations, reserve, settled_version
from double_booked.operator.objects import Booking, NamespacedName, Rules
from double_booked.operator.schedule import Schedule

from .factories import HOUR, at, booking, calendar, key, reservations_of, schedule_of
from .test_links import largest_matching

NAMES = "abcde"
PLACES = ("staging", "gpu")


def view_of(*cached: Booking, capacity: int = 1) -> CapacityView:
    return CapacityView(schedule_of(calendar(capacity=capacity), *cached), Reservations())


def fits(wanted: Booking, view: CapacityView, old: Booking | None = None) -> bool:
    return not find_overlaps(wanted, old, view)


a = partial(booking, "a", 9, 11)
b = partial(booking, "b", 9, 11)
c = partial(booking, "c", 9, 11)


def test_a_replacement_fits_in_the_place_of_the_replaced_booking() -> None:
    assert fits(b(replaces=("a",)), view_of(a()))
    assert not fits(b(), view_of(a()))


def test_a_third_booking_counts_in_full_before_and_after_the_deletion() -> None:
    both = view_of(a(), b(replaces=("a",)))
    assert not fits(c(), both)
    assert not fits(c(replaces=("a",)), both)
    assert not fits(c(replaces=("a",)), view_of(b(replaces=("a",))))


def test_the_second_of_two_replacements_is_rejected() -> None:
    """If both were admitted, the deletion of a would leave two bookings."""
    assert not fits(c(replaces=("a",)), view_of(a(), b(replaces=("a",))))
    assert fits(c(replaces=("a",)), view_of(a(), b(replaces=("a",)), capacity=2))


def test_a_replaced_booking_fits_beside_its_replacement() -> None:
    assert fits(a(), view_of(b(replaces=("a",))))


def test_removing_a_name_counts_as_added_time() -> None:
    old = b(replaces=("a",))
    assert not fits(b(version=2), view_of(a(), old), old)
    assert fits(b(version=2), view_of(old), old)


def test_adding_a_name_is_always_admitted() -> None:
    old = b()
    assert fits(b(replaces=("a",), version=2), view_of(a(), old), old)


def test_a_pair_counts_once_only_on_shared_calendars() -> None:
    schedule = schedule_of(calendar(), calendar("gpu"), a("gpu"), c("staging"))
    view = CapacityView(schedule, Reservations())
    wanted = b("gpu", "staging", replaces=("a",))
    assert [overlap.calendar for overlap in find_overlaps(wanted, None, view)] == ["staging"]


def test_a_swap_fits_in_two_writes() -> None:
    first, second = booking("a", 9, 10), booking("b", 10, 11)
    moved = booking("a", 10, 11, replaces=("b",), version=2)
    view = view_of(first, second)
    assert fits(moved, view, first)
    view = replace(view, reservations=reservations_of(moved))
    # The move of a may still be stored or not: both of its times are occupied.
    back = booking("b", 9, 10, replaces=("a",), version=2)
    assert fits(back, view, second)
    assert not fits(booking("third", 9, 10), view)


def test_a_name_whose_removal_is_reserved_does_not_count_once() -> None:
    old = b(replaces=("a",))
    view = replace(view_of(old), reservations=reservations_of(b(version=2)))
    assert not fits(a(), view)


def test_a_rejection_does_not_name_the_replaced_booking() -> None:
    [overlap] = find_overlaps(b(replaces=("a",)), None, view_of(a(), c(replaces=("a",))))
    assert overlap.others == (key("c"),)


def test_a_replacement_on_an_overbooked_calendar_is_rejected() -> None:
    """The replaced booking may be deleted before the write arrives."""
    assert not fits(b(replaces=("a",)), view_of(a(), c()))


def test_a_name_of_a_missing_booking_may_be_removed() -> None:
    old = b(replaces=("gone",))
    assert fits(b(version=2), view_of(a(), old), old)


specs = st.tuples(
    st.integers(0, 3),
    st.integers(0, 2),
    st.sets(st.sampled_from(PLACES), min_size=1),
    st.sets(st.sampled_from(NAMES), max_size=3),
)
"""Start, length, calendars and replaced names."""


class Writes(RuleBasedStateMachine):
    """Clients write bookings; admitted writes arrive late or never, and the cache lags behind."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.reservations: list[Reservation] = []
        self.deleted: dict[str, int] = {}
        self.stored: dict[NamespacedName, Booking] = {}
        self.under_way: list[tuple[Booking, Booking | None]] = []
        self.events: list[tuple[Booking, bool]] = []
        self.version = 0

    @initialize(capacity=st.integers(1, 2), gap=st.integers(0, 1))
    def begin(self, capacity: int, gap: int) -> None:
        self.rules = Rules(capacity, gap=gap * HOUR)
        for name in PLACES:
            assert self.schedule.upsert_calendar(replace(calendar(name), rules=self.rules))

    @rule(name=st.sampled_from(NAMES), spec=specs, lands=st.booleans())
    def write(
        self,
        name: str,
        spec: tuple[int, int, set[str], set[str]],
        lands: bool,  # noqa: FBT001 - hypothesis passes it by name
    ) -> None:
        """Review a write, and store it at once or later."""
        old = self.stored.get(key(name))
        self.version += 1
        wanted = self.booking(name, spec, old)
        pending = [one for one in self.reservations if not self.is_settled(one)]
        if find_overlaps(wanted, old, CapacityView(self.schedule, Reservations(pending))):
            return
        self.reservations = [*pending, reserve(wanted, old)]
        self.under_way.append((wanted, old))
        if lands:
            self.land(len(self.under_way) - 1)

    def is_settled(self, reservation: Reservation) -> bool:
        """Whether the cache shows that the write of a reservation was stored, or cannot be."""
        deleted = self.deleted.get(reservation.wanted.metadata.uid, 0)
        observed = self.schedule.bookings.get(reservation.key)
        return bool(settled_version(reservation, observed, deleted))

    def booking(
        self, name: str, spec: tuple[int, int, set[str], set[str]], old: Booking | None
    ) -> Booking:
        start, length, on, named = spec
        changed = booking(
            name,
            start,
            start + length,
            *sorted(on),
            uid=old.metadata.uid if old else f"{name}-{self.version}",
            replaces=tuple(sorted(named - {name})),
        )
        generation = old.metadata.generation + 1 if old else 1
        return replace(changed, metadata=replace(changed.metadata, generation=generation))

    @rule(number=st.integers(0, 9))
    def land(self, number: int) -> None:
        """Store an admitted write, unless the object has changed since its review."""
        if number >= len(self.under_way):
            return
        wanted, old = self.under_way.pop(number)
        if self.stored.get(wanted.key) != old:
            return
        self.version += 1
        landed = replace(wanted, metadata=replace(wanted.metadata, version=self.version))
        self.stored[wanted.key] = landed
        self.events.append((landed, True))

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: str) -> None:
        if gone := self.stored.pop(key(name), None):
            self.version += 1
            self.events.append(
                (replace(gone, metadata=replace(gone.metadata, version=self.version)), False)
            )

    @rule()
    def observe(self) -> None:
        """Deliver the next event of the watch."""
        if not self.events:
            return
        seen, is_there = self.events.pop(0)
        if is_there:
            self.schedule.upsert_booking(seen)
        else:
            self.deleted[seen.metadata.uid] = seen.metadata.version
            self.schedule.drop_booking(seen.key, seen.metadata.version)

    @rule()
    def catch_up(self) -> None:
        while self.events:
            self.observe()

    @invariant()
    def no_instant_is_over_the_capacity(self) -> None:
        for place in PLACES:
            on_it = [one for one in self.stored.values() if place in one.calendars]
            for hour in range(8):
                assert depth(on_it, at(hour), self.rules.gap) <= self.rules.capacity


def depth(bookings: list[Booking], instant: int, gap: int) -> int:
    """Return how many bookings are present; a linked pair counts once."""
    present = {
        one.key: one for one in bookings if one.occupies(gap)[0] <= instant < one.occupies(gap)[1]
    }
    edges = frozenset(
        frozenset({one.key, other})
        for one in present.values()
        for other in one.replaced_keys()
        if other in present
    )
    return len(present) - largest_matching(frozenset(present), edges)


TestWrites = pytest.mark.filterwarnings("default")(Writes.TestCase)
Writes.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
