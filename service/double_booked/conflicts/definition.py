"""What a conflict is, in plain Python. Everything faster is tested against it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import (
    ConflictGroup,
    ConflictList,
    ConflictOptions,
    Event,
    EventList,
    Overlap,
)
from double_booked.conflicts import validation

NANOS_PER_SECOND = 1_000_000_000

LAST_INSTANT = validation.MAX_SECONDS * NANOS_PER_SECOND + validation.MAX_NANOS
"""9999-12-31T23:59:59.999999999Z, the last that a Timestamp tells."""


@dataclass(frozen=True, slots=True)
class Occupied:
    """The half-open time [start, end) that an event occupies, in nanoseconds since 1970.

    An event that is an instant is present at just that one. In whole nanoseconds
    that is the same as one nanosecond from there.
    """

    position: int
    start: int
    end: int
    is_instant: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """A time in which the same events are present on a resource, more than its capacity.

    Attributes:
        start: Nanoseconds since 1970.
        end: The same; equal to the start where the segment is an instant.
        members: The positions of the events in the request.
    """

    start: int
    end: int
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Events that conflict on a resource, directly or through one another.

    Attributes:
        resource: The name; "" is the unnamed resource.
        members: Positions in the request by start, ties in the order they came in.
        segments: When more of them are present than the capacity.
    """

    resource: str
    members: list[int] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)


def get_conflicts(request: EventList) -> ConflictList:
    """Answers as the service does, with the groups of conflicting events.

    Raises:
        validation.InvalidRequestError: An event's times, or an option, cannot be used.
    """
    validation.check(request)
    explain = request.options.explain
    groups = find_groups(request.events, request.options)
    return ConflictList(conflicts=[_message(group, request.events, explain) for group in groups])


def find_groups(events: Sequence[Event], options: ConflictOptions) -> list[Group]:
    """Finds the groups, in the order of their first member's start, then of the resource."""
    gap = options.min_gap.seconds * NANOS_PER_SECOND + options.min_gap.nanos
    occupied = [occupied_time(position, event, gap) for position, event in enumerate(events)]
    by_resource: dict[str, list[Occupied]] = {}
    for each in sorted(occupied, key=lambda each: each.start):
        for resource in set(events[each.position].resources) or {""}:
            by_resource.setdefault(resource, []).append(each)
    # The order of Python's strings is that of their UTF-8 bytes: both go by code point.
    groups = [
        group
        for resource in sorted(by_resource)
        for group in _groups(resource, by_resource[resource], options.capacity.get(resource, 1))
    ]
    return sorted(groups, key=lambda group: occupied[group.members[0]].start)


def occupied_time(position: int, event: Event, gap: int) -> Occupied:
    """The time that an event occupies, `gap` nanoseconds after its end included."""
    start, end = nanoseconds(event.start), nanoseconds(event.end) + gap
    return Occupied(position, start, max(end, start + 1), is_instant=end == start)


def nanoseconds(timestamp: Timestamp) -> int:
    """Nanoseconds since 1970; they overflow 64 bits from the year 2262 on."""
    return timestamp.seconds * NANOS_PER_SECOND + timestamp.nanos


def _groups(resource: str, occupied: list[Occupied], capacity: int) -> Iterator[Group]:
    """Joins the overloaded segments of a resource that share an event, directly or not.

    Two events clash where both are present in such a segment. Whoever is present
    in one and was present in an earlier one was there in all between: so a segment
    joins the latest group or none.
    """
    group = Group(resource)
    for segment in overloaded_segments(occupied, capacity):
        if set(group.members).isdisjoint(segment.members):
            if group.members:
                yield group
            group = Group(resource)
        known = set(group.members)
        group.members.extend(member for member in segment.members if member not in known)
        group.segments.append(segment)
    if group.members:
        yield group


def overloaded_segments(occupied: list[Occupied], capacity: int) -> Iterator[Segment]:
    """Yields the times in which more events are present than the capacity.

    Args:
        occupied: What is occupied of a resource, by start.
        capacity: How many events may be present at an instant.
    """
    present: dict[int, Occupied] = {}
    last = 0
    starting = {
        instant: list(several)
        for instant, several in groupby(occupied, key=lambda each: each.start)
    }
    ends = {each.end for each in occupied if not each.is_instant}
    for now in sorted(starting.keys() | ends):
        if len(present) > capacity:
            yield Segment(last, now, tuple(present))
        present = {at: each for at, each in present.items() if each.end > now}
        present |= {each.position: each for each in starting.get(now, [])}
        instants = [position for position, each in present.items() if each.is_instant]
        if instants and len(present) > capacity:
            yield Segment(now, now, tuple(present))
        for position in instants:
            del present[position]
        last = now


def _message(group: Group, events: Sequence[Event], explain: bool) -> ConflictGroup:  # noqa: FBT001 - the option
    index = {position: number for number, position in enumerate(group.members)}
    return ConflictGroup(
        conflict_group=[events[position] for position in group.members],
        resource=group.resource,
        overlaps=[_overlap(segment, index) for segment in group.segments if explain],
    )


def _overlap(segment: Segment, index: dict[int, int]) -> Overlap:
    return Overlap(
        start=_timestamp(segment.start),
        end=_timestamp(segment.end),
        depth=len(segment.members),
        members=sorted(index[position] for position in segment.members),
    )


def _timestamp(instant: int) -> Timestamp:
    """The instant, or the last one that a Timestamp tells if that is earlier."""
    seconds, nanos = divmod(min(instant, LAST_INSTANT), NANOS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)
