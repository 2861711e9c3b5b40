"""The recurrence set of a series: RFC 5545, section 3.8.5. Pure: no file, no format."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import chain, repeat
from typing import Generic, NamedTuple, TypeVar

from double_booked.recurrence.invalid_days import expand_with_skip
from double_booked.recurrence.rules import Rule, StepBudget

_A_DAY = timedelta(days=1)
_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001 - local times
T = TypeVar("T")


class CalendarTime(NamedTuple):
    """A time as a calendar has it; a tuple, since each event has one.

    Attributes:
        local: What the clock shows; midnight for a date.
        zone: Whose clock.
        is_date: Whether it is a whole day.
        is_floating: Whether it is a time that names no zone.
    """

    local: datetime
    zone: tzinfo
    is_date: bool = False
    is_floating: bool = False

    def to_utc(self) -> datetime:
        """In UTC. A time that a change of the clocks skips has the offset before the change."""
        if self.zone is UTC:
            return self.local.replace(tzinfo=UTC)
        return self.local.replace(tzinfo=self.zone).astimezone(UTC)

    def with_local(self, local: datetime) -> "CalendarTime":
        """Another time by the same clock."""
        return CalendarTime(local, self.zone, self.is_date, self.is_floating)


@dataclass(frozen=True, slots=True)
class EventDuration:
    """How long an event lasts: days by the calendar, or what its clock shows, then an exact time.

    Of a DURATION, weeks and days are the calendar's, the rest is exact (3.8.5.3). A DTEND in the
    zone of its DTSTART keeps its time of day, as calendar programs show it; one in another zone
    repeats the exact length.

    Attributes:
        days: By the calendar.
        exact: Whatever clocks show.
        wall: How much later the clock shows at the end.
    """

    days: int = 0
    exact: timedelta = timedelta(0)
    wall: timedelta = timedelta(0)

    def end(self, start: CalendarTime, begin: datetime) -> datetime:
        """When an event ends that starts then, in UTC; `begin` is the same in UTC."""
        if self.wall:
            end = start.with_local(start.local + self.wall).to_utc()
            return end if end > begin else begin + self.wall  # it starts in a gap of the clocks
        if self.days:
            return start.with_local(start.local + timedelta(self.days)).to_utc() + self.exact
        return begin + self.exact

    def longest(self) -> timedelta:
        """No less than what it is, whatever clocks do."""
        return timedelta(self.days + 1) + self.exact + self.wall


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is looked at, in UTC; the end does not belong to it."""

    start: datetime
    end: datetime

    def has(self, start: datetime, end: datetime) -> bool:
        """Whether an event takes some of it; an event without length is an instant."""
        return start < self.end and (end > self.start or start == end == self.start)


class Occurrence(NamedTuple, Generic[T]):
    """One of the events of a series.

    Attributes:
        info: The component that describes it: the series', or that of an override.
        series_time: The time that the series had it at, which names it.
        start: In UTC.
        end: The same.
        is_all_day: Whether it is of whole days.
    """

    info: T
    series_time: CalendarTime
    start: datetime
    end: datetime
    is_all_day: bool = False


@dataclass(frozen=True, slots=True)
class SeriesComponent(Generic[T]):
    """A component of a series: its description, or an override.

    Attributes:
        info: What it stands for.
        start: When its first, or only, event starts.
        length: How long each lasts.
        rules: When it recurs.
        exrules: When it does not (EXRULE, of RFC 2445).
        rdates: Further times, some with a length of their own (RDATE).
        exdates: Times that are none (EXDATE).
        recurrence_id: The time in the series that this overrides (RECURRENCE-ID).
        this_and_future: Whether it overrides those after it too.
        is_cancelled: Whether it takes the event away.
    """

    info: T
    start: CalendarTime
    length: EventDuration
    rules: tuple[Rule, ...] = ()
    exrules: tuple[Rule, ...] = ()
    rdates: tuple[tuple[CalendarTime, EventDuration | None], ...] = ()
    exdates: tuple[CalendarTime, ...] = ()
    recurrence_id: CalendarTime | None = None
    this_and_future: bool = False
    is_cancelled: bool = False


