"""Conflicts as annotations of a pull request.

The format is that of GitHub's workflow commands:
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import Span, merge_spans
from double_booked.view.conflict_report import (
    ConflictReport,
    SourceLocation,
    describe_gap,
    find_gap,
    pluralize,
)
from double_booked.view.coverage import Coverage
from double_booked.view.no_conflicts import describe_result
from double_booked.view.printable import printable
from double_booked.view.repeat import Repeat
from double_booked.view.repeats import list_groups
from double_booked.view.times import day_of, format_day, format_span

MAX_NAMES = 5
"""The maximum number of other events that an annotation names; the rest is counted."""

_MAX_SPANS = 5
"""The maximum number of spans that an annotation lists."""


def render(report: ConflictReport, coverage: Coverage, *, is_error: bool) -> Iterator[str]:
    """Yield an annotation at the location of each event of each group, and a summary.

    Groups that recur are annotated once, at the events of the first of them.

    Args:
        report: The events and conflicts.
        coverage: What the report covers.
        is_error: Whether a conflict is an error; else it is a warning.
    """
    level = "error" if is_error else "warning"
    for group, repeat in list_groups(report):
        for position in group.members:
            location = report.entries[position].location
            text = _describe(report, group, position, coverage.zone, repeat)
            yield _annotate(level, "Double-booked", location, text)
    yield describe_result(report, coverage)


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


def _describe(
    report: ConflictReport,
    group: Group,
    position: int,
    zone: tzinfo | None,
    repeat: Repeat | None,
) -> str:
    own = [overlap for overlap in group.overlaps if position in overlap.members]
    spans = merge_spans(overlap.span for overlap in own or group.overlaps)
    others = {member for overlap in own for member in overlap.members} - {position}
    names = [report.entries[member].name for member in group.members if member in others]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    events = ", ".join(names[:MAX_NAMES]) + more or pluralize(len(group.members) - 1, "other event")
    resource = f" on {printable(group.resource)}" if group.resource else ""
    gap = describe_gap(find_gap(report, group.resource, own or group.overlaps))
    times = repeat.describe(group, zone) if repeat else _format_times(spans, zone)
    return f"{report.entries[position].name} overlaps {events}{resource}{gap}: {times}"


def _format_times(spans: Sequence[Span], zone: tzinfo | None) -> str:
    day = day_of(spans[0][0], zone)
    times = ", ".join(format_span(*span, day, zone) for span in spans[:_MAX_SPANS])
    return f"{format_day(day)}, {times}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
