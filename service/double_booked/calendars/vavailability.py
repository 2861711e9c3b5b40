"""VAVAILABILITY components in, the time that is not available out (RFC 7953)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from double_booked.calendars.attendance import address_of
from double_booked.calendars.availability import Availability, TimeSpan, unavailable
from double_booked.calendars.ics_lines import Component
from double_booked.calendars.ics_values import TimeContext, parse_duration, text_value
from double_booked.calendars.skipped import Skipped
from double_booked.recurrence.calendar_times import Window

TITLE = "not available"
_PRIORITIES = range(10)


def absences(
    calendar: Component,
    clock: TimeContext,
    window: Window,
    free: Callable[[Sequence[Component]], Sequence[TimeSpan]],
    skipped: list[Skipped],
    *,
    count_tentative: bool,
) -> Iterator[tuple[Component, TimeSpan]]:
    """Yield the spans of a window that a calendar does not list as available.

    Args:
        calendar: A VCALENDAR.
        clock: How its times are read.
        window: The window.
        free: Returns the spans of AVAILABLE components; raises ValueError if one cannot be used.
        skipped: Receives each VAVAILABILITY that cannot be used.
        count_tentative: Whether time of the type BUSY-TENTATIVE is not available.

    Returns:
        Each span with the first VAVAILABILITY of its owner.
    """
    by_owner: dict[str, list[tuple[Component, Availability]]] = defaultdict(list)
    for component in calendar.components:
        if component.name == "VAVAILABILITY":
            try:
                by_owner[owner_of(component)].append((component, _read(component, clock, free)))
            except (ValueError, OverflowError) as error:
                skipped.append(Skipped(component.line, f"VAVAILABILITY: {error}", TITLE))
    for pairs in by_owner.values():
        availabilities = [availability for _, availability in pairs]
        for span in unavailable(availabilities, window, count_tentative=count_tentative):
            yield pairs[0][0], span


def owner_of(component: Component) -> str:
    """Return the address of the owner of an availability; "" if it names none."""
    organizer = component.first("ORGANIZER")
    return address_of(organizer) if organizer else ""


def _read(
    component: Component,
    clock: TimeContext,
    free: Callable[[Sequence[Component]], Sequence[TimeSpan]],
) -> Availability:
    if component.faults:
        raise ValueError(component.faults[0].reason)
    inside = [part for part in component.components if part.name == "AVAILABLE"]
    start, end = _span(component, clock)
    busy_type = text_value(component.first("BUSYTYPE")).upper() or "BUSY-UNAVAILABLE"
    return Availability(start, end, free(inside), _priority(component), busy_type)


def _span(component: Component, clock: TimeContext) -> tuple[datetime | None, datetime | None]:
    """Return the start and the end of the range of an availability (section 3.1)."""
    begin, end = component.first("DTSTART"), component.first("DTEND")
    start = clock.parse(begin) if begin else None
    duration = component.first("DURATION")
    if end:
        return start.to_utc() if start else None, clock.parse(end).to_utc()
    if start and duration:
        return start.to_utc(), parse_duration(duration.value).end(start, start.to_utc())
    return start.to_utc() if start else None, None


def _priority(component: Component) -> int:
    text = text_value(component.first("PRIORITY")).strip() or "0"
    if not (text.isdecimal() and int(text) in _PRIORITIES):
        raise ValueError(f"PRIORITY: '{text}' is not a number from 0 to 9")
    return int(text)
