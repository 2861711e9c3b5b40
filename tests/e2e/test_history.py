"""Test the checker of histories; no cluster is needed."""

import random
from dataclasses import replace
from itertools import combinations, count

import pytest

from e2e.history import (
    RESERVED_SECONDS,
    Booking,
    Event,
    Kind,
    Outcome,
    Rules,
    Spec,
    Write,
    depth,
    read_event,
    unjustified,
    violations,
)

A, B, C = (Booking(name, 9, 10, frozenset({"room"})) for name in "abc")


def like(booking: Booking, *replaces: str, start: int = 9, end: int = 10) -> Booking:
    """Return a copy of a booking with other times or names."""
    return Booking(booking.name, start, end, booking.calendars, frozenset(replaces))


def history(*specs: Spec | str, capacity: int = 1) -> list[Event]:
    """Return the events of a Calendar and of the objects stored next; a name is a deletion."""
    versions = count(1)
    events = [Event(next(versions), "calendars", "room", Rules(capacity), 0.0)]
    for spec in specs:
        version = next(versions)
        kind: Kind = "calendars" if isinstance(spec, Rules) else "bookings"
        match spec:
            case Booking():
                event = Event(version, kind, spec.name, spec, float(version))
            case Rules():
                event = Event(version, kind, "room", spec, float(version))
            case _:
                event = Event(version, kind, spec, None, float(version))
        events.append(event)
    return events


def write(
    wanted: Booking,
    started: float,
    ended: float,
    outcome: Outcome = "refused",
    version: int = 0,
) -> Write:
    return Write(started, ended, "bookings", wanted.name, wanted, outcome, version)


def test_one_booking_too_many_is_a_violation() -> None:
    assert violations(history(A, B)) == [
        "3: b makes room, which takes 1, 2 deep at 1970-01-01T00:00:09Z"
    ]
    assert violations(history(A, B, capacity=2)) == []
    assert violations(history(A, "a", B)) == []
    assert violations(history(A, like(B, start=10, end=11))) == []


def test_events_are_ordered_by_resource_version() -> None:
    assert violations(reversed(history(A, "a", B))) == []


def test_a_move_onto_a_booking_is_a_violation() -> None:
    assert len(violations(history(A, like(B, start=10, end=11), B))) == 1
    assert len(violations(history(A, like(B, start=10, end=11), like(B, start=8, end=11)))) == 1


def test_a_gap_belongs_to_the_booking_before_it() -> None:
    events = [
        Event(1, "calendars", "room", Rules(1, gap=5)),
        *history(A, like(B, start=14, end=15)),
    ]
    assert len(violations(events[:1] + events[2:])) == 1


def test_only_added_depth_counts_after_a_capacity_was_lowered() -> None:
    lowered = history(A, B, Rules(1), capacity=2)
    assert violations(lowered) == []
    assert len(violations([*lowered, Event(9, "bookings", "c", C)])) == 1


def test_a_booking_sent_before_a_capacity_was_lowered_may_be_stored_after_it() -> None:
    events = history(A, Rules(1), B, capacity=2)
    assert len(violations(events)) == 1
    first = write(A, 0.0, 1.0, "stored", version=2)
    assert violations(events, [first, write(B, 1.5, 9.0, "stored", version=4)]) == []
    late = Write(2.0, 3.0, "calendars", "room", Rules(1), "stored", 3)
    assert len(violations(events, [first, late, write(B, 3.5, 9.0, "stored", version=4)])) == 1


def test_a_calendar_that_only_reports_has_no_violations() -> None:
    events = history(Rules(1, rejects=False), A, B)
    assert violations(events) == []


def test_a_booking_and_one_that_it_replaces_count_once() -> None:
    assert violations(history(A, like(B, "a"))) == []
    assert len(violations(history(A, like(B, "a"), B))) == 1
    assert len(violations(history(like(B, "a"), A, C))) == 1


def test_a_booking_is_discounted_against_one_other_at_most() -> None:
    assert len(violations(history(A, like(B, "a"), like(C, "a")))) == 1
    assert violations(history(A, like(B, "a"), like(C, "a"), "a", capacity=2)) == []


def test_a_written_status_changes_nothing() -> None:
    assert violations([*history(A, capacity=1), Event(9, "bookings", "a", A)]) == []


