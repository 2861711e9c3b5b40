"""The next time at which a booking would fit."""

from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.operator.admission import CapacityView
from double_booked.operator.capacity import depth_steps, overloaded_spans
from double_booked.operator.objects import Booking, NamespacedName

SEARCH_DAYS = 14
_MINUTE = 60 * NANOS_PER_SECOND
_SEARCHED = SEARCH_DAYS * 24 * 60 * _MINUTE

_MAX_BOOKINGS = 2_000
"""How many bookings of a calendar are looked through: that takes 10 ms (2026-11-26)."""


def next_free_time(wanted: Booking, view: CapacityView, now: int) -> int | None:
    """Return the next start at which a booking of the same length fits on all its calendars.

    Args:
        wanted: The booking as it does not fit.
        view: What is on calendars.
        now: Nanoseconds since 1970.

    Returns:
        Nanoseconds since 1970, in the SEARCH_DAYS from the booking's start on, or from the next
        full minute if that is over; None if there is none, or too much is booked to look.
    """
    begin = max(wanted.start, -(-now // _MINUTE) * _MINUTE)
    taken: list[Span] = []
    for calendar in wanted.calendar_keys():
        found = _starts_taken(wanted, calendar, view, begin)
        if found is None:
            return None
        taken += found
    free = begin
    for after, until in sorted(taken):
        if free <= after:
            break
        free = max(free, until)
    return free if free <= begin + _SEARCHED else None


def _starts_taken(
    wanted: Booking, calendar: NamespacedName, view: CapacityView, begin: int
) -> list[Span] | None:
    """Return the open intervals of starts at which a booking does not fit on a calendar."""
    rules = view.rules(calendar)
    if rules is None:
        return []
    start, end = wanted.occupies(rules.gap)
    length = end - start
    window = begin, begin + _SEARCHED + length
    others = view.others(calendar, window, rules.gap, wanted.key)
    if len(others.spans) > _MAX_BOOKINGS:
        return None
    occupied = others.occupied_with(wanted, window)
    full = overloaded_spans(depth_steps(occupied, window), window[1], rules.capacity)
    return [(first - length, last) for first, last in full]
