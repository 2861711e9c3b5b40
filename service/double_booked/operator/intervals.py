"""An index of spans with their bookings, for quick look-ups by time."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from double_booked.operator.objects import NamespacedName

BookedSpan = tuple[int, int, NamespacedName]
"""A start, a later end, and the booking that occupies the time between; nanoseconds since 1970."""


class IntervalIndex:
    """Half-open spans, grouped by the bit length of their duration and sorted by start.

    A span in the group of n bits that overlaps a time starts less than 2**n before it. A look-up
    therefore reads few spans that it does not return: at most as many again where durations are
    alike.
    """

    def __init__(self) -> None:
        self._by_length: dict[int, list[BookedSpan]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_length.values()))

    def __iter__(self) -> Iterator[BookedSpan]:
        for same in self._by_length.values():
            yield from same

    def add(self, interval: BookedSpan) -> None:
        """Add a span; adding one twice stores it twice."""
        insort(self._by_length.setdefault(_length(interval), []), interval)

    def remove(self, interval: BookedSpan) -> None:
        """Remove a span.

        Raises:
            KeyError: The index does not have it.
        """
        same = self._by_length.get(_length(interval), [])
        at = bisect_left(same, interval)
        if at == len(same) or same[at] != interval:
            raise KeyError(interval)
        del same[at]
        if not same:
            del self._by_length[_length(interval)]

    def overlapping(self, start: int, end: int) -> Iterator[BookedSpan]:
        """Yield the spans that overlap [start, end), by bit length and then by start."""
        for length, same in self._by_length.items():
            for at in range(bisect_left(same, (start - (1 << length),)), len(same)):
                interval = same[at]
                if interval[0] >= end:
                    break
                if interval[1] > start:
                    yield interval


def _length(interval: BookedSpan) -> int:
    return (interval[1] - interval[0]).bit_length()
