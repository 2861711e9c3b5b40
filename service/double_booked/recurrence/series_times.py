"""Times of a series that are of another type or zone than the series itself.

EXDATE, RDATE, RECURRENCE-ID and UNTIL should have the type and zone of DTSTART (RFC 5545, sections
3.8.5.1, 3.8.5.2, 3.8.4.4 and 3.3.10). Exchange writes those of series of whole days as the midnight
of the mailbox, in its zone or in UTC; other programs leave the zone away.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TypeVar

from double_booked.recurrence.rules import Rule
from double_booked.recurrence.series import CalendarTime, EventDuration, SeriesComponent

_MIDNIGHT = time()
_LAST_SECOND = time(23, 59, 59)
_NOON = time(12)
_QUARTER = 15
T = TypeVar("T")
Home = Callable[[], tzinfo]


def align_times(parts: Sequence[SeriesComponent[T]], home: Home) -> list[SeriesComponent[T]]:
    """Return the parts of a series with all times in the type and zone of the series.

    Args:
        parts: The series and its overrides.
        home: Returns the zone of the calendar, in which a time in UTC may be midnight.
    """
    series = next((part.start for part in parts if not part.recurrence_id), None)
    return [_aligned(part, series or part.start, home) for part in parts]


def _aligned(part: SeriesComponent[T], series: CalendarTime, home: Home) -> SeriesComponent[T]:
    if not (part.recurrence_id or part.exdates or part.rdates or part.rules or part.exrules):
        return part
    return replace(
        part,
        rules=tuple(_with_until(rule, part.start, home) for rule in part.rules),
        exrules=tuple(_with_until(rule, part.start, home) for rule in part.exrules),
        rdates=tuple(_further(when, length, series, home) for when, length in part.rdates),
        exdates=tuple(_by_series(when, series, home) for when in part.exdates),
        recurrence_id=_by_series(part.recurrence_id, series, home) if part.recurrence_id else None,
    )


def _further(
    when: CalendarTime, length: EventDuration | None, series: CalendarTime, home: Home
) -> tuple[CalendarTime, EventDuration | None]:
    """Return a time of RDATE; a period keeps its type."""
    return (when if length else _by_series(when, series, home)), length


def _by_series(when: CalendarTime, series: CalendarTime, home: Home) -> CalendarTime:
    """Return a time in the type of its series, and in its zone if it has none."""
    if when.is_date:
        return when
    if series.is_date:
        shown = when.local if when.zone is not UTC else None
        day = shown.date() if shown else day_in_utc(when.local, home())
        return series.with_local(datetime.combine(day, _MIDNIGHT))
    return series.with_local(when.local) if when.is_floating else when


def _with_until(rule: Rule, series: CalendarTime, home: Home) -> Rule:
    """Return a rule of whole days with a date as its UNTIL."""
    if not series.is_date or not isinstance(rule.until, datetime):
        return rule
    local = rule.until.replace(tzinfo=None)
    return replace(rule, until=day_in_utc(local, home()) if rule.until.tzinfo else local.date())


def day_in_utc(moment: datetime, home: tzinfo) -> date:
    """Return the day that a time in UTC means, in a series of whole days.

    That is the day that begins or ends with it in the zone of the calendar. Another time may be
    midnight in a zone that the file does not name: before noon it begins the same day, west of
    Greenwich, and from noon on the next, east of it.

    Args:
        moment: In UTC, without a zone.
        home: The zone of the calendar.
    """
    shown = moment.replace(tzinfo=UTC).astimezone(home)
    if shown.time() in {_MIDNIGHT, _LAST_SECOND}:
        return shown.date()
    may_be_midnight = moment.second == 0 and moment.minute % _QUARTER == 0
    return moment.date() + timedelta(may_be_midnight and moment.time() >= _NOON)
