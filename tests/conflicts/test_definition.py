"""The definition agrees with the rules, implemented a second time by pairs of events."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.conflicts import definition
from double_booked.conflicts.instants import nanoseconds
from double_booked.conflicts.validation import InvalidRequestError

NO_OPTIONS = ConflictOptions()


def event(
    start: int,
    end: int,
    nanos: int = 0,
    end_nanos: int | None = None,
    resources: Sequence[str] = (),
) -> Event:
    new = Event(resources=resources)
    new.start.seconds, new.start.nanos = start, nanos
    new.end.seconds, new.end.nanos = end, nanos if end_nanos is None else end_nanos
    return new


def positions(events: Sequence[Event], options: ConflictOptions = NO_OPTIONS) -> list[list[int]]:
    return [list(group.members) for group in definition.find_groups(events, options)]


def is_present(booked: Event, instant: int, gap: int) -> bool:
    start, end = nanoseconds(booked.start), nanoseconds(booked.end) + gap
    return start <= instant < end or start == end == instant


def groups_by_pairs(
    events: list[Event], options: ConflictOptions
) -> list[tuple[int, str, list[int]]]:
    """Return the groups, each with the start of its first member and its resource, in order."""
    resources = {resource for booked in events for resource in booked.resources or [""]}
    groups = [
        (nanoseconds(events[group[0]].start), resource, group)
        for resource in resources
        for group in groups_of(resource, events, options)
    ]
    return sorted(groups, key=lambda group: (group[0], group[1].encode()))


def groups_of(resource: str, events: list[Event], options: ConflictOptions) -> list[list[int]]:
    users = [at for at, booked in enumerate(events) if resource in (booked.resources or [""])]
    gap = nanoseconds(Timestamp(seconds=options.min_gap.seconds, nanos=options.min_gap.nanos))
    capacity = options.capacity.get(resource, 1)
    group_of = {position: {position} for position in users}
    # The depth is never more than at the last start before.
    for instant in {nanoseconds(events[at].start) for at in users}:
        present = [at for at in users if is_present(events[at], instant, gap)]
        if len(present) > capacity:
            for left, right in pairwise(present):
                merged = group_of[left] | group_of[right]
                for position in merged:
                    group_of[position] = merged
    unique = {min(group): group for group in group_of.values() if len(group) > 1}
    return [
        sorted(group, key=lambda at: (nanoseconds(events[at].start), at))
        for group in unique.values()
    ]


seconds = st.integers(0, 12) | st.sampled_from([-62135596800, 253402300799])


@st.composite
def events(draw: st.DrawFn) -> Event:
    start, end = sorted(
        draw(st.tuples(*[st.tuples(seconds, st.sampled_from([0, 1, 2, 999999999]))] * 2))
    )
    resources = draw(st.lists(st.sampled_from(["", "a", "b"]), max_size=2))
    return event(start[0], end[0], start[1], end[1], resources)


options = st.builds(
    ConflictOptions,
    capacity=st.dictionaries(st.sampled_from(["", "a", "c"]), st.integers(1, 3)),
    min_gap=st.builds(Duration, seconds=st.integers(0, 2), nanos=st.sampled_from([0, 1])),
)


@given(st.lists(events(), max_size=12), options)
def test_groups_are_the_connected_components_of_conflicting_pairs(
    some: list[Event], options: ConflictOptions
) -> None:
    found = definition.find_groups(some, options)
    assert [(group.resource, list(group.members)) for group in found] == [
        (resource, group) for _, resource, group in groups_by_pairs(some, options)
    ]


@given(st.lists(events(), max_size=12), options)
def test_overlaps_list_the_events_that_are_present(
    some: list[Event], options: ConflictOptions
) -> None:
    gap = nanoseconds(Timestamp(seconds=options.min_gap.seconds, nanos=options.min_gap.nanos))
    for group in definition.find_groups(some, options):
        capacity = options.capacity.get(group.resource, 1)
        for overlap in group.overlaps:
            assert len(overlap.members) > capacity
            inside = {overlap.start} | ({overlap.end - 1} if overlap.end > overlap.start else set())
            for instant in inside:
                present = {
                    at
                    for at, booked in enumerate(some)
                    if group.resource in (booked.resources or [""])
                    and is_present(booked, instant, gap)
                }
                instants = {at for at in present if some[at].start == some[at].end and not gap}
                is_instant = overlap.start == overlap.end
                assert set(overlap.members) == (present if is_instant else present - instants)


@pytest.mark.parametrize(
    ("some", "groups"),
    [
        pytest.param([], [], id="no events"),
        pytest.param([event(1, 2)], [], id="one event"),
        pytest.param([event(10, 11), event(11, 12)], [], id="touching"),
        pytest.param([event(10, 12), event(11, 13)], [[0, 1]], id="overlapping"),
        pytest.param([event(10, 19), event(11, 12), event(13, 14)], [[0, 1, 2]], id="through one"),
        pytest.param([event(11, 12), event(10, 12)], [[1, 0]], id="members by start"),
        pytest.param([event(1, 3), event(1, 2)], [[0, 1]], id="ties in the order of the request"),
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
    assert positions(some) == groups


def test_answer_has_the_events_of_each_group() -> None:
    request = EventList(events=[event(10, 12), event(20, 21), event(11, 13)])
    answer = definition.get_conflicts(request)
    assert [list(group.conflict_group) for group in answer.conflicts] == [
        [request.events[0], request.events[2]]
    ]


def test_invalid_times_are_rejected() -> None:
    with pytest.raises(InvalidRequestError, match=r"events\[1\]\.start: the start is missing"):
        definition.get_conflicts(EventList(events=[event(1, 2), Event()]))


ROOM_OF_TWO = ConflictOptions(capacity={"room": 2})


def in_room(start: int, end: int) -> Event:
    return event(start, end, resources=["room"])


@pytest.mark.parametrize(
    ("some", "options", "groups"),
    [
        pytest.param(
            [event(1, 3, resources=["a", "b"]), event(2, 4, resources=["b"])],
            NO_OPTIONS,
            [("b", [0, 1])],
            id="only the resource that both occupy",
        ),
        pytest.param(
            [event(1, 3, resources=["a", "b"]), event(2, 4, resources=["b", "a"])],
            NO_OPTIONS,
            [("a", [0, 1]), ("b", [0, 1])],
            id="a group for each resource",
        ),
        pytest.param(
            [event(1, 3, resources=["a", "a"])],
            NO_OPTIONS,
            [],
            id="a name listed twice counts once",
        ),
        pytest.param(
            [event(1, 3), event(2, 4, resources=[""])],
            NO_OPTIONS,
            [("", [0, 1])],
            id="the unnamed resource, explicit or not",
        ),
        pytest.param([in_room(1, 3), in_room(2, 4)], ROOM_OF_TWO, [], id="two in a room of two"),
        pytest.param(
            [in_room(1, 4), in_room(2, 5), in_room(3, 6), in_room(5, 7)],
            ROOM_OF_TWO,
            [("room", [0, 1, 2])],
            id="three in a room of two, the fourth after one has ended",
        ),
        pytest.param(
            [in_room(1, 9), in_room(1, 3), in_room(2, 4), in_room(6, 9), in_room(7, 8)],
            ROOM_OF_TWO,
            [("room", [0, 1, 2, 3, 4])],
            id="two overlaps joined by an event in both",
        ),
        pytest.param(
            [in_room(5, 5), in_room(5, 5), in_room(4, 6)],
            ROOM_OF_TWO,
            [("room", [2, 0, 1])],
            id="instants count against the capacity",
        ),
        pytest.param(
            [event(1, 2), event(2, 3)],
            ConflictOptions(min_gap=Duration(nanos=1)),
            [("", [0, 1])],
            id="a gap makes touching events conflict",
        ),
        pytest.param(
            [event(1, 2), event(3, 4)],
            ConflictOptions(min_gap=Duration(seconds=1)),
            [],
            id="exactly the gap between is enough",
        ),
        pytest.param(
            [event(1, 2), event(1, 2)],
            ConflictOptions(capacity={"other": 5}),
            [("", [0, 1])],
            id="a capacity of a resource that no event names changes nothing",
        ),
    ],
)
def test_groups_by_resource_capacity_and_gap(
    some: list[Event], options: ConflictOptions, groups: list[tuple[str, list[int]]]
) -> None:
    found = definition.find_groups(some, options)
    assert [(group.resource, list(group.members)) for group in found] == groups


def test_explained_answer_has_every_overlap() -> None:
    request = EventList(events=[event(0, 10), event(2, 6), event(4, 4), event(5, 12)])
    request.options.explain = True
    [group] = definition.get_conflicts(request).conflicts
    assert [
        (overlap.start.seconds, overlap.end.seconds, overlap.depth, list(overlap.members))
        for overlap in group.overlaps
    ] == [
        (2, 4, 2, [0, 1]),
        (4, 4, 3, [0, 1, 2]),
        (4, 5, 2, [0, 1]),
        (5, 6, 3, [0, 1, 3]),
        (6, 10, 2, [0, 3]),
    ]


def test_overlap_ends_at_the_last_instant_at_most() -> None:
    last = 253402300799
    request = EventList(events=[event(last, last), event(last, last)])
    request.options.explain = True
    request.options.min_gap.seconds = 5
    [overlap] = definition.get_conflicts(request).conflicts[0].overlaps
    assert (overlap.start.seconds, overlap.start.nanos) == (last, 0)
    assert (overlap.end.seconds, overlap.end.nanos) == (last, 999999999)
