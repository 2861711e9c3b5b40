"""Only the conflicts in which certain events take part."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, EventList
from double_booked.api.scheduling_pb2 import Overlap as OverlapMessage
from double_booked.conflicts.definition import Group, Overlap, occupied_time
from double_booked.conflicts.instants import timestamp
from double_booked.conflicts.options import gap_of
from double_booked.view.conflict_report import ConflictReport

Range = tuple[int, int]
"""The overlaps of a group in which an event is present: from the first up to the second."""


def keep_involving(
    report: ConflictReport, own: AbstractSet[int], request: EventList
) -> ConflictReport:
    """Return the report with only the overlaps in which one of some events is present.

    A group that falls apart without the others becomes several.

    Args:
        report: All that was found.
        own: The positions of the events.
        request: The request.
    """
    gap = gap_of(request.options)
    groups = [part for group in report.groups for part in _keep(group, own, request, gap)]
    return replace(report, groups=groups)


def _keep(group: Group, own: AbstractSet[int], request: EventList, gap: int) -> Iterator[Group]:
    ranges = {each: _present_in(group.overlaps, each, request, gap) for each in group.members}
    wanted = {number for each in group.members if each in own for number in range(*ranges[each])}
    kept = sorted(wanted)
    members = {
        each: (bisect_left(kept, first), bisect_left(kept, last))
        for each, (first, last) in ranges.items()
    }
    overlaps = [group.overlaps[number] for number in kept]
    pieces = _pieces(len(kept), [each for each in members.values() if each[0] < each[1]])
    for first, last in pieces:
        inside = [each for each, (start, end) in members.items() if first <= start < end <= last]
        yield Group(group.resource, tuple(inside), tuple(overlaps[first:last]))


def _present_in(overlaps: Sequence[Overlap], position: int, request: EventList, gap: int) -> Range:
    """An event is present in all of an overlap or in nothing of it: at its ends, others begin."""
    occupied = occupied_time(position, request.events[position], gap)
    first = bisect_left(overlaps, occupied.start, key=lambda each: each.start)
    if occupied.is_instant:
        instant = (occupied.start, occupied.start)
        start = bisect_left(overlaps, instant, key=lambda overlap: overlap.span)
        return start, bisect_right(overlaps, instant, key=lambda overlap: overlap.span)
    return first, bisect_left(overlaps, occupied.end, key=lambda each: each.start)


def _pieces(size: int, ranges: Sequence[Range]) -> Iterator[Range]:
    """Yield the ranges of numbers up to `size` that no range connects."""
    reach = list(range(1, size + 1))
    for first, last in ranges:
        reach[first] = max(reach[first], last)
    start = end = 0
    for number in range(size):
        if number == end and number:
            yield start, number
            start = number
        end = max(end, reach[number])
    if size:
        yield start, size


def to_message(report: ConflictReport, request: EventList, *, explain: bool) -> ConflictList:
    """Return the report as the engine would answer them.

    Args:
        report: What conflicts.
        request: The request.
        explain: Whether to say who overlaps when.
    """
    groups = (_group(each, request, explain=explain) for each in report.groups)
    return ConflictList(conflicts=groups)


def _group(group: Group, request: EventList, *, explain: bool) -> ConflictGroup:
    numbers = {position: number for number, position in enumerate(group.members)}
    return ConflictGroup(
        conflict_group=[request.events[each] for each in group.members],
        resource=group.resource,
        overlaps=[_overlap(each, numbers) for each in group.overlaps] if explain else [],
    )


def _overlap(overlap: Overlap, numbers: Mapping[int, int]) -> OverlapMessage:
    return OverlapMessage(
        start=timestamp(overlap.start),
        end=timestamp(overlap.end),
        depth=overlap.depth,
        members=[numbers[member] for member in overlap.members],
    )
