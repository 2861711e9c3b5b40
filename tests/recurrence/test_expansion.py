"""Rules fire as in dateutil, and as in a check of each day."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import groupby

import pytest
from dateutil import rrule
from hypothesis import assume, given, settings

from double_booked.recurrence.expansion import expand
from double_booked.recurrence.rules import (
    Rule,
    StepBudget,
    TooManyStepsError,
    parse_rule,
)
from recurrence.rule_cases import FREQUENCIES, SHORT, rules

START = datetime(2026, 3, 2, 9)  # noqa: DTZ001 - rules know no zones
LATE_WEEK = 52
YEARS_AFTER = {"YEARLY": 12, "MONTHLY": 6, "WEEKLY": 3, "DAILY": 2}


def fires_for_dateutil(text: str, start: datetime, last: datetime) -> list[datetime]:
    """Return the times after the start at which a rule fires in dateutil; the start counts."""
    try:
        rule = rrule.rrulestr(text, dtstart=start)
    except ValueError:  # it finds that the rule never fires
        return []
    assert isinstance(rule, rrule.rrule)
    count = parse_rule(text, of_dates=False).count
    times = [time for time in rule.replace(count=None, until=last) if time != start]
    return times if count is None else times[: count - 1]


def _fires_again(rule: Rule, start: datetime, last: datetime) -> bool:
    """Return whether the rule fires after `last`; otherwise dateutil would search for very long."""
    later = expand(
        replace(rule, count=None), start, last, last + timedelta(20_000), StepBudget(100_000)
    )
    try:
        return any(moment > last for moment in later)
    except TooManyStepsError:
        return False


@settings(deadline=None, max_examples=60)
@given(rules())
def test_a_rule_fires_as_in_dateutil(case: tuple[str, datetime]) -> None:
    text, start = case
    rule = parse_rule(text, of_dates=False)
    days = {"HOURLY": 20, "MINUTELY": 2, "SECONDLY": 0.1}
    last = start + timedelta(days.get(rule.freq) or YEARS_AFTER[rule.freq] * 366)
    # It cuts the first week at the start of the series before it counts places in it.
    assume(not (rule.freq == "WEEKLY" and rule.by_set_pos))
    # To it a week without a day is all of its days, not the weekday of the start (section 3.3.10).
    assume(not rule.by_week_no or rule.by_day or rule.by_month_day or rule.by_year_day)
    # It misses days of a last week that lie in the next year, like Sunday 2 January 2011.
    assume(not any(abs(week) >= LATE_WEEK for week in rule.by_week_no))
    assume(_fires_again(rule, start, last))
    ours = list(expand(rule, start, start, last, StepBudget(10**9)))
    assert ours == fires_for_dateutil(text, start, last)


def walked(rule: Rule, start: datetime, last: date) -> Iterator[datetime]:
    """Yield the times of a rule of days by checking each day against section 3.3.10."""
    every_day = (
        date.fromordinal(number)
        for number in range(date(start.year, 1, 1).toordinal() - 7, last.toordinal() + 1)
    )
    left = rule.count
    for period, days in groupby(every_day, lambda day: _period(rule, day)):
        distance = period - _period(rule, start.date())
        chosen = [day for day in days if _fires(rule, start.date(), day)]
        if distance < 0 or distance % rule.interval:
            continue
        if rule.by_set_pos:
            places = {place - 1 if place > 0 else len(chosen) + place for place in rule.by_set_pos}
            chosen = [day for place, day in enumerate(chosen) if place in places]
        for day in chosen:
            moment = datetime.combine(day, start.time())
            if moment > start:
                if left is not None:
                    left -= 1
                    if left < 1:
                        return
                yield moment


def _period(rule: Rule, day: date) -> int:
    if rule.freq == "YEARLY":
        return day.year
    if rule.freq == "MONTHLY":
        return day.year * 12 + day.month
    if rule.freq == "WEEKLY":
        return (day.toordinal() - 1 - rule.week_start) // 7
    return day.toordinal()


def _fires(rule: Rule, start: date, day: date) -> bool:
    by_default = not (rule.by_month_day or rule.by_year_day or rule.by_day)
    if by_default and rule.freq == "WEEKLY" and day.weekday() != start.weekday():
        return False
    if by_default and rule.freq in {"MONTHLY", "YEARLY"} and day.day != start.day:
        return False
    if by_default and rule.freq == "YEARLY" and not rule.by_month and day.month != start.month:
        return False
    of_month, of_year = day.day, day.timetuple().tm_yday
    month_left = (date(day.year + day.month // 12, day.month % 12 + 1, 1) - day).days
    year_left = (date(day.year + 1, 1, 1) - day).days
    in_month = rule.freq == "MONTHLY" or bool(rule.by_month)
    before, left = (of_month, month_left) if in_month else (of_year, year_left)
    is_named = not rule.by_day or any(
        weekday == day.weekday() and ordinal in {0, (before + 6) // 7, -((left + 6) // 7)}
        for ordinal, weekday in rule.by_day
    )
    return (
        (not rule.by_month or day.month in rule.by_month)
        and (not rule.by_month_day or not {of_month, -month_left}.isdisjoint(rule.by_month_day))
        and (not rule.by_year_day or not {of_year, -year_left}.isdisjoint(rule.by_year_day))
        and is_named
    )


@settings(deadline=None, max_examples=60)
@given(rules())
def test_a_rule_of_days_fires_as_in_a_check_of_each_day(
    case: tuple[str, datetime],
) -> None:
    text, start = case
    parts = [
        part
        for part in text.split(";")
        if not part.startswith(("BYHOUR", "BYMINUTE", "BYSECOND", "BYWEEKNO"))
    ]
    if not any(part.startswith("BY") and not part.startswith("BYSETPOS") for part in parts):
        parts = [part for part in parts if not part.startswith("BYSETPOS")]
    if parts[0].removeprefix("FREQ=") in SHORT:
        parts = ["FREQ=DAILY", *(part for part in parts[1:] if not part.startswith("BYYEARDAY"))]
    rule = parse_rule(";".join(parts), of_dates=False)
    last = start + timedelta(YEARS_AFTER[rule.freq] * 366)
    ours = list(expand(rule, start, start, last, StepBudget(10**9)))
    assert ours == [
        time for time in walked(rule, start, last.date() + timedelta(366)) if time <= last
    ]


@pytest.mark.parametrize("number", [1, 2, 51, 52, 53])
def test_weeks_are_numbered_as_in_iso_8601(number: int) -> None:
    start, last = datetime(2000, 1, 1, 9), datetime(2028, 1, 1, 9)  # noqa: DTZ001 - as above
    days = [start + timedelta(number) for number in range(1, (last - start).days + 1)]
    for week, number_of in (
        (number, lambda day: day.isocalendar().week),
        (-number, lambda day: day.isocalendar().week - _weeks_of(day.isocalendar().year) - 1),
    ):
        rule = parse_rule(f"FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYWEEKNO={week}", of_dates=False)
        times = list(expand(rule, start, start, last, StepBudget(10**6)))
        assert times == [day for day in days if number_of(day) == week]


def _weeks_of(year: int) -> int:
    return date(year, 12, 28).isocalendar().week


@pytest.mark.parametrize("freq", FREQUENCIES)
def test_a_rule_without_count_starts_near_the_window(freq: str) -> None:
    rule = parse_rule(f"FREQ={freq};INTERVAL=7", of_dates=False)
    first = datetime(2060, 1, 1)  # noqa: DTZ001 - as above
    last = first + timedelta(days=366 * 8 if freq == "YEARLY" else 60)
    budget = StepBudget(1_000_000)
    near = list(expand(rule, START, first, last, budget))
    assert near
    assert budget.left > 0
    if freq not in {"MINUTELY", "SECONDLY"}:
        whole = expand(rule, START, START, last, StepBudget(10**9))
        tail = [time for time in whole if time >= first]
        assert [time for time in near if time >= first] == tail


def test_every_step_counts_against_the_budget() -> None:
    rule = parse_rule("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", of_dates=False)
    with pytest.raises(TooManyStepsError):
        list(expand(rule, START, START, datetime.max, StepBudget(10_000)))  # noqa: DTZ901 - as above
