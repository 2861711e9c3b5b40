"""Clashes as a calendar to subscribe to (RFC 5545)."""

import hashlib
from datetime import UTC, datetime

from icalendar import Calendar
from icalendar import Event as Vevent

from double_booked.conflicts.definition import Group, Overlap
from double_booked.view.conflict_report import ConflictReport, pluralize
from double_booked.view.printable import printable
from double_booked.view.times import moment_of


def render(report: ConflictReport, now: datetime) -> bytes:
    """A VEVENT for each time in which too many are present; they take no time themselves.

    Its UID is that of the same clash in the next answer. Times are cut to whole seconds.

    Args:
        report: What to tell.
        now: When that is told.
    """
    calendar = Calendar()
    calendar.add("PRODID", "-//double-booked//check//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("X-WR-CALNAME", "Double bookings")
    for group in report.groups:
        for overlap in group.overlaps:
            calendar.add_component(_clash(group, overlap, report, now))
    content: bytes = calendar.to_ical()
    return content


def _clash(group: Group, overlap: Overlap, report: ConflictReport, now: datetime) -> Vevent:
    entries = [report.entries[position] for position in overlap.members]
    names = [entry.name for entry in entries]
    told = " / ".join(names) or pluralize(overlap.depth, "event")
    where = f"{printable(group.resource)}: " if group.resource else ""
    key = repr((group.resource, overlap.start, overlap.end, sorted(names)))
    clash = Vevent()
    clash.add("UID", f"{hashlib.sha256(key.encode()).hexdigest()[:32]}@double-booked")
    clash.add("DTSTAMP", now)
    clash.add("DTSTART", moment_of(overlap.start, UTC))
    if overlap.end > overlap.start:
        clash.add("DTEND", moment_of(overlap.end, UTC))
    clash.add("SUMMARY", f"{where}{told}")
    places = [f"{entry.name} ({printable(str(entry.location))})" for entry in entries]
    clash.add("DESCRIPTION", "\n".join([f"{overlap.depth} at once", *places]))
    clash.add("TRANSP", "TRANSPARENT")
    return clash
