"""Recurrence rules (RFC 5545, section 3.3.10)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from icalendar import vRecur

from double_booked.recurrence.rule_text import clean_parts
from double_booked.recurrence.times import parse_date_or_time

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MAX_WEEKS = 53
_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_RANGES = {
    "BYMONTH": (1, 12),
    "BYWEEKNO": (-53, 53),
    "BYYEARDAY": (-366, 366),
    "BYMONTHDAY": (-31, 31),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
    "BYSETPOS": (-366, 366),
}
_KNOWN = {"FREQ", "INTERVAL", "COUNT", "WKST", "BYDAY", *_RANGES}
_SKIPS = ("OMIT", "BACKWARD", "FORWARD")
_FORBIDDEN = {
    "BYWEEKNO": {"MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"},
    "BYYEARDAY": {"MONTHLY", "WEEKLY", "DAILY"},
    "BYMONTHDAY": {"WEEKLY"},
}


class TooManyStepsError(Exception):
    """Following the rules takes more steps than the budget has."""


@dataclass(slots=True)
class StepBudget:
    """The number of steps that following rules may still take.

    A step is one candidate, a time that a rule might name. An endless rule stops when the budget is
    spent.
    """

    left: int

    def spend(self, count: int = 1) -> None:
        """Consume `count` steps.

        Raises:
            TooManyStepsError: Fewer are left.
        """
        self.left -= count
        if self.left < 0:
            raise TooManyStepsError


@dataclass(frozen=True, slots=True)
class Rule:
    """A recurrence rule; parts that it does not have are empty.

    Attributes:
        freq: FREQ, from "YEARLY" to "SECONDLY".
        interval: INTERVAL: how many of these units apart the periods begin.
        count: COUNT: the number of all occurrences, the start of the series included.
        until: UNTIL: the last possible occurrence, as a date, a local time or a time in UTC.
        by_month: BYMONTH; the other BY parts are like it: their numbers, sorted.
        by_day: BYDAY: pairs of the ordinal (0 for every) and the day of the week (0 for Monday).
        week_start: WKST: the first day of the week (0 for Monday).
        skip: SKIP, for a day that a month lacks (RFC 7529): "OMIT", "BACKWARD" to the last day of
            the month, or "FORWARD" to the first of the next.
    """

    freq: str
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    by_month: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_hour: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_second: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0
    skip: str = "OMIT"

    @property
    def is_within_days(self) -> bool:
        """Whether FREQ is shorter than a day."""
        return self.freq in {"HOURLY", "MINUTELY", "SECONDLY"}


def _ignore(_: str) -> None:
    pass


def parse_rule(text: str, *, of_dates: bool, note: Callable[[str], None] = _ignore) -> Rule:
    """Parse the value of an RRULE or EXRULE (RFC 5545, section 3.3.10).

    Args:
        text: The value, such as "FREQ=WEEKLY;BYDAY=MO".
        of_dates: Whether the series is of whole days; then BYHOUR, BYMINUTE and BYSECOND are
            ignored.
        note: Receives a sentence about each oddity that has only one meaning.

    Raises:
        ValueError: The text is not a rule; the message says why.
    """
    texts = clean_parts(text, note)
    until = _until(texts.pop("UNTIL", None))
    skip = _skip(texts)
    parts: dict[str, Any] = dict(vRecur.from_ical(_joined(texts)))
    rule = Rule(
        _freq(parts),
        _positive(parts, "INTERVAL") or 1,
        _positive(parts, "COUNT"),
        until,
        by_month=_numbers(parts, "BYMONTH"),
        by_week_no=_numbers(parts, "BYWEEKNO"),
        by_year_day=_numbers(parts, "BYYEARDAY"),
        by_month_day=_numbers(parts, "BYMONTHDAY"),
        by_day=tuple(dict.fromkeys(_weekday(str(day)) for day in parts.get("BYDAY", ()))),
        by_hour=_numbers(parts, "BYHOUR"),
        by_minute=_numbers(parts, "BYMINUTE"),
        by_second=_numbers(parts, "BYSECOND"),
        by_set_pos=_numbers(parts, "BYSETPOS"),
        week_start=WEEKDAYS.index(str(parts.get("WKST", ["MO"])[0])),
        skip=skip,
    )
    _check_parts(rule, parts)
    if not of_dates:
        return rule
    if rule.is_within_days:
        raise ValueError(f"whole days cannot repeat {rule.freq}")
    return replace(rule, by_hour=(), by_minute=(), by_second=())


def _freq(parts: dict[str, Any]) -> str:
    unknown = parts.keys() - _KNOWN
    if unknown:
        raise ValueError(f"unknown part {min(unknown)}")
    if "FREQ" not in parts:
        raise ValueError("it has no FREQ")
    if len(parts["FREQ"]) != 1:
        raise ValueError("FREQ has more than one value")
    return str(parts["FREQ"][0])


def _joined(texts: dict[str, str]) -> str:
    return ";".join(f"{name}={values}" for name, values in texts.items())


def _until(text: str | None) -> date | datetime | None:
    if text is None:
        return None
    if "," in text:
        raise ValueError("UNTIL has more than one value")
    try:
        until, is_utc = parse_date_or_time(text)
    except ValueError as error:
        raise ValueError(f"UNTIL: {error}") from None
    return until.replace(tzinfo=UTC) if isinstance(until, datetime) and is_utc else until


def _skip(texts: dict[str, str]) -> str:
    """Remove RSCALE and SKIP from the parts of a rule, and return SKIP (RFC 7529, section 4)."""
    scale, skip = texts.pop("RSCALE", None), texts.pop("SKIP", None)
    if scale not in {None, "GREGORIAN"}:
        raise ValueError(f"RSCALE={scale} is not supported, only GREGORIAN is")
    if skip not in {None, *_SKIPS}:
        raise ValueError(f"SKIP={skip} is not one of {', '.join(_SKIPS)}")
    return skip or "OMIT"


def _positive(parts: dict[str, Any], name: str) -> int | None:
    values = parts.get(name)
    if values is None:
        return None
    if len(values) != 1 or values[0] < 1:
        raise ValueError(f"{name} is not a number from 1")
    return int(values[0])


def _numbers(parts: dict[str, Any], name: str) -> tuple[int, ...]:
    low, high = _RANGES[name]
    numbers = tuple(sorted({int(value) for value in parts.get(name, ())}))
    for number in numbers:
        if not low <= number <= high or (number == 0 and low < 0):
            raise ValueError(f"{name}={number} is out of range")
    return numbers


def _weekday(text: str) -> tuple[int, int]:
    match = _DAY.fullmatch(text)
    if not match or (match[1] and not 1 <= abs(int(match[1])) <= _MAX_WEEKS):
        raise ValueError(f"BYDAY={text} is not a day")
    return int(match[1] or 0), WEEKDAYS.index(match[2])


def _check_parts(rule: Rule, parts: dict[str, Any]) -> None:
    """Reject combinations of parts that section 3.3.10 forbids, and those not supported.

    COUNT together with UNTIL is accepted, as other programs do: whichever ends first counts.

    Raises:
        ValueError: The rule has one.
    """
    for name, forbidden in _FORBIDDEN.items():
        if name in parts and rule.freq in forbidden:
            raise ValueError(f"{name} cannot be used with FREQ={rule.freq}")
    has_ordinals = any(ordinal for ordinal, _ in rule.by_day)
    if has_ordinals and (rule.freq not in {"MONTHLY", "YEARLY"} or rule.by_week_no):
        raise ValueError("BYDAY with a number needs FREQ=MONTHLY, or YEARLY without BYWEEKNO")
    if rule.by_set_pos and not any(name.startswith("BY") and name != "BYSETPOS" for name in parts):
        raise ValueError("BYSETPOS needs another BY part")
    if rule.skip != "OMIT" and (rule.by_set_pos or rule.by_week_no or rule.by_year_day):
        raise ValueError(f"SKIP={rule.skip} is not supported with BYSETPOS, BYWEEKNO or BYYEARDAY")
