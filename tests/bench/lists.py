"""Lists of events for the benchmarks."""

import random

from double_booked.api.scheduling_pb2 import EventList

HOUR = 3600


def make_list(count: int, *, is_sorted: bool = False, all_overlap: bool = False) -> bytes:
    """Return a serialized EventList: events of up to an hour, about one starting per hour.

    Args:
        count: Number of events.
        is_sorted: Whether the events are sorted by start.
        all_overlap: Whether all events share an instant, and so form one group.
    """
    chance = random.Random(count)  # noqa: S311 - the same list each time, not a secret
    starts = [1_767_225_600 + chance.randrange(count * HOUR) for _ in range(count)]
    events = EventList()
    for number, start in enumerate(sorted(starts) if is_sorted else starts):
        event = events.events.add(id=f"event-{number}", title="Planning meeting")
        event.start.seconds = start
        event.end.seconds = start + (count * HOUR if all_overlap else chance.randrange(1, HOUR))
    return events.SerializeToString()
