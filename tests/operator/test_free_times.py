"""The next free time is the first one that would be admitted."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.operator.admission import CapacityView, find_overlaps
from double_booked.operator.free_times import next_free_time
from double_booked.operator.objects import Booking, Calendar

from .factories import HOUR, at, booking, calendar, reservations_of, schedule_of

DAYS = 24
"""Hours of a day."""


def view_of(*others: Booking | Calendar, reserved: tuple[Booking, ...] = ()) -> CapacityView:
    return CapacityView(schedule_of(*others), reservations_of(*reserved))


def free_hour(wanted: Booking, view: CapacityView, now: float = 0) -> float | None:
    """Return the next free time in hours of the day of `at`."""
    free = next_free_time(wanted, view, at(now))
    return None if free is None else (free - at(0)) / HOUR


def test_the_next_free_time_is_right_after_the_conflicting_booking() -> None:
    assert free_hour(booking("b", 9, 10), view_of(calendar(), booking("a", 9, 10))) == 10


def test_a_pause_that_is_too_short_is_skipped() -> None:
    view = view_of(calendar(), booking("a", 9, 10), booking("c", 10.5, 12), booking("d", 13, 14))
    assert free_hour(booking("b", 9, 10), view) == 12
    assert free_hour(booking("b", 9, 9.5), view) == 10


def test_a_free_time_is_its_own_next_free_time() -> None:
    assert free_hour(booking("b", 9, 10), view_of(calendar(), booking("a", 10, 11))) == 9


def test_all_calendars_of_the_booking_must_be_free() -> None:
    others = (booking("a", 9, 10), booking("c", 10, 12, "gpu"), booking("d", 12, 13))
    view = view_of(calendar(), calendar("gpu"), *others)
    assert free_hour(booking("b", 9, 10, "staging", "gpu"), view) == 13


def test_a_missing_calendar_is_free() -> None:
    view = view_of(calendar(), booking("a", 9, 10), booking("c", 10, 12, "missing"))
    assert free_hour(booking("b", 9, 10, "staging", "missing"), view) == 10


def test_a_gap_is_kept_after_both_bookings() -> None:
    others = (booking("a", 9, 10), booking("c", 12, 13))
    assert free_hour(booking("b", 9, 10), view_of(calendar(gap=HOUR // 2), *others)) == 10.5
    assert free_hour(booking("b", 9, 10.5), view_of(calendar(gap=HOUR // 2), *others)) == 13.5


def test_a_capacity_leaves_room_beside_others() -> None:
    others = (booking("a", 9, 11), booking("c", 9, 10), booking("d", 10, 12))
    assert free_hour(booking("b", 9, 10), view_of(calendar(capacity=2), *others)) == 11
    assert free_hour(booking("b", 9, 10), view_of(calendar(capacity=3), *others)) == 9


def test_a_reserved_time_is_not_free() -> None:
    view = view_of(calendar(), booking("a", 9, 10), reserved=(booking("c", 10, 11),))
    assert free_hour(booking("b", 9, 10), view) == 11


def test_a_replaced_booking_does_not_conflict() -> None:
    others = (booking("a", 9, 10), booking("c", 10, 11), booking("d", 11, 12))
    wanted = booking("b", 9.5, 10.5, replaces=("c",))
    assert free_hour(wanted, view_of(calendar(), *others)) == 10


def test_the_stored_time_of_the_booking_is_free() -> None:
    own = booking("b", 10, 11)
    view = view_of(calendar(), own, booking("a", 9, 10))
    assert free_hour(replace(own, start=at(9), end=at(10)), view) == 10


def test_no_time_before_now_is_offered() -> None:
    view = view_of(calendar(), booking("a", 9, 10))
    assert free_hour(booking("b", 9, 10), view, now=12) == 12
    assert free_hour(booking("b", 9, 10), view, now=9.5) == 10
    assert free_hour(booking("b", 14, 15), view, now=12) == 14


def test_a_time_from_now_on_is_offered_as_a_full_minute() -> None:
    view = view_of(calendar(), booking("a", 9, 10))
    minute = HOUR // 60
    for late in (1, minute // 2, minute):
        assert next_free_time(booking("b", 9, 10), view, at(12) + late) == at(12) + minute


def test_no_time_is_offered_after_14_days() -> None:
    for hours, expected in ((14 * DAYS, 9 + 14 * DAYS), (14 * DAYS + 0.001, None)):
        view = view_of(calendar(), booking("a", 9, 9 + hours))
        assert free_hour(booking("b", 9, 10), view) == expected
    # The 14 days start now if the wanted start has passed.
    view = view_of(calendar(), booking("a", 9, 9 + 14 * DAYS))
    assert free_hour(booking("b", 8, 9.5), view) is None
    assert free_hour(booking("b", 8, 9.5), view, now=10) == 9 + 14 * DAYS


def test_a_pause_that_ends_after_14_days_is_long_enough() -> None:
    """A booking that starts within 14 days may end after them."""
    last = 9 + 14 * DAYS
    others = booking("a", 9, last), booking("c", last + 5, last + 6)
    assert free_hour(booking("b", 9, 14), view_of(calendar(), *others)) == last
    assert free_hour(booking("b", 9, 14.5), view_of(calendar(), *others)) is None


def test_a_calendar_with_too_many_bookings_is_not_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("double_booked.operator.free_times._MAX_BOOKINGS", 3)
    hours = (9, 10, 20 * DAYS, 12, 14)
    others = [booking(f"a-{hour}", hour, hour + 1) for hour in hours]
    # The booking after 14 days does not count.
    assert free_hour(booking("b", 9, 10), view_of(calendar(), *others[:4])) == 11
    assert free_hour(booking("b", 9, 10), view_of(calendar(), *others)) is None


CALENDARS = ("one", "two")
spans = st.tuples(st.integers(0, 12), st.integers(0, 5))
chosen = st.lists(st.sampled_from(CALENDARS), min_size=1, max_size=2, unique=True)
names = st.lists(st.sampled_from([f"b-{number}" for number in range(6)]), max_size=2)
events = st.tuples(spans, chosen, names)
rules = st.tuples(st.integers(1, 3), st.integers(0, 3))


@given(st.lists(events, max_size=6), events, st.tuples(rules, rules), st.integers(0, 6))
def test_the_next_free_time_is_the_first_that_would_be_admitted(
    others: list[tuple[tuple[int, int], list[str], list[str]]],
    new: tuple[tuple[int, int], list[str], list[str]],
    both: tuple[tuple[int, int], tuple[int, int]],
    reserved: int,
) -> None:
    def make(name: str, event: tuple[tuple[int, int], list[str], list[str]]) -> Booking:
        (start, length), calendars, replaces = event
        plain = booking(name, 0, 0, *calendars, replaces=tuple(replaces))
        return replace(plain, start=start, end=start + length)

    bookings = [make(f"b-{number}", event) for number, event in enumerate(others)]
    calendars = [
        calendar(name, capacity=capacity, gap=gap)
        for name, (capacity, gap) in zip(CALENDARS, both, strict=True)
    ]
    # Some are only reserved.
    view = view_of(*calendars, *bookings[reserved:], reserved=tuple(bookings[:reserved]))
    wanted = make("wanted", new)
    length = wanted.end - wanted.start
    admitted = (
        start
        for start in range(wanted.start, 100)
        if not find_overlaps(replace(wanted, start=start, end=start + length), None, view)
    )
    assert next_free_time(wanted, view, 0) == next(admitted)
