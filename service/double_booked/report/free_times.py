"""The next times at which every resource has room for one more event."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from double_booked.api.scheduling_pb2 import EventList
from double_booked.conflicts.definition import Occupied, occupied_time
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span, merge_spans
from double_booked.conflicts.options import capacity_of, gap_of
from double_booked.conflicts.overlaps import find_overlap_depths
from double_booked.view.times import day_of, instant_of, moment_of

_QUARTER = 15 * 60 * NANOS_PER_SECOND
_WHOLE_DAY = (0, 24)


@dataclass(frozen=True, slots=True)
class FreeTimeOptions:
    """What the free times should be like.

    Attributes:
        length: How long each is, in nanoseconds; more than 0.
        gap: How long after its end a time must stay free, in nanoseconds.
        hours: From and up to what hour of a day it may last; (0, 24) is any time, also over
            midnight.
        within: The span in which to look, in nanoseconds since 1970.
        zone: Whose days and hours.
    """

    length: int
    gap: int
    hours: tuple[int, int]
    within: Span
    zone: tzinfo


def find_full_spans(request: EventList) -> list[Span]:
    """Return the spans in which at least one resource has no room for one more event.

    Args:
        request: The events, which the engine accepts; an event takes its resources for the gap of
            the options too, and a resource has room below its capacity.
    """
    gap = gap_of(request.options)
    by_resource: dict[str, list[Occupied]] = {}
    for position, event in enumerate(request.events):
        for resource in set(event.resources) or {""}:
            by_resource.setdefault(resource, []).append(occupied_time(position, event, gap))
    full = (
        overlap.span
        for resource, occupied in by_resource.items()
        for overlap in find_overlap_depths(occupied, capacity_of(resource, request.options) - 1)
    )
    return merge_spans(sorted(full))


def find_free_times(taken: Sequence[Span], options: FreeTimeOptions) -> Iterator[Span]:
    """Yield the free times, the earliest first; none overlaps another.

    Each starts at a quarter of an hour, or where what is taken ends.

    Args:
        taken: The spans that are not free, in order and apart, as `find_taken` returns them.
        options: What the times should be like.
    """
    for first, last in _allowed(options):
        start = _next_quarter(first, options.zone)
        while start + options.length <= last:
            blocking = _first_blocking(taken, start, start + options.length + options.gap)
            if blocking is None:
                yield start, start + options.length
                start = _next_quarter(start + options.length, options.zone)
            elif blocking[0] < blocking[1]:
                start = blocking[1]
            else:  # the instant itself is taken, and what follows is free
                start = _next_quarter(blocking[1] + 1, options.zone)


def _allowed(options: FreeTimeOptions) -> Iterator[Span]:
    """Yield the spans within which a time may lie, in order."""
    start, end = options.within
    if options.hours == _WHOLE_DAY:
        yield start, end
        return
    day, last = day_of(start, options.zone), day_of(end - 1, options.zone)
    while day <= last:
        first_hour, last_hour = (
            instant_of(datetime.combine(day, time()) + timedelta(hours=hour), options.zone)
            for hour in options.hours
        )
        yield max(start, first_hour), min(end, last_hour)
        day += timedelta(1)


def _next_quarter(instant: int, zone: tzinfo) -> int:
    """Return the first quarter of an hour, as clocks of the zone show it, that is not before."""
    offset = moment_of(instant, zone).utcoffset() or timedelta(0)
    shift = int(offset.total_seconds()) * NANOS_PER_SECOND
    return -(-(instant + shift) // _QUARTER) * _QUARTER - shift


def _first_blocking(taken: Sequence[Span], start: int, end: int) -> Span | None:
    """Return the first taken span that a free time, its gap included, would meet."""
    index = bisect_right(taken, (start, start))
    if index and (taken[index - 1][1] > start or taken[index - 1][0] == start):
        return taken[index - 1]
    if index < len(taken) and taken[index][0] < end:
        return taken[index]
    return None
