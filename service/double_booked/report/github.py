"""Conflicts as annotations of a pull request.

The form is that of GitHub's workflow commands:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator
from datetime import tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import merge_spans
from double_booked.view.conflict_report import ConflictReport, SourceLocation, pluralize, summarize
from double_booked.view.printable import printable
from double_booked.view.times import day_of, format_day, format_span

MAX_NAMES = 5
"""How many others an annotation names before it counts them."""


def render(report: ConflictReport, zone: tzinfo | None, *, is_error: bool) -> Iterator[str]:
    """Yields an annotation for each event of each group, at its place, and a summary.

    Args:
        report: What to tell.
        zone: Where the reader is; None is where this machine is.
        is_error: Whether to call a conflict an error, or else a warning.
    """
    level = "error" if is_error else "warning"
    for group in report.groups:
        for position in group.members:
            location = report.entries[position].location
            yield _annotate(
                level, "Double-booked", location, _describe(report, group, position, zone)
            )
    yield summarize(report)


def render_unread(location: SourceLocation, reason: str, *, is_error: bool) -> str:
    """Return the annotation of an entry that cannot be read.

    Args:
        location: Where it is.
        reason: What is wrong with it.
        is_error: Whether it is an error, or else a warning.
    """
    level = "error" if is_error else "warning"
    return _annotate(level, "Cannot be read", location, printable(reason))


def _annotate(level: str, title: str, location: SourceLocation, text: str) -> str:
    properties = {"title": title}
    if location.is_file:
        properties = {"file": location.file} | properties
        if location.line:
            properties["line"] = str(location.line)
    told = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{level} {told}::{_escape(text)}"


def _describe(report: ConflictReport, group: Group, position: int, zone: tzinfo | None) -> str:
    own = [each for each in group.overlaps if position in each.members]
    spans = merge_spans(overlap.span for overlap in own or group.overlaps)
    others = {other for each in own for other in each.members} - {position}
    names = [report.entries[other].name for other in group.members if other in others]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    who = ", ".join(names[:MAX_NAMES]) + more or pluralize(len(group.members) - 1, "other event")
    where = f" on {printable(group.resource)}" if group.resource else ""
    day = day_of(spans[0][0], zone)
    when = ", ".join(format_span(*span, day, zone) for span in spans[:MAX_NAMES])
    return f"{report.entries[position].name} overlaps {who}{where}: {format_day(day)}, {when}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
