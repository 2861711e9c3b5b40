"""Revisions of an event: which of several copies counts (RFC 5546, sections 2.1.4 and 2.1.5)."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, TypeVar

from double_booked.calendars.ics_lines import Component
from double_booked.calendars.ics_values import text_value
from double_booked.recurrence.rules import StepBudget
from double_booked.recurrence.series import CalendarTime, SeriesComponent, Window, occurrences
from double_booked.recurrence.times import parse_date_or_time

_NEVER = datetime.min.replace(tzinfo=UTC)
_STAMP = re.compile(r"\d{8}T\d{6}Z?", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_ONE_RUN = timedelta(minutes=1)
"""Within this time a program writes all events of a file; nobody revises an event so soon."""


@dataclass(frozen=True, slots=True, order=True)
class Revision:
    """How new a copy of an event is; a newer one is greater.

    Attributes:
        sequence: SEQUENCE; 0 without.
        stamp: DTSTAMP.
        modified: LAST-MODIFIED.
        is_cancelled: Whether it cancels the event.
        start: DTSTART as it stands there.
        title: SUMMARY.
    """

    sequence: int = 0
    stamp: datetime = _NEVER
    modified: datetime = _NEVER
    is_cancelled: bool = False
    start: str = field(default="", compare=False)
    title: str = field(default="", compare=False)


class _Revised(Protocol):
    @property
    def revision(self) -> Revision: ...


T = TypeVar("T", bound=_Revised)


def revision_of(component: Component, method: str, note: Callable[[int, str], None]) -> Revision:
    """Return the revision of an event.

    Args:
        component: The event.
        method: METHOD of its calendar, in capitals.
        note: Receives a line, and what was read how there.
    """
    start = component.first("DTSTART")
    return Revision(
        _sequence(component, note),
        _moment(component, "DTSTAMP"),
        _moment(component, "LAST-MODIFIED"),
        method == "CANCEL" or text_value(component.first("STATUS")).strip().upper() == "CANCELLED",
        start.value if start else "",
        text_value(component.first("SUMMARY")),
    )


def _sequence(component: Component, note: Callable[[int, str], None]) -> int:
    each = component.first("SEQUENCE")
    if each is None or not each.value.strip():
        return 0
    if not _NUMBER.fullmatch(each.value.strip()):
        note(each.line, f"SEQUENCE '{each.value}' is no number, and read as 0")
        return 0
    return int(each.value)


def _moment(component: Component, name: str) -> datetime:
    each = component.first(name)
    if not each or not _STAMP.fullmatch(each.value):
        return _NEVER
    try:
        found, _ = parse_date_or_time(each.value)
    except ValueError:
        return _NEVER
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) else _NEVER


def supersedes(one: Revision, other: Revision) -> bool:
    """Return whether a copy of an event is a newer revision of another, and not another event.

    Some programs give all their events one UID. So copies of one SEQUENCE are different events if
    they differ in start and title, or in one of them and were written at one time.
    """
    if one.sequence != other.sequence:
        return one.sequence > other.sequence
    differences = _differ(one.start, other.start) + _differ(one.title, other.title)
    if differences == 1 and not one.is_cancelled:
        apart = max(one.stamp - other.stamp, one.modified - other.modified)
        return one > other and apart > _ONE_RUN
    return not differences > 1 and one > other


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def latest(revised: Iterable[T]) -> list[T]:
    """Return the copies that no other supersedes; of those that say the same, the last."""
    copies = list(revised)
    newest: dict[str, Revision] = {}
    for each in copies:
        revision = each.revision
        for key in ("", f"start {revision.start}", f"title {revision.title}"):
            newest[key] = max(newest.get(key, revision), revision)
    kept = {}
    for each in copies:
        revision = each.revision
        keys = ("", f"start {revision.start}", f"title {revision.title}")
        if not any(supersedes(newest[key], revision) for key in keys):
            kept[revision.start, revision.title] = each
    return list(kept.values())


def newest(revised: Sequence[T]) -> T:
    """Return the newest copy; of equal ones, the last."""
    return max(reversed(revised), key=lambda each: each.revision)


def without_stale(
    parts: Sequence[SeriesComponent[T]], budget: StepBudget
) -> list[SeriesComponent[T]]:
    """Return the parts of a series without the overrides that are older than it and do not count.

    An older override counts as long as the series still has its time, and is not cancelled.

    Raises:
        TooManyStepsError: The rules of the series go farther.
        OverflowError: A time leaves the years 1 to 9999.
    """
    series = next((part for part in parts if not part.recurrence_id), None)
    if series is None:
        return list(parts)
    revision = series.info.revision
    stale = [
        part for part in parts if part.recurrence_id and is_older(part.info.revision, revision)
    ]
    if not stale:
        return list(parts)
    times = SeriesTimes(
        series, [part.recurrence_id for part in stale if part.recurrence_id], budget
    )
    gone = {id(part) for part in stale if part.recurrence_id and not times.has(part.recurrence_id)}
    return [part for part in parts if id(part) not in gone]


def is_older(override: Revision, series: Revision) -> bool:
    """Return whether a series may overrule an override.

    DTSTAMP does not tell: programs write it anew whenever they write a file. Only where the series
    is cancelled, an override must be newer in any way.
    """
    if series.is_cancelled:
        return override <= series
    return override.sequence < series.sequence


class SeriesTimes:
    """Which of some times a series has; a series that is cancelled has none."""

    def __init__(
        self, series: SeriesComponent[T], whens: Sequence[CalendarTime], budget: StepBudget
    ) -> None:
        self._moments: set[datetime] = set()
        self._days: set[date] = set()
        if series.info.revision.is_cancelled or not whens:
            return
        moments = [when.to_utc() for when in whens]
        around = Window(min(moments) - timedelta(days=1), max(moments) + timedelta(days=2))
        for each in occurrences([replace(series, is_cancelled=False)], around, budget):
            self._moments.add(each.series_time.to_utc())
            self._days.add(each.series_time.local.date())

    def has(self, when: CalendarTime) -> bool:
        """Return whether the series has a time; a date is any time of that day."""
        return when.local.date() in self._days if when.is_date else when.to_utc() in self._moments
