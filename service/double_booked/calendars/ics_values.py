"""iCalendar's values: times, lengths and rules, in the zones of their file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from icalendar import vDDDTypes

from double_booked.calendars.ics_lines import Component, Property
from double_booked.calendars.recurrence import Length, When
from double_booked.calendars.rules import Rule, Steps, TooManySteps, expand, parse_rule
from double_booked.calendars.zones import FileZone, Transition, find_zone

_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"\d{8}T\d{6}Z?")
_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_ESCAPED = re.compile(r"\\(.)")
_LISTED = re.compile(r"(?:[^,\\]|\\.)+")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?")


@dataclass(frozen=True, slots=True)
class Clock:
    """What the times of a file go by.

    Attributes:
        floating: The zone of times that name none.
        dates: The zone whose days whole days are.
        defined: The zones that the file defines, by name.
    """

    floating: tzinfo
    dates: tzinfo
    defined: dict[str, FileZone]

    def when(self, text: str, tzid: str | None) -> When:
        """A DATE or DATE-TIME.

        Raises:
            ValueError: It is none, or its zone is unknown.
        """
        if _DATE.fullmatch(text):
            day: date = _decode(text)
            return When(datetime.combine(day, time()), self.dates, is_date=True)
        if not _TIME.fullmatch(text):
            raise ValueError(f"'{text}' is no time like 20261123T090000 or 20261123")
        local = _decode(text).replace(tzinfo=None)
        if text.endswith("Z"):
            return When(local, UTC)
        return When(local, find_zone(tzid, self.defined) if tzid else self.floating)

    def whens(self, of: Property) -> Iterator[tuple[When, Length | None]]:
        """The times of a list, or periods with their lengths."""
        for text in filter(None, of.value.split(",")):
            begin, _, end = text.partition("/")
            start = self.when(begin, of.parameters.get("TZID"))
            yield start, self._until(start, end, of) if end else None

    def _until(self, start: When, end: str, of: Property) -> Length:
        if end.startswith(("P", "+", "-")):
            return parse_duration(end)
        return length_between(start, self.when(end, of.parameters.get("TZID")))


def _decode(text: str) -> datetime:
    try:
        decoded: datetime = vDDDTypes.from_ical(text)  # type: ignore[no-untyped-call]
    except ValueError:
        raise ValueError(f"'{text}' is not in the calendar") from None
    return decoded


def text_of(each: Property | None) -> str:
    """A TEXT, without its escapes (section 3.3.11)."""
    return _unescape(each.value) if each else ""


def texts_of(each: Property) -> list[str]:
    """A list of TEXTs, without their escapes."""
    return [_unescape(match[0]) for match in _LISTED.finditer(each.value)]


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], text)


def parse_duration(text: str) -> Length:
    """A DURATION; its weeks and days are the calendar's, the rest is exact.

    Raises:
        ValueError: It is none, or negative.
    """
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError(f"'{text}' is no duration like PT1H30M or P1D")
    number = {name: int(match[name] or 0) for name in ("weeks", "days", "hours", "minutes")}
    if match["sign"] == "-":
        raise ValueError(f"the duration {text} is negative")
    try:
        return Length(
            number["weeks"] * 7 + number["days"],
            timedelta(
                hours=number["hours"],
                minutes=number["minutes"],
                seconds=int(match["seconds"] or 0),
            ),
        )
    except OverflowError:
        raise ValueError(f"the duration {text} is too long") from None


def length_between(start: When, end: When) -> Length:
    """What DTEND says of how long an event lasts; a day that ends on itself lasts that day.

    Raises:
        ValueError: The end is before the start, or one is a date and the other is not.
    """
    if start.is_date != end.is_date:
        raise ValueError("start and end must both be dates, or both be times")
    if start.is_date:
        days = (end.local - start.local).days
        if days < 0:
            raise ValueError("the end is before the start")
        return Length(max(days, 1))
    exact = end.moment() - start.moment()
    if exact < timedelta(0):
        raise ValueError("the end is before the start")
    return Length(0, exact)


def read_zones(calendar: Component, last: datetime, steps: Steps) -> dict[str, FileZone]:
    """The zones that a calendar defines, up to a local time.

    Raises:
        ValueError: One cannot be used; the text names the line.
    """
    zones = {}
    for component in calendar.components:
        if component.name == "VTIMEZONE":
            name = text_of(component.first("TZID"))
            found = [
                each
                for observance in component.components
                for each in _transitions(observance, last, steps)
            ]
            if not name or not found:
                raise ValueError(f"line {component.line}: a time zone without name or offsets")
            zones[name] = FileZone(name, found)
    return zones


def _transitions(observance: Component, last: datetime, steps: Steps) -> Iterator[Transition]:
    try:
        start = _local(observance.first("DTSTART"))
        before = _offset(observance.first("TZOFFSETFROM"))
        after = _offset(observance.first("TZOFFSETTO"))
        name = text_of(observance.first("TZNAME"))
        for onset in sorted({start, *_onsets(observance, start, before, last, steps)}):
            yield Transition(onset - before, before, after, name)
    except ValueError as error:
        raise ValueError(f"line {observance.line}: {observance.name}: {error}") from error
    except OverflowError:
        fault = "a time is not in years 1 to 9999"
        raise ValueError(f"line {observance.line}: {observance.name}: {fault}") from None
    except TooManySteps:
        fault = "its rule takes more steps to follow than a file may"
        raise ValueError(f"line {observance.line}: {observance.name}: {fault}") from None


def _onsets(
    observance: Component, start: datetime, before: timedelta, last: datetime, steps: Steps
) -> Iterator[datetime]:
    for each in observance.all("RDATE"):
        for text in each.value.split(","):
            yield _decode(text.partition("/")[0]).replace(tzinfo=None)
    for each in observance.all("RRULE"):
        rule = parse_rule(each.value, of_dates=False)
        for onset in expand(rule, start, start, last, steps):
            if rule.until and onset > _onset_until(rule, before):
                break
            yield onset


def _onset_until(rule: Rule, before: timedelta) -> datetime:
    """UNTIL as a local time; in a zone's own rules it is in UTC (section 3.6.5)."""
    until = rule.until
    if not isinstance(until, datetime):
        return datetime.combine(until or date.max, time.max)
    return until.replace(tzinfo=None) + (before if until.tzinfo else timedelta(0))


def _local(each: Property | None) -> datetime:
    if not each:
        raise ValueError("it has no DTSTART")
    return _decode(each.value).replace(tzinfo=None)


def _offset(each: Property | None) -> timedelta:
    match = _OFFSET.fullmatch(each.value) if each else None
    if not match:
        raise ValueError("its offsets are not like +0100")
    hours, minutes, seconds = (int(match[group] or 0) for group in (2, 3, 4))
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if offset >= timedelta(days=1):
        raise ValueError("its offsets are not shorter than a day")
    return -offset if match[1] == "-" else offset