class _TimeSet:
    """Times of a series, to be found by moment; a date stands for its whole day."""

    def __init__(self, times: Iterable[CalendarTime]) -> None:
        self._moments: set[datetime] = set()
        self._dates: set[date] = set()
        for each in times:
            if each.is_date:
                self._dates.add(each.local.date())
            else:
                self._moments.add(each.to_utc())

    def has(self, when: CalendarTime, moment: datetime) -> bool:
        return moment in self._moments or (bool(self._dates) and when.local.date() in self._dates)


def occurrences(
    parts: Sequence[SeriesComponent[T]], window: Window, budget: StepBudget
) -> Iterator[Occurrence[T]]:
    """Yields the events of one series that take some of the window, in no order.

    Args:
        parts: At most one that replaces nothing, and the overrides. Of two that replace the same,
            the later one counts.
        window: The time to look at.
        budget: How far rules may be followed.

    Raises:
        TooManyStepsError: They go farther.
        OverflowError: A time leaves the years 1 to 9999.
    """
    clock = next((part.start for part in parts if not part.recurrence_id), None)
    overrides = [_by_clock_of(clock or part.start, part) for part in parts if part.recurrence_id]
    for part in parts:
        if not part.recurrence_id:
            yield from _of_series(part, overrides, window, budget)
    latest = {part.recurrence_id.to_utc(): part for part in overrides if part.recurrence_id}
    for part in latest.values():
        if part.recurrence_id and not part.is_cancelled:
            begin = part.start.to_utc()
            found = _within(part, part.start, begin, part.length, part.recurrence_id, window)
            if found:
                yield found


def _by_clock_of(series: CalendarTime, part: SeriesComponent[T]) -> SeriesComponent[T]:
    """An override with its times as the clock of its series shows them, if they are in UTC.

    Only so is it known how far one moves those after it, and do all name it by the same time.
    """
    start, recurrence_id = part.start, part.recurrence_id
    assert recurrence_id  # noqa: S101 - only overrides are asked
    if part.this_and_future:
        start = _shown_by(series, start)
        if recurrence_id.is_date and not series.is_date:
            recurrence_id = series.with_local(
                datetime.combine(recurrence_id.local, series.local.time())
            )
    return replace(part, start=start, recurrence_id=_shown_by(series, recurrence_id))


def _shown_by(clock: CalendarTime, when: CalendarTime) -> CalendarTime:
    if when.zone is not UTC or clock.zone is UTC or when.is_date or clock.is_date:
        return when
    # The fold stays: the moment is the same.
    return clock.with_local(when.to_utc().astimezone(clock.zone).replace(tzinfo=None))


def _of_series(
    series: SeriesComponent[T],
    overrides: Sequence[SeriesComponent[T]],
    window: Window,
    budget: StepBudget,
) -> Iterator[Occurrence[T]]:
    replaced = (part.recurrence_id for part in overrides if part.recurrence_id)
    changes = _FutureOverrides(series, overrides)
    first, last = changes.reach(window)
    by_rules = _excluded_by_rules(series, first, last, budget)
    missing = _TimeSet(chain(replaced, series.exdates, by_rules))
    for moment, when, length in _times(series, first, last, budget):
        if missing.has(when, moment):
            continue
        part = changes.part_at(moment)
        if part.is_cancelled:
            continue
        if part is series:
            found = _within(part, when, moment, length or part.length, when, window)
        else:
            start = part.start.with_local(when.local + _moved(part))
            found = _within(part, start, start.to_utc(), part.length, when, window)
        if found:
            yield found


def _within(  # noqa: PLR0917 - called for every event
    part: SeriesComponent[T],
    start: CalendarTime,
    begin: datetime,
    length: EventDuration,
    series_time: CalendarTime,
    window: Window,
) -> Occurrence[T] | None:
    """Return an event, or None if it takes nothing of the window."""
    if begin >= window.end:
        return None
    end = length.end(start, begin)
    if not window.has(begin, end):
        return None
    return Occurrence(part.info, series_time, begin, end, start.is_date)


