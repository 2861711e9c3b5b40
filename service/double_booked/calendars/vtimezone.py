"""A VTIMEZONE component in, a time zone out (RFC 5545, section 3.6.5)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from double_booked.calendars.ics_lines import Component, Property
from double_booked.calendars.ics_values import parse_offset, text_value
from double_booked.recurrence.expansion import expand
from double_booked.recurrence.rules import Rule, StepBudget, TooManyStepsError, parse_rule
from double_booked.recurrence.times import parse_date_or_time
from double_booked.recurrence.zones import FileZone, Transition

MAX_ZONE_STEPS = 20_000
"""Maximum number of candidates of the rules of a zone; yearly rules have about a thousand."""

_ZONES_KEPT = 128
# Outlook's rules begin in 1601. No clock changed every year before 1916.
_FIRST_RULES = datetime(1900, 1, 1)  # noqa: DTZ001 - a local time


@dataclass(frozen=True, slots=True)
class _Text:
    """A VTIMEZONE, equal to every other one with the same text."""

    content: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    component: Component = field(compare=False)


def read_zone(component: Component, last: datetime) -> FileZone:
    """Return the zone of a VTIMEZONE; equal texts are parsed once.

    Args:
        component: The VTIMEZONE.
        last: The local time up to which its rules are expanded.

    Raises:
        ValueError: It cannot be used; the message names the line.
    """
    parts = (component, *component.components)
    faults = [fault for part in parts for fault in part.faults]
    if faults:
        raise ValueError(faults[0].fault)
    content = tuple(
        (part.name, tuple((line.name, line.value) for line in part.properties)) for part in parts
    )
    return _read(_Text(content, component), last)


@lru_cache(_ZONES_KEPT)
def _read(text: _Text, last: datetime) -> FileZone:
    component = text.component
    parts = component.components
    offsets = {line.value for part in parts for line in part.all("TZOFFSETTO")}
    budget = StepBudget(MAX_ZONE_STEPS)
    transitions = [
        transition
        for observance in parts
        # If there is only one offset, further dates and rules change nothing.
        for transition in _transitions(observance, last if len(offsets) > 1 else None, budget)
    ]
    if not transitions:
        raise ValueError(f"line {component.line}: a time zone without offsets")
    return FileZone(text_value(component.first("TZID")), transitions)


def _transitions(
    observance: Component, last: datetime | None, budget: StepBudget
) -> Iterator[Transition]:
    try:
        start = _local(_of(observance, "DTSTART").value)
        before = parse_offset(_of(observance, "TZOFFSETFROM").value)
        after = parse_offset(_of(observance, "TZOFFSETTO").value)
        name = text_value(observance.first("TZNAME"))
        more = _onsets(observance, start, before, last, budget) if last else ()
        for onset in sorted({start, *more}):
            yield Transition(_in_utc(onset, before), before, after, name)
    except ValueError as error:
        raise ValueError(f"line {observance.line}: {observance.name}: {error}") from error
    except OverflowError:
        fault = "a time is not in years 1 to 9999"
        raise ValueError(f"line {observance.line}: {observance.name}: {fault}") from None
    except TooManyStepsError:
        fault = f"its rule takes more than {MAX_ZONE_STEPS:,} steps to follow"
        raise ValueError(f"line {observance.line}: {observance.name}: {fault}") from None


def _in_utc(local: datetime, offset: timedelta) -> datetime:
    """Return a local time in UTC, at least the first datetime."""
    return local - offset if local - datetime.min > offset else datetime.min  # noqa: DTZ901


def _of(observance: Component, name: str) -> Property:
    line = observance.first(name)
    if line is None:
        raise ValueError(f"it has no {name}")
    return line


def _local(text: str) -> datetime:
    """Return the local time of a DATE-TIME; for a DATE, midnight."""
    decoded, _ = parse_date_or_time(text)
    return decoded if isinstance(decoded, datetime) else datetime.combine(decoded, time())


def _onsets(
    observance: Component, start: datetime, before: timedelta, last: datetime, budget: StepBudget
) -> Iterator[datetime]:
    for line in observance.all("RDATE"):
        for text in filter(None, line.value.split(",")):
            yield _local(text.partition("/")[0])
    for line in observance.all("RRULE"):
        rule = parse_rule(line.value, of_dates=False)
        for onset in expand(rule, start, max(start, _FIRST_RULES), last, budget):
            if rule.until and onset > _onset_until(rule, before):
                break
            yield onset


def _onset_until(rule: Rule, before: timedelta) -> datetime:
    """Return UNTIL as a local time; the rules of a zone have it in UTC (section 3.6.5)."""
    until = rule.until
    if not isinstance(until, datetime):
        return datetime.combine(until or date.max, time.max)
    return until.replace(tzinfo=None) + (before if until.tzinfo else timedelta(0))
