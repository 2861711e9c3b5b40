"""The conflicts of a request as every format shows them: which events, when, and where."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, EventList
from double_booked.conflicts.definition import Group, Occupied, Overlap, occupied_time
from double_booked.conflicts.instants import Span, nanoseconds
from double_booked.conflicts.options import capacity_of, gap_of
from double_booked.conflicts.overlaps import find_overlap_depths
from double_booked.view.printable import printable
from double_booked.view.progress import Progress, ignore_progress, track
from double_booked.view.repeat import Repeat
from double_booked.view.times import format_duration

_INDEXED = 0.7
"""The part of making a report after which its events are known by their content, as measured."""


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where an event is written.

    Attributes:
        file: The name of the file, as it is shown.
        line: The first line of the event, from 1; None if the format has no lines.
        field: The path of the event in a file without lines, like "events[3]" or "row 3".
        is_file: Whether the file has a path; False for standard input.
        series: The UID of the series that the event belongs to; "" for a single event.
        is_all_day: Whether the event is written as whole days.
        is_tentative: Whether the event is written as tentative.
    """

    file: str
    line: int | None = None
    field: str = ""
    is_file: bool = True
    series: str = ""
    is_all_day: bool = False
    is_tentative: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {f'line {self.line}' if self.line else self.field}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of the request, ready to be shown.

    Attributes:
        name: Its title, else its id, else its location; safe to print on a terminal.
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970, without the gap (`min_gap`).
        resources: The names as they are in the request, sorted; "" is the unnamed resource.
        location: Where it is written.
        id: Its id; "" without.
    """

    name: str
    start: int
    end: int
    resources: tuple[str, ...]
    location: SourceLocation
    id: str = ""


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """The events of a request and the conflicts among them.

    Attributes:
        entries: Every event of the request, by its position.
        groups: The conflicting events, in the order of the answer.
        suggestions: The free spans to which an event could move, nearest first, by its position.
        only: The name of the file to whose events the conflicts are limited; "" for all events.
        scope: How many resources were compared, like "3 calendars"; "" if that is not known.
        repeats: The groups that recur, each once.
        gaps: For how many nanoseconds an event occupies a resource after its end, by resource; 0 if
            it is missing.
        left_out: Number of events that have no conflict and are not among the entries.
    """

    entries: Sequence[Entry]
    groups: Sequence[Group]
    suggestions: Mapping[int, Sequence[Span]] = field(default_factory=dict)
    only: str = ""
    scope: str = ""
    repeats: Sequence[Repeat] = ()
    gaps: Mapping[str, int] = field(default_factory=dict)
    left_out: int = 0

    @property
    def event_count(self) -> int:
        """How many events were compared."""
        return len(self.entries) + self.left_out


class UnknownEventError(ValueError):
    """An answer contains an event that is not in the request."""


def build_report(
    conflicts: ConflictList,
    request: EventList,
    locate: Callable[[int], SourceLocation],
    progress: Progress = ignore_progress,
) -> ConflictReport:
    """Return the report of an answer to a request.

    Args:
        conflicts: The answer; if it is not explained, the overlaps have no members.
        request: The events and options.
        locate: Returns where an event is written, by its position in the request.
        progress: Receives the part of the report that is done.

    Raises:
        UnknownEventError: The answer contains an event that is not in the request.
    """
    positions: dict[bytes, list[int]] = {}
    for position, event in enumerate(track(request.events, progress, 0, _INDEXED)):
        positions.setdefault(event.SerializeToString(), []).append(position)
    groups = [
        _make_group(group, _find_members(group, positions), request)
        for group in track(conflicts.conflicts, progress, _INDEXED)
    ]
    gap = gap_of(request.options)
    gaps = {group.resource: gap for group in groups} if gap else {}
    return ConflictReport(_Entries(request, locate), groups, gaps=gaps)


@dataclass(frozen=True, slots=True)
class _Entries(Sequence[Entry]):
    """The events of a request as entries.

    An entry is made when it is first read: most events have no conflict, and few formats need them.
    """

    request: EventList
    locate: Callable[[int], SourceLocation]
    cache: dict[int, Entry] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.request.events)

    @overload
    def __getitem__(self, position: int) -> Entry: ...
    @overload
    def __getitem__(self, position: slice) -> list[Entry]: ...
    def __getitem__(self, position: int | slice) -> Entry | list[Entry]:
        if isinstance(position, slice):
            return [self[number] for number in range(len(self))[position]]
        if position not in self.cache:
            number = range(len(self))[position]
            self.cache[position] = _make_entry(self.request, number, self.locate(number))
        return self.cache[position]


def _make_entry(request: EventList, position: int, location: SourceLocation) -> Entry:
    event = request.events[position]
    return Entry(
        printable(event.title) or printable(event.id) or printable(str(location)),
        nanoseconds(event.start),
        nanoseconds(event.end),
        tuple(sorted(set(event.resources))) or ("",),
        location,
        event.id,
    )


def _find_members(group: ConflictGroup, positions: Mapping[bytes, Sequence[int]]) -> list[int]:
    """Return the positions of a group's events; equal events keep the order of the request."""
    seen: Counter[bytes] = Counter()
    members = []
    for event in group.conflict_group:
        content = event.SerializeToString()
        same = positions.get(content, ())
        if seen[content] == len(same):
            raise UnknownEventError("the answer contains an event that is not in the request")
        members.append(same[seen[content]])
        seen[content] += 1
    return members


def _make_group(group: ConflictGroup, members: Sequence[int], request: EventList) -> Group:
    overlaps = [
        Overlap(
            nanoseconds(overlap.start),
            nanoseconds(overlap.end),
            overlap.depth,
            tuple(members[index] for index in overlap.members),
        )
        for overlap in group.overlaps
    ]
    if not overlaps:
        occupied = _occupied_times(members, request)
        overlaps = list(find_overlap_depths(occupied, capacity_of(group.resource, request.options)))
    return Group(group.resource, tuple(members), tuple(overlaps))


def _occupied_times(members: Iterable[int], request: EventList) -> Iterator[Occupied]:
    gap = gap_of(request.options)
    for position in members:
        yield occupied_time(position, request.events[position], gap)


def summarize(report: ConflictReport) -> str:
    """Return one sentence with the number of conflicting events, of all events and of resources."""
    total, groups = pluralize(report.event_count, "event"), len(report.groups)
    if report.scope:
        total += f" of {report.scope}"
    if not groups:
        return f"No conflicts among {total}."
    members = len({member for group in report.groups for member in group.members})
    return f"{pluralize(groups, 'conflict')} among {members} of {total}."


def find_gap(report: ConflictReport, resource: str, overlaps: Iterable[Overlap]) -> int:
    """Return the gap of a resource, in nanoseconds, if it is part of one of the overlaps, else 0.

    It is if the overlap lasts longer than one of its events, and it may be if they are not known.

    Args:
        report: The events and the gaps.
        resource: The resource.
        overlaps: Overlaps on the resource.
    """
    gap = report.gaps.get(resource, 0)
    is_part = gap and any(
        not overlap.members
        or any(report.entries[member].end < overlap.end for member in overlap.members)
        for overlap in overlaps
    )
    return gap if is_part else 0


def describe_gap(gap: int) -> str:
    """Return a gap in nanoseconds as the end of a sentence, like ", with a gap of 15m"."""
    return f", with a gap of {format_duration(gap)}" if gap else ""


def pluralize(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, like "1 event" and "2 events"."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or f'{noun}s'}"
