"""The next spans in which every resource has room for another event."""

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
    """The properties of the free times to find.

    Attributes:
        length: The length of each, in nanoseconds; more than 0.
        gap: How long after its end it must stay free, in nanoseconds.
        hours: The hour of a day at which it may start, and the hour at which it must end; (0, 24)
            allows any time, also across midnight.
        within: The span to search, in nanoseconds since 1970.
        zone: The time zone of the days and hours.
    """

    length: int
    gap: int
    hours: tuple[int, int]
    within: Span
    zone: tzinfo


def find_full_spans(request: EventList) -> list[Span]:
    """Return the spans in which at least one resource has no room for another event, in order.

    Args:
        request: Valid events and options. An event occupies its resources for the gap after its
            end too; a resource has room if fewer events are present than its capacity.
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


def find_free_times(full: Sequence[Span], options: FreeTimeOptions) -> Iterator[Span]:
    """Yield the free times, the earliest first; they do not overlap.

    Each starts at a quarter of an hour, or at the end of a full span.

    Args:
        full: The full spans, in order and disjoint, as `find_full_spans` returns them.
        options: The properties of the free times.
    """
    for first, last in _allowed(options):
        start = _next_quarter(first, options.zone)
        while start + options.length <= last:
            next_full = _first_full(full, start, start + options.length + options.gap)
            if next_full is None:
                yield start, start + options.length
                start = _next_quarter(start + options.length, options.zone)
            elif next_full[0] < next_full[1]:
                start = next_full[1]
            else:  # only this instant is full
                start = _next_quarter(next_full[1] + 1, options.zone)


def _allowed(options: FreeTimeOptions) -> Iterator[Span]:
    """Yield the spans in which a free time may lie, in order."""
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
    """Return the first quarter of an hour, in local time of the zone, at or after an instant."""
    offset = moment_of(instant, zone).utcoffset() or timedelta(0)
    shift = int(offset.total_seconds()) * NANOS_PER_SECOND
    return -(-(instant + shift) // _QUARTER) * _QUARTER - shift


def _first_full(full: Sequence[Span], start: int, end: int) -> Span | None:
    """Return the first full span that a free time from start to end, with its gap, would meet."""
    index = bisect_right(full, (start, start))
    if index and (full[index - 1][1] > start or full[index - 1][0] == start):
        return full[index - 1]
    if index < len(full) and full[index][0] < end:
        return full[index]
    return None
