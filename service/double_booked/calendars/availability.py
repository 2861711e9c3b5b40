"""When people are not available: VAVAILABILITY of RFC 7953. Pure: no file, no format."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from double_booked.recurrence.series import Window

TimeSpan = tuple[datetime, datetime]

_LOWEST_PRIORITY = 10
"""That of an undefined priority, 0; 1 is the highest, and 9 the lowest that is defined."""

_BUSIEST_LAST = ("BUSY-TENTATIVE", "BUSY-UNAVAILABLE", "BUSY")


@dataclass(frozen=True, slots=True)
class Availability:
    """A time of which some is available.

    Attributes:
        start: From when, in UTC; None without a limit.
        end: Up to when, in UTC; None without a limit.
        free: The spans that are available.
        priority: PRIORITY: where several cover the same time, the lower number counts, but for 0.
        busy_type: BUSYTYPE: what the time is that is not available.
    """

    start: datetime | None
    end: datetime | None
    free: Sequence[TimeSpan]
    priority: int = 0
    busy_type: str = "BUSY-UNAVAILABLE"


def unavailable(
    found: Iterable[Availability], window: Window, *, count_tentative: bool
) -> list[TimeSpan]:
    """Return the spans of a window that are not available, in order and apart from each other.

    Args:
        found: Those of one person or thing.
        window: The time to look at.
        count_tentative: Whether time of the type BUSY-TENTATIVE is not available.
    """
    busy: list[TimeSpan] = []
    for each in sorted(found, key=_rank):
        first = max(window.start, each.start or window.start)
        last = min(window.end, each.end or window.end)
        if first < last:
            busy = list(_without(busy, [(first, last)]))
            if count_tentative or each.busy_type != "BUSY-TENTATIVE":
                busy = _merged([*busy, *_without([(first, last)], _merged(each.free))])
    return busy


def _rank(each: Availability) -> tuple[int, int]:
    """Return what sorts those that count more to the end."""
    known = each.busy_type in _BUSIEST_LAST
    return -(each.priority or _LOWEST_PRIORITY), (
        _BUSIEST_LAST.index(each.busy_type) if known else 1
    )


def _merged(spans: Iterable[TimeSpan]) -> list[TimeSpan]:
    """Return spans in order, those that meet as one."""
    merged: list[TimeSpan] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif start < end:
            merged.append((start, end))
    return merged


def _without(spans: Iterable[TimeSpan], removed: Sequence[TimeSpan]) -> Iterator[TimeSpan]:
    """Yield what is left of spans; all are in order and apart from each other."""
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
