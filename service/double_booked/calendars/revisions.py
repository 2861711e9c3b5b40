"""Find the current revision of an event among copies (RFC 5546, sections 2.1.4 and 2.1.5)."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, TypeVar

from double_booked.calendars.ics_lines import Component
from double_booked.calendars.ics_values import text_value
from double_booked.recurrence.calendar_times import CalendarTime, Window
from double_booked.recurrence.rules import StepBudget
from double_booked.recurrence.series import SeriesComponent, occurrences
from double_booked.recurrence.times import parse_date_or_time

_NEVER = datetime.min.replace(tzinfo=UTC)
_STAMP = re.compile(r"\d{8}T\d{6}Z?", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_ONE_RUN = timedelta(minutes=1)
"""A program writes all events of a file within this time; nobody revises an event so soon."""


@dataclass(frozen=True, slots=True, order=True)
class Revision:
    """How new a copy of an event is; a newer one is greater.

    Attributes:
        sequence: SEQUENCE; 0 if missing.
        stamp: DTSTAMP.
        modified: LAST-MODIFIED.
        is_cancelled: Whether it cancels the event.
        start: DTSTART as it is written.
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
        note: Receives a line and a sentence about an oddity on it.
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
    line = component.first("SEQUENCE")
    if line is None or not line.value.strip():
        return 0
    if not _NUMBER.fullmatch(line.value.strip()):
        note(line.line, f"SEQUENCE '{line.value}' is not a number, so it is read as 0")
        return 0
    return int(line.value)


def _moment(component: Component, name: str) -> datetime:
    line = component.first(name)
    if not line or not _STAMP.fullmatch(line.value):
        return _NEVER
    try:
        stamp, _ = parse_date_or_time(line.value)
    except ValueError:
        return _NEVER
    return stamp.replace(tzinfo=UTC) if isinstance(stamp, datetime) else _NEVER


def supersedes(one: Revision, other: Revision) -> bool:
    """Return whether one copy is a newer revision of the other, and not a different event.

    Some programs give all their events the same UID. So copies with the same SEQUENCE are different
    events if they differ in start and title, or in one of the two and were written together.
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
    """Return the copies that no other copy supersedes; of equal ones, the last."""
    copies = list(revised)
    newest: dict[str, Revision] = {}
    for copy in copies:
        revision = copy.revision
        for key in ("", f"start {revision.start}", f"title {revision.title}"):
            newest[key] = max(newest.get(key, revision), revision)
    kept = {}
    for copy in copies:
        revision = copy.revision
        keys = ("", f"start {revision.start}", f"title {revision.title}")
        if not any(supersedes(newest[key], revision) for key in keys):
            kept[revision.start, revision.title] = copy
    return list(kept.values())


def newest(revised: Sequence[T]) -> T:
    """Return the newest copy; of equal ones, the last."""
    return max(reversed(revised), key=lambda copy: copy.revision)


def without_stale(
    components: Sequence[SeriesComponent[T]], budget: StepBudget
) -> list[SeriesComponent[T]]:
    """Return the components of a series without the overrides that are outdated.

    An override that is older than its series is outdated if the series no longer has its time, or
    is cancelled.

    Raises:
        TooManyStepsError: The budget is spent.
        OverflowError: A time is not in the years 1 to 9999.
    """
    series = next((part for part in components if not part.recurrence_id), None)
    if series is None:
        return list(components)
    revision = series.info.revision
    older = [
        (part, part.recurrence_id)
        for part in components
        if part.recurrence_id and is_older(part.info.revision, revision)
    ]
    if not older:
        return list(components)
    times = SeriesTimes(series, [recurrence_id for _, recurrence_id in older], budget)
    stale = {id(part) for part, recurrence_id in older if not times.has(recurrence_id)}
    return [part for part in components if id(part) not in stale]


def is_older(override: Revision, series: Revision) -> bool:
    """Return whether an override is older than its series.

    DTSTAMP does not count, because programs renew it whenever they write a file. If the series is
    cancelled, though, the override must be newer by any of its stamps.
    """
    if series.is_cancelled:
        return override <= series
    return override.sequence < series.sequence


class SeriesTimes:
    """The times that a series has, among given ones; a cancelled series has none."""

    def __init__(
        self, series: SeriesComponent[T], times: Sequence[CalendarTime], budget: StepBudget
    ) -> None:
        self._moments: set[datetime] = set()
        self._days: set[date] = set()
        if series.info.revision.is_cancelled or not times:
            return
        moments = [time.to_utc() for time in times]
        around = Window(min(moments) - timedelta(days=1), max(moments) + timedelta(days=2))
        for occurrence in occurrences([replace(series, is_cancelled=False)], around, budget):
            self._moments.add(occurrence.series_time.to_utc())
            self._days.add(occurrence.series_time.local.date())

    def has(self, time: CalendarTime) -> bool:
        """Return whether the series has a time; a date stands for any time of that day."""
        return time.local.date() in self._days if time.is_date else time.to_utc() in self._moments
