"""Overlaps as a calendar to subscribe to (RFC 5545)."""

from datetime import UTC, datetime

from icalendar import Calendar
from icalendar import Event as Vevent

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, pluralize
from double_booked.view.keys import overlap_key
from double_booked.view.printable import printable
from double_booked.view.times import moment_of


def render(report: ConflictReport, now: datetime) -> bytes:
    """Return a calendar with a VEVENT for each overlap.

    The events are transparent, so they make nobody busy. An overlap has the same UID in every
    report. Times are cut to whole seconds.

    Args:
        report: The events and conflicts.
        now: The time at which the calendar is written.
    """
    calendar = make_calendar("check", "Double bookings")
    for group in report.groups:
        for overlap in group.overlaps:
            calendar.add_component(_overlap_event(group, overlap, report, now))
    content: bytes = calendar.to_ical()
    return content


def make_calendar(command: str, name: str) -> Calendar:
    """Return an empty calendar.

    Args:
        command: The command that writes it.
        name: The name that calendar programs show.
    """
    calendar = Calendar()
    calendar.add("PRODID", f"-//double-booked//{command}//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("X-WR-CALNAME", name)
    return calendar


def make_event(key: str, span: Span, summary: str, now: datetime) -> Vevent:
    """Return a transparent event.

    Args:
        key: What identifies the event, as `make_key` returns it.
        span: Start and end, in nanoseconds since 1970; equal for an instant.
        summary: The title.
        now: The time at which the calendar is written.
    """
    start, end = span
    event = Vevent()
    event.add("UID", f"{key}@double-booked")
    event.add("DTSTAMP", now)
    event.add("DTSTART", moment_of(start, UTC))
    if end > start:
        event.add("DTEND", moment_of(end, UTC))
    event.add("SUMMARY", summary)
    event.add("TRANSP", "TRANSPARENT")
    return event


def _overlap_event(group: Group, overlap: Overlap, report: ConflictReport, now: datetime) -> Vevent:
    entries = [report.entries[position] for position in overlap.members]
    events = " / ".join(entry.name for entry in entries) or pluralize(overlap.depth, "event")
    resource = f"{printable(group.resource)}: " if group.resource else ""
    key = overlap_key(group.resource, overlap, report.entries)
    event = make_event(key, overlap.span, f"{resource}{events}", now)
    locations = [f"{entry.name} ({printable(str(entry.location))})" for entry in entries]
    event.add("DESCRIPTION", "\n".join([f"{overlap.depth} at once", *locations]))
    return event
