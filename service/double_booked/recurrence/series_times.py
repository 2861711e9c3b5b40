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
from double_booked.recurrence.series import Length, Part, When

_MIDNIGHT = time()
_LAST_SECOND = time(23, 59, 59)
_NOON = time(12)
_QUARTER = 15
T = TypeVar("T")
Home = Callable[[], tzinfo]


def align(parts: Sequence[Part[T]], home: Home) -> list[Part[T]]:
    """Return the parts of a series with all times in the type and zone of the series.

    Args:
        parts: The series and its overrides.
        home: Returns the zone of the calendar, in which a time in UTC may be midnight.
    """
    series = next((part.start for part in parts if not part.replaces), None)
    return [_aligned(part, series or part.start, home) for part in parts]


def _aligned(part: Part[T], series: When, home: Home) -> Part[T]:
    if not (part.replaces or part.excluded or part.more or part.rules or part.excluded_rules):
        return part
    return replace(
        part,
        rules=tuple(_with_until(rule, part.start, home) for rule in part.rules),
        excluded_rules=tuple(_with_until(rule, part.start, home) for rule in part.excluded_rules),
        more=tuple(_further(when, length, series, home) for when, length in part.more),
        excluded=tuple(_by_series(when, series, home) for when in part.excluded),
        replaces=_by_series(part.replaces, series, home) if part.replaces else None,
    )


def _further(
    when: When, length: Length | None, series: When, home: Home
) -> tuple[When, Length | None]:
    """Return a time of RDATE; a period keeps its type."""
    return (when if length else _by_series(when, series, home)), length


def _by_series(when: When, series: When, home: Home) -> When:
    """Return a time in the type of its series, and in its zone if it has none."""
    if when.is_date:
        return when
    if series.is_date:
        shown = when.local if when.zone is not UTC else None
        day = shown.date() if shown else day_in_utc(when.local, home())
        return series.at(datetime.combine(day, _MIDNIGHT))
    return series.at(when.local) if when.is_floating else when


def _with_until(rule: Rule, series: When, home: Home) -> Rule:
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
