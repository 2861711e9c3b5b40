"""Free times as text for people, JSON for programs, and a calendar."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from icalendar import Calendar
from icalendar import Event as Vevent

from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import pluralize
from double_booked.view.printable import printable
from double_booked.view.times import (
    day_of,
    format_day,
    format_duration,
    format_rfc3339,
    format_span,
    moment_of,
    name_of_zone,
)

MAX_NAMES = 3
"""How many resources a line names before it counts the others."""


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """What was looked for, and what was found.

    Attributes:
        spans: The free times, the earliest first.
        resources: The names of what is free then, in order; "" is the unnamed resource.
        length: How long each is, in nanoseconds.
        within: The span in which they were looked for, in nanoseconds since 1970.
    """

    spans: Sequence[Span]
    resources: Sequence[str]
    length: int
    within: Span


def render_text(free: FreeTimes, zone: tzinfo) -> Iterator[str]:
    """Yield a line for each free time, and a summary."""
    for start, end in free.spans:
        day = day_of(start, zone)
        span = format_span(start, end, day, zone)
        yield f"{format_day(day)}, {span} ({name_of_zone(start, zone)})"
    length = format_duration(free.length)
    if free.spans:
        yield f"{pluralize(len(free.spans), 'free time')} of {length} for {_name(free.resources)}."
        return
    first, last = (f"{moment_of(each, zone):%Y-%m-%d %H:%M}" for each in free.within)
    yield f"No free time of {length} for {_name(free.resources)} from {first} to {last}."


def render_json(free: FreeTimes) -> str:
    """Return an object with the times, RFC 3339 in UTC, and the names of what is free then."""
    times = [
        {"start": format_rfc3339(start), "end": format_rfc3339(end)} for start, end in free.spans
    ]
    return json.dumps({"free": times, "resources": list(free.resources)}, indent=2)


def render_ics(free: FreeTimes, now: datetime) -> bytes:
    """Return a calendar with an event for each free time; the events take no time themselves.

    The same time for the same resources keeps its UID.

    Args:
        free: What to write.
        now: When that is written.
    """
    calendar = Calendar()
    calendar.add("PRODID", "-//double-booked//free//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("X-WR-CALNAME", "Free times")
    for start, end in free.spans:
        key = repr((start, end, list(free.resources)))
        event = Vevent()
        event.add("UID", f"{hashlib.sha256(key.encode()).hexdigest()[:32]}@double-booked")
        event.add("DTSTAMP", now)
        event.add("DTSTART", moment_of(start, UTC))
        event.add("DTEND", moment_of(end, UTC))
        event.add("SUMMARY", f"Free: {_name(free.resources)}")
        event.add("TRANSP", "TRANSPARENT")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def _name(resources: Sequence[str]) -> str:
    names = [printable(name) or "events without a resource" for name in resources]
    if len(names) > MAX_NAMES:
        names = [*names[:MAX_NAMES], f"{len(names) - MAX_NAMES} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "everybody"
