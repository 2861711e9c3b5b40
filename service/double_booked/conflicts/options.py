"""The options of a list: what they mean, and how people write them."""

import re

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.conflicts.instants import NANOS_PER_SECOND

MAX_CAPACITY = 2**32 - 1
"""The largest capacity of a message, a uint32."""

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_SECONDS = (86_400, 3_600, 60, 1)


def gap_of(options: ConflictOptions) -> int:
    """Return the nanoseconds for which an event occupies its resources after its end."""
    return options.min_gap.seconds * NANOS_PER_SECOND + options.min_gap.nanos


def capacity_of(resource: str, options: ConflictOptions) -> int:
    """Return how many events may be present on a resource at an instant, 1 by default."""
    return options.capacity.get(resource, 1)


def parse_duration(text: str) -> int:
    """Return the seconds of a duration like 1d, 1h30m, 15m or 90s; zero is 0s.

    Raises:
        ValueError: The text is not a duration; the message shows how to write one.
    """
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f"'{text}' is not a duration like 1h30m, 15m or 90s.")
    return sum(int(count or 0) * unit for count, unit in zip(match.groups(), _SECONDS, strict=True))
