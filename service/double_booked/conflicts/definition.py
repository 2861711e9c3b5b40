"""The executable specification: what a conflict is, in plain Python.

Everything faster is tested against it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from double_booked.api.scheduling_pb2 import (
    ConflictGroup,
    ConflictList,
    ConflictOptions,
    Event,
    EventList,
)
from double_booked.api.scheduling_pb2 import Overlap as OverlapMessage
from double_booked.conflicts import validation
from double_booked.conflicts.instants import Span, nanoseconds, timestamp
from double_booked.conflicts.options import capacity_of, gap_of


@dataclass(frozen=True, slots=True)
class Occupied:
    """The half-open span [start, end) that an event occupies, in nanoseconds since 1970.

    A zero-length event is present at one instant only. In whole nanoseconds that is the same as
    a span of one nanosecond.

    Attributes:
        position: The event's position in the request.
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970, the gap included; later than the start.
        is_instant: Whether the event, with its gap, has zero length.
    """

    position: int
    start: int
    end: int
    is_instant: bool


class Overlap(NamedTuple):
    """A span in which the same events are present on a resource, more than its capacity.

    Attributes:
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970; equal to the start for an instant.
        depth: How many events are present.
        members: The positions of the events in the request; empty if only the depth is known.
    """

    start: int
    end: int
    depth: int
    members: tuple[int, ...] = ()

    @property
    def span(self) -> Span:
        """The start and the end."""
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class Group:
    """Events that conflict on a resource, directly or through one another.

    Attributes:
        resource: The name; "" is the unnamed resource.
        members: Positions in the request by start, ties in the order of the request.
        overlaps: The spans in which more of them are present than the capacity, in order.
    """

    resource: str
    members: tuple[int, ...]
    overlaps: tuple[Overlap, ...]


def get_conflicts(request: EventList) -> ConflictList:
    """Return the groups of conflicting events, as the service does.

    Raises:
        validation.InvalidRequestError: The times of an event, or an option, are invalid.
    """
    validation.check(request)
    explain = request.options.explain
    groups = find_groups(request.events, request.options)
    return ConflictList(conflicts=[_message(group, request.events, explain) for group in groups])


def find_groups(events: Sequence[Event], options: ConflictOptions) -> list[Group]:
    """Return the groups, in the order of their first member's start, then of the resource."""
    gap = gap_of(options)
    occupied = [occupied_time(position, event, gap) for position, event in enumerate(events)]
    by_resource: dict[str, list[Occupied]] = {}
    for occupant in sorted(occupied, key=lambda occupant: occupant.start):
        for resource in set(events[occupant.position].resources) or {""}:
            by_resource.setdefault(resource, []).append(occupant)
    # Python orders strings by code point, which is also the order of their UTF-8 bytes.
    groups = [
        group
        for resource in sorted(by_resource)
        for group in _groups(resource, by_resource[resource], capacity_of(resource, options))
    ]
    return sorted(groups, key=lambda group: occupied[group.members[0]].start)


def occupied_time(position: int, event: Event, gap: int) -> Occupied:
    """Return the span that an event occupies, with the `gap` nanoseconds after its end."""
    start, end = nanoseconds(event.start), nanoseconds(event.end) + gap
    return Occupied(position, start, max(end, start + 1), is_instant=end == start)


def _groups(resource: str, occupied: list[Occupied], capacity: int) -> Iterator[Group]:
    """Yield the groups of a resource: its overlaps, joined where they share an event.

    Two events conflict if both are present in an overlap. An event that is present in an overlap
    and in an earlier one was present all the time between them. So it is enough to compare an
    overlap with the latest group.
    """
    members: list[int] = []
    overlaps: list[Overlap] = []
    for overlap in find_overlaps(occupied, capacity):
        if overlaps and set(members).isdisjoint(overlap.members):
            yield Group(resource, tuple(members), tuple(overlaps))
            members, overlaps = [], []
        known = set(members)
        members += (member for member in overlap.members if member not in known)
        overlaps.append(overlap)
    if overlaps:
        yield Group(resource, tuple(members), tuple(overlaps))


def find_overlaps(occupied: list[Occupied], capacity: int) -> Iterator[Overlap]:
    """Yield the spans in which more events are present than the capacity, in order.

    Args:
        occupied: The occupied spans of one resource, by start.
        capacity: How many events may be present at an instant.
    """
    present: dict[int, Occupied] = {}
    last = 0
    starting = {
        instant: list(occupants)
        for instant, occupants in groupby(occupied, key=lambda occupant: occupant.start)
    }
    ends = {occupant.end for occupant in occupied if not occupant.is_instant}
    for now in sorted(starting.keys() | ends):
        if len(present) > capacity:
            yield Overlap(last, now, len(present), tuple(present))
        present = {at: occupant for at, occupant in present.items() if occupant.end > now}
        present |= {occupant.position: occupant for occupant in starting.get(now, [])}
        instants = [position for position, occupant in present.items() if occupant.is_instant]
        if instants and len(present) > capacity:
            yield Overlap(now, now, len(present), tuple(present))
        for position in instants:
            del present[position]
        last = now


def _message(group: Group, events: Sequence[Event], explain: bool) -> ConflictGroup:  # noqa: FBT001 - the option
    index = {position: number for number, position in enumerate(group.members)}
    return ConflictGroup(
        conflict_group=[events[position] for position in group.members],
        resource=group.resource,
        overlaps=[_overlap_message(overlap, index) for overlap in group.overlaps if explain],
    )


def _overlap_message(overlap: Overlap, index: dict[int, int]) -> OverlapMessage:
    return OverlapMessage(
        start=timestamp(overlap.start),
        end=timestamp(overlap.end),
        depth=overlap.depth,
        members=sorted(index[position] for position in overlap.members),
    )
