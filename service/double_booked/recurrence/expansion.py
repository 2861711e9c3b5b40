"""When a recurrence rule fires: RFC 5545, section 3.3.10, over local times.

dateutil's rrule cannot be used here: a rule that never fires keeps it busy up to the year 9999, and
nothing can stop it from outside. Here every step is counted.
"""

from collections.abc import Iterator
from datetime import datetime

from double_booked.recurrence.period_counts import count_passed
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
    """Yield when a rule fires, in order, all times local and without a zone.

    Args:
        rule: The rule. UNTIL is for the caller to heed, who knows the zone.
        start: Where the series starts.
        first: What is before may be left out.
        last: Nothing after it is yielded.
        budget: Every candidate is counted there.
        start_counts: Whether the start counts as the first occurrence, even where the rule does not
            fire then, and is not yielded.

    Raises:
        TooManyStepsError: It takes more than `budget` has left.
    """
    full = complete_rule(rule, start)
    begin, left = max(start, first), None
    if rule.count is not None:
        left = rule.count - start_counts
        passed = count_passed(full, start, begin, budget, start_counts=start_counts)
        if passed is None:
            begin = start
        else:
            left = max(0, left - passed)
    for period in candidates(full, start, begin, last, budget):
        for moment in apply_set_pos(full, period):
            if moment > last or left == 0:
                return
            if moment > start or (moment == start and not start_counts):
                yield moment
                left = None if left is None else left - 1
