"""The recurrence set of a series (RFC 5545, section 3.8.5). Pure: no I/O, no file format."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain, repeat
from typing import Generic, NamedTuple, TypeVar

from double_booked.recurrence.calendar_times import CalendarTime, EventDuration, Window
from double_booked.recurrence.invalid_days import expand_with_skip
from double_booked.recurrence.rules import Rule, StepBudget

_A_DAY = timedelta(days=1)
_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - local times
T = TypeVar("T")


class Occurrence(NamedTuple, Generic[T]):
    """One event of a series.

    Attributes:
        info: The `info` of the component that describes it, the series or an override.
        series_time: The time that the series has for it, which identifies it (RECURRENCE-ID).
        start: The start in UTC.
        end: The end in UTC.
        is_all_day: Whether it consists of whole days.
    """

    info: T
    series_time: CalendarTime
    start: datetime
    end: datetime
    is_all_day: bool = False


@dataclass(frozen=True, slots=True)
class SeriesComponent(Generic[T]):
    """A component of a series: the series itself, or an override of some of its events.

    Attributes:
        info: What the caller attaches to its events.
        start: DTSTART: the start of its first or only event.
        duration: How long each event lasts.
        rules: RRULE.
        exrules: EXRULE (RFC 2445, section 4.8.5.2).
        rdates: RDATE: further times, some of them periods with a duration of their own.
        exdates: EXDATE: excluded times.
        recurrence_id: RECURRENCE-ID: the time in the series that it overrides; None for the series.
        this_and_future: RANGE=THISANDFUTURE: whether it overrides the later events too.
        is_cancelled: Whether it removes its events.
    """

    info: T
    start: CalendarTime
    duration: EventDuration
    rules: tuple[Rule, ...] = ()
    exrules: tuple[Rule, ...] = ()
    rdates: tuple[tuple[CalendarTime, EventDuration | None], ...] = ()
    exdates: tuple[CalendarTime, ...] = ()
    recurrence_id: CalendarTime | None = None
    this_and_future: bool = False
    is_cancelled: bool = False


class _TimeSet:
    """A set of times of a series, looked up by their time in UTC; a date contains its whole day."""

    def __init__(self, times: Iterable[CalendarTime]) -> None:
        self._moments: set[datetime] = set()
        self._dates: set[date] = set()
        for time in times:
            if time.is_date:
                self._dates.add(time.local.date())
            else:
                self._moments.add(time.to_utc())

    def has(self, time: CalendarTime, moment: datetime) -> bool:
        return moment in self._moments or (bool(self._dates) and time.local.date() in self._dates)


def occurrences(
    components: Sequence[SeriesComponent[T]], window: Window, budget: StepBudget
) -> Iterator[Occurrence[T]]:
    """Yield the events of one series that lie partly in the window (RFC 5545, section 3.8.5).

    They are in no particular order.

    Args:
        components: At most one series, and its overrides. Of two overrides of the same time, the
            later one in this list counts.
        window: The window.
        budget: The steps that following the rules may take.

    Raises:
        TooManyStepsError: The budget is spent.
        OverflowError: A time is not in the years 1 to 9999.
    """
    first = next((part.start for part in components if not part.recurrence_id), None)
    overrides = [
        _in_zone_of(first or component.start, component)
        for component in components
        if component.recurrence_id
    ]
    for component in components:
        if not component.recurrence_id:
            yield from _events_of_series(component, overrides, window, budget)
    latest = {
        override.recurrence_id.to_utc(): override
        for override in overrides
        if override.recurrence_id
    }
    for override in latest.values():
        if override.recurrence_id and not override.is_cancelled:
            start, series_time = override.start, override.recurrence_id
            event = _within(override, start, start.to_utc(), override.duration, series_time, window)
            if event:
                yield event


def _in_zone_of(series: CalendarTime, override: SeriesComponent[T]) -> SeriesComponent[T]:
    """Return an override with its times in UTC converted to the zone of its series.

    Without this, the offset that THISANDFUTURE applies to later events, and the time that
    identifies the override, would depend on the zone that they are written in.
    """
    start, recurrence_id = override.start, override.recurrence_id
    assert recurrence_id  # noqa: S101 - overrides have one
    if override.this_and_future:
        start = _convert(start, series)
        if recurrence_id.is_date and not series.is_date:
            recurrence_id = series.with_local(
                datetime.combine(recurrence_id.local, series.local.time())
            )
    return replace(override, start=start, recurrence_id=_convert(recurrence_id, series))


def _convert(time: CalendarTime, series: CalendarTime) -> CalendarTime:
    """Return a time in UTC in the zone of its series; others stay as they are."""
    if time.zone is not UTC or series.zone is UTC or time.is_date or series.is_date:
        return time
    # The fold of the local time stays, so that it is the same time in UTC.
    return series.with_local(time.to_utc().astimezone(series.zone).replace(tzinfo=None))


def _events_of_series(
    series: SeriesComponent[T],
    overrides: Sequence[SeriesComponent[T]],
    window: Window,
    budget: StepBudget,
) -> Iterator[Occurrence[T]]:
    """Yield the events of a series without those that an override replaces."""
    replaced = (override.recurrence_id for override in overrides if override.recurrence_id)
    changes = _FutureOverrides(series, overrides)
    first, last = changes.local_range(window)
    by_rules = _excluded_by_rules(series, first, last, budget)
    missing = _TimeSet(chain(replaced, series.exdates, by_rules))
    for moment, time, duration in _times(series, first, last, budget):
        if missing.has(time, moment):
            continue
        component = changes.component_at(moment)
        if component.is_cancelled:
            continue
        if component is series:
            event = _within(series, time, moment, duration or series.duration, time, window)
        else:
            start = component.start.with_local(time.local + _shift(component))
            event = _within(component, start, start.to_utc(), component.duration, time, window)
        if event:
            yield event


def _within(  # noqa: PLR0917 - called for every event
    component: SeriesComponent[T],
    start: CalendarTime,
    begin: datetime,
    duration: EventDuration,
    series_time: CalendarTime,
    window: Window,
) -> Occurrence[T] | None:
    """Return an event; None if it lies outside of the window."""
    if begin >= window.end:
        return None
    end = duration.end(start, begin)
    if not window.has(begin, end):
        return None
    return Occurrence(component.info, series_time, begin, end, start.is_date)


def _times(
    series: SeriesComponent[T], first: datetime, last: datetime, budget: StepBudget
) -> Iterator[tuple[datetime, CalendarTime, EventDuration | None]]:
    """Yield each time of a series once: its start, RDATE, and the times of its rules.

    Each comes in UTC, as a calendar time, and with the duration that an RDATE period has.
    """
    seen: set[datetime] = set()
    by_rules = _by_rules(series, first, last, budget)
    start = () if _ends_before_it_starts(series) else (series.start,)
    without_duration = zip(chain(start, by_rules), repeat(None))
    for time, duration in chain(series.rdates, without_duration):
        moment = time.to_utc()
        if moment not in seen:
            seen.add(moment)
            yield moment, time, duration


def _ends_before_it_starts(series: SeriesComponent[T]) -> bool:
    """Return whether UNTIL of each rule is before the start.

    Programs write such a series when a user deletes its first event and all later ones.
    """
    untils = [rule.until for rule in series.rules]
    return bool(untils) and not any(
        until is None or _is_until(series.start, until) for until in untils
    )


def _by_rules(
    series: SeriesComponent[T], first: datetime, last: datetime, budget: StepBudget
) -> Iterator[CalendarTime]:
    for rule in series.rules:
        local_times = expand_with_skip(rule, series.start.local, first, last, budget)
        times = map(series.start.with_local, local_times)
        yield from _up_to_until(rule, times) if rule.until else times


def _excluded_by_rules(
    series: SeriesComponent[T], first: datetime, last: datetime, budget: StepBudget
) -> Iterator[CalendarTime]:
    start = series.start
    for rule in series.exrules:
        times = expand_with_skip(rule, start.local, first, last, budget, start_counts=False)
        yield from _up_to_until(rule, map(start.with_local, times))


def _up_to_until(rule: Rule, times: Iterable[CalendarTime]) -> Iterator[CalendarTime]:
    for time in times:
        if rule.until and not _is_until(time, rule.until):
            return
        yield time


def _is_until(time: CalendarTime, until: date | datetime) -> bool:
    """Return whether a time is not after UNTIL; a date includes that whole day."""
    if not isinstance(until, datetime):
        return time.local.date() <= until
    if until.tzinfo is None or time.is_date:
        return time.local <= until.replace(tzinfo=None)
    return time.to_utc() <= until


class _FutureOverrides(Generic[T]):
    """The overrides with RANGE=THISANDFUTURE, which move the later events of a series."""

    def __init__(self, series: SeriesComponent[T], overrides: Sequence[SeriesComponent[T]]) -> None:
        self._series = series
        future = [
            (override.recurrence_id.to_utc(), override)
            for override in overrides
            if override.recurrence_id and override.this_and_future
        ]
        future.sort(key=lambda pair: pair[0])
        self._moments = [moment for moment, _ in future]
        self._overrides = [override for _, override in future]

    def component_at(self, moment: datetime) -> SeriesComponent[T]:
        """Return the component that describes the event at a time of the series, in UTC."""
        index = bisect_right(self._moments, moment)
        return self._overrides[index - 1] if index else self._series

    def local_range(self, window: Window) -> tuple[datetime, datetime]:
        """Return the local times of the series between which an event may lie in the window."""
        shifts = [_shift(override) for override in self._overrides]
        durations = [part.duration.longest() for part in (self._series, *self._overrides)]
        durations += [duration.longest() for _, duration in self._series.rdates if duration]
        zone = self._series.start.zone
        before = max(durations) + max((timedelta(0), *shifts)) + _A_DAY
        after = max(timedelta(0), *(-shift for shift in shifts), timedelta(0)) + _A_DAY
        start = window.start.astimezone(zone).replace(tzinfo=None, fold=0)
        end = window.end.astimezone(zone).replace(tzinfo=None, fold=0)
        return _earlier(start, before), _later(end, after)


def _shift(override: SeriesComponent[T]) -> timedelta:
    """Return how far an override moves its event, in local time."""
    assert override.recurrence_id  # noqa: S101 - overrides have one
    return override.start.local - override.recurrence_id.local


def _earlier(moment: datetime, by: timedelta) -> datetime:
    return moment - by if moment - _FIRST > by else _FIRST


def _later(moment: datetime, by: timedelta) -> datetime:
    return moment + by if _LAST - moment > by else _LAST
