"""What a conflict is, in plain Python. Everything faster is tested against it."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, Event, EventList
from double_booked.conflicts import validation

NANOS_PER_SECOND = 1_000_000_000


def get_conflicts(request: EventList) -> ConflictList:
    """Answers as the service does, with the groups of conflicting events.

    Raises:
        validation.InvalidRequest: An event's times cannot be used.
    """
    validation.check(request)
    return ConflictList(
        conflicts=[
            ConflictGroup(conflict_group=[request.events[position] for position in group])
            for group in find_groups(request.events)
        ]
    )


def find_groups(events: Sequence[Event]) -> list[list[int]]:
    """Finds the groups of events that conflict, directly or through one another.

    Returns:
        Groups of positions in `events`. Groups are in the order of their first
        member's start; members by start, ties in the order they came in. Events
        that conflict with nothing are in no group.
    """
    occupied = [occupied_time(event) for event in events]
    groups: list[list[int]] = []
    reach = 0
    for position in sorted(range(len(events)), key=lambda position: occupied[position][0]):
        start, end = occupied[position]
        if not groups or start >= reach:
            groups.append([])
            reach = end
        groups[-1].append(position)
        reach = max(reach, end)
    return [group for group in groups if len(group) > 1]


def occupied_time(event: Event) -> tuple[int, int]:
    """The half-open interval [start, end) that an event occupies, in nanoseconds since 1970.

    An event whose start is its end is present at just that instant. In whole
    nanoseconds that is the same as one nanosecond from there.
    """
    start, end = nanoseconds(event.start), nanoseconds(event.end)
    return start, max(end, start + 1)


def nanoseconds(timestamp: Timestamp) -> int:
    """Nanoseconds since 1970; they overflow 64 bits from the year 2262 on."""
    return timestamp.seconds * NANOS_PER_SECOND + timestamp.nanos
