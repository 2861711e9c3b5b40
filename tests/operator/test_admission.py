"""Admission rejects bookings that do not fit, and explains why."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.conflicts import definition
from double_booked.conflicts.definition import Occupied
from double_booked.operator.admission import (
    MAX_WARNING,
    CapacityView,
    capacity_warnings,
    find_overlaps,
    rejection_message,
    warning_message,
)
from double_booked.operator.objects import Booking, Calendar, Rules

from .factories import HOUR, at, booking, calendar, key, reservations_of, schedule_of


def view_of(
    *cached: Booking | Calendar, reserved: tuple[Booking | Calendar, ...] = ()
) -> CapacityView:
    """Return what occupies calendars: cached objects and reserved ones."""
    return CapacityView(schedule_of(*cached), reservations_of(*reserved))


def fits(wanted: Booking, view: CapacityView, old: Booking | None = None) -> bool:
    return not find_overlaps(wanted, old, view)


def test_touching_bookings_fit_and_overlapping_ones_do_not() -> None:
    view = view_of(calendar(), booking("a", 9, 10))
    assert fits(booking("b", 10, 11), view)
    assert fits(booking("b", 8, 9), view)
    assert not fits(booking("b", 9.5, 11), view)
    assert not fits(booking("b", 8, 12), view)


def test_an_instant_overlaps_at_a_start_and_not_at_an_end() -> None:
    view = view_of(calendar(), booking("a", 9, 10))
    assert not fits(booking("b", 9, 9), view)
    assert fits(booking("b", 10, 10), view)


def test_a_gap_applies_after_both_bookings() -> None:
    view = view_of(calendar(gap=HOUR), booking("a", 9, 10))
    assert not fits(booking("b", 10.5, 11), view)
    assert fits(booking("b", 11, 12), view)
    assert not fits(booking("b", 7, 8.5), view)
    assert fits(booking("b", 7, 8), view)


def test_bookings_fit_up_to_the_capacity_at_any_instant() -> None:
    view = view_of(calendar(capacity=2), booking("a", 9, 11), booking("b", 12, 14))
    assert fits(booking("c", 9, 14), view)
    view = view_of(calendar(capacity=2), booking("a", 9, 11), booking("b", 10, 14))
    [overlap] = find_overlaps(booking("c", 9, 14), None, view)
    assert overlap.span == (at(10), at(11))
    assert [other.name for other in overlap.others] == ["a", "b"]


def test_reserved_time_is_occupied() -> None:
    view = view_of(calendar(), reserved=(booking("a", 9, 10),))
    assert not fits(booking("b", 9, 10), view)


def test_a_moved_booking_occupies_both_times_and_counts_once() -> None:
    view = view_of(
        calendar(capacity=2), booking("a", 9, 11), reserved=(booking("a", 10, 12, version=2),)
    )
    assert fits(booking("b", 9, 12), view)
    view = view_of(calendar(), booking("a", 9, 10), reserved=(booking("a", 11, 12, version=2),))
    assert not fits(booking("b", 9, 10), view)
    assert not fits(booking("b", 11, 12), view)


def test_a_booking_does_not_overlap_with_itself() -> None:
    view = view_of(calendar(), booking("a", 9, 10), reserved=(booking("a", 9, 10, uid="other"),))
    assert fits(booking("a", 9, 10, uid="third"), view)


def test_an_update_is_rejected_only_for_an_overlap_that_it_adds() -> None:
    old = booking("a", 9, 11)
    view = view_of(calendar(), old, booking("b", 10, 12))
    assert fits(booking("a", 9, 10.5), view, old)
    assert fits(booking("a", 8, 11), view, old)
    assert not fits(booking("a", 9, 11.5), view, old)
    view = view_of(calendar("gpu"), calendar(), old, booking("b", 9, 11, "gpu"))
    assert not fits(booking("a", 9, 10, "staging", "gpu"), view, old)


def test_a_missing_calendar_admits_everything() -> None:
    assert fits(booking("b", 9, 10), view_of(booking("a", 9, 10)))


def test_the_stricter_rules_apply_while_a_change_is_reserved() -> None:
    a, b = booking("a", 9, 10), booking("b", 9.5, 11)
    assert fits(b, view_of(calendar(capacity=2), a))
    assert not fits(b, view_of(calendar(capacity=2), a, reserved=(calendar(version=2),)))
    assert not fits(b, view_of(calendar(), a, reserved=(calendar(capacity=2, version=2),)))
    assert not fits(b, view_of(a, reserved=(calendar(),)))
    strict = view_of(calendar(rejects=False), reserved=(calendar(gap=HOUR, version=2),))
    assert strict.rules(key("staging")) == Rules(1, rejects=True, gap=HOUR)


def test_a_rejection_names_the_bookings_the_time_and_the_calendar() -> None:
    wanted = booking("demo", 9, 10, "staging", "gpu")
    view = view_of(
        calendar(gap=HOUR // 2, gap_text="30m"),
        calendar("gpu", capacity=2),
        booking("load", 8, 9.5),
        *(booking(f"train-{number}", 9.25, 9.5, "gpu") for number in range(12)),
    )
    message = rejection_message(wanted, find_overlaps(wanted, None, view), None)
    assert message == (
        "demo would be double-booked: calendar staging takes 1 at a time, with 30m after each,"
        " and load has it from 2025-12-01T09:00:00Z to 2025-12-01T10:00:00Z; calendar gpu takes 2"
        " at a time, and train-0, train-1, train-10, train-11, train-2, train-3, train-4, train-5,"
        " train-6, train-7 and 2 more have it from 2025-12-01T09:15:00Z to 2025-12-01T09:30:00Z."
        " Choose another time."
    )


def test_a_rejection_shows_an_instant_as_one_time() -> None:
    wanted = booking("b", 9, 9)
    message = rejection_message(
        wanted, find_overlaps(wanted, None, view_of(calendar(), booking("a", 9, 10))), None
    )
    assert "a has it at 2025-12-01T09:00:00Z." in message


@pytest.mark.parametrize("length", [1, 60, 253])
def test_a_warning_is_one_line_that_the_api_server_does_not_cut(length: int) -> None:
    others = [booking(f"{number}".rjust(length, "b"), 9, 10) for number in range(12)]
    view = view_of(calendar(rejects=False), *others)
    [overlap] = find_overlaps(booking("a", 9, 10), None, view)
    line = warning_message(overlap)
    assert len(line) <= MAX_WARNING
    assert "\n" not in line
    assert line.startswith("double-booked: calendar staging takes 1 at a time, and ")


def test_lowering_a_capacity_below_what_is_booked_warns() -> None:
    schedule = schedule_of(booking("a", 9, 11), booking("b", 10, 12), booking("c", 10.5, 11))
    assert capacity_warnings(calendar(capacity=3), schedule) == []
    [line] = capacity_warnings(calendar(capacity=1), schedule)
    assert line == (
        "calendar staging takes 1 at a time, but up to 3 overlap on it, first at"
        " 2025-12-01T10:00:00Z: they stay, and their statuses say that they are double-booked"
    )


spans = st.tuples(st.integers(0, 12), st.integers(0, 6))


@given(
    st.lists(spans, max_size=7),
    spans,
    st.none() | spans,
    st.integers(1, 3),
    st.integers(0, 2),
)
def test_admission_rejects_exactly_the_conflicts_of_the_definition(
    others: list[tuple[int, int]],
    new: tuple[int, int],
    old: tuple[int, int] | None,
    capacity: int,
    gap: int,
) -> None:
    def make(name: str, span: tuple[int, int]) -> Booking:
        return replace(booking(name, 0, 0), start=span[0], end=sum(span))

    def occupied(position: int, span: tuple[int, int]) -> Occupied:
        start, end = span[0], sum(span) + gap
        return Occupied(position, start, max(end, start + 1), is_instant=start == end)

    everyone = sorted(map(occupied, range(len(others) + 1), [new, *others]), key=lambda e: e.start)
    had = occupied(0, old) if old else None
    over = {
        instant
        for overlap in definition.find_overlaps(everyone, capacity)
        if 0 in overlap.members
        for instant in range(overlap.start, max(overlap.end, overlap.start + 1))
    }
    added = over - set(range(had.start, had.end) if had else ())
    view = view_of(
        calendar(capacity=capacity, gap=gap),
        *(make(f"other-{number}", span) for number, span in enumerate(others)),
    )
    overlaps = find_overlaps(make("a", new), make("a", old) if old else None, view)
    assert bool(overlaps) == bool(added)
    if overlaps:
        assert overlaps[0].span[0] == min(added)


def test_time_after_a_booking_is_not_kept_while_a_longer_gap_is_only_reserved() -> None:
    """The change of the gap may never be stored."""
    instant, old = booking("x", 10, 10), booking("b", 9, 10)
    view = view_of(calendar(), old, instant, reserved=(calendar(gap=HOUR, version=2),))
    assert not fits(booking("b", 9, 10.5, version=2), view, old)
