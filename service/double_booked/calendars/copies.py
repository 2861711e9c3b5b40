"""Copies of an event in several calendars: which of them a newer copy replaces.

The rules are those for revisions of RFC 5546, section 2.1.5.
"""

from collections.abc import Hashable, Iterable, Sequence
from enum import Enum

from double_booked.calendars.parsed_calendars import EventComponent, EventInfo
from double_booked.calendars.parsed_events import ParsedEvent
from double_booked.calendars.revisions import SeriesTimes, supersedes
from double_booked.conflicts.instants import to_seconds
from double_booked.recurrence.calendar_times import CalendarTime
from double_booked.recurrence.rules import StepBudget, TooManyStepsError

MAX_STEPS = 1_000_000
"""Maximum number of candidates of the rules of all series that are compared."""


class Fate(Enum):
    """What becomes of an event if another calendar has a different copy of it."""

    STAYS = "stays"
    MOVED = "moved"
    CANCELLED = "cancelled"


class Copies:
    """The copies of events on which calendars disagree."""

    def __init__(
        self, calendars: Iterable[Sequence[EventComponent]], events: Iterable[ParsedEvent]
    ) -> None:
        """Compare calendars.

        Args:
            calendars: The components with a UID of each calendar.
            events: The events of the calendars.
        """
        self._copies = _disputed(calendars)
        self._times: dict[str, list[CalendarTime]] = {}
        self._series_times: dict[int, SeriesTimes | None] = {}
        self._budget = StepBudget(MAX_STEPS)
        if self._copies:
            for event in events:
                if event.info and event.series_time and event.info.uid in self._copies:
                    self._times.setdefault(event.info.uid, []).append(event.series_time)

    def fate_of(self, event: ParsedEvent) -> Fate:
        """Return whether an event takes place as its own calendar has it.

        A newer copy at the same time does not replace it: an event that is transparent or declined
        in one calendar still occupies time in another.
        """
        info, time = event.info, event.series_time
        if not info or not time or info.uid not in self._copies:
            return Fate.STAYS
        copies = self._copies[info.uid]
        overrides = [copy for copy in copies if _overrides(copy, info, time)]
        if overrides:
            return _fate_by_override(_newest(overrides), event)
        series = [copy for copy in copies if _redefines_series(copy, info)]
        return self._fate_by_series(_newest(series), info, time, event) if series else Fate.STAYS

    def _fate_by_series(
        self, series: EventComponent, info: EventInfo, time: CalendarTime, event: ParsedEvent
    ) -> Fate:
        if series.info.revision.is_cancelled:
            return Fate.CANCELLED
        times = self._times_of(series)
        if times is None:
            return Fate.STAYS
        if not times.has(time):
            return Fate.MOVED
        has_duration = info.is_override or _has_duration(series, time, event)
        return Fate.STAYS if has_duration else Fate.MOVED

    def _times_of(self, series: EventComponent) -> SeriesTimes | None:
        """Return the times that a series shares with its copies; None if finding them fails."""
        if id(series) not in self._series_times:
            try:
                times = SeriesTimes(series, self._times[series.info.uid], self._budget)
            except (TooManyStepsError, OverflowError, ValueError):
                self._series_times[id(series)] = None
            else:
                self._series_times[id(series)] = times
        return self._series_times[id(series)]


def _disputed(calendars: Iterable[Sequence[EventComponent]]) -> dict[str, list[EventComponent]]:
    """Return the copies of the UIDs that calendars define differently, by UID."""
    copies: dict[str, list[EventComponent]] = {}
    definitions: dict[str, set[Hashable]] = {}
    for calendar in calendars:
        by_uid: dict[str, list[EventComponent]] = {}
        for copy in calendar:
            by_uid.setdefault(copy.info.uid, []).append(copy)
        for uid, same in by_uid.items():
            copies.setdefault(uid, []).extend(same)
            definitions.setdefault(uid, set()).add(frozenset(map(_definition, same)))
    return {uid: same for uid, same in copies.items() if len(definitions[uid]) > 1}


def _definition(copy: EventComponent) -> Hashable:
    """Return what a copy states about the times of its events, without people and stamps."""
    revision = copy.info.revision
    return (
        *(copy.recurrence_id, copy.this_and_future, copy.start, copy.duration, copy.rules),
        *(copy.exrules, copy.rdates, copy.exdates),
        *(revision.sequence, revision.is_cancelled),
    )


def _newest(copies: Sequence[EventComponent]) -> EventComponent:
    return max(copies, key=lambda copy: copy.info.revision)


def _overrides(copy: EventComponent, info: EventInfo, time: CalendarTime) -> bool:
    """Return whether a copy is a newer override of the event at a time of its series.

    Args:
        copy: The copy.
        info: What the component of the event states.
        time: The time that the series has for the event.
    """
    if not copy.recurrence_id:
        return False
    revision = copy.info.revision
    is_of_event = _is_same(copy.recurrence_id, time)
    if revision.is_cancelled and copy.this_and_future:
        is_of_event |= copy.recurrence_id.to_utc() <= time.to_utc()
    if not is_of_event:
        return False
    if info.is_override:
        return supersedes(revision, info.revision)
    return not revision.is_cancelled or revision.sequence >= info.revision.sequence


def _is_same(recurrence_id: CalendarTime, time: CalendarTime) -> bool:
    if recurrence_id.is_date or time.is_date:
        return recurrence_id.local.date() == time.local.date()
    return recurrence_id.to_utc() == time.to_utc()


def _redefines_series(copy: EventComponent, info: EventInfo) -> bool:
    """Return whether a copy is a newer definition of the series of an event."""
    if copy.recurrence_id:
        return False
    if info.is_override:
        return copy.info.revision.sequence > info.revision.sequence
    return supersedes(copy.info.revision, info.revision)


def _fate_by_override(override: EventComponent, event: ParsedEvent) -> Fate:
    if override.info.revision.is_cancelled:
        return Fate.CANCELLED
    begin = override.start.to_utc()
    end = override.duration.end(override.start, begin)
    same_start = to_seconds(begin) == event.event.start.seconds
    same_end = to_seconds(end) == event.event.end.seconds
    return Fate.STAYS if same_start and same_end else Fate.MOVED


def _has_duration(series: EventComponent, time: CalendarTime, event: ParsedEvent) -> bool:
    """Return whether an event lasts as long as its series says.

    If the series has periods of RDATE, which have durations of their own, any duration is right.
    """
    if any(duration for _, duration in series.rdates):
        return True
    end = series.duration.end(time, time.to_utc())
    return to_seconds(end) == event.event.end.seconds
