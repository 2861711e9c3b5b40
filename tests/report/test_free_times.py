"""Free times are the next spans with room on every resource, as the engine confirms."""

from datetime import UTC, timedelta, timezone, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, Event, EventList
from double_booked.conflicts import kernel
from double_booked.report.free_times import FreeTimeOptions, find_free_times, find_full_spans
from report.events import HOUR, event, hour_of, instant


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
    search = FreeTimeOptions(
        int(length * HOUR),
        request.options.min_gap.ToNanoseconds(),
        hours,
        (instant(within[0]), instant(within[1])),
        zone,
    )
    found = islice(find_free_times(find_full_spans(request), search), count)
    return [(hour_of(start), hour_of(end)) for start, end in found]


def test_free_times_are_the_earliest_and_do_not_overlap() -> None:
    assert find(event(0, 9, "a"), count=3) == [(9, 10), (10, 11), (11, 12)]


def test_free_times_are_free_on_every_resource() -> None:
    assert find(event(0, 9, "a"), event(9.5, 12, "b"), event(12, 13, "c")) == [(13, 14), (14, 15)]


def test_free_time_starts_at_the_end_of_an_event_or_at_a_quarter() -> None:
    assert find(event(0, 9.1, "a"), length=0.5) == [(9.1, 9.6), (9.75, 10.25)]


def test_start_of_the_window_is_rounded_up_to_a_quarter() -> None:
    assert find(within=(9.1, 11), length=0.5) == [(9.25, 9.75), (9.75, 10.25)]


def test_free_time_ends_within_the_window() -> None:
    assert find(within=(9, 10.5)) == [(9, 10)]
    assert find(within=(9, 9.5)) == []


def test_free_time_is_within_the_hours() -> None:
    assert find(event(9, 17.5, "a"), hours=(9, 18), within=(0, 48)) == [(33, 34), (34, 35)]


def test_hours_are_in_the_time_zone() -> None:
    assert find(hours=(9, 10), zone=ZoneInfo("Europe/Berlin")) == [(8, 9)]


def test_hours_follow_clock_changes() -> None:
    """Berlin changes from UTC+1 to UTC+2 on 29 March."""
    saturday = 26 * 24
    found = find(
        hours=(9, 10), within=(saturday, saturday + 48), zone=ZoneInfo("Europe/Berlin"), count=5
    )
    assert found == [(saturday + 8, saturday + 9), (saturday + 31, saturday + 32)]


def test_quarters_are_in_the_time_zone() -> None:
    ten_minutes_ahead = timezone(timedelta(minutes=10))
    [(start, _)] = find(within=(0, 2), zone=ten_minutes_ahead)
    assert start * 60 == pytest.approx(5)


def test_free_time_without_hours_may_cross_midnight() -> None:
    assert find(event(0, 23, "a"), length=30, within=(0, 72), count=1) == [(23, 53)]


def test_instant_blocks_a_start_but_not_an_end() -> None:
    assert find(event(10, 10, "a"), within=(9, 12)) == [(9, 10), (10.25, 11.25)]


def test_gap_is_kept_before_and_after_a_free_time() -> None:
    options = ConflictOptions()
    options.min_gap.seconds = 1_800
    found = find(event(0, 9, "a"), event(11, 24, "a"), length=1, count=3, options=options)
    assert found == [(9.5, 10.5)]
    assert find(event(0, 9, "a"), event(10.75, 24, "a"), options=options) == []


def test_resource_has_room_below_its_capacity() -> None:
    options = ConflictOptions(capacity={"a": 2})
    events = event(9, 11, "a"), event(10, 12, "a")
    assert find(*events, within=(9, 24), options=options) == [(9, 10), (11, 12)]


def test_events_without_a_resource_occupy_the_unnamed_resource() -> None:
    assert find(event(0, 9)) == [(9, 10), (10, 11)]


def test_all_time_is_free_without_events() -> None:
    assert find() == [(0, 1), (1, 2)]


RESOURCES = ("a", "b")
QUARTERS = st.integers(0, 32).map(lambda number: number / 4)
EVENTS = st.lists(
    st.tuples(QUARTERS, QUARTERS, st.sampled_from([("a",), ("b",), RESOURCES])).map(
        lambda drawn: event(min(drawn[:2]), max(drawn[:2]), *drawn[2])
    ),
    max_size=8,
)


def has_room(request: EventList, start: float, end: float) -> bool:
    """Return whether one more event on all resources is in no overlap that the engine reports."""
    extended = EventList(events=[*request.events, event(start, end, *RESOURCES)])
    extended.options.CopyFrom(request.options)
    extended.options.explain = True
    answer = ConflictList.FromString(kernel.get_conflicts(extended.SerializeToString()).content)
    new = extended.events[-1].SerializeToString()
    return not any(
        group.conflict_group[member].SerializeToString() == new
        for group in answer.conflicts
        for overlap in group.overlaps
        for member in overlap.members
    )


@given(events=EVENTS, gap=st.sampled_from([0, 900]), capacity=st.integers(1, 2))
def test_first_free_time_is_the_first_quarter_with_room(
    events: list[Event], gap: int, capacity: int
) -> None:
    options = ConflictOptions(capacity={"a": capacity})
    options.min_gap.seconds = gap
    for booked in events:
        booked.title = "there"
    request = EventList(events=events, options=options)
    found = find(*events, within=(0, 12), count=1, options=options)
    starts = [quarter / 4 for quarter in range(45)]
    assert (
        found == [(start, start + 1) for start in starts if has_room(request, start, start + 1)][:1]
    )
