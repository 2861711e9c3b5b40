"""When a recurrence rule fires: RFC 5545, section 3.3.10, over local times.

dateutil's rrule cannot be used here: a rule that never fires keeps it busy up to the year 9999, and
nothing can stop it from outside. Here every step is counted.
"""

from collections.abc import Iterator
from datetime import datetime

from double_booked.recurrence.period_counts import count_passed
from double_booked.recurrence.periods import candidates, choose, complete_rule
from double_booked.recurrence.rules import Rule, Steps


def expand(
    rule: Rule,
    start: datetime,
    first: datetime,
    last: datetime,
    steps: Steps,
    *,
    starts_apart: bool = True,
) -> Iterator[datetime]:
    """Yield when a rule fires, in order, all times local and without a zone.

    Args:
        rule: The rule. UNTIL is for the caller to heed, who knows the zone.
        start: Where the series starts.
        first: What is before may be left out.
        last: Nothing after it is yielded.
        steps: Every candidate is counted there.
        starts_apart: Whether the start counts as the first occurrence, even where the rule does not
            fire then, and is not yielded.

    Raises:
        TooManyStepsError: It takes more than `steps` has left.
    """
    full = complete_rule(rule, start)
    begin, left = max(start, first), None
    if rule.count is not None:
        left = rule.count - starts_apart
        passed = count_passed(full, start, begin, steps, starts_apart=starts_apart)
        if passed is None:
            begin = start
        else:
            left = max(0, left - passed)
    for period in candidates(full, start, begin, last, steps):
        for moment in choose(full, period):
            if moment > last or left == 0:
                return
            if moment > start or (moment == start and not starts_apart):
                yield moment
                left = None if left is None else left - 1
