"""Short notations for calendars and times in tests, and functions that read them."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from double_booked.calendars import ics_files
from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.parsed_calendars import CalendarOptions, ParsedCalendar
from double_booked.recurrence.calendar_times import Window

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ALL = Window(datetime(1990, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))

Times = list[tuple[datetime, datetime]]


def calendar_of(*components: str) -> bytes:
    """Return a file with one calendar."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *components, "END:VCALENDAR"]
    return "\r\n".join("\r\n".join(lines).split("\n")).replace("\r\r", "\r").encode()


def vevent(text: str) -> str:
    """Return a VEVENT; its lines are separated by line ends or by " | "."""
    lines = re.split(r"\n| \| ", text.strip())
    uid = [] if "UID:" in text else ["UID:1"]
    return "\n".join(["BEGIN:VEVENT", *uid, *(line.strip() for line in lines), "END:VEVENT"])


def read(content: bytes, window: Window = ALL, **options: bool) -> ParsedCalendar:
    return ics_files.parse(content, CalendarOptions(window, BERLIN, CountingRules(**options)))


def times(content: bytes, window: Window = ALL, **options: bool) -> Times:
    """Return the starts and ends of the events in UTC, in order."""
    events = read(content, window, **options).occurrences
    return sorted((event.start, event.end) for event in events)


def times_of(*events: str, window: Window = ALL, **options: bool) -> Times:
    return times(calendar_of(*map(vevent, events)), window, **options)


def starts_of(*events: str, window: Window = ALL) -> list[datetime]:
    return [start for start, _ in times_of(*events, window=window)]


def at(text: str) -> datetime:
    """Parse a time like "2026-03-29 02:30 +01:00"; without an offset it is in UTC."""
    clock, _, offset = text.partition(" +")
    sign = 1
    if not offset:
        clock, _, offset = text.partition(" -0")
        sign, offset = -1, f"0{offset}" if offset else ""
    moment = datetime.fromisoformat(clock).replace(tzinfo=UTC)
    if offset:
        hours, minutes = map(int, offset.split(":"))
        moment -= sign * timedelta(hours=hours, minutes=minutes)
    return moment


def spans(text: str) -> Times:
    """Parse times like "2026-03-29 01:00/02:00, 2026-03-30 01:00/2026-03-31 02:00", in UTC."""
    parsed = []
    for span in filter(None, map(str.strip, text.split(","))):
        begin, _, end = span.partition("/")
        start = at(begin)
        if not end:
            parsed.append((start, start))
        elif ":" in end and "-" not in end:
            parsed.append((start, at(f"{begin[:10]} {end}")))
        else:
            parsed.append((start, at(end)))
    return parsed


def days(text: str) -> Iterator[date]:
    """Yield days, from a text like "1997-09 2-11 30, 1997-10 1"."""
    for month in text.split(", "):
        name, *numbers = month.split()
        for number in numbers:
            first, _, last = number.partition("-")
            for day in range(int(first), int(last or first) + 1):
                yield date.fromisoformat(f"{name}-{day:02}")


def mornings(text: str, clock: Sequence[str] = ("09:00",)) -> list[datetime]:
    """Return times on these days in New York, at nine or at the given times of day."""
    return [
        datetime.fromisoformat(f"{day} {time}").replace(tzinfo=NEW_YORK).astimezone(UTC)
        for day in days(text)
        for time in clock
    ]
