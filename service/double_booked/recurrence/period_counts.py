"""How often a rule with COUNT has fired before a time, without a step for each time."""

from calendar import isleap, monthrange
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from double_booked.recurrence.periods import (
    DAYS_OF_WEEK,
    apply_set_pos,
    period_candidates,
    period_number,
    year_and_month,
)
from double_booked.recurrence.rules import Rule, StepBudget

_YEARS_OF_CYCLE = 400
"""After so many years the calendar with its weekdays is the same again."""

_SHAPES_A_STEP = 8
"""To look at the shape of a period takes no more than this part of a candidate's time."""

_UNITS = {"HOURLY": 3_600, "MINUTELY": 60, "SECONDLY": 1}
"""Seconds."""


def count_passed(
    rule: Rule, start: datetime, first: datetime, budget: StepBudget, *, start_counts: bool
) -> int | None:
    """Return how often a rule fires in the periods that `candidates` leaves out before a time.

    Args:
        rule: The rule, complete.
        start: Where the series starts; what is earlier does not count.
        first: The time, not before the start.
        budget: Every candidate that is looked at is counted there.
        start_counts: Whether the start itself does not count either.

    Returns:
        None if it cannot be known without following the rule from its start.

    Raises:
        TooManyStepsError: It takes more than `budget` has left.
    """
    counts = _counts_within_days if rule.is_within_days else _counts_of_days
    found = counts(rule, start, first, budget)
    if found is None or found.passed <= 0:
        return None if found is None else 0
    of_first = apply_set_pos(rule, found.first)
    in_first = sum(each > start or (each == start and not start_counts) for each in of_first)
    cycles, rest = divmod(found.passed - 1, found.cycle)
    total = in_first + sum(map(found.size, range(1, rest + 1)))
    return total + (cycles * sum(map(found.size, range(1, found.cycle + 1))) if cycles else 0)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many times the periods of a rule have.

    Attributes:
        passed: How many periods are left out.
        first: The candidates of the period of the start.
        size: Returns how often the rule fires in a later period, by its number.
        cycle: After how many periods the sizes repeat.
    """

    passed: int
    first: list[datetime]
    size: Callable[[int], int]
    cycle: int


def _counts_of_days(
    rule: Rule, start: datetime, first: datetime, budget: StepBudget
) -> _Counts | None:
    """Count for a rule of days or longer; of the periods of one shape, one is looked at."""
    shapes = _shapes(rule, start)
    if shapes is None:
        return None
    shape_of, cycle = shapes
    candidates_of = period_candidates(rule, start, budget)
    passed = period_number(rule, start)(first)
    budget.spend(min(passed, cycle) // _SHAPES_A_STEP)
    sizes: dict[Hashable, int] = {}

    def size(number: int) -> int:
        shape = shape_of(number)
        if shape not in sizes:
            sizes[shape] = len(apply_set_pos(rule, candidates_of(number)))
        return sizes[shape]

    return _Counts(passed, candidates_of(0) if passed else [], size, cycle)


def _shapes(rule: Rule, start: datetime) -> tuple[Callable[[int], Hashable], int] | None:
    """Return what finds the shape of a period by its number, and how soon shapes repeat.

    Periods of one shape, like months of 31 days that begin on a Monday, have as many candidates.
    """
    if rule.freq == "DAILY":
        is_by_weekday = not (rule.by_month or rule.by_month_day)
        return ((lambda number: number % DAYS_OF_WEEK), DAYS_OF_WEEK) if is_by_weekday else None
    if rule.freq == "WEEKLY":
        return None if rule.by_month else ((lambda _: 0), 1)
    if rule.freq == "MONTHLY":
        return _shape_of_month(rule, start), 12 * _YEARS_OF_CYCLE
    # The weeks of a year depend on the years around it.
    return None if rule.by_week_no else (_shape_of_year(rule, start), _YEARS_OF_CYCLE)


def _shape_of_month(rule: Rule, start: datetime) -> Callable[[int], Hashable]:
    origin = start.year * 12 + start.month - 1

    def shape(number: int) -> Hashable:
        year, month = year_and_month(origin + number * rule.interval)
        return monthrange(year, month), month if rule.by_month else 0

    return shape


def _shape_of_year(rule: Rule, start: datetime) -> Callable[[int], Hashable]:
    def shape(number: int) -> Hashable:
        year = start.year + number * rule.interval
        return monthrange(year, 1)[0], isleap(year)

    return shape


def _counts_within_days(
    rule: Rule, start: datetime, first: datetime, _: StepBudget
) -> _Counts | None:
    """Count for a rule of hours, minutes or seconds that fires in each of them, on every day."""
    smaller = (rule.by_hour, rule.by_minute, rule.by_second)
    limits = smaller[: list(_UNITS).index(rule.freq) + 1]
    if any((*limits, rule.by_month, rule.by_year_day, rule.by_month_day, rule.by_day)):
        return None
    minutes, seconds = rule.by_minute or (start.minute,), rule.by_second or (start.second,)
    found = [start.replace(minute=each, second=second) for each in minutes for second in seconds]
    size = len(apply_set_pos(rule, found))
    unit = timedelta(seconds=_UNITS[rule.freq])
    begin = start - (start - datetime.combine(start, time())) % unit
    # What fires within days is followed from the midnight of the day on.
    passed = -((begin - datetime.combine(first, time())) // (unit * rule.interval))
    return _Counts(passed, found, lambda _: size, 1)