def _times(
    series: SeriesComponent[T], first: datetime, last: datetime, budget: StepBudget
) -> Iterator[tuple[datetime, CalendarTime, EventDuration | None]]:
    """Yields each time of a series once: its start, further times, and when its rules fire."""
    seen: set[datetime] = set()
    by_rules = _by_rules(series, first, last, budget)
    start = () if _ends_before_it_starts(series) else (series.start,)
    by_itself = zip(chain(start, by_rules), repeat(None))
    for when, length in chain(series.rdates, by_itself):
        moment = when.to_utc()
        if moment not in seen:
            seen.add(moment)
            yield moment, when, length


def _ends_before_it_starts(series: SeriesComponent[T]) -> bool:
    """Whether UNTIL of each rule is before the start, as of what is deleted from its first on."""
    untils = [rule.until for rule in series.rules]
    return bool(untils) and not any(
        until is None or _is_until(series.start, until) for until in untils
    )


def _by_rules(
    series: SeriesComponent[T], first: datetime, last: datetime, budget: StepBudget
) -> Iterator[CalendarTime]:
    for rule in series.rules:
        times = expand_with_skip(rule, series.start.local, first, last, budget)
        whens = map(series.start.with_local, times)
        yield from _up_to_until(rule, whens) if rule.until else whens


def _excluded_by_rules(
    series: SeriesComponent[T], first: datetime, last: datetime, budget: StepBudget
) -> Iterator[CalendarTime]:
    for rule in series.exrules:
        times = expand_with_skip(rule, series.start.local, first, last, budget, start_counts=False)
        yield from _up_to_until(rule, map(series.start.with_local, times))


def _up_to_until(rule: Rule, times: Iterable[CalendarTime]) -> Iterator[CalendarTime]:
    for when in times:
        if rule.until and not _is_until(when, rule.until):
            return
        yield when


def _is_until(when: CalendarTime, until: date | datetime) -> bool:
    """Whether a time is no later; a date means that whole day."""
    if not isinstance(until, datetime):
        return when.local.date() <= until
    if until.tzinfo is None or when.is_date:
        return when.local <= until.replace(tzinfo=None)
    return when.to_utc() <= until


class _FutureOverrides(Generic[T]):
    """What overrides with RANGE=THISANDFUTURE make of the times after them."""

    def __init__(self, series: SeriesComponent[T], overrides: Sequence[SeriesComponent[T]]) -> None:
        self._series = series
        found = [
            (part.recurrence_id.to_utc(), part)
            for part in overrides
            if part.recurrence_id and part.this_and_future
        ]
        found.sort(key=lambda each: each[0])
        self._moments = [moment for moment, _ in found]
        self._parts = [part for _, part in found]

    def part_at(self, moment: datetime) -> SeriesComponent[T]:
        """The component that describes a time of the series."""
        index = bisect_right(self._moments, moment)
        return self._parts[index - 1] if index else self._series

    def reach(self, window: Window) -> tuple[datetime, datetime]:
        """From and up to what local time of the series its events may lie in the window."""
        moved = [_moved(part) for part in self._parts]
        lengths = [part.length.longest() for part in (self._series, *self._parts)]
        lengths += [length.longest() for _, length in self._series.rdates if length]
        zone = self._series.start.zone
        before = max(lengths) + max((timedelta(0), *moved)) + _A_DAY
        after = max(timedelta(0), *(-each for each in moved), timedelta(0)) + _A_DAY
        start = window.start.astimezone(zone).replace(tzinfo=None, fold=0)
        end = window.end.astimezone(zone).replace(tzinfo=None, fold=0)
        return _sooner(start, before), _later(end, after)


def _moved(part: SeriesComponent[T]) -> timedelta:
    assert part.recurrence_id  # noqa: S101 - only overrides are asked
    return part.start.local - part.recurrence_id.local


def _sooner(moment: datetime, by: timedelta) -> datetime:
    return moment - by if moment - _FIRST > by else _FIRST


def _later(moment: datetime, by: timedelta) -> datetime:
    return moment + by if _LAST - moment > by else _LAST
