"""Combine the availabilities of a person (VAVAILABILITY, RFC 7953). Pure: no I/O, no format."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from double_booked.recurrence.calendar_times import Window

TimeSpan = tuple[datetime, datetime]
"""A half-open pair of times in UTC."""

_LOWEST_PRIORITY = 10
"""The rank of priority 0, which is undefined; 1 is the highest priority, 9 the lowest."""

_BUSIEST_LAST = ("BUSY-TENTATIVE", "BUSY-UNAVAILABLE", "BUSY")


@dataclass(frozen=True, slots=True)
class Availability:
    """A time range and the spans in it that are available.

    Attributes:
        start: The start of the range in UTC; None for no limit.
        end: The end of the range in UTC; None for no limit.
        free: The spans that are available.
        priority: PRIORITY: where ranges overlap, the lower number counts; 0 counts least.
        busy_type: BUSYTYPE: the kind of the time that is not available.
    """

    start: datetime | None
    end: datetime | None
    free: Sequence[TimeSpan]
    priority: int = 0
    busy_type: str = "BUSY-UNAVAILABLE"


def unavailable(
    availabilities: Iterable[Availability], window: Window, *, count_tentative: bool
) -> list[TimeSpan]:
    """Return the spans of a window that are not available, in order and without overlaps.

    Args:
        availabilities: The availabilities of one person or thing.
        window: The window.
        count_tentative: Whether time of the type BUSY-TENTATIVE is not available.
    """
    busy: list[TimeSpan] = []
    for availability in sorted(availabilities, key=_rank):
        first = max(window.start, availability.start or window.start)
        last = min(window.end, availability.end or window.end)
        if first < last:
            busy = list(_without(busy, [(first, last)]))
            if count_tentative or availability.busy_type != "BUSY-TENTATIVE":
                unlisted = _without([(first, last)], _merged(availability.free))
                busy = _merged([*busy, *unlisted])
    return busy


def _rank(availability: Availability) -> tuple[int, int]:
    """Return a sort key by which the availability that counts most is last."""
    busy_type = availability.busy_type
    known = busy_type in _BUSIEST_LAST
    return -(availability.priority or _LOWEST_PRIORITY), (
        _BUSIEST_LAST.index(busy_type) if known else 1
    )


def _merged(spans: Iterable[TimeSpan]) -> list[TimeSpan]:
    """Return spans in order, with touching and overlapping ones joined."""
    merged: list[TimeSpan] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif start < end:
            merged.append((start, end))
    return merged


def _without(spans: Iterable[TimeSpan], removed: Sequence[TimeSpan]) -> Iterator[TimeSpan]:
    """Yield spans without the removed ones; both are in order and without overlaps."""
    index = 0
    for start, end in spans:
        while index < len(removed) and removed[index][1] <= start:
            index += 1
        begin, following = start, index
        while following < len(removed) and removed[following][0] < end:
            if begin < removed[following][0]:
                yield begin, removed[following][0]
            begin = max(begin, removed[following][1])
            following += 1
        if begin < end:
            yield begin, end
