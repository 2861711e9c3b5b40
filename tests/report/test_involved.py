"""A report can be limited to the conflicts of certain events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, Event, EventList
from double_booked.conflicts import kernel
from double_booked.report.involved import keep_involving, to_message
from double_booked.view.conflict_report import ConflictReport, SourceLocation, build_report
from report.events import event


def ask(request: EventList) -> ConflictReport:
    content = kernel.get_conflicts(request.SerializeToString()).content
    return build_report(ConflictList.FromString(content), request, lambda _: SourceLocation("file"))


def members(*events: Event, own: set[int], explain: bool = True) -> list[tuple[int, ...]]:
    request = EventList(events=events, options=ConflictOptions(explain=explain))
    return [group.members for group in keep_involving(ask(request), own, request).groups]


@pytest.mark.parametrize("explain", [True, False])
def test_conflicts_of_other_events_are_left_out(explain: bool) -> None:  # noqa: FBT001 - a parameter
    others = event(9, 10, "a"), event(9, 10, "a")
    assert members(*others, event(11, 12, "a"), own={2}, explain=explain) == []
    assert members(event(11, 13, "a"), event(12, 14, "a"), *others, own={1}, explain=explain) == [
        (0, 1)
    ]


def test_event_that_conflicts_only_with_others_is_left_out() -> None:
    assert members(event(9, 11), event(10, 13), event(12, 14), own={0}) == [(0, 1)]


def test_group_is_split_where_only_other_events_connect_it() -> None:
    own, other = {0, 3}, (event(10, 13), event(12, 15))
    assert members(event(9, 11), *other, event(14, 16), own=own) == [(0, 1), (2, 3)]


def test_group_stays_whole_where_one_event_connects_it() -> None:
    assert members(event(9, 17), event(10, 11), event(12, 13), own={1, 2}) == [(0, 1, 2)]


def test_instant_is_present_at_its_own_overlap() -> None:
    assert members(event(10, 10), event(10, 11), event(9, 10), own={0}) == [(0, 1)]
    assert members(event(9, 11), event(10, 10), event(10, 10), own={0}) == [(0, 1, 2)]
    assert members(event(10, 10), event(10, 11), event(9, 12), own={0}) == [(2, 0, 1)]


def test_overlap_that_starts_at_an_instant_does_not_involve_it() -> None:
    events = event(10, 10), event(10, 11), event(9, 12)
    request = EventList(events=events, options=ConflictOptions(explain=True))
    [group] = keep_involving(ask(request), {0}, request).groups
    assert [overlap.members for overlap in group.overlaps] == [(2, 0, 1)]


@pytest.mark.parametrize("explain", [True, False])
def test_message_equals_the_engines_answer(explain: bool) -> None:  # noqa: FBT001 - a parameter
    events = event(9, 11, "a"), event(10, 12, "a"), event(11.5, 13, "a"), event(9, 13, "b")
    request = EventList(events=events, options=ConflictOptions(explain=explain))
    content = kernel.get_conflicts(request.SerializeToString()).content
    assert to_message(ask(request), request, explain=explain) == ConflictList.FromString(content)


HOURS = st.integers(0, 12)
EVENTS = st.lists(
    st.tuples(HOURS, HOURS, st.sampled_from("ab")).map(
        lambda drawn: event(min(drawn[:2]), max(drawn[:2]), drawn[2])
    ),
    max_size=9,
)


@given(events=EVENTS, own=st.sets(st.integers(0, 8)), gap=st.sampled_from([0, 1_800]))
def test_every_overlap_with_one_of_the_events_is_kept(
    events: list[Event], own: set[int], gap: int
) -> None:
    for position, involved in enumerate(events):
        involved.id = str(position)
    request = EventList(events=events, options=ConflictOptions(explain=True))
    request.options.min_gap.seconds = gap
    report = ask(request)
    kept = keep_involving(report, own, request).groups
    overlaps = {
        (group.resource, overlap)
        for group in report.groups
        for overlap in group.overlaps
        if own.intersection(overlap.members)
    }
    assert {(group.resource, overlap) for group in kept for overlap in group.overlaps} == overlaps
    for group in kept:
        assert set(group.members) == {m for overlap in group.overlaps for m in overlap.members}
        for before, after in zip(group.overlaps, group.overlaps[1:], strict=False):
            later = [set(o.members) for o in group.overlaps if o.start >= after.start]
            first = {m for o in group.overlaps if o.start <= before.start for m in o.members}
            assert first.intersection(*[set().union(*later)])
