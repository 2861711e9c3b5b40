"""The time in which a resource has no room for one more event."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from double_booked.conflicts.definition import Occupied
from double_booked.conflicts.instants import Span, merge_spans
from double_booked.conflicts.overlaps import find_overlap_depths


class _Piece(NamedTuple):
    start: int
    end: int


class FullSpans:
    """Finds when a resource has no room for an event, had that event not been there.

    The events of the resource are swept once. Without one of them, only the time that it occupies
    itself can be different.
    """

    def __init__(self, occupied: Iterable[Occupied], capacity: int) -> None:
        """Sweep the events of a resource.

        Args:
            occupied: When each event occupies the resource, in any order.
            capacity: How many events may be present at an instant, at least 1.
        """
        # One more event has no room where as many as the capacity are present.
        full = list(find_overlap_depths(occupied, capacity - 1))
        self._full = [_Piece(*each) for each in merge_spans(overlap.span for overlap in full)]
        self._over = [_Piece(each.start, each.end) for each in full if each.depth > capacity]

    def without(self, event: Occupied, first: int, last: int) -> list[Span]:
        """Return the spans in which there is no room beside the other events.

        Args:
            event: One of the events of the resource.
            first: From when to look, in nanoseconds since 1970.
            last: Up to when, the same.
        """
        end = event.start if event.is_instant else event.end
        after = self._between(end, last)
        if event.is_instant:
            after = (each for each in after if each != (end, end))
        return merge_spans([*self._between(first, event.start), *self._still_full(event), *after])

    def _between(self, first: int, last: int) -> Iterator[_Piece]:
        """Yield what lies in the half-open span from `first` to `last`, cut at its ends."""
        begin = max(bisect_left(self._full, (first, first)) - 1, 0)
        for start, end in self._full[begin : bisect_left(self._full, (last, last))]:
            if end > first or start == first:
                yield _Piece(max(start, first), min(end, last))

    def _still_full(self, event: Occupied) -> Iterator[_Piece]:
        """Yield the time of an event in which there is no room even without it."""
        begin = bisect_left(self._over, (event.start, event.start))
        for each in self._over[begin : bisect_left(self._over, (event.end, event.end))]:
            # An instant is not present in what only starts with it.
            if not event.is_instant or each.start == each.end:
                yield each
