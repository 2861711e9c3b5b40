"""Finds the next time at which a booking would fit."""

from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.operator.admission import CapacityView
from double_booked.operator.capacity import depth_steps, overloaded_spans
from double_booked.operator.objects import Booking, NamespacedName

SEARCH_DAYS = 14
_MINUTE = 60 * NANOS_PER_SECOND
_SEARCH_NANOS = SEARCH_DAYS * 24 * 60 * _MINUTE

_MAX_BOOKINGS = 2_000
"""Maximum number of bookings of a calendar that are searched; 2,000 take 10 ms (2026-11-26)."""


def next_free_time(wanted: Booking, view: CapacityView, now: int) -> int | None:
    """Return the next start at which a booking of the same length fits on all its calendars.

    Args:
        wanted: The booking that does not fit.
        view: What occupies the calendars.
        now: Nanoseconds since 1970.

    Returns:
        Nanoseconds since 1970, within SEARCH_DAYS of the booking's start, or of the next full
        minute if that start has passed. None if no such start is free, or if a calendar has more
        than _MAX_BOOKINGS.
    """
    begin = max(wanted.start, -(-now // _MINUTE) * _MINUTE)
    blocked: list[Span] = []
    for calendar in wanted.calendar_keys():
        starts = _blocked_starts(wanted, calendar, view, begin)
        if starts is None:
            return None
        blocked += starts
    free = begin
    for after, until in sorted(blocked):
        if free <= after:
            break
        free = max(free, until)
    return free if free <= begin + _SEARCH_NANOS else None


def _blocked_starts(
    wanted: Booking, calendar: NamespacedName, view: CapacityView, begin: int
) -> list[Span] | None:
    """Return the open intervals of starts at which a booking does not fit on a calendar.

    None if the calendar has too many bookings to search.
    """
    rules = view.rules(calendar)
    if rules is None:
        return []
    start, end = wanted.occupies(rules.gap)
    length = end - start
    window = begin, begin + _SEARCH_NANOS + length
    others = view.others(calendar, window, rules.gap, wanted.key)
    if len(others.spans) > _MAX_BOOKINGS:
        return None
    occupancy = others.occupancy_with(wanted, window)
    full = overloaded_spans(depth_steps(occupancy, window), window[1], rules.capacity)
    return [(first - length, last) for first, last in full]
