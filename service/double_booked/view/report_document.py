"""The report for programs: the contents of `--format=report`, described by report.schema.json."""

from dataclasses import dataclass
from datetime import tzinfo

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, find_gap
from double_booked.view.coverage import Coverage, Outside
from double_booked.view.no_conflicts import describe_result
from double_booked.view.repeat import Repeat
from double_booked.view.repeats import find_common_suggestions
from double_booked.view.shown_days import seconds
from double_booked.view.times import day_of, format_rfc3339

VERSION = 1
"""Increases when a field is removed or changes its meaning, not when a field is added."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A half-open span, as RFC 3339 in UTC; start and end are equal for an instant."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """An event of the request.

    Attributes:
        id: Its id; "" without. For an event of a series, the UID and its date in the series.
        title: The title as it is written.
        description: The description as it is written.
        start: RFC 3339 in UTC.
        end: RFC 3339 in UTC; equal to the start for an instant.
        all_day: Whether it is written as whole days.
        resources: The resources that it occupies; "" is the unnamed resource.
        file: The file in which it is written.
        line: Its first line in the file, from 1; None if the format has no lines.
        field: Its path in a file without lines, like "events[3]"; None if it has a line.
        series: The UID of its series; None for a single event.
        suggestions: The free spans to which it could move, nearest first; None if it need not
            move, or if no suggestions were requested.
    """

    id: str
    title: str
    description: str
    start: str
    end: str
    all_day: bool
    resources: tuple[str, ...]
    file: str
    line: int | None
    field: str | None
    series: str | None
    suggestions: tuple[TimeSpan, ...] | None


@dataclass(frozen=True, slots=True)
class ReportedOverlap:
    """A span in which more events are present than the capacity.

    Attributes:
        start: RFC 3339 in UTC.
        end: RFC 3339 in UTC.
        depth: How many events are present.
        events: The indices of the present events; empty if the answer was too large to list them.
    """

    start: str
    end: str
    depth: int
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportedConflict:
    """Events that conflict on a resource, directly or through one another.

    Attributes:
        resource: The name; "" is the unnamed resource.
        events: The indices of the events, by start.
        overlaps: The spans in which more of them are present than the capacity, in order.
        gap: Seconds for which an event occupies the resource after its end, if that is part of one
            of the overlaps; else 0.
    """

    resource: str
    events: tuple[int, ...]
    overlaps: tuple[ReportedOverlap, ...]
    gap: float


@dataclass(frozen=True, slots=True)
class CommonSuggestions:
    """The suggestions for an event of the first of several conflicts that are free in all.

    Attributes:
        event: The index of the event.
        spans: The spans, nearest first; the others are at the same time of day.
    """

    event: int
    spans: tuple[TimeSpan, ...]


@dataclass(frozen=True, slots=True)
class ReportedRepeat:
    """Conflicts that differ only in their days.

    Attributes:
        conflicts: The indices of the conflicts, in order.
        days: The number of days from one to the next; 1 too for several days of every week.
        first: The day of the first overlap, in the time zone of the report.
        last: The day of the first overlap of the last.
        text: The times for people, like "every Monday 09:00-09:30 from 2 Nov to 22 Feb 2027, 17
            times".
        suggestions: The suggestions for events of the first that are free on all days.
    """

    conflicts: tuple[int, ...]
    days: int
    first: str
    last: str
    text: str
    suggestions: tuple[CommonSuggestions, ...]


@dataclass(frozen=True, slots=True)
class ReportedOutside:
    """The events and series that have nothing in the window.

    Attributes:
        events: How many.
        first: The day of the earliest start, in the time zone of the report.
        last: The day of the latest start.
    """

    events: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """The whole report.

    Attributes:
        version: VERSION.
        summary: One sentence for people.
        timezone: The reader's time zone, like Europe/Berlin; None is that of the machine.
        events: Every event of the request, conflicting or not.
        conflicts: The conflicts, in the order of their first events.
        repeats: The conflicts that recur.
        files: The files that were read.
        window: The span that was looked at; None if it has no limits.
        outside: What lies outside of the window; None if nothing does.
    """

    version: int
    summary: str
    timezone: str | None
    events: tuple[ReportedEvent, ...]
    conflicts: tuple[ReportedConflict, ...]
    repeats: tuple[ReportedRepeat, ...]
    files: tuple[str, ...]
    window: TimeSpan | None
    outside: ReportedOutside | None


def make_document(
    report: ConflictReport, request: EventList, zone: tzinfo | None, coverage: Coverage
) -> ReportDocument:
    """Return the document of a report.

    Args:
        report: The events and conflicts.
        request: The events and options that the report is about.
        zone: The reader's time zone; None is that of this machine.
        coverage: What the report covers.
    """
    return ReportDocument(
        VERSION,
        describe_result(report, coverage),
        str(zone) if zone else None,
        tuple(_event(report, number, event) for number, event in enumerate(request.events)),
        tuple(_conflict(report, group) for group in report.groups),
        tuple(_repeat(report, repeat, zone) for repeat in report.repeats),
        tuple(coverage.sources),
        _span(coverage.window) if coverage.window else None,
        _outside(coverage.outside, coverage.zone) if coverage.outside else None,
    )


def _event(report: ConflictReport, position: int, event: Event) -> ReportedEvent:
    entry = report.entries[position]
    location = entry.location
    suggestions = report.suggestions.get(position)
    return ReportedEvent(
        event.id,
        event.title,
        event.description,
        format_rfc3339(entry.start),
        format_rfc3339(entry.end),
        location.is_all_day,
        entry.resources,
        location.file,
        location.line,
        None if location.line else location.field,
        location.series or None,
        None if suggestions is None else tuple(map(_span, suggestions)),
    )


def _conflict(report: ConflictReport, group: Group) -> ReportedConflict:
    overlaps = tuple(map(_overlap, group.overlaps))
    gap = seconds(find_gap(report, group.resource, group.overlaps))
    return ReportedConflict(group.resource, group.members, overlaps, gap)


def _overlap(overlap: Overlap) -> ReportedOverlap:
    start, end = format_rfc3339(overlap.start), format_rfc3339(overlap.end)
    return ReportedOverlap(start, end, overlap.depth, overlap.members)


def _repeat(report: ConflictReport, repeat: Repeat, zone: tzinfo | None) -> ReportedRepeat:
    first, last = repeat.first.isoformat(), repeat.last.isoformat()
    text = repeat.describe(report.groups[repeat.groups[0]], zone)
    common = find_common_suggestions(report, repeat, zone)
    suggestions = tuple(
        CommonSuggestions(position, tuple(map(_span, spans))) for position, spans in common.items()
    )
    return ReportedRepeat(repeat.groups, repeat.days, first, last, text, suggestions)


def _outside(outside: Outside, zone: tzinfo) -> ReportedOutside:
    first, last = (day_of(start, zone).isoformat() for start in (outside.first, outside.last))
    return ReportedOutside(outside.events, first, last)


def _span(span: Span) -> TimeSpan:
    return TimeSpan(format_rfc3339(span[0]), format_rfc3339(span[1]))
