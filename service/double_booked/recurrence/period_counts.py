"""Count how often a rule with COUNT fires before a time, without a step for each time."""

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
"""Number of years after which dates fall on the same weekdays again (146,097 days)."""

_SHAPES_A_STEP = 8
"""Number of periods whose shape is found in less time than one candidate takes."""

_UNITS = {"HOURLY": 3_600, "MINUTELY": 60, "SECONDLY": 1}
"""Seconds of a unit."""


def count_skipped(
    rule: Rule, start: datetime, first: datetime, budget: StepBudget, *, start_counts: bool
) -> int | None:
    """Return how often a rule fires in the periods before `first` that `candidates` skips.

    Args:
        rule: The rule, completed by `complete_rule`.
        start: The start of the series; earlier times are not counted.
        first: The time, not before the start.
        budget: Pays for each candidate.
        start_counts: As `expand` has it; if so, the start itself is not counted here.

    Returns:
        None if only following the rule from its start could find out.

    Raises:
        TooManyStepsError: The budget is spent.
    """
    counts_of = _counts_within_days if rule.is_within_days else _counts_of_days
    counts = counts_of(rule, start, first, budget)
    if counts is None or counts.skipped <= 0:
        return None if counts is None else 0
    times = apply_set_pos(rule, counts.first)
    in_first = sum(time > start or (time == start and not start_counts) for time in times)
    cycles, rest = divmod(counts.skipped - 1, counts.cycle)
    total = in_first + sum(map(counts.size, range(1, rest + 1)))
    return total + (cycles * sum(map(counts.size, range(1, counts.cycle + 1))) if cycles else 0)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How often a rule fires in each of its periods.

    Attributes:
        skipped: Number of periods that are skipped, that of the start included.
        first: The candidates of the period of the start.
        size: Returns how often the rule fires in a later period, by the number of the period.
        cycle: Number of periods after which the sizes repeat.
    """

    skipped: int
    first: list[datetime]
    size: Callable[[int], int]
    cycle: int


def _counts_of_days(
    rule: Rule, start: datetime, first: datetime, budget: StepBudget
) -> _Counts | None:
    """Count for a rule of days or longer; one period of each shape is examined."""
    shapes = _shapes(rule, start)
    if shapes is None:
        return None
    shape_of, cycle = shapes
    candidates_of = period_candidates(rule, start, budget)
    skipped = period_number(rule, start)(first)
    budget.spend(min(skipped, cycle) // _SHAPES_A_STEP)
    sizes: dict[Hashable, int] = {}

    def size(number: int) -> int:
        shape = shape_of(number)
        if shape not in sizes:
            sizes[shape] = len(apply_set_pos(rule, candidates_of(number)))
        return sizes[shape]

    return _Counts(skipped, candidates_of(0) if skipped else [], size, cycle)


def _shapes(rule: Rule, start: datetime) -> tuple[Callable[[int], Hashable], int] | None:
    """Return a function from the number of a period to its shape, and the cycle of shapes.

    Periods of one shape, like months of 31 days that begin on a Monday, have equally many
    candidates. None means that a period has no such shape.
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
    """Count for a rule that fires in every hour, minute or second of every day."""
    smaller = (rule.by_hour, rule.by_minute, rule.by_second)
    limits = smaller[: list(_UNITS).index(rule.freq) + 1]
    if any((*limits, rule.by_month, rule.by_year_day, rule.by_month_day, rule.by_day)):
        return None
    minutes, seconds = rule.by_minute or (start.minute,), rule.by_second or (start.second,)
    times = [
        start.replace(minute=minute, second=second) for minute in minutes for second in seconds
    ]
    size = len(apply_set_pos(rule, times))
    unit = timedelta(seconds=_UNITS[rule.freq])
    begin = start - (start - datetime.combine(start, time())) % unit
    # `candidates` begins at the midnight of the day.
    skipped = -((begin - datetime.combine(first, time())) // (unit * rule.interval))
    return _Counts(skipped, times, lambda _: size, 1)
