"""A report is built once from an answer, so all formats show the same conflicts."""

from dataclasses import replace

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, Event, EventList
from double_booked.conflicts.definition import Group, Overlap, get_conflicts
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span, merge_spans
from double_booked.view.conflict_report import (
    ConflictReport,
    SourceLocation,
    UnknownEventError,
    build_report,
    find_gap,
    summarize,
)


def event(start: int, end: int, title: str = "", *resources: str) -> Event:
    """Return an event; times are in seconds since 1970."""
    return Event(
        title=title,
        start=Timestamp(seconds=start),
        end=Timestamp(seconds=end),
        resources=resources,
    )


def locate(position: int) -> SourceLocation:
    return SourceLocation("team.ics", 10 + position)


def report_of(
    *events: Event, explain: bool = True, gap: int = 0, capacity: int = 1
) -> ConflictReport:
    request = EventList(events=events)
    request.options.explain = explain
    if gap:
        request.options.min_gap.seconds = gap
    request.options.capacity[""] = capacity
    return build_report(get_conflicts(request), request, locate)


def test_group_has_members_and_overlaps_by_position_in_the_request() -> None:
    [group] = report_of(
        event(4, 8, "C"), event(0, 2, "A"), event(5, 6, "D"), event(1, 5, "B")
    ).groups
    assert group.members == (1, 3, 0, 2)
    assert group.overlaps == (
        Overlap(1 * NANOS_PER_SECOND, 2 * NANOS_PER_SECOND, 2, (1, 3)),
        Overlap(4 * NANOS_PER_SECOND, 5 * NANOS_PER_SECOND, 2, (3, 0)),
        Overlap(5 * NANOS_PER_SECOND, 6 * NANOS_PER_SECOND, 2, (0, 2)),
    )


def test_equal_events_are_distinguished_by_their_order() -> None:
    same = event(0, 2, "A", "lab", "room")
    groups = report_of(same, event(9, 10, "", "lab"), same, same).groups
    assert [(group.resource, group.members) for group in groups] == [
        ("lab", (0, 2, 3)),
        ("room", (0, 2, 3)),
    ]


def test_entry_has_name_times_resources_and_location() -> None:
    entry = report_of(event(1, 2, "", "b", "a", "b")).entries[0]
    assert (entry.name, entry.start, entry.end) == (
        "team.ics: line 10",
        NANOS_PER_SECOND,
        2 * NANOS_PER_SECOND,
    )
    assert (entry.resources, entry.location) == (("a", "b"), SourceLocation("team.ics", 10))
    assert report_of(event(1, 2)).entries[0].resources == ("",)


@pytest.mark.parametrize("explain", [True, False])
def test_gap_is_found_if_it_is_part_of_an_overlap(explain: bool) -> None:  # noqa: FBT001
    report = report_of(event(0, 60), event(70, 90), gap=30, explain=explain)
    [group] = report.groups
    assert find_gap(report, "", group.overlaps) == 30 * NANOS_PER_SECOND


def test_gap_is_not_found_if_the_events_overlap_as_long_without_it() -> None:
    report = report_of(event(0, 90), event(70, 90), gap=30)
    inside = Overlap(70 * NANOS_PER_SECOND, 90 * NANOS_PER_SECOND, 2, (0, 1))
    assert find_gap(report, "", [inside]) == 0
    assert find_gap(report, "another", report.groups[0].overlaps) == 0


def test_summary_counts_an_event_of_two_groups_once() -> None:
    report = report_of(event(0, 2, "A", "lab", "room"), event(1, 3, "B", "lab", "room"))
    assert summarize(report) == "2 conflicts among 2 of 2 events."


def test_summary_includes_the_number_of_resources() -> None:
    one = replace(report_of(event(0, 2, "A")), scope="1 calendar")
    assert summarize(one) == "No conflicts among 1 event of 1 calendar."
    two = replace(report_of(event(0, 2), event(1, 3)), scope="3 rooms")
    assert summarize(two) == "1 conflict among 2 of 2 events of 3 rooms."


def test_answer_with_unknown_events_is_an_error() -> None:
    one = event(0, 1, "A")
    for members in ([event(0, 1, "B")], [one, one]):
        unknown = ConflictList(conflicts=[ConflictGroup(conflict_group=members)])
        with pytest.raises(UnknownEventError, match="is not in the request"):
            build_report(unknown, EventList(events=[one]), locate)


def spans_of(group: Group) -> list[Span]:
    return merge_spans(overlap.span for overlap in group.overlaps)


def depth_of(group: Group) -> int:
    return max(overlap.depth for overlap in group.overlaps)


SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4)), max_size=9)


@given(SPANS, st.integers(0, 2), st.integers(1, 3))
def test_unexplained_answer_gives_the_same_spans_and_depths(
    spans: list[tuple[int, int]], gap: int, capacity: int
) -> None:
    events = [event(start, start + length) for start, length in spans]
    explained = report_of(*events, gap=gap, capacity=capacity)
    counted = report_of(*events, gap=gap, capacity=capacity, explain=False)
    assert [group.members for group in counted.groups] == [
        group.members for group in explained.groups
    ]
    assert list(map(spans_of, counted.groups)) == list(map(spans_of, explained.groups))
    assert list(map(depth_of, counted.groups)) == list(map(depth_of, explained.groups))
