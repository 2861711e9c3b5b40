"""Recurrence rules: RFC 5545, section 3.3.10, over local times.

dateutil's rrule cannot be used here: a rule that never fires keeps it busy up to the year 9999, and
nothing can stop it from outside. Here every step is counted.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

from icalendar import vRecur

from double_booked.calendars.ics_times import decode
from double_booked.calendars.rule_text import clean_parts

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MAX_WEEKS = 53
_DAYS_OF_WEEK = 7
_LAST_DAY = date.max.toordinal()
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_RANGES = {
    "BYMONTH": (1, 12),
    "BYWEEKNO": (-53, 53),
    "BYYEARDAY": (-366, 366),
    "BYMONTHDAY": (-31, 31),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
    "BYSETPOS": (-366, 366),
}
_KNOWN = {"FREQ", "INTERVAL", "COUNT", "WKST", "BYDAY", *_RANGES}
_SKIPS = ("OMIT", "BACKWARD", "FORWARD")
_FORBIDDEN = {
    "BYWEEKNO": {"MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"},
    "BYYEARDAY": {"MONTHLY", "WEEKLY", "DAILY"},
    "BYMONTHDAY": {"WEEKLY"},
}


class TooManySteps(Exception):  # noqa: N818 - named for what was too much
    """A rule takes more steps than a file may."""


@dataclass(slots=True)
class Steps:
    """How many steps the rules of a file may still take."""

    left: int

    def take(self, count: int = 1) -> None:
        """Counts so many.

        Raises:
            TooManySteps: There are none left.
        """
        self.left -= count
        if self.left < 0:
            raise TooManySteps


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule; what it does not name is empty.

    Attributes:
        freq: "YEARLY" to "SECONDLY".
        interval: How many of these units apart periods are.
        count: How many occurrences there are in all, the start of the series included.
        until: The last moment that may be one: a date, a local time, or a time in UTC.
        by_day: The ordinal (0 for every) and the day of the week, Monday 0.
        week_start: The day that weeks begin with, Monday 0.
        skip: What becomes of a day that a month has not (RFC 7529): "OMIT", "BACKWARD" for the last
            day of the month, or "FORWARD" for the first of the next.
    """

    freq: str
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    by_month: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_hour: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_second: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0
    skip: str = "OMIT"

    @property
    def is_within_days(self) -> bool:
        """Whether it fires more often than daily."""
        return self.freq in {"HOURLY", "MINUTELY", "SECONDLY"}


def _ignore(_: str) -> None:
    pass


def parse_rule(text: str, *, of_dates: bool, note: Callable[[str], None] = _ignore) -> Rule:
    """Reads the value of an RRULE.

    Args:
        text: Such as "FREQ=WEEKLY;BYDAY=MO".
        of_dates: Whether the series is of whole days, in which times of the day are ignored.
        note: Receives a sentence about each oddity that has one plain meaning.

    Raises:
        ValueError: It is none; the text says what is wrong.
    """
    texts = clean_parts(text, note)
    until = _until(texts.pop("UNTIL", None))
    skip = _skip(texts)
    parts: dict[str, Any] = dict(vRecur.from_ical(_joined(texts)))
    unknown = parts.keys() - _KNOWN
    if unknown:
        raise ValueError(f"unknown part {min(unknown)}")
    if "FREQ" not in parts:
        raise ValueError("it has no FREQ")
    freq = str(parts["FREQ"][0])
    if len(parts["FREQ"]) != 1:
        raise ValueError("FREQ has more than one value")
    rule = Rule(
        freq,
        _positive(parts, "INTERVAL") or 1,
        _positive(parts, "COUNT"),
        until,
        by_month=_numbers(parts, "BYMONTH"),
        by_week_no=_numbers(parts, "BYWEEKNO"),
        by_year_day=_numbers(parts, "BYYEARDAY"),
        by_month_day=_numbers(parts, "BYMONTHDAY"),
        by_day=tuple(dict.fromkeys(_weekday(str(each)) for each in parts.get("BYDAY", ()))),
        by_hour=_numbers(parts, "BYHOUR"),
        by_minute=_numbers(parts, "BYMINUTE"),
        by_second=_numbers(parts, "BYSECOND"),
        by_set_pos=_numbers(parts, "BYSETPOS"),
        week_start=WEEKDAYS.index(str(parts.get("WKST", ["MO"])[0])),
        skip=skip,
    )
    _check_parts(rule, parts)
    if not of_dates:
        return rule
    if rule.is_within_days:
        raise ValueError(f"whole days cannot repeat {freq}")
    return replace(rule, by_hour=(), by_minute=(), by_second=())


