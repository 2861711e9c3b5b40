"""The part of a report that involves certain events."""

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
"""The overlaps of a group in which an event is present: a half-open range of their indices."""


def keep_involving(
    report: ConflictReport, own: AbstractSet[int], request: EventList
) -> ConflictReport:
    """Return the report with only the overlaps in which at least one of some events is present.

    A group becomes several groups if only the removed overlaps connected it.

    Args:
        report: The events and all their conflicts.
        own: The positions of the events.
        request: The events and options that the report is about.
    """
    gap = gap_of(request.options)
    groups = [part for group in report.groups for part in _keep(group, own, request, gap)]
    return replace(report, groups=groups)


def _keep(group: Group, own: AbstractSet[int], request: EventList, gap: int) -> Iterator[Group]:
    ranges = {member: _present_in(group.overlaps, member, request, gap) for member in group.members}
    involved = [ranges[member] for member in group.members if member in own]
    kept = sorted({index for indices in involved for index in range(*indices)})
    members = {
        member: (bisect_left(kept, first), bisect_left(kept, last))
        for member, (first, last) in ranges.items()
    }
    overlaps = [group.overlaps[index] for index in kept]
    pieces = _pieces(
        len(kept), [present for present in members.values() if present[0] < present[1]]
    )
    for first, last in pieces:
        inside = [
            member for member, (start, end) in members.items() if first <= start < end <= last
        ]
        yield Group(group.resource, tuple(inside), tuple(overlaps[first:last]))


def _present_in(overlaps: Sequence[Overlap], position: int, request: EventList, gap: int) -> Range:
    """Return the overlaps of a group in which an event is present.

    Overlaps start and end where an event does, so an event is present in all of one or not at all.
    """
    occupied = occupied_time(position, request.events[position], gap)
    first = bisect_left(overlaps, occupied.start, key=lambda overlap: overlap.start)
    if occupied.is_instant:
        instant = (occupied.start, occupied.start)
        start = bisect_left(overlaps, instant, key=lambda overlap: overlap.span)
        return start, bisect_right(overlaps, instant, key=lambda overlap: overlap.span)
    return first, bisect_left(overlaps, occupied.end, key=lambda overlap: overlap.start)


def _pieces(size: int, ranges: Sequence[Range]) -> Iterator[Range]:
    """Yield the parts into which the ranges divide the indices below `size`, in order.

    Two indices are in the same part if a range contains both, or a chain of ranges connects them.
    """
    ends = list(range(1, size + 1))
    for first, last in ranges:
        ends[first] = max(ends[first], last)
    start = end = 0
    for number in range(size):
        if number == end and number:
            yield start, number
            start = number
        end = max(end, ends[number])
    if size:
        yield start, size


def to_message(report: ConflictReport, request: EventList, *, explain: bool) -> ConflictList:
    """Return the conflicts of a report as an answer of the engine.

    Args:
        report: The events and conflicts.
        request: The events and options that the report is about.
        explain: Whether the answer has the overlaps.
    """
    groups = (_group(group, request, explain=explain) for group in report.groups)
    return ConflictList(conflicts=groups)


def _group(group: Group, request: EventList, *, explain: bool) -> ConflictGroup:
    numbers = {position: number for number, position in enumerate(group.members)}
    return ConflictGroup(
        conflict_group=[request.events[position] for position in group.members],
        resource=group.resource,
        overlaps=[_overlap(overlap, numbers) for overlap in group.overlaps] if explain else [],
    )


def _overlap(overlap: Overlap, numbers: Mapping[int, int]) -> OverlapMessage:
    return OverlapMessage(
        start=timestamp(overlap.start),
        end=timestamp(overlap.end),
        depth=overlap.depth,
        members=[numbers[member] for member in overlap.members],
    )
