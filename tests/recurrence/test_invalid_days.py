"""Days that a month lacks are replaced by SKIP (RFC 7529)."""

from datetime import datetime

import pytest

from double_booked.recurrence.invalid_days import expand_with_skip
from double_booked.recurrence.rules import StepBudget, parse_rule

END = datetime(2029, 1, 1)  # noqa: DTZ001 - a local time


def days(start: str, rule: str, count: int = 4) -> list[str]:
    """Return the first days on which a rule fires, without its start."""
    parsed = parse_rule(rule, of_dates=False)
    begin = datetime.fromisoformat(start)
    times = expand_with_skip(parsed, begin, begin, END, StepBudget(10_000))
    return [f"{moment:%Y-%m-%d}" for _, moment in zip(range(count), times, strict=False)]


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        ("OMIT", ["2026-10-31", "2026-12-31", "2027-01-31", "2027-03-31"]),
        ("BACKWARD", ["2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31"]),
        ("FORWARD", ["2026-10-01", "2026-10-31", "2026-12-01", "2026-12-31"]),
    ],
)
def test_the_31st_of_every_month_is_replaced(skip: str, expected: list[str]) -> None:
    assert days("2026-08-31", f"FREQ=MONTHLY;SKIP={skip}") == expected


@pytest.mark.parametrize(
    ("skip", "expected"),
    [
        ("BACKWARD", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("FORWARD", ["2025-03-01", "2026-03-01", "2027-03-01", "2028-02-29"]),
    ],
)
def test_the_29th_of_february_is_replaced(skip: str, expected: list[str]) -> None:
    assert days("2024-02-29", f"FREQ=YEARLY;SKIP={skip}") == expected


def test_days_that_become_equal_count_once() -> None:
    rule = "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;SKIP=BACKWARD"
    assert days("2027-01-31", rule, 2) == ["2027-02-28", "2027-03-28"]


def test_only_months_of_the_rule_get_replacements() -> None:
    rule = "FREQ=YEARLY;BYMONTH=4,6;BYMONTHDAY=31;SKIP=FORWARD"
    assert days("2026-01-31", rule) == ["2026-05-01", "2026-07-01", "2027-05-01", "2027-07-01"]


def test_months_between_intervals_get_no_replacement() -> None:
    rule = "FREQ=MONTHLY;INTERVAL=2;SKIP=FORWARD"
    assert days("2026-07-31", rule) == ["2026-10-01", "2026-12-01", "2027-01-31", "2027-03-31"]


def test_byday_applies_to_the_replacement() -> None:
    rule = "FREQ=MONTHLY;BYMONTHDAY=31;BYDAY=TU;SKIP=FORWARD"
    assert days("2026-01-31", rule, 2) == ["2026-03-31", "2026-12-01"]


def test_count_includes_replacements() -> None:
    expected = ["2026-09-30", "2026-10-31"]
    assert days("2026-08-31", "FREQ=MONTHLY;COUNT=3;SKIP=BACKWARD", 9) == expected


def test_days_of_every_month_are_not_replaced() -> None:
    rule = "FREQ=WEEKLY;BYDAY=MO;SKIP=FORWARD"
    assert days("2026-03-02", rule, 2) == ["2026-03-09", "2026-03-16"]
