"""Expand a recurrence rule over local times (RFC 5545, section 3.3.10).

dateutil's rrule cannot be used: a rule that never fires keeps it busy up to the year 9999, and
nothing can stop it from outside. Here a budget limits the number of steps.
"""

from collections.abc import Iterator
from datetime import datetime

from double_booked.recurrence.period_counts import count_skipped
from double_booked.recurrence.periods import apply_set_pos, candidates, complete_rule
from double_booked.recurrence.rules import Rule, StepBudget


def expand(
    rule: Rule,
    start: datetime,
    first: datetime,
    last: datetime,
    budget: StepBudget,
    *,
    start_counts: bool = True,
) -> Iterator[datetime]:
    """Yield the times at which a rule fires (RFC 5545, section 3.3.10), from `first` to `last`.

    The times are in order. All times are local, without a zone. SKIP and UNTIL are ignored:
    `expand_with_skip` handles SKIP, and the caller handles UNTIL, because only the caller knows
    the zone.

    Args:
        rule: The rule.
        start: The start of the series.
        first: Times before it may be omitted.
        last: Times after it are omitted.
        budget: Pays one step for each candidate.
        start_counts: Whether the start is the first occurrence, even if the rule does not fire
            then. It counts towards COUNT and is not yielded.

    Raises:
        TooManyStepsError: The budget is spent.
    """
    full = complete_rule(rule, start)
    begin, left = max(start, first), None
    if rule.count is not None:
        left = rule.count - start_counts
        skipped = count_skipped(full, start, begin, budget, start_counts=start_counts)
        if skipped is None:
            begin = start
        else:
            left = max(0, left - skipped)
    for period in candidates(full, start, begin, last, budget):
        for moment in apply_set_pos(full, period):
            if moment > last or left == 0:
                return
            if moment > start or (moment == start and not start_counts):
                yield moment
                left = None if left is None else left - 1
