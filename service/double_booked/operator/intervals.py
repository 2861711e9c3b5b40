"""Intervals, and quickly those of them that overlap a time."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from double_booked.operator.objects import NamespacedName

BookedSpan = tuple[int, int, NamespacedName]
"""A start, an end that is later, and whose."""


class IntervalIndex:
    """Half-open intervals of integers.

    They are kept by start, apart by the number of bits of their length. Among those of one
    length what overlaps a time starts at most so long before it, so a look-up reads little
    more than it finds: at most twice as much where lengths are alike.
    """

    def __init__(self) -> None:
        self._by_length: dict[int, list[BookedSpan]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_length.values()))

    def __iter__(self) -> Iterator[BookedSpan]:
        for same in self._by_length.values():
            yield from same

    def add(self, interval: BookedSpan) -> None:
        """Adds one; it may be there already, and is then there twice."""
        insort(self._by_length.setdefault(_length(interval), []), interval)

    def remove(self, interval: BookedSpan) -> None:
        """Removes one.

        Raises:
            KeyError: It is not there.
        """
        same = self._by_length.get(_length(interval), [])
        at = bisect_left(same, interval)
        if at == len(same) or same[at] != interval:
            raise KeyError(interval)
        del same[at]
        if not same:
            del self._by_length[_length(interval)]

    def overlapping(self, start: int, end: int) -> Iterator[BookedSpan]:
        """Yields those that overlap [start, end), of each length by start."""
        for length, same in self._by_length.items():
            for at in range(bisect_left(same, (start - (1 << length),)), len(same)):
                interval = same[at]
                if interval[0] >= end:
                    break
                if interval[1] > start:
                    yield interval


def _length(interval: BookedSpan) -> int:
    return (interval[1] - interval[0]).bit_length()
