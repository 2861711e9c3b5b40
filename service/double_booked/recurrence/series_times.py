"""Times of a series whose type or zone differs from that of the series.

EXDATE, RDATE, RECURRENCE-ID and UNTIL should have the type and zone of DTSTART (RFC 5545, sections
3.8.5.1, 3.8.5.2, 3.8.4.4 and 3.3.10). For a series of whole days, Exchange writes them as midnight
in the zone of the mailbox, or that midnight in UTC. Other programs omit the zone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeVar

from double_booked.recurrence.calendar_times import CalendarTime, EventDuration
from double_booked.recurrence.rules import Rule
from double_booked.recurrence.series import SeriesComponent

_MIDNIGHT = time()
_LAST_SECOND = time(23, 59, 59)
_NOON = time(12)
_QUARTER = 15
T = TypeVar("T")

ZoneSource = Callable[[], tzinfo]
"""Returns a zone, which is looked up only if a time needs it."""


def align_times(
    components: Sequence[SeriesComponent[T]], home: ZoneSource
) -> list[SeriesComponent[T]]:
    """Return the components of a series with all times in the type and zone of the series.

    Args:
        components: The series and its overrides.
        home: Returns the zone of the calendar, in which a time in UTC may be midnight.
    """
    series = next((part.start for part in components if not part.recurrence_id), None)
    return [_aligned(component, series or component.start, home) for component in components]


def _aligned(
    component: SeriesComponent[T], series: CalendarTime, home: ZoneSource
) -> SeriesComponent[T]:
    recurrence_id, rules, exrules = component.recurrence_id, component.rules, component.exrules
    if not (recurrence_id or component.exdates or component.rdates or rules or exrules):
        return component
    return replace(
        component,
        rules=tuple(_with_until(rule, component.start, home) for rule in rules),
        exrules=tuple(_with_until(rule, component.start, home) for rule in exrules),
        rdates=tuple(_align_rdate(*rdate, series, home) for rdate in component.rdates),
        exdates=tuple(_align(time, series, home) for time in component.exdates),
        recurrence_id=_align(recurrence_id, series, home) if recurrence_id else None,
    )


def _align_rdate(
    time: CalendarTime, duration: EventDuration | None, series: CalendarTime, home: ZoneSource
) -> tuple[CalendarTime, EventDuration | None]:
    """Return a time of RDATE in the type of its series; a period keeps its own."""
    return (time if duration else _align(time, series, home)), duration


def _align(time: CalendarTime, series: CalendarTime, home: ZoneSource) -> CalendarTime:
    """Return a time in the type of its series, and in its zone if the time has none."""
    if time.is_date:
        return time
    if series.is_date:
        is_utc = time.zone is UTC
        day = day_in_utc(time.local, home()) if is_utc else time.local.date()
        return series.with_local(datetime.combine(day, _MIDNIGHT))
    return series.with_local(time.local) if time.is_floating else time


def _with_until(rule: Rule, series: CalendarTime, home: ZoneSource) -> Rule:
    """Return a rule; one of whole days gets a date as its UNTIL."""
    if not series.is_date or not isinstance(rule.until, datetime):
        return rule
    local = rule.until.replace(tzinfo=None)
    return replace(rule, until=day_in_utc(local, home()) if rule.until.tzinfo else local.date())


def day_in_utc(moment: datetime, home: tzinfo) -> date:
    """Return the day that a time in UTC stands for in a series of whole days.

    It is the day that begins or ends at that time in the zone of the calendar. Any other time may
    be midnight in a zone that the file does not name: before noon it begins the same day, west of
    Greenwich, and from noon on the next day, east of it.

    Args:
        moment: The time in UTC, without a zone.
        home: The zone of the calendar.
    """
    local = moment.replace(tzinfo=UTC).astimezone(home)
    if local.time() in {_MIDNIGHT, _LAST_SECOND}:
        return local.date()
    may_be_midnight = moment.second == 0 and moment.minute % _QUARTER == 0
    return moment.date() + timedelta(may_be_midnight and moment.time() >= _NOON)
