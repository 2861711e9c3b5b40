"""What a conflict is, against a reading of the rules that compares every pair of events."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.conflicts import definition
from double_booked.conflicts.validation import InvalidRequest


def event(start: int, end: int, nanos: int = 0, end_nanos: int | None = None) -> Event:
    made = Event()
    made.start.seconds, made.start.nanos = start, nanos
    made.end.seconds, made.end.nanos = end, nanos if end_nanos is None else end_nanos
    return made


def present(each: Event, instant: int) -> bool:
    start, end = definition.nanoseconds(each.start), definition.nanoseconds(each.end)
    return start <= instant < end or start == end == instant


def clash(left: Event, right: Event) -> bool:
    """Two events share an instant; if they do, one of their starts is such an instant."""
    starts = (definition.nanoseconds(each.start) for each in (left, right))
    return any(present(left, start) and present(right, start) for start in starts)


def groups_by_pairs(events: list[Event]) -> list[list[int]]:
    group_of = {position: {position} for position in range(len(events))}
    for left, right in combinations(range(len(events)), 2):
        if clash(events[left], events[right]):
            merged = group_of[left] | group_of[right]
            for position in merged:
                group_of[position] = merged
    order = sorted(range(len(events)), key=lambda at: definition.nanoseconds(events[at].start))
    groups: list[list[int]] = []
    for position in order:
        if len(group_of[position]) > 1 and not any(position in group for group in groups):
            groups.append([member for member in order if member in group_of[position]])
    return groups


seconds = st.integers(0, 12) | st.sampled_from([-62135596800, 253402300799])


@st.composite
def events(draw: st.DrawFn) -> Event:
    start, end = sorted(
        draw(st.tuples(*[st.tuples(seconds, st.sampled_from([0, 1, 2, 999999999]))] * 2))
    )
    return event(start[0], end[0], start[1], end[1])


@given(st.lists(events(), max_size=12))
def test_groups_are_the_connected_components_of_the_pairs_that_clash(some: list[Event]) -> None:
    assert definition.find_groups(some) == groups_by_pairs(some)


@pytest.mark.parametrize(
    ("some", "groups"),
    [
        pytest.param([], [], id="no events"),
        pytest.param([event(1, 2)], [], id="one event"),
        pytest.param([event(10, 11), event(11, 12)], [], id="touching"),
        pytest.param([event(10, 12), event(11, 13)], [[0, 1]], id="overlapping"),
        pytest.param([event(10, 19), event(11, 12), event(13, 14)], [[0, 1, 2]], id="through one"),
        pytest.param([event(11, 12), event(10, 12)], [[1, 0]], id="members by start"),
        pytest.param([event(1, 3), event(1, 2)], [[0, 1]], id="ties as they came"),
        pytest.param([event(5, 5), event(5, 7)], [[0, 1]], id="an instant at a start"),
        pytest.param([event(7, 7), event(5, 7)], [], id="an instant at an end"),
        pytest.param([event(6, 6), event(5, 7)], [[1, 0]], id="an instant within"),
        pytest.param([event(6, 6), event(6, 6)], [[0, 1]], id="two at one instant"),
        pytest.param([event(1, 2, 0, 1), event(2, 3)], [[0, 1]], id="by a nanosecond"),
        pytest.param(
            [event(253402300799, 253402300799, 999999999)] * 2, [[0, 1]], id="the last instant"
        ),
    ],
)
def test_groups(some: list[Event], groups: list[list[int]]) -> None:
    assert definition.find_groups(some) == groups


def test_an_answer_holds_the_events_of_each_group() -> None:
    request = EventList(events=[event(10, 12), event(20, 21), event(11, 13)])
    answer = definition.get_conflicts(request)
    assert [list(group.conflict_group) for group in answer.conflicts] == [
        [request.events[0], request.events[2]]
    ]


def test_times_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"events\[1\]\.start: the start is missing"):
        definition.get_conflicts(EventList(events=[event(1, 2), Event()]))
