"""Free times as text for people, JSON for programs, and a calendar."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from double_booked.conflicts.instants import Span
from double_booked.report.ics_feed import make_calendar, make_event
from double_booked.view.conflict_report import pluralize
from double_booked.view.keys import make_key
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
"""The maximum number of resources that a line names; the others are counted."""


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """The result of a search for free times.

    Attributes:
        spans: The free times, the earliest first.
        resources: The names of the resources that are free then, in order; "" is the unnamed one.
        length: The length of each free time, in nanoseconds.
        within: The span that was searched, in nanoseconds since 1970.
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
        number = pluralize(len(free.spans), "free time")
        yield f"{number} of {length} for {_join_names(free.resources)}."
        return
    first, last = (f"{moment_of(instant, zone):%Y-%m-%d %H:%M}" for instant in free.within)
    yield f"No free time of {length} for {_join_names(free.resources)} from {first} to {last}."


def render_json(free: FreeTimes) -> str:
    """Return an object with the free times, RFC 3339 in UTC, and the names of the resources."""
    times = [
        {"start": format_rfc3339(start), "end": format_rfc3339(end)} for start, end in free.spans
    ]
    return json.dumps({"free": times, "resources": list(free.resources)}, indent=2)


def render_ics(free: FreeTimes, now: datetime) -> bytes:
    """Return a calendar with a transparent event for each free time.

    The same time for the same resources always has the same UID.

    Args:
        free: The free times.
        now: The time at which the calendar is written.
    """
    calendar = make_calendar("free", "Free times")
    summary = f"Free: {_join_names(free.resources)}"
    for span in free.spans:
        key = make_key((*span, list(free.resources)))
        calendar.add_component(make_event(key, span, summary, now))
    content: bytes = calendar.to_ical()
    return content


def _join_names(resources: Sequence[str]) -> str:
    names = [printable(name) or "events without a resource" for name in resources]
    if len(names) > MAX_NAMES:
        names = [*names[:MAX_NAMES], f"{len(names) - MAX_NAMES} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "everybody"