def _joined(texts: dict[str, str]) -> str:
    return ";".join(f"{name}={values}" for name, values in texts.items())


def _until(text: str | None) -> date | datetime | None:
    if text is None:
        return None
    if "," in text:
        raise ValueError("UNTIL has more than one value")
    try:
        until, is_utc = decode(text)
    except ValueError as error:
        raise ValueError(f"UNTIL: {error}") from None
    return until.replace(tzinfo=UTC) if isinstance(until, datetime) and is_utc else until


def _skip(texts: dict[str, str]) -> str:
    """Take RSCALE and SKIP out of the parts of a rule (RFC 7529)."""
    scale, skip = texts.pop("RSCALE", None), texts.pop("SKIP", None)
    if scale not in {None, "GREGORIAN"}:
        raise ValueError(f"RSCALE={scale} is not supported, only GREGORIAN is")
    if skip not in {None, *_SKIPS}:
        raise ValueError(f"SKIP={skip} is none of {', '.join(_SKIPS)}")
    return skip or "OMIT"


def _positive(parts: dict[str, Any], name: str) -> int | None:
    values = parts.get(name)
    if values is None:
        return None
    if len(values) != 1 or values[0] < 1:
        raise ValueError(f"{name} is not a number from 1")
    return int(values[0])


def _numbers(parts: dict[str, Any], name: str) -> tuple[int, ...]:
    low, high = _RANGES[name]
    numbers = tuple(sorted({int(each) for each in parts.get(name, ())}))
    for number in numbers:
        if not low <= number <= high or (number == 0 and low < 0):
            raise ValueError(f"{name}={number} is out of range")
    return numbers


def _weekday(text: str) -> tuple[int, int]:
    match = _DAY.fullmatch(text)
    if not match or (match[1] and not 1 <= abs(int(match[1])) <= _MAX_WEEKS):
        raise ValueError(f"BYDAY={text} is no day")
    return int(match[1] or 0), WEEKDAYS.index(match[2])


def _check_parts(rule: Rule, parts: dict[str, Any]) -> None:
    """Refuses what section 3.3.10 says must not stand together."""
    for name, forbidden in _FORBIDDEN.items():
        if name in parts and rule.freq in forbidden:
            raise ValueError(f"{name} cannot be with FREQ={rule.freq}")
    has_ordinals = any(ordinal for ordinal, _ in rule.by_day)
    if has_ordinals and (rule.freq not in {"MONTHLY", "YEARLY"} or rule.by_week_no):
        raise ValueError("BYDAY with a number needs FREQ=MONTHLY, or YEARLY without BYWEEKNO")
    if rule.by_set_pos and not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise ValueError("BYSETPOS needs another BY part")
    if rule.skip != "OMIT" and (rule.by_set_pos or rule.by_week_no or rule.by_year_day):
        raise ValueError(f"SKIP={rule.skip} cannot be with BYSETPOS, BYWEEKNO or BYYEARDAY here")


def expand(
    rule: Rule,
    start: datetime,
    first: datetime,
    last: datetime,
    steps: Steps,
    *,
    starts_apart: bool = True,
) -> Iterator[datetime]:
    """Yields when a rule fires, in order, all times local and without a zone.

    Args:
        rule: The rule. UNTIL is for the caller to heed, who knows the zone.
        start: Where the series starts.
        first: What is before may be left out.
        last: Nothing after it is yielded.
        steps: Every candidate is counted there.
        starts_apart: Whether the start counts as the first occurrence, even where the rule does not
            fire then, and is not yielded.

    Raises:
        TooManySteps: It takes more than `steps` has left.
    """
    left = None if rule.count is None else rule.count - starts_apart
    full = _complete(rule, start)
    for period in _periods(full, start, start if rule.count else max(start, first), last, steps):
        for moment in _chosen(full, period):
            if moment > last or left == 0:
                return
            if moment > start or (moment == start and not starts_apart):
                yield moment
                left = None if left is None else left - 1


