"""The periods of a recurrence rule, and the candidates in each of them (RFC 5545, section 3.3.10).

A period is one unit of FREQ, such as a week. Its candidates are the times that the BY parts allow.
"""

from calendar import isleap, monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import Any

from double_booked.recurrence.rules import Rule, StepBudget

DAYS_OF_WEEK = 7
_LAST_DAY = date.max.toordinal()


def complete_rule(rule: Rule, start: datetime) -> Rule:
    """Return the rule with the parts that it lacks taken from the start of the series."""
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


def apply_set_pos(rule: Rule, period: Sequence[datetime]) -> Sequence[datetime]:
    """Return the candidates of a period that BYSETPOS selects; all of them are in order."""
    if not rule.by_set_pos:
        return period
    size = len(period)
    indexes = {number - 1 if number > 0 else size + number for number in rule.by_set_pos}
    return [period[index] for index in sorted(indexes) if 0 <= index < size]


def candidates(
    rule: Rule, start: datetime, first: datetime, last: datetime, budget: StepBudget
) -> Iterator[list[datetime]]:
    """Yield the candidates of each period, from the period of `first` to that of `last`.

    Args:
        rule: The rule, completed by `complete_rule`.
        start: The start of the series; INTERVAL counts from its period.
        first: The first time, not before the start.
        last: The last time.
        budget: Pays one step for each candidate.

    Raises:
        TooManyStepsError: The budget is spent.
    """
    if rule.is_within_days:
        yield from _short_periods(rule, start, first, last, budget)
        return
    candidates_of = period_candidates(rule, start, budget)
    number_of = period_number(rule, start)
    for number in range(number_of(first), number_of(last) + 1):
        yield candidates_of(number)


def period_number(rule: Rule, start: datetime) -> Callable[[datetime], int]:
    """Return a function from a time to the number of the last period that begins by its day.

    The period of the start has number 0. The rule is of days or longer.
    """
    if rule.freq == "YEARLY":
        return lambda moment: (moment.year - start.year) // rule.interval
    if rule.freq == "MONTHLY":
        origin = start.year * 12 + start.month
        return lambda moment: (moment.year * 12 + moment.month - origin) // rule.interval
    origin, distance = _first_day(rule, start), _length(rule)
    return lambda moment: (moment.toordinal() - origin) // distance


def period_candidates(
    rule: Rule, start: datetime, budget: StepBudget
) -> Callable[[int], list[datetime]]:
    """Return a function from the number of a period to its candidates."""
    days_of = period_days(rule, start)
    # A week already has only the days that BYDAY names.
    is_any_day = rule.freq == "WEEKLY" and not rule.by_month
    matches = None if is_any_day else _day_filter(rule)
    clocks = product(rule.by_hour, rule.by_minute, rule.by_second)
    times = [time(*clock) for clock in clocks]

    def find(number: int) -> list[datetime]:
        days = days_of(number)
        budget.spend(len(days))
        if matches:
            days = list(filter(matches, days))
        budget.spend(len(days) * (len(times) - 1))
        return [datetime.combine(day, clock) for day in days for clock in times]

    return find


def period_days(rule: Rule, start: datetime) -> Callable[[int], Sequence[date]]:
    """Return a function from the number of a period to its days, without some that never match."""
    if rule.freq == "YEARLY":
        months = rule.by_month or range(1, 13)
        return lambda number: [
            day
            for month in months
            for day in _days_of_month(rule, start.year + number * rule.interval, month)
        ]
    if rule.freq == "MONTHLY":
        origin = start.year * 12 + start.month - 1
        return lambda number: _days_of_month(rule, *year_and_month(origin + number * rule.interval))
    origin, distance = _first_day(rule, start), _length(rule)
    offsets = [0]
    if rule.freq == "WEEKLY":  # only the days that BYDAY names
        offsets = sorted({(day - rule.week_start) % DAYS_OF_WEEK for _, day in rule.by_day})

    def find(number: int) -> list[date]:
        ordinals = (origin + number * distance + offset for offset in offsets)
        return [date.fromordinal(ordinal) for ordinal in ordinals if 0 < ordinal <= _LAST_DAY]

    return find


def year_and_month(months: int) -> tuple[int, int]:
    """Return the year and the month, from 1, of a number of months since year 0."""
    return months // 12, months % 12 + 1


def _first_day(rule: Rule, start: datetime) -> int:
    """Return the ordinal of the day on which the day or week of the start begins."""
    back = (start.weekday() - rule.week_start) % DAYS_OF_WEEK if rule.freq == "WEEKLY" else 0
    return start.toordinal() - back


