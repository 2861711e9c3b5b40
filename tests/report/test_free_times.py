"""Free times are the next ones, in the hours, and free on every resource in the engine's eyes."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, Event, EventList
from double_booked.conflicts import kernel
from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.report.free_times import FreeTimeOptions, find_free_times, find_full_spans

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = 3_600 * NANOS_PER_SECOND


def event(start: float, end: float, *resources: str) -> Event:
    """From and up to so many hours after Monday."""
    found = Event(resources=resources)
    found.start.FromDatetime(MONDAY + timedelta(hours=start))
    found.end.FromDatetime(MONDAY + timedelta(hours=end))
    return found


def instant(hour: float) -> int:
    return int(MONDAY.timestamp() + hour * 3_600) * NANOS_PER_SECOND


def find(
    *events: Event,
    length: float = 1,
    within: tuple[float, float] = (0, 24),
    hours: tuple[int, int] = (0, 24),
    zone: tzinfo = UTC,
    count: int = 2,
    options: ConflictOptions | None = None,
) -> list[tuple[float, float]]:
    request = EventList(events=events, options=options)
    options = FreeTimeOptions(
        int(length * HOUR),
        request.options.min_gap.ToNanoseconds(),
        hours,
        (instant(within[0]), instant(within[1])),
        zone,
    )
    found = islice(find_free_times(find_full_spans(request), options), count)
    return [((start - instant(0)) / HOUR, (end - instant(0)) / HOUR) for start, end in found]


def test_the_earliest_times_that_do_not_overlap() -> None:
    assert find(event(0, 9, "a"), count=3) == [(9, 10), (10, 11), (11, 12)]


def test_every_resource_is_free() -> None:
    assert find(event(0, 9, "a"), event(9.5, 12, "b"), event(12, 13, "c")) == [(13, 14), (14, 15)]


def test_a_time_may_start_where_what_is_taken_ends_and_else_at_a_quarter() -> None:
    assert find(event(0, 9.1, "a"), length=0.5) == [(9.1, 9.6), (9.75, 10.25)]


def test_the_start_of_the_window_is_not_a_start_of_its_own() -> None:
    assert find(within=(9.1, 11), length=0.5) == [(9.25, 9.75), (9.75, 10.25)]


def test_a_time_ends_within_the_window() -> None:
    assert find(within=(9, 10.5)) == [(9, 10)]
    assert find(within=(9, 9.5)) == []


def test_a_time_lies_in_the_hours_of_a_day() -> None:
    assert find(event(9, 17.5, "a"), hours=(9, 18), within=(0, 48)) == [(33, 34), (34, 35)]


def test_hours_are_those_of_the_zone() -> None:
    assert find(hours=(9, 10), zone=ZoneInfo("Europe/Berlin")) == [(8, 9)]


def test_hours_follow_a_change_of_clocks() -> None:
    """In Berlin, clocks go from UTC+1 to UTC+2 on 29 March."""
    saturday = 26 * 24
    found = find(
        hours=(9, 10), within=(saturday, saturday + 48), zone=ZoneInfo("Europe/Berlin"), count=5
    )
    assert found == [(saturday + 8, saturday + 9), (saturday + 31, saturday + 32)]


def test_quarters_are_those_of_the_zone() -> None:
    ten_minutes_ahead = timezone(timedelta(minutes=10))
    [(start, _)] = find(within=(0, 2), zone=ten_minutes_ahead)
    assert start * 60 == pytest.approx(5)


def test_without_hours_a_time_may_last_over_midnight() -> None:
    assert find(event(0, 23, "a"), length=30, within=(0, 72), count=1) == [(23, 53)]


def test_an_instant_is_met_by_what_starts_with_it_and_not_by_what_ends_there() -> None:
    assert find(event(10, 10, "a"), within=(9, 12)) == [(9, 10), (10.25, 11.25)]


def test_a_gap_is_kept_before_and_after() -> None:
    options = ConflictOptions()
    options.min_gap.seconds = 1_800
    found = find(event(0, 9, "a"), event(11, 24, "a"), length=1, count=3, options=options)
    assert found == [(9.5, 10.5)]
    assert find(event(0, 9, "a"), event(10.75, 24, "a"), options=options) == []


def test_a_resource_has_room_below_its_capacity() -> None:
    options = ConflictOptions(capacity={"a": 2})
    events = event(9, 11, "a"), event(10, 12, "a")
    assert find(*events, within=(9, 24), options=options) == [(9, 10), (11, 12)]


def test_events_without_a_resource_take_the_unnamed_one() -> None:
    assert find(event(0, 9)) == [(9, 10), (10, 11)]


def test_without_events_all_is_free() -> None:
    assert find() == [(0, 1), (1, 2)]


RESOURCES = ("a", "b")
QUARTERS = st.integers(0, 32).map(lambda number: number / 4)
EVENTS = st.lists(
    st.tuples(QUARTERS, QUARTERS, st.sampled_from([("a",), ("b",), RESOURCES])).map(
        lambda each: event(min(each[:2]), max(each[:2]), *each[2])
    ),
    max_size=8,
)


def has_room(request: EventList, start: float, end: float) -> bool:
    """Whether the engine reports no overlap in which one more event on all resources takes part."""
    question = EventList(events=[*request.events, event(start, end, *RESOURCES)])
    question.options.CopyFrom(request.options)
    question.options.explain = True
    answer = ConflictList.FromString(kernel.get_conflicts(question.SerializeToString()).content)
    new = question.events[-1].SerializeToString()
    return not any(
        group.conflict_group[member].SerializeToString() == new
        for group in answer.conflicts
        for overlap in group.overlaps
        for member in overlap.members
    )


@given(events=EVENTS, gap=st.sampled_from([0, 900]), capacity=st.integers(1, 2))
def test_the_first_time_is_the_first_quarter_with_room(
    events: list[Event], gap: int, capacity: int
) -> None:
    options = ConflictOptions(capacity={"a": capacity})
    options.min_gap.seconds = gap
    for each in events:
        each.title = "there"
    request = EventList(events=events, options=options)
    found = find(*events, within=(0, 12), count=1, options=options)
    starts = [quarter / 4 for quarter in range(45)]
    assert (
        found == [(start, start + 1) for start in starts if has_room(request, start, start + 1)][:1]
    )
