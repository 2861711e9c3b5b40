"""The view: one JSON document that every picture draws, described by docs/view.schema.json."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.view.clock_changes import list_clock_changes
from double_booked.view.conflict_report import ConflictReport, describe_gap, find_gap, pluralize
from double_booked.view.coverage import CalendarRules, Coverage, Live, Outside
from double_booked.view.facts import common_folder, describe_facts, describe_omissions
from double_booked.view.free_calendars import describe_free_calendars
from double_booked.view.keys import ConflictKeys
from double_booked.view.no_conflicts import describe_no_conflicts
from double_booked.view.printable import printable
from double_booked.view.repeat import Repeat
from double_booked.view.repeats import find_common_suggestions, list_groups
from double_booked.view.shown_days import (
    Json,
    bounds,
    choose_dates,
    make_days,
    seconds,
    span_of_day,
)
from double_booked.view.times import day_of, format_day, format_duration, label_zone

VERSION = 1
"""Increases when a field is removed or changes its meaning, not when a field is added."""

MAX_DRAWN = 20_000
"""If there are more events, only those that conflict are listed."""

MAX_WINDOW = 366 * 24 * 3_600 * NANOS_PER_SECOND
"""The days of a window that is not longer are all listed, also those without an event."""

ALL_DAY = 1
"""The flag of an event that is written as whole days."""

UNSURE = 2
"""The flag of a tentative event, and of a Booking that is double-booked."""

_TWO = 2
"""Most conflicts are of two events; only more at once are counted."""


def make_view(report: ConflictReport, coverage: Coverage) -> Json:
    """Return the view of a report; instants are in seconds since 1970, lengths in seconds.

    Fields without a value are left out, so that a page of 5,000 events stays small.

    Args:
        report: The events and conflicts; those that repeat are one conflict of the view.
        coverage: What the report covers.
    """
    shown = _choose_events(report)
    index = {position: number for number, position in enumerate(shown)}
    view = _View(report, coverage, index, ConflictKeys(report.entries))
    for calendar in coverage.calendars:
        view.calendars.number(calendar.name)
    events = [view.event(position) for position in shown]
    conflicts = [view.conflict(*listed) for listed in list_groups(report)]
    dates = view.dates(shown)
    free = describe_free_calendars(report, coverage) if coverage.kind == "bookings" else {}
    rules = [_calendar(rules, free.get(rules.name, "")) for rules in view.rules()]
    optional = _present(
        window=coverage.window and list(map(seconds, coverage.window)),
        outside=coverage.outside and _outside(coverage.outside, coverage.zone),
        left_out=len(report.entries) - len(shown),
        live=coverage.live and _live(coverage.live),
    )
    required = {
        "version": VERSION,
        "kind": coverage.kind,
        "made": coverage.made // NANOS_PER_SECOND,
        "zone": label_zone(coverage.zone, coverage.made),
        "offsets": list_clock_changes(view.instants(dates), coverage.zone),
        "sources": list(view.sources),
        "summary": summarize_conflicts(report, coverage),
        "calendars": rules,
        "names": list(view.names),
        "events": events,
        "conflicts": conflicts,
        "days": view.days(dates, shown),
    }
    return required | view.lines(dates) | optional


def summarize_conflicts(report: ConflictReport, coverage: Coverage) -> str:
    """Return the number and the total time of the conflicts, like "6 conflicts, 3h45m in all".

    Args:
        report: The events and conflicts.
        coverage: What the report covers, which the sentence names if there is no conflict. What
            lies outside is in the notes.
    """
    if not report.groups:
        return describe_no_conflicts(report, replace(coverage, outside=None))
    count = pluralize(len(report.groups), "conflict")
    total = sum(map(_length, (part for group in report.groups for part in group.overlaps)))
    return f"{count}, {format_duration(total)} in all"


def _choose_events(report: ConflictReport) -> list[int]:
    """Return the positions of the events to list, by start."""
    positions = set(range(len(report.entries)))
    if len(positions) > MAX_DRAWN:
        positions = {position for group in report.groups for position in group.members}
    return sorted(positions, key=lambda position: (report.entries[position].start, position))


def _present(**fields: object) -> Json:
    return {name: value for name, value in fields.items() if value}


def _outside(outside: Outside, zone: tzinfo) -> Json:
    first, last = (day_of(start, zone).isoformat() for start in (outside.first, outside.last))
    return {"events": outside.events, "first": first, "last": last}


def _live(live: Live) -> Json:
    return {"every": live.every} | _present(error=printable(live.error))


def _calendar(rules: CalendarRules, free: str) -> Json:
    capacity = rules.capacity if rules.capacity > 1 else None
    optional = _present(capacity=capacity, policy=rules.policy, gap=seconds(rules.gap), free=free)
    return {"name": printable(rules.name)} | optional


def _describe_extent(report: ConflictReport, group: Group, repeat: Repeat | None) -> str:
    """Return how long a conflict lasts and how many meet, like "30m each, 3 at once"."""
    each = " each" if repeat else ""
    depth = max(overlap.depth for overlap in group.overlaps)
    crowd = f", {depth} at once" if depth > _TWO else ""
    gap = describe_gap(find_gap(report, group.resource, group.overlaps))
    return f"{format_duration(sum(map(_length, group.overlaps)))}{each}{crowd}{gap}"


def _length(overlap: Overlap) -> int:
    return overlap.end - overlap.start


class _Numbers(dict[str, int]):
    """Texts, each with its number, in the order in which they are first used."""

    def number(self, text: str) -> int:
        return self.setdefault(text, len(self))


@dataclass(frozen=True, slots=True)
class _View:
    """The parts of a view, which refer to one another by number."""

    report: ConflictReport
    coverage: Coverage
    index: Mapping[int, int]
    keys: ConflictKeys
    names: _Numbers = field(default_factory=_Numbers)
    sources: _Numbers = field(default_factory=_Numbers)
    calendars: _Numbers = field(default_factory=_Numbers)

    def __post_init__(self) -> None:
        for source in self.coverage.sources:
            self.sources.number(printable(source))

    def event(self, position: int) -> list[object]:
        entry = self.report.entries[position]
        location = entry.location
        is_unsure = location.is_tentative or position in self.coverage.double_booked
        event: list[object] = [
            self.names.number(entry.name),
            seconds(entry.start),
            seconds(entry.end - entry.start),
            [self.calendars.number(name) for name in entry.resources],
            self.sources.number(printable(location.file)),
            location.line or 0,
            ALL_DAY * location.is_all_day + UNSURE * is_unsure,
        ]
        return event if location.line else [*event, printable(location.field)]

    def conflict(self, group: Group, repeat: Repeat | None) -> Json:
        optional = _present(
            gap=seconds(find_gap(self.report, group.resource, group.overlaps)),
            repeats=repeat and self._repeat(repeat),
            suggestions=list(self._suggestions(group, repeat)),
        )
        required = {
            "key": self.keys.make(group.resource, group.overlaps[0], repeat),
            "calendar": self.calendars.number(group.resource),
            "members": self._indices(group.members),
            "overlaps": [self._overlap(overlap) for overlap in group.overlaps],
            "lasts": seconds(sum(map(_length, group.overlaps))),
            "text": _describe_extent(self.report, group, repeat),
        }
        return required | optional

    def _indices(self, positions: Sequence[int]) -> list[int]:
        return [self.index[position] for position in positions]

    def _overlap(self, overlap: Overlap) -> list[object]:
        start, length = seconds(overlap.start), seconds(_length(overlap))
        return [start, length, overlap.depth, self._indices(overlap.members)]

    def _repeat(self, repeat: Repeat) -> Json:
        groups = [self.report.groups[number] for number in repeat.groups]
        return {
            "text": repeat.describe(groups[0], self.coverage.zone),
            "times": len(groups),
            "starts": [seconds(group.overlaps[0].start) for group in groups],
            "members": [self._indices(group.members) for group in groups],
        }

    def _suggestions(self, group: Group, repeat: Repeat | None) -> Iterator[Json]:
        zone, report = self.coverage.zone, self.report
        common = find_common_suggestions(report, repeat, zone) if repeat else {}
        for position in group.members:
            if position in report.suggestions:
                spans = common.get(position) or report.suggestions[position]
                slots = [[seconds(start), seconds(end - start)] for start, end in spans]
                event: Json = {"event": self.index[position], "slots": slots}
                yield event | _present(all=position in common)

    def rules(self) -> Iterator[CalendarRules]:
        """Yield the rules of every calendar, by its number."""
        known = {rules.name: rules for rules in self.coverage.calendars}
        for name in self.calendars:
            yield known.get(name, CalendarRules(name))

    def lines(self, dates: Sequence[date]) -> Json:
        """Return the lines below the headline, and the folder that they name."""
        coverage, sources, events = self.coverage, list(self.sources), len(self.report.entries)
        calendars = self.calendars.keys() - set(coverage.missing)
        days = list(map(format_day, dates))
        return _present(
            facts=describe_facts(coverage, days, sources, events, len(calendars)),
            notes=describe_omissions(coverage.outside, coverage, events - len(self.index)),
            folder=common_folder(sources),
        )

    def instants(self, dates: Sequence[date]) -> Iterator[int]:
        """Yield the instants that a picture of the view has."""
        report = self.report
        spans: list[Span] = [span_of_day(day, self.coverage.zone) for day in dates]
        spans += [(entry.start, entry.end) for entry in report.entries]
        spans += [overlap.span for group in report.groups for overlap in group.overlaps]
        spans += [slot for slots in report.suggestions.values() for slot in slots]
        yield self.coverage.made
        for span in spans:
            yield from span

    def dates(self, shown: Sequence[int]) -> list[date]:
        events, window = self._spans(shown), self.coverage.window
        spans = [window] if window else []
        if self.coverage.kind == "check":
            spans = [bounds(events), *spans] if events else []
            if events and window and window[1] - window[0] <= MAX_WINDOW:
                spans = [bounds([*events, window]), *spans]
        return choose_dates(events, self.coverage.zone, spans)

    def days(self, dates: Sequence[date], shown: Sequence[int]) -> list[Json]:
        overlaps = [part.span for group in self.report.groups for part in group.overlaps]
        return make_days(dates, self._spans(shown), overlaps, self.coverage.zone)

    def _spans(self, shown: Sequence[int]) -> list[Span]:
        entries = [self.report.entries[position] for position in shown]
        return [(entry.start, entry.end) for entry in entries]
