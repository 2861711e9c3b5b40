"""Expand rules that name days which some months lack: SKIP of RFC 7529, section 4.1."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import groupby, islice

from double_booked.recurrence.expansion import expand
from double_booked.recurrence.rules import WEEKDAYS, Rule, StepBudget

_SHORTEST_MONTH = 28
_A_DAY = timedelta(days=1)


def expand_with_skip(
    rule: Rule,
    start: datetime,
    first: datetime,
    last: datetime,
    budget: StepBudget,
    *,
    start_counts: bool = True,
) -> Iterator[datetime]:
    """Yield the times at which a rule fires, as `expand` does, and apply SKIP (RFC 7529).

    The arguments are those of `expand`.

    Raises:
        TooManyStepsError: The budget is spent.
    """
    if rule.skip == "OMIT" or not _named_days(rule, start):
        return expand(rule, start, first, last, budget, start_counts=start_counts)
    endless = replace(rule, count=None, skip="OMIT")
    begin = start if rule.count else first
    valid = expand(endless, start, begin, last, budget, start_counts=start_counts)
    all_times = merge(valid, _moved(endless, rule.skip, start, begin, last, budget))
    unique = (moment for moment, _ in groupby(all_times))
    return unique if rule.count is None else islice(unique, max(0, rule.count - start_counts))


def _named_days(rule: Rule, start: datetime) -> list[int]:
    """Return the days that a rule names and that some months lack, such as 31."""
    if rule.freq not in {"MONTHLY", "YEARLY"}:
        return []
    days = rule.by_month_day or (() if rule.by_day else (start.day,))
    return [day for day in days if day > _SHORTEST_MONTH]


def _moved(  # noqa: PLR0917 - the arguments of expand
    rule: Rule, skip: str, start: datetime, first: datetime, last: datetime, budget: StepBudget
) -> Iterator[datetime]:
    """Yield the times that replace missing days: on the last day of the month or the next day."""
    named = _named_days(rule, start)
    is_in_one_month = rule.freq == "YEARLY" and not rule.by_month_day
    months = rule.by_month or ((start.month,) if is_in_one_month else ())
    ends = replace(rule, by_day=(), by_month=months, by_month_day=(-1,))
    weekdays = {weekday for _, weekday in rule.by_day} or set(range(len(WEEKDAYS)))
    for moment in expand(ends, start, first, last, budget):
        length = monthrange(moment.year, moment.month)[1]
        moved = moment + _A_DAY if skip == "FORWARD" else moment
        if any(day > length for day in named) and moved.weekday() in weekdays:
            yield moved