def _complete(rule: Rule, start: datetime) -> Rule:
    """The rule with what it takes from the start of the series."""
    changes: dict[str, Any] = {}
    names_day = rule.by_year_day or rule.by_month_day or rule.by_day
    if rule.freq == "YEARLY" and rule.by_week_no and not names_day:
        changes["by_day"] = ((0, start.weekday()),)
    elif rule.freq == "YEARLY" and not names_day:
        changes["by_month"] = rule.by_month or (start.month,)
        changes["by_month_day"] = (start.day,)
    elif rule.freq == "MONTHLY" and not names_day:
        changes["by_month_day"] = (start.day,)
    elif rule.freq == "WEEKLY" and not rule.by_day:
        changes["by_day"] = ((0, start.weekday()),)
    if not rule.is_within_days:
        changes["by_hour"] = rule.by_hour or (start.hour,)
    if rule.freq not in {"MINUTELY", "SECONDLY"}:
        changes["by_minute"] = rule.by_minute or (start.minute,)
    if rule.freq != "SECONDLY":
        changes["by_second"] = rule.by_second or (start.second,)
    return replace(rule, **changes)


def _chosen(rule: Rule, period: Sequence[datetime]) -> list[datetime]:
    """What BYSETPOS leaves of the candidates of a period, which are in order."""
    if not rule.by_set_pos:
        return list(period)
    places = {place - 1 if place > 0 else len(period) + place for place in rule.by_set_pos}
    return [period[place] for place in sorted(places) if 0 <= place < len(period)]


def _periods(
    rule: Rule, start: datetime, first: datetime, last: datetime, steps: Steps
) -> Iterator[list[datetime]]:
    if rule.is_within_days:
        yield from _short_periods(rule, start, first, last, steps)
        return
    matches = _day_filter(rule)
    times = [time(*each) for each in product(rule.by_hour, rule.by_minute, rule.by_second)]
    for days in _long_periods(rule, start.date(), first.date(), last.date()):
        found = []
        for day in days:
            steps.take()
            if matches(day):
                steps.take(len(times) - 1)
                found += [datetime.combine(day, each) for each in times]
        yield found


def _long_periods(rule: Rule, start: date, first: date, last: date) -> Iterator[Sequence[date]]:
    """The days of each period from about the first day up to the last."""
    if rule.freq == "YEARLY":
        begin = start.year + _skipped(first.year - start.year, rule.interval)
        for year in range(begin, last.year + 1, rule.interval):
            months = rule.by_month or range(1, 13)
            yield [day for month in months for day in _days_of_month(rule, year, month)]
    elif rule.freq == "MONTHLY":
        month = start.year * 12 + start.month - 1
        begin = month + _skipped(first.year * 12 + first.month - 1 - month, rule.interval)
        for each in range(begin, last.year * 12 + last.month, rule.interval):
            year, month = each // 12, each % 12 + 1
            yield _days_of_month(rule, year, month)
    else:
        unit = _DAYS_OF_WEEK if rule.freq == "WEEKLY" else 1
        back = (start.weekday() - rule.week_start) % unit
        origin = start.toordinal() - back
        distance = unit * rule.interval
        begin = origin + _skipped(first.toordinal() - origin, distance)
        # Of a week, only the days that are named are looked at.
        days = sorted((weekday - rule.week_start) % unit for _, weekday in rule.by_day)
        offsets = days if unit > 1 else [0]
        for each in range(begin, last.toordinal() + 1, distance):
            ordinals = (each + offset for offset in offsets)
            yield [date.fromordinal(number) for number in ordinals if 0 < number <= _LAST_DAY]


def _skipped(length: int, distance: int) -> int:
    """The most steps of a distance that do not go beyond a length."""
    return max(0, length) // distance * distance


def _days_of_month(rule: Rule, year: int, month: int) -> list[date]:
    """The days of a month, of which only those of a weekday or number that is named are made."""
    first, count = monthrange(year, month)
    numbers: Iterable[int] = range(1, count + 1)
    if rule.by_day:
        weekdays = {weekday for _, weekday in rule.by_day}
        numbers = sorted(
            number
            for weekday in weekdays
            for number in range((weekday - first) % _DAYS_OF_WEEK + 1, count + 1, _DAYS_OF_WEEK)
        )
    elif rule.by_month_day:
        places = {each if each > 0 else count + each + 1 for each in rule.by_month_day}
        numbers = sorted(place for place in places if 0 < place <= count)
    return [date(year, month, number) for number in numbers]


