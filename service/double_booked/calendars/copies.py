"""Copies of an event in several calendars: which of them give way to newer ones."""

from collections.abc import Hashable, Iterable, Sequence
from enum import Enum

from double_booked.calendars.parsed_calendars import EventComponent, EventInfo
from double_booked.calendars.parsed_events import ParsedEvent
from double_booked.calendars.revisions import SeriesTimes, supersedes
from double_booked.conflicts.instants import to_seconds
from double_booked.recurrence.rules import StepBudget, TooManyStepsError
from double_booked.recurrence.series import CalendarTime

MAX_STEPS = 1_000_000
"""How many candidates the rules of newer series may go through, all of them together."""


class Fate(Enum):
    """What becomes of an event where calendars have different copies of it."""

    STAYS = "stays"
    MOVED = "moved"
    CANCELLED = "cancelled"


class Copies:
    """The copies of events that calendars do not agree about."""

    def __init__(
        self, calendars: Iterable[Sequence[EventComponent]], found: Iterable[ParsedEvent]
    ) -> None:
        """Compare calendars.

        Args:
            calendars: The components of each that have a UID.
            found: The events of the calendars.
        """
        self._copies = _disputed(calendars)
        self._whens: dict[str, list[CalendarTime]] = {}
        self._times: dict[int, SeriesTimes | None] = {}
        self._budget = StepBudget(MAX_STEPS)
        if self._copies:
            for each in found:
                if each.info and each.series_time and each.info.uid in self._copies:
                    self._whens.setdefault(each.info.uid, []).append(each.series_time)

    def fate_of(self, found: ParsedEvent) -> Fate:
        """Return whether an event takes place as it was found.

        A copy at the same time is no reason against it, however new: what is transparent, or
        declined, in one calendar takes time in another.
        """
        info, when = found.info, found.series_time
        if not info or not when or info.uid not in self._copies:
            return Fate.STAYS
        copies = self._copies[info.uid]
        overrides = [each for each in copies if _overrides(each, info, when)]
        if overrides:
            return _by_override(_newest(overrides), found)
        series = [each for each in copies if _overrules(each, info)]
        return self._by_series(_newest(series), info, when, found) if series else Fate.STAYS

    def _by_series(
        self, series: EventComponent, info: EventInfo, when: CalendarTime, found: ParsedEvent
    ) -> Fate:
        if series.info.revision.is_cancelled:
            return Fate.CANCELLED
        times = self._times_of(series)
        if times is None:
            return Fate.STAYS
        if not times.has(when):
            return Fate.MOVED
        return Fate.STAYS if info.is_override or _lasts_as(series, when, found) else Fate.MOVED

    def _times_of(self, series: EventComponent) -> SeriesTimes | None:
        """Which of the times of its copies a series has; None if that takes too many steps."""
        if id(series) not in self._times:
            try:
                times = SeriesTimes(series, self._whens[series.info.uid], self._budget)
            except (TooManyStepsError, OverflowError, ValueError):
                self._times[id(series)] = None
            else:
                self._times[id(series)] = times
        return self._times[id(series)]


def _disputed(calendars: Iterable[Sequence[EventComponent]]) -> dict[str, list[EventComponent]]:
    """The copies of the UIDs of which calendars do not say the same."""
    copies: dict[str, list[EventComponent]] = {}
    said: dict[str, set[Hashable]] = {}
    for calendar in calendars:
        by_uid: dict[str, list[EventComponent]] = {}
        for copy in calendar:
            by_uid.setdefault(copy.info.uid, []).append(copy)
        for uid, of_uid in by_uid.items():
            copies.setdefault(uid, []).extend(of_uid)
            said.setdefault(uid, set()).add(frozenset(map(_says, of_uid)))
    return {uid: of_uid for uid, of_uid in copies.items() if len(said[uid]) > 1}


def _says(copy: EventComponent) -> Hashable:
    """What a copy says of when its events are; not who takes part, nor when it was written."""
    revision = copy.info.revision
    return (
        *(copy.recurrence_id, copy.this_and_future, copy.start, copy.duration, copy.rules),
        *(copy.exrules, copy.rdates, copy.exdates),
        *(revision.sequence, revision.is_cancelled),
    )


def _newest(copies: Sequence[EventComponent]) -> EventComponent:
    return max(copies, key=lambda each: each.info.revision)


def _overrides(copy: EventComponent, info: EventInfo, when: CalendarTime) -> bool:
    """Whether a copy is a newer override of an event, or one of the series it is from."""
    if not copy.recurrence_id:
        return False
    revision = copy.info.revision
    is_of_it = _is_same(copy.recurrence_id, when)
    if revision.is_cancelled and copy.this_and_future:
        is_of_it |= copy.recurrence_id.to_utc() <= when.to_utc()
    if not is_of_it:
        return False
    if info.is_override:
        return supersedes(revision, info.revision)
    return not revision.is_cancelled or revision.sequence >= info.revision.sequence


def _is_same(recurrence_id: CalendarTime, when: CalendarTime) -> bool:
    if recurrence_id.is_date or when.is_date:
        return recurrence_id.local.date() == when.local.date()
    return recurrence_id.to_utc() == when.to_utc()


def _overrules(copy: EventComponent, info: EventInfo) -> bool:
    """Whether a copy is a newer description of the series that an event is from."""
    if copy.recurrence_id:
        return False
    if info.is_override:
        return copy.info.revision.sequence > info.revision.sequence
    return supersedes(copy.info.revision, info.revision)


def _by_override(override: EventComponent, found: ParsedEvent) -> Fate:
    if override.info.revision.is_cancelled:
        return Fate.CANCELLED
    begin = override.start.to_utc()
    end = override.duration.end(override.start, begin)
    is_there = to_seconds(begin) == found.event.start.seconds
    is_as_long = to_seconds(end) == found.event.end.seconds
    return Fate.STAYS if is_there and is_as_long else Fate.MOVED


def _lasts_as(series: EventComponent, when: CalendarTime, found: ParsedEvent) -> bool:
    """Whether a series has an event as long; periods of RDATE have lengths of their own."""
    if any(length for _, length in series.rdates):
        return True
    end = series.duration.end(when, when.to_utc())
    return to_seconds(end) == found.event.end.seconds