def _length(rule: Rule) -> int:
    """Return the number of days from one period of a daily or weekly rule to the next."""
    return rule.interval * (DAYS_OF_WEEK if rule.freq == "WEEKLY" else 1)


def _days_of_month(rule: Rule, year: int, month: int) -> list[date]:
    """Return the days of a month that BYDAY or BYMONTHDAY may allow."""
    first, count = monthrange(year, month)
    numbers: Iterable[int] = range(1, count + 1)
    if rule.by_day:
        weekdays = {weekday for _, weekday in rule.by_day}
        numbers = sorted(
            number
            for weekday in weekdays
            for number in range((weekday - first) % DAYS_OF_WEEK + 1, count + 1, DAYS_OF_WEEK)
        )
    elif rule.by_month_day:
        named = {day if day > 0 else count + day + 1 for day in rule.by_month_day}
        numbers = sorted(day for day in named if 0 < day <= count)
    return [date(year, month, number) for number in numbers]


def _day_filter(rule: Rule) -> Callable[[date], bool]:
    """Return a function that checks a day against the BY parts of months, weeks and days."""
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


def _is_either(allowed: tuple[int, ...], numbers: tuple[int, int]) -> bool:
    return numbers[0] in allowed or numbers[1] in allowed


def _of_month(day: date) -> tuple[int, int]:
    """Return the number of a day in its month, counted from the beginning and from the end."""
    return day.day, day.day - monthrange(day.year, day.month)[1] - 1


def _of_year(day: date) -> tuple[int, int]:
    """Return the number of a day in its year, counted from the beginning and from the end."""
    number = day.timetuple().tm_yday
    return number, number - (366 if isleap(day.year) else 365) - 1


def _week(day: date, week_start: int) -> tuple[int, int]:
    """Return the number of a day's week, counted from the beginning and from the end of its year.

    Week 1 is the first that has at least four days in its year.
    """
    fourth = day - timedelta((day.weekday() - week_start) % 7 - 3)
    number = (fourth.timetuple().tm_yday - 1) // 7 + 1
    late = date(fourth.year, 12, 28)
    last = late - timedelta((late.weekday() - week_start) % 7 - 3)
    return number, number - ((last.timetuple().tm_yday - 1) // 7 + 1) - 1


def _is_weekday(day: date, allowed: tuple[tuple[int, int], ...], *, in_months: bool) -> bool:
    for ordinal, weekday in allowed:
        if day.weekday() == weekday:
            if ordinal == 0:
                return True
            number, from_end = _of_month(day) if in_months else _of_year(day)
            if ordinal in {(number - 1) // 7 + 1, from_end // 7}:
                return True
    return False


def _short_periods(
    rule: Rule, start: datetime, first: datetime, last: datetime, budget: StepBudget
) -> Iterator[list[datetime]]:
    """Yield the candidates of each hour, minute or second, day by day."""
    matches = _day_filter(rule)
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        budget.spend()
        day = date.fromordinal(ordinal)
        if matches(day):
            midnight = datetime.combine(day, time())
            for hour in rule.by_hour or range(24):
                budget.spend()
                yield from _periods_of_hour(rule, start, midnight.replace(hour=hour), budget)


def _periods_of_hour(
    rule: Rule, start: datetime, hour: datetime, budget: StepBudget
) -> Iterator[list[datetime]]:
    since = int((hour - start.replace(minute=0, second=0)).total_seconds())
    if rule.freq == "HOURLY":
        if since // 3600 % rule.interval == 0:
            yield _candidates(hour, product(rule.by_minute, rule.by_second), budget)
        return
    if rule.freq == "MINUTELY":
        for minute in range((start.minute - since // 60) % rule.interval, 60, rule.interval):
            if not rule.by_minute or minute in rule.by_minute:
                yield _candidates(hour, product((minute,), rule.by_second), budget)
        return
    phase = start.minute * 60 + start.second - since
    for second in range(phase % rule.interval, 3600, rule.interval):
        clock = divmod(second, 60)
        is_minute = not rule.by_minute or clock[0] in rule.by_minute
        if is_minute and (not rule.by_second or clock[1] in rule.by_second):
            yield _candidates(hour, [clock], budget)
        else:
            budget.spend()


def _candidates(
    hour: datetime, clocks: Iterable[tuple[int, int]], budget: StepBudget
) -> list[datetime]:
    times = []
    for minute, second in clocks:
        budget.spend()
        times.append(hour.replace(minute=minute, second=second))
    return times
