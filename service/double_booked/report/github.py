"""Conflicts as annotations of a pull request.

The format is that of GitHub's workflow commands:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator
from datetime import tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import merge_spans
from double_booked.view.conflict_report import (
    ConflictReport,
    SourceLocation,
    pluralize,
    summarize,
)
from double_booked.view.printable import printable
from double_booked.view.times import day_of, format_day, format_span

MAX_NAMES = 5
"""The maximum number of other events that an annotation names; the rest is counted."""

_MAX_SPANS = 5
"""The maximum number of spans that an annotation lists."""


def render(report: ConflictReport, zone: tzinfo | None, *, is_error: bool) -> Iterator[str]:
    """Yield an annotation at the location of each event of each group, and a summary.

    Args:
        report: The events and conflicts.
        zone: The reader's time zone; None is that of this machine.
        is_error: Whether a conflict is an error; else it is a warning.
    """
    level = "error" if is_error else "warning"
    for group in report.groups:
        for position in group.members:
            location = report.entries[position].location
            text = _describe(report, group, position, zone)
            yield _annotate(level, "Double-booked", location, text)
    yield summarize(report)


def render_unread(location: SourceLocation, reason: str, *, is_error: bool) -> str:
    """Return the annotation of an event that cannot be read.

    Args:
        location: Where it is written.
        reason: Why it cannot be read.
        is_error: Whether that is an error; else it is a warning.
    """
    level = "error" if is_error else "warning"
    return _annotate(level, "Cannot be read", location, printable(reason))


def _annotate(level: str, title: str, location: SourceLocation, text: str) -> str:
    properties = {"title": title}
    if location.is_file:
        properties = {"file": location.file} | properties
        if location.line:
            properties["line"] = str(location.line)
    pairs = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{level} {pairs}::{_escape(text)}"


def _describe(report: ConflictReport, group: Group, position: int, zone: tzinfo | None) -> str:
    own = [overlap for overlap in group.overlaps if position in overlap.members]
    spans = merge_spans(overlap.span for overlap in own or group.overlaps)
    others = {member for overlap in own for member in overlap.members} - {position}
    names = [report.entries[member].name for member in group.members if member in others]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    events = ", ".join(names[:MAX_NAMES]) + more or pluralize(len(group.members) - 1, "other event")
    resource = f" on {printable(group.resource)}" if group.resource else ""
    day = day_of(spans[0][0], zone)
    times = ", ".join(format_span(*span, day, zone) for span in spans[:_MAX_SPANS])
    name = report.entries[position].name
    return f"{name} overlaps {events}{resource}: {format_day(day)}, {times}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
