"""The conflicts of all bookings on one calendar, found in one sweep over time."""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TypeVar

from double_booked.conflicts.instants import Span
from double_booked.operator.capacity import Occupancy, depth_steps, overlaps_any, overloaded_spans
from double_booked.operator.intervals import BookedSpan
from double_booked.operator.objects import NamespacedName

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]
"""A long computation: it yields so often that its caller can do other work, then returns."""


@dataclass(slots=True)
class Conflicts:
    """The bookings that a booking conflicts with on one calendar.

    Attributes:
        first: The first of them, by start.
        count: How many there are in all.
    """

    first: list[NamespacedName]
    count: int


def find_conflicts(
    occupancy: Occupancy, within: Span, capacity: int, most: int
) -> Steps[dict[NamespacedName, Conflicts]]:
    """Find the conflicts of each booking within a span.

    Two bookings conflict when both are present at an instant at which the depth is over the
    capacity, unless they are linked. The time is O(n log n) for n bookings, even if all overlap: a
    booking conflicts with all that are present when it joins a conflict, and with each that joins
    one later, before it ends. The number of joins at two instants therefore gives its count.

    Args:
        occupancy: The bookings on the calendar, with one span each.
        within: The span to sweep.
        capacity: How many may be present.
        most: How many conflicting bookings to name for each.

    Returns:
        The bookings that are present while the depth is over the capacity. One that is present
        only with linked bookings has a count of 0.
    """
    steps = depth_steps(occupancy, within)
    sweep = _Sweep(most, occupancy)
    starts, ends = _events(occupancy.intervals, within)
    depths = dict(steps)
    depth = 0
    for instant in sorted({*depths, *starts, *ends}):
        depth = depths.get(instant, depth)
        sweep.remove(ends.get(instant, ()))
        sweep.add(starts.get(instant, ()))
        if depth > capacity:
            sweep.join()
        yield
    sweep.remove(tuple(sweep.present))
    if occupancy.links:
        _leave_out_linked(
            sweep.conflicts, occupancy, overloaded_spans(steps, within[1], capacity), most
        )
    return sweep.conflicts


class _Sweep:
    """The state of a sweep at one instant.

    Attributes:
        present: The bookings that are present, in the order of their starts.
        conflicts: The conflicts of each booking that has joined one.
    """

    def __init__(self, most: int, occupancy: Occupancy) -> None:
        self.present: OrderedDict[NamespacedName, None] = OrderedDict()
        self.conflicts: dict[NamespacedName, Conflicts] = {}
        self._most = most
        self._links = occupancy.links
        self._waiting: dict[NamespacedName, None] = {}
        self._short: dict[NamespacedName, None] = {}
        self._joined = 0
        self._joined_before: dict[NamespacedName, int] = {}

    def add(self, keys: Iterable[NamespacedName]) -> None:
        """Add bookings that start now."""
        for key in keys:
            self.present[key] = self._waiting[key] = None

    def remove(self, keys: Iterable[NamespacedName]) -> None:
        """Remove bookings that end now, and count those that joined while they were present."""
        for key in keys:
            del self.present[key]
            self._waiting.pop(key, None)
            self._short.pop(key, None)
            if key in self.conflicts:
                self.conflicts[key].count += self._joined - self._joined_before[key]

    def join(self) -> None:
        """Record that all present bookings conflict with one another."""
        joining, self._waiting = self._waiting, {}
        if not joining:
            return
        self._joined += len(joining)
        for key in self._short:
            first = self.conflicts[key].first
            first += islice(joining, self._room(key) - len(first))
        for key in joining:
            others = (other for other in self.present if other != key)
            self.conflicts[key] = Conflicts(
                list(islice(others, self._room(key))), len(self.present) - 1
            )
            self._joined_before[key] = self._joined
        for key in (*self._short, *joining):
            if len(self.conflicts[key].first) < self._room(key):
                self._short[key] = None
            else:
                self._short.pop(key, None)

    def _room(self, key: NamespacedName) -> int:
        """Return how many bookings to collect; linked ones are left out at the end."""
        return self._most + len(self._links.get(key, ()))


def _events(
    intervals: Sequence[BookedSpan], within: Span
) -> tuple[dict[int, list[NamespacedName]], dict[int, list[NamespacedName]]]:
    """Return the bookings that start and those that end within a span, by instant."""
    starts: dict[int, list[NamespacedName]] = {}
    ends: dict[int, list[NamespacedName]] = {}
    for start, end, key in sorted(intervals, key=itemgetter(0, 2)):
        if start < within[1] and end > within[0]:
            starts.setdefault(max(start, within[0]), []).append(key)
            if end < within[1]:
                ends.setdefault(end, []).append(key)
    return starts, ends


def _leave_out_linked(
    conflicts: dict[NamespacedName, Conflicts],
    occupancy: Occupancy,
    over: Sequence[Span],
    most: int,
) -> None:
    """Leave out the conflicts of linked bookings with one another.

    Args:
        conflicts: What each booking conflicts with; changed in place.
        occupancy: The bookings on the calendar.
        over: The spans in which the depth is over the capacity.
        most: How many conflicting bookings to name for each.
    """
    spans = {key: (start, end) for start, end, key in occupancy.intervals if key in occupancy.links}
    for key in conflicts.keys() & spans.keys():
        linked = {
            other
            for other in occupancy.links[key] & conflicts.keys()
            if overlaps_any(_intersection(spans[key], spans[other]), over)
        }
        conflicts[key].first = [other for other in conflicts[key].first if other not in linked][
            :most
        ]
        conflicts[key].count -= len(linked)


def _intersection(one: Span, other: Span) -> Span:
    """Return the span that two spans have in common; an empty one if they are disjoint."""
    start = max(one[0], other[0])
    return start, max(start, min(one[1], other[1]))