def _day_filter(rule: Rule) -> Callable[[date], bool]:
    """Tells whether a day is one that the BY parts of months, weeks and days allow."""
    in_months = rule.freq == "MONTHLY" or bool(rule.by_month)

    def matches(day: date) -> bool:
        return (
            (not rule.by_month or day.month in rule.by_month)
            and (not rule.by_day or _is_weekday(day, rule.by_day, in_months=in_months))
            and (not rule.by_month_day or _is_either(rule.by_month_day, _of_month(day)))
            and (not rule.by_year_day or _is_either(rule.by_year_day, _of_year(day)))
            and (not rule.by_week_no or _is_either(rule.by_week_no, _week(day, rule.week_start)))
        )

    return matches


def _is_either(wanted: tuple[int, ...], places: tuple[int, int]) -> bool:
    return places[0] in wanted or places[1] in wanted


def _of_month(day: date) -> tuple[int, int]:
    """Its place in the month, from the beginning and from the end."""
    return day.day, day.day - monthrange(day.year, day.month)[1] - 1


def _of_year(day: date) -> tuple[int, int]:
    place = day.timetuple().tm_yday
    return place, place - (366 if isleap(day.year) else 365) - 1


def _week(day: date, week_start: int) -> tuple[int, int]:
    """The number of its week, from both ends; week 1 is the first with four days in its year."""
    fourth = day - timedelta((day.weekday() - week_start) % 7 - 3)
    number = (fourth.timetuple().tm_yday - 1) // 7 + 1
    late = date(fourth.year, 12, 28)
    last = late - timedelta((late.weekday() - week_start) % 7 - 3)
    return number, number - ((last.timetuple().tm_yday - 1) // 7 + 1) - 1


def _is_weekday(day: date, wanted: tuple[tuple[int, int], ...], *, in_months: bool) -> bool:
    for ordinal, weekday in wanted:
        if day.weekday() == weekday:
            if ordinal == 0:
                return True
            place, from_end = _of_month(day) if in_months else _of_year(day)
            if ordinal in {(place - 1) // 7 + 1, from_end // 7}:
                return True
    return False


def _short_periods(
    rule: Rule, start: datetime, first: datetime, last: datetime, steps: Steps
) -> Iterator[list[datetime]]:
    """The candidates of each hour, minute or second, which are found day by day."""
    matches = _day_filter(rule)
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        steps.take()
        day = date.fromordinal(ordinal)
        if matches(day):
            midnight = datetime.combine(day, time())
            for hour in rule.by_hour or range(24):
                steps.take()
                yield from _periods_of_hour(rule, start, midnight.replace(hour=hour), steps)


def _periods_of_hour(
    rule: Rule, start: datetime, hour: datetime, steps: Steps
) -> Iterator[list[datetime]]:
    since = int((hour - start.replace(minute=0, second=0)).total_seconds())
    if rule.freq == "HOURLY":
        if since // 3600 % rule.interval == 0:
            yield _candidates(hour, product(rule.by_minute, rule.by_second), steps)
        return
    if rule.freq == "MINUTELY":
        for minute in range((start.minute - since // 60) % rule.interval, 60, rule.interval):
            if not rule.by_minute or minute in rule.by_minute:
                yield _candidates(hour, product((minute,), rule.by_second), steps)
        return
    phase = start.minute * 60 + start.second - since
    for second in range(phase % rule.interval, 3600, rule.interval):
        place = divmod(second, 60)
        is_minute = not rule.by_minute or place[0] in rule.by_minute
        if is_minute and (not rule.by_second or place[1] in rule.by_second):
            yield _candidates(hour, [place], steps)
        else:
            steps.take()


def _candidates(
    hour: datetime, places: Iterator[tuple[int, int]] | list[tuple[int, int]], steps: Steps
) -> list[datetime]:
    found = []
    for minute, second in places:
        steps.take()
        found.append(hour.replace(minute=minute, second=second))
    return found
