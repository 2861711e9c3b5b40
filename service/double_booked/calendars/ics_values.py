"""Parse the values of iCalendar: times, durations, texts and offsets (RFC 5545, section 3.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Protocol

from double_booked.calendars.ics_lines import Property
from double_booked.calendars.notes import Notes
from double_booked.recurrence.calendar_times import CalendarTime, EventDuration
from double_booked.recurrence.times import is_unusual, parse_date_or_time

_DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_MIDNIGHT = time()
_ESCAPED = re.compile(r"\\(.)")
_LISTED = re.compile(r"(?:[^,\\]|\\.)+")
_OFFSET = re.compile(r"([+-]?)(\d{2}):?(\d{2})(?::?(\d{2}))?", re.ASCII)


class ZoneFinder(Protocol):
    """Finds zones by name."""

    def find(self, name: str, line: int) -> tzinfo:
        """Return the zone of a TZID on a line.

        Raises:
            ValueError: There is no such zone.
        """


@dataclass(frozen=True, slots=True)
class TimeContext:
    """How the times of a calendar are read.

    Attributes:
        floating: The zone of times that name none, and of whole days.
        zones: Finds the zones that times name.
        notes: Receives a note about each time that is read despite an oddity.
    """

    floating: tzinfo
    zones: ZoneFinder
    notes: Notes = field(default_factory=Notes)

    def parse(self, source: Property, text: str | None = None) -> CalendarTime:
        """Return the DATE or DATE-TIME of a property (sections 3.3.4 and 3.3.5).

        Args:
            source: The property.
            text: The part of its value to parse; None for the whole value.

        Raises:
            ValueError: The text is neither, or its zone is unknown.
        """
        text = source.value if text is None else text
        parsed, is_utc = parse_date_or_time(text)
        if not isinstance(parsed, datetime):
            return CalendarTime(datetime.combine(parsed, time()), self.floating, is_date=True)
        if is_unusual(text):
            self.notes.add(source.line, "the second 60 or the hour 24 is read as what follows it")
        if parsed.time() == _MIDNIGHT and source.parameters.get("VALUE", "").upper() == "DATE":
            self.notes.add(source.line, "a midnight that is named a date is read as that day")
            return CalendarTime(parsed, self.floating, is_date=True)
        if is_utc:
            return CalendarTime(parsed, UTC)
        tzid = source.parameters.get("TZID", "").strip()
        if not tzid:
            return CalendarTime(parsed, self.floating, is_floating=True)
        return CalendarTime(parsed, self.zones.find(tzid, source.line))

    def parse_list(self, source: Property) -> Iterator[tuple[CalendarTime, EventDuration | None]]:
        """Yield the times of a list; a PERIOD comes with its duration (section 3.3.9).

        Raises:
            ValueError: One cannot be parsed.
        """
        for text in filter(None, map(str.strip, source.value.split(","))):
            begin, _, end = text.partition("/")
            start = self.parse(source, begin)
            yield start, self._duration_to(end, start, source) if end else None

    def _duration_to(self, end: str, start: CalendarTime, source: Property) -> EventDuration:
        if end.upper().startswith(("P", "+", "-")):
            return parse_duration(end)
        return duration_between(start, self.parse(source, end))


def text_value(source: Property | None) -> str:
    """Return a TEXT without its escapes; "" for a missing property (section 3.3.11)."""
    return _unescape(source.value) if source else ""


def text_values(source: Property) -> list[str]:
    """Return a list of TEXTs without their escapes."""
    return [_unescape(match[0]) for match in _LISTED.finditer(source.value)]


def _unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], text)


def parse_duration(text: str) -> EventDuration:
    """Parse a DURATION: weeks and days are calendar days, the rest is exact (section 3.3.6).

    Raises:
        ValueError: The text is not a duration, or the duration is negative or too long.
    """
    match = _DURATION.fullmatch(text.strip().upper())
    if not match:
        raise ValueError(f"'{text}' is not a duration like PT1H30M or P1D")
    number = {name: int(match[name] or 0) for name in ("weeks", "days", "hours", "minutes")}
    if match["sign"] == "-":
        raise ValueError(f"the duration {text} is negative")
    try:
        return EventDuration(
            number["weeks"] * 7 + number["days"],
            timedelta(
                hours=number["hours"],
                minutes=number["minutes"],
                seconds=int(match["seconds"] or 0),
            ),
        )
    except OverflowError:
        raise ValueError(f"the duration {text} is too long") from None


def duration_between(start: CalendarTime, end: CalendarTime) -> EventDuration:
    """Return the duration from DTSTART to DTEND; a date that ends on itself lasts that day.

    Raises:
        ValueError: The end is before the start, or one is a date and the other is not.
    """
    if start.is_date != end.is_date:
        raise ValueError("start and end must both be dates, or both be times")
    if start.is_date:
        days = (end.local - start.local).days
        if days < 0:
            raise ValueError("the end is before the start")
        return EventDuration(max(days, 1))
    if start.zone is end.zone is not UTC:
        if end.local < start.local:
            raise ValueError("the end is before the start")
        return EventDuration(wall=end.local - start.local)
    exact = end.to_utc() - start.to_utc()
    if exact < timedelta(0):
        raise ValueError("the end is before the start")
    return EventDuration(0, exact)


def parse_offset(text: str) -> timedelta:
    """Parse a UTC-OFFSET, such as "+0100" (section 3.3.14).

    Raises:
        ValueError: The text is not an offset, or the offset is a day or longer.
    """
    match = _OFFSET.fullmatch(text.strip())
    if not match:
        raise ValueError("its offsets are not like +0100")
    hours, minutes, seconds = (int(match[group] or 0) for group in (2, 3, 4))
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if offset >= timedelta(days=1):
        raise ValueError("its offsets are not shorter than a day")
    return -offset if match[1] == "-" else offset
