"""A rule with COUNT fires after a jump as if it was followed from its start."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from double_booked.recurrence.expansion import expand
from double_booked.recurrence.rules import StepBudget, parse_rule
from recurrence.rule_cases import SHORT, rules

START = datetime(1601, 1, 31, 9)  # noqa: DTZ001 - rules know no zones
YEARS = {"YEARLY": 60, "MONTHLY": 20, "WEEKLY": 8, "DAILY": 3}
DAYS = {"HOURLY": 20, "MINUTELY": 2, "SECONDLY": 0.1}


def assert_same(text: str, start: datetime, first: datetime, last: datetime) -> None:
    rule = parse_rule(text, of_dates=False)
    for start_counts in (True, False):
        stepped = expand(rule, start, start, last, StepBudget(10**9), start_counts=start_counts)
        jumped = expand(rule, start, first, last, StepBudget(10**9), start_counts=start_counts)
        assert [time for time in jumped if time >= first] == [
            time for time in stepped if time >= first
        ]


@settings(max_examples=150)
@given(rules(), st.integers(1, 400), st.floats(0, 1))
def test_a_jump_agrees_with_single_steps(
    case: tuple[str, datetime], count: int, share: float
) -> None:
    text, start = case
    parts = [part for part in text.split(";") if not part.startswith("COUNT")]
    freq = parts[0].removeprefix("FREQ=")
    span = timedelta(DAYS[freq] if freq in SHORT else YEARS[freq] * 366)
    assert_same(";".join([*parts, f"COUNT={count}"]), start, start + span * share, start + span)


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=WEEKLY;COUNT={}",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE,FR;WKST=SU;COUNT={}",
        "FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=-1,1;COUNT={}",
        "FREQ=WEEKLY;BYMONTH=3;COUNT={}",
        "FREQ=DAILY;INTERVAL=3;BYDAY=MO,TU,WE,TH,FR;COUNT={}",
        "FREQ=DAILY;BYHOUR=9,15;COUNT={}",
        "FREQ=DAILY;BYMONTH=1;COUNT={}",
        "FREQ=MONTHLY;COUNT={}",
        "FREQ=MONTHLY;BYDAY=5FR;COUNT={}",
        "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1;COUNT={}",
        "FREQ=MONTHLY;INTERVAL=5;BYMONTH=2;BYMONTHDAY=-1,29;COUNT={}",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT={}",
        "FREQ=YEARLY;BYDAY=53MO;COUNT={}",
        "FREQ=YEARLY;BYWEEKNO=53;COUNT={}",
        "FREQ=YEARLY;BYYEARDAY=366,-1;INTERVAL=3;COUNT={}",
    ],
)
@pytest.mark.parametrize("count", [3, 150, 10_000])
def test_a_jump_over_centuries_agrees_with_single_steps(text: str, count: int) -> None:
    first = datetime(2026, 12, 1)  # noqa: DTZ001 - as above
    assert_same(text.format(count), START, first, first + timedelta(3_000))


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
        "FREQ=WEEKLY;BYDAY=MO,WE",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=YEARLY",
        "FREQ=HOURLY;INTERVAL=7",
        "FREQ=MINUTELY",
        "FREQ=SECONDLY;INTERVAL=90",
    ],
)
def test_the_time_before_a_window_costs_few_steps(text: str) -> None:
    first = datetime(2026, 12, 1, 9)  # noqa: DTZ001 - as above
    last = first + timedelta(days=1)
    rule = replace(parse_rule(text, of_dates=False), count=10**12)
    jump, near = StepBudget(10**6), StepBudget(10**6)
    list(expand(rule, START, first, last, jump))
    list(expand(replace(rule, count=None), START, first, last, near))
    assert near.left - jump.left < 1_000


def test_a_count_that_ends_before_the_window_ends_there() -> None:
    first = datetime(2026, 12, 1)  # noqa: DTZ001 - as above
    start = first - timedelta(weeks=520)
    rule = parse_rule("FREQ=WEEKLY;COUNT=520", of_dates=False)
    assert list(expand(rule, start, first, first + timedelta(30), StepBudget(100))) == []
    rule = parse_rule("FREQ=WEEKLY;COUNT=521", of_dates=False)
    assert list(expand(rule, start, first, first + timedelta(30), StepBudget(100))) == [first]
