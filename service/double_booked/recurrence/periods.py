"""The periods of a recurrence rule, and the times in each of them that it names."""

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
    """Return the rule with what it takes from the start of the series."""
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
    """Return what BYSETPOS leaves of the candidates of a period, which are in order."""
    if not rule.by_set_pos:
        return period
    places = {place - 1 if place > 0 else len(period) + place for place in rule.by_set_pos}
    return [period[place] for place in sorted(places) if 0 <= place < len(period)]


def candidates(
    rule: Rule, start: datetime, first: datetime, last: datetime, budget: StepBudget
) -> Iterator[list[datetime]]:
    """Yield the candidates of each period from about the first time up to the last.

    Args:
        rule: The rule, complete.
        start: Where the series starts, in the period from which others are counted.
        first: Not before the start.
        last: Where to end.
        budget: Every candidate is counted there.

    Raises:
        TooManyStepsError: It takes more than `budget` has left.
    """
    if rule.is_within_days:
        yield from _short_periods(rule, start, first, last, budget)
        return
    candidates_of = period_candidates(rule, start, budget)
    number_of = period_number(rule, start)
    for number in range(number_of(first), number_of(last) + 1):
        yield candidates_of(number)


def period_number(rule: Rule, start: datetime) -> Callable[[datetime], int]:
    """Return what finds the last period that begins no later than the day of a time.

    The period of the start is 0. Periods are days or longer.
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
    """Return what finds the candidates of a period by its number, as `period_number` has it."""
    days_of = period_days(rule, start)
    # The days of a week are already those that are named.
    is_any_day = rule.freq == "WEEKLY" and not rule.by_month
    matches = None if is_any_day else _day_filter(rule)
    times = [time(*each) for each in product(rule.by_hour, rule.by_minute, rule.by_second)]

    def find(number: int) -> list[datetime]:
        days = days_of(number)
        budget.spend(len(days))
        if matches:
            days = list(filter(matches, days))
        budget.spend(len(days) * (len(times) - 1))
        return [datetime.combine(day, each) for day in days for each in times]

    return find


def period_days(rule: Rule, start: datetime) -> Callable[[int], Sequence[date]]:
    """Return what finds the days of a period, of which some that never match are left out."""
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
    if rule.freq == "WEEKLY":  # of a week, only the days that are named are looked at
        offsets = sorted({(day - rule.week_start) % DAYS_OF_WEEK for _, day in rule.by_day})

    def find(number: int) -> list[date]:
        ordinals = (origin + number * distance + offset for offset in offsets)
        return [date.fromordinal(each) for each in ordinals if 0 < each <= _LAST_DAY]

    return find


def year_and_month(months: int) -> tuple[int, int]:
    """Return the year and the month, from 1, of a number of months since year 0."""
    return months // 12, months % 12 + 1


def _first_day(rule: Rule, start: datetime) -> int:
    """Return the ordinal of the day on which the day or week of the start begins."""
    back = (start.weekday() - rule.week_start) % DAYS_OF_WEEK if rule.freq == "WEEKLY" else 0
    return start.toordinal() - back


def _length(rule: Rule) -> int:
    """Return how many days apart the periods of a rule of days or weeks begin."""
    return rule.interval * (DAYS_OF_WEEK if rule.freq == "WEEKLY" else 1)


def _days_of_month(rule: Rule, year: int, month: int) -> list[date]:
    """The days of a month, of which only those of a weekday or number that is named are made."""
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
    rule: Rule, start: datetime, first: datetime, last: datetime, budget: StepBudget
) -> Iterator[list[datetime]]:
    """The candidates of each hour, minute or second, which are found day by day."""
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
        place = divmod(second, 60)
        is_minute = not rule.by_minute or place[0] in rule.by_minute
        if is_minute and (not rule.by_second or place[1] in rule.by_second):
            yield _candidates(hour, [place], budget)
        else:
            budget.spend()


def _candidates(
    hour: datetime, places: Iterator[tuple[int, int]] | list[tuple[int, int]], budget: StepBudget
) -> list[datetime]:
    found = []
    for minute, second in places:
        budget.spend()
        found.append(hour.replace(minute=minute, second=second))
    return found
