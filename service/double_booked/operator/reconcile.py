"""What the status of each booking is, whatever got in: taken in order, or marked.

In the order of (creationTimestamp, uid) a booking is taken if it puts no calendar of its own over
the capacity together with those taken before it; else it is marked. Only bookings that clash
(are present together when more are than the capacity) bear on one another, so what a change can
touch is what clashes with it, directly or through others.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from double_booked.operator.capacity import (
    Clash,
    describe,
    first_clash,
    name_some,
    overloaded,
    present,
)
from double_booked.operator.index import Index, interval_of
from double_booked.operator.intervals import IntervalIndex
from double_booked.operator.objects import (
    MAX_NAMED,
    Booking,
    BookingStatus,
    Calendar,
    CalendarStatus,
    Key,
)

_MAX_TOLD = 30_000
"""A condition's message holds 32,768 characters."""

FREE = BookingStatus("False", "Free", "Nothing clashes with it.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found of a booking.

    Attributes:
        status: What it is to tell.
        over: The calendars that it puts over their capacity.
    """

    status: BookingStatus
    over: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Clashing:
    """Those that a booking clashes with.

    Attributes:
        first: By start, MAX_NAMED at most: there may be very many, of very many.
        count: How many there are in all.
    """

    first: tuple[Key, ...]
    count: int


def touched(index: Index, changed: Iterable[Booking]) -> Iterator[tuple[Key, Clashing]]:
    """Yields the bookings that clash with some, directly or through others, and these themselves.

    Each comes with what it clashes with; between two the index may change.

    Args:
        index: What is known.
        changed: Bookings as they are or were; they need not be known.
    """
    waiting = {each.key for each in changed}
    for each in changed:
        if index.bookings.get(each.key) != each:
            waiting.update(partners(index, each))
    seen = set(waiting)
    while waiting:
        booking = index.bookings.get(waiting.pop())
        if booking:
            found = partners(index, booking)
            waiting.update(key for key in found if key not in seen)
            seen.update(found)
            yield booking.key, Clashing(tuple(found[:MAX_NAMED]), len(found))


def partners(index: Index, booking: Booking) -> list[Key]:
    """The bookings that clash with one, by start."""
    found: set[Key] = set()
    for name in booking.calendar_keys():
        calendar = index.calendars.get(name)
        if calendar is None:
            continue
        gap, capacity = calendar.rules.gap, calendar.rules.capacity
        span = booking.occupies(gap)
        taken = index.taken(index.schedule(name).intervals, span, gap, booking.key)
        if stretches := overloaded(span, taken, capacity):
            found.update(present(stretches, taken))
    return sorted(found, key=lambda key: (index.bookings[key].start, key))


def settle(index: Index, found: Mapping[Key, Clashing]) -> dict[Key, Outcome]:
    """Finds the status of bookings.

    Args:
        index: What is known.
        found: Some bookings, with all that clash with them, as `touched` finds them.
    """
    bookings = sorted(
        (index.bookings[key] for key in found if key in index.bookings),
        key=lambda booking: (booking.created, booking.identity.uid),
    )
    taken: dict[Key, IntervalIndex] = {}
    clashes: dict[Key, list[Clash]] = {}
    for booking in bookings:
        clashes[booking.key] = list(_clashes(index, booking, taken))
        if not clashes[booking.key]:
            for calendar in booking.calendar_keys():
                taken.setdefault(calendar, IntervalIndex()).add(interval_of(booking))
    return {
        booking.key: _outcome(index, booking, clashes[booking.key], found[booking.key])
        for booking in bookings
    }


def _clashes(index: Index, booking: Booking, taken: Mapping[Key, IntervalIndex]) -> Iterator[Clash]:
    for key in booking.calendar_keys():
        calendar = index.calendars.get(key)
        if calendar and key in taken:
            gap = calendar.rules.gap
            span = booking.occupies(gap)
            there = index.taken(taken[key], span, gap, booking.key)
            if clash := first_clash(key.name, calendar.rules, [span], there):
                yield clash


def _outcome(index: Index, booking: Booking, clashes: list[Clash], clashing: Clashing) -> Outcome:
    status = replace(
        _verdict(index, booking, clashes, clashing),
        conflicts_with=tuple(key.name for key in clashing.first),
        conflicts=clashing.count,
        generation=booking.identity.generation,
    )
    over = tuple(Key(booking.key.namespace, clash.calendar) for clash in clashes)
    return Outcome(status, over)


def _verdict(
    index: Index, booking: Booking, clashes: list[Clash], clashing: Clashing
) -> BookingStatus:
    if booking.fault:
        return BookingStatus("Unknown", "InvalidSpec", booking.fault)
    if clashes:
        told = "; ".join(map(describe, clashes))
        return BookingStatus("True", "OverCapacity", f"Booked too late: {told[:_MAX_TOLD]}.")
    missing = [key.name for key in booking.calendar_keys() if key not in index.calendars]
    if missing:
        told = name_some(missing, len(missing))
        return BookingStatus("Unknown", "CalendarNotFound", f"There is no calendar {told}.")
    if clashing.count:
        told = name_some([key.name for key in clashing.first], clashing.count)
        return BookingStatus("False", "Kept", f"It keeps its time, though it clashes with {told}.")
    return FREE


def calendar_status(index: Index, calendar: Calendar, over: int) -> CalendarStatus:
    """What a calendar is to tell.

    Args:
        index: What is known.
        calendar: The calendar.
        over: How many bookings put it over its capacity.
    """
    return CalendarStatus(
        len(index.schedule(calendar.identity.key).keys),
        over,
        calendar.identity.generation,
        calendar.fault,
    )