def test_the_depth_is_that_of_the_best_pairing() -> None:
    chooser = random.Random(15)  # noqa: S311 - no secret
    for _ in range(300):
        names = "abcdef"
        some = [
            like(Booking(name, 9, 10, frozenset({"room"})), *chooser.sample(names, 2))
            for name in names[: chooser.randint(1, 6)]
        ]
        linked = [
            {one.name, other.name}
            for one, other in combinations(some, 2)
            if other.name in one.replaces or one.name in other.replaces
        ]
        best = max(
            size
            for size in range(4)
            for chosen in combinations(linked, size)
            if len(set().union(*chosen)) == 2 * size
        )
        assert depth(some) == len(some) - best


@pytest.mark.parametrize("started", [1.0, 2.5])
def test_a_rejection_is_justified_by_a_stored_booking(started: float) -> None:
    refused = write(B, started, 3.0)
    assert unjustified(history(A), [refused]) == []


def test_a_rejection_is_justified_by_a_write_in_flight() -> None:
    events = [*history(), Event(2, "bookings", "a", A, seen=5.0)]
    refused = write(B, 2.0, 3.0)
    assert unjustified(events, [refused]) == [refused]
    assert unjustified(events, [write(A, 2.5, 5.0, "stored", version=2), refused]) == []


def test_a_rejection_is_not_justified_by_a_deleted_booking() -> None:
    refused = write(B, 3.5, 4.0)
    assert unjustified(history(A, "a"), [refused]) == [refused]
    assert unjustified(history(A, like(A, start=20, end=21)), [refused]) == [refused]


def test_a_rejection_is_not_justified_by_a_replaced_booking() -> None:
    refused = write(like(B, "a"), 2.5, 4.0)
    assert unjustified(history(A), [refused]) == [refused]
    assert unjustified(history(A, like(C, "a"), capacity=1), [write(like(B, "a"), 3.5, 4.0)]) == []


def test_a_rejection_is_not_justified_for_time_that_was_occupied_before() -> None:
    both = history(A, B, capacity=1)
    shorter = write(like(A, start=9, end=10), 3.5, 4.0)
    assert unjustified(both, [shorter]) == [shorter]


def test_all_time_of_a_created_booking_is_added() -> None:
    failed = write(A, 3.5, 4.0, "failed")
    assert unjustified(history(B), [failed, write(A, 4.5, 5.0)]) == []
    twice = Write(3.5, 4.0, "bookings", "a", A, "refused", creates=True)
    assert unjustified(history(A, B), [twice]) == []


def test_a_name_removed_from_replaces_adds_time() -> None:
    assert unjustified(history(A, like(B, "a")), [write(B, 3.5, 4.0)]) == []


def test_a_rejection_may_be_justified_by_a_write_that_failed_after_admission() -> None:
    failed, refused = write(A, 1.0, 2.0, "failed"), write(B, 3.0, 4.0)
    assert unjustified(history(), [failed, refused]) == []
    late = write(B, 3.0 + RESERVED_SECONDS, 99.0)
    assert unjustified(history(), [failed, late]) == [late]


def test_a_rejected_change_may_justify_a_rejection_that_names_it() -> None:
    change = write(like(A, start=9, end=10), 1.0, 2.0)
    silent, named = write(B, 3.0, 4.0), replace(write(B, 3.0, 4.0), message="a has it")
    assert unjustified(history(), [change, silent]) == [change, silent]
    assert unjustified(history(), [change, named]) == [change]
    created = replace(change, creates=True)
    assert unjustified(history(), [created, named]) == [created, named]


def test_a_change_during_a_deletion_may_justify_a_rejection_that_names_it() -> None:
    moved = like(A, start=20, end=21)
    events = history(moved, "a", A, "a")
    change, named = write(A, 2.5, 4.0, "stored", 4), replace(write(B, 6.0, 7.0), message="a has it")
    assert unjustified(events, [change, named]) == []
    later = replace(change, started=3.5, ended=3.6)
    assert unjustified(events, [later, named]) == [named]


def test_the_smaller_capacity_justifies_while_both_may_count() -> None:
    events = history(A, Rules(2), capacity=1)
    soon, late = write(B, 2.5, 4.0), write(B, 3.5, 4.0)
    assert unjustified(events, [soon]) == []
    assert unjustified(events, [late]) == [late]


def test_a_watch_event_is_parsed() -> None:
    spec = {
        "calendars": ["room"],
        "start": "1970-01-01T00:00:09Z",
        "end": "1970-01-01T01:00:10+01:00",
        "replaces": ["a"],
    }
    raw = {"metadata": {"name": "b", "resourceVersion": "7"}, "spec": spec}
    added = {"type": "ADDED", "object": raw}
    assert read_event("bookings", added, 1.0) == Event(7, "bookings", "b", like(B, "a"), 1.0)
    deleted = {"type": "DELETED", "object": raw}
    assert read_event("bookings", deleted, 1.0).spec is None
