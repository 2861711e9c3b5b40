"""What a report tells, as one model; docs/report.schema.json is its JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, summarize
from double_booked.view.repeats import Repeat
from double_booked.view.times import format_rfc3339

VERSION = 1
"""Goes up when a field is taken away or means something else; new fields may come."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A half-open span; times are RFC 3339 in UTC, and equal for an instant."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """An event that was read.

    Attributes:
        id: Its id; "" without. Of a series, its UID and the date that the series has for it.
        title: As it is written.
        description: As it is written.
        start: RFC 3339 in UTC.
        end: The same; equal to the start for an instant.
        all_day: Whether it is of whole days.
        resources: What it takes; "" is the unnamed resource.
        file: Where it is written.
        line: Its first line there, from 1; None where the format has none.
        field: What finds it in a file without lines, like "events[3]"; None with a line.
        series: What names the series that it is one of; None if it is of none.
        suggestions: Where it could go instead, nearest first; None if it was not asked for.
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
        end: The same.
        depth: How many are present.
        events: Who: their indices among the events. Empty where there were too many to say.
    """

    start: str
    end: str
    depth: int
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportedConflict:
    """Events that conflict on a resource, directly or through one another.

    Attributes:
        resource: Its name; "" is the unnamed resource.
        events: Their indices among the events, by start.
        overlaps: When more of them are present than the capacity, in order.
    """

    resource: str
    events: tuple[int, ...]
    overlaps: tuple[ReportedOverlap, ...]


@dataclass(frozen=True, slots=True)
class ReportedRepeat:
    """Conflicts that are alike but for their days.

    Attributes:
        conflicts: Their indices among the conflicts, in order.
        days: How many days are from each to the next.
        first: The day on which the first begins, in the time zone of the report.
        last: The day on which the last begins.
    """

    conflicts: tuple[int, ...]
    days: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """All of it.

    Attributes:
        version: VERSION.
        summary: One sentence for people.
        timezone: The zone of the reader, like Europe/Berlin; None is that of the machine.
        events: Every event that was read, conflicting or not.
        conflicts: In the order of their first events.
        repeats: Conflicts that come again.
    """

    version: int
    summary: str
    timezone: str | None
    events: tuple[ReportedEvent, ...]
    conflicts: tuple[ReportedConflict, ...]
    repeats: tuple[ReportedRepeat, ...]


def make_document(
    report: ConflictReport, request: EventList, zone: tzinfo | None, repeats: Sequence[Repeat]
) -> ReportDocument:
    """Return the model of what was found.

    Args:
        report: What conflicts.
        request: The request.
        zone: Where the reader is; None is where this machine is.
        repeats: Groups of the report that come again.
    """
    return ReportDocument(
        VERSION,
        summarize(report),
        str(zone) if zone else None,
        tuple(_event(report, number, event) for number, event in enumerate(request.events)),
        tuple(map(_conflict, report.groups)),
        tuple(map(_repeat, repeats)),
    )


def _event(report: ConflictReport, position: int, event: Event) -> ReportedEvent:
    entry = report.entries[position]
    place = entry.location
    suggestions = report.suggestions.get(position)
    return ReportedEvent(
        event.id,
        event.title,
        event.description,
        format_rfc3339(entry.start),
        format_rfc3339(entry.end),
        place.is_all_day,
        entry.resources,
        place.file,
        place.line,
        None if place.line else place.field,
        place.series or None,
        None if suggestions is None else tuple(map(_span, suggestions)),
    )


def _conflict(group: Group) -> ReportedConflict:
    return ReportedConflict(group.resource, group.members, tuple(map(_overlap, group.overlaps)))


def _overlap(overlap: Overlap) -> ReportedOverlap:
    start, end = format_rfc3339(overlap.start), format_rfc3339(overlap.end)
    return ReportedOverlap(start, end, overlap.depth, overlap.members)


def _repeat(repeat: Repeat) -> ReportedRepeat:
    first, last = repeat.first.isoformat(), repeat.last.isoformat()
    return ReportedRepeat(repeat.groups, repeat.days, first, last)


def _span(span: Span) -> TimeSpan:
    return TimeSpan(format_rfc3339(span[0]), format_rfc3339(span[1]))
