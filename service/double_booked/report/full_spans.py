"""The spans in which a resource has no room for another event."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from double_booked.conflicts.definition import Occupied
from double_booked.conflicts.instants import Span, merge_spans
from double_booked.conflicts.overlaps import find_overlap_depths


class FullSpans:
    """The full spans of a resource, as they would be without one of its events.

    The events are swept once. Leaving one out changes only the span that it occupies.
    """

    def __init__(self, occupied: Iterable[Occupied], capacity: int) -> None:
        """Sweep the events of a resource.

        Args:
            occupied: The spans that the events occupy, in any order.
            capacity: How many events may be present at an instant, at least 1.
        """
        # There is no room for another event if the depth is the capacity.
        full = list(find_overlap_depths(occupied, capacity - 1))
        self._full = merge_spans(overlap.span for overlap in full)
        self._over = [overlap.span for overlap in full if overlap.depth > capacity]

    def without(self, event: Occupied, first: int, last: int) -> list[Span]:
        """Return the spans in which there is no room beside the other events, in order.

        Args:
            event: One of the events of the resource.
            first: The start of the search, in nanoseconds since 1970.
            last: The end of the search, in nanoseconds since 1970.
        """
        end = event.start if event.is_instant else event.end
        after = self._between(end, last)
        if event.is_instant:
            after = (span for span in after if span != (end, end))
        return merge_spans([*self._between(first, event.start), *self._still_full(event), *after])

    def _between(self, first: int, last: int) -> Iterator[Span]:
        """Yield the full spans in the half-open span from `first` to `last`, cut at its ends."""
        begin = max(bisect_left(self._full, (first, first)) - 1, 0)
        for start, end in self._full[begin : bisect_left(self._full, (last, last))]:
            if end > first or start == first:
                yield max(start, first), min(end, last)

    def _still_full(self, event: Occupied) -> Iterator[Span]:
        """Yield the spans that an event occupies and that are full even without it."""
        begin = bisect_left(self._over, (event.start, event.start))
        for start, end in self._over[begin : bisect_left(self._over, (event.end, event.end))]:
            # An instant is not present in a span that only starts at it.
            if not event.is_instant or start == end:
                yield start, end
