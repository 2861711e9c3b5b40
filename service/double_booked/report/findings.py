"""What was found, gathered once for every format: who clashes with whom, when, and where."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, EventList
from double_booked.conflicts.definition import Group, Occupied, Overlap, occupied_time
from double_booked.conflicts.instants import Span, nanoseconds
from double_booked.conflicts.options import capacity_of, gap_of
from double_booked.conflicts.overlaps import find_overlap_depths
from double_booked.report.printable import printable


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event is written.

    Attributes:
        file: The name under which people know it.
        line: The first line of the event, from 1; None where that is not known.
        field: What finds the event in a file without lines, like "events[3]".
        is_file: Whether it is a file that has a path, rather than standard input.
        series: What names the series that the event is one of; "" if it is of none.
        is_all_day: Whether it is written as whole days.
    """

    file: str
    line: int | None = None
    field: str = ""
    is_file: bool = True
    series: str = ""
    is_all_day: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {f'line {self.line}' if self.line else self.field}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of the request, as people are told of it.

    Attributes:
        name: Its title, else its id, else its place; fit for a terminal.
        start: Nanoseconds since 1970.
        end: The same; what comes after it (`min_gap`) does not count.
        resources: The names as they came, sorted; "" is the unnamed resource.
        place: Where it is written.
        id: What names it; "" without.
    """

    name: str
    start: int
    end: int
    resources: tuple[str, ...]
    place: Place
    id: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a report tells.

    Attributes:
        entries: Every event that was asked about, by its position in the request.
        groups: Those that conflict, in the order of the answer.
        slots: Where an event could go instead, nearest first, by its position.
        only: The file without whose events nothing is told; "" for all events.
        scope: How many resources were compared, like "3 calendars"; "" where that is not known.
    """

    entries: Sequence[Entry]
    groups: Sequence[Group]
    slots: Mapping[int, Sequence[Span]] = field(default_factory=dict)
    only: str = ""
    scope: str = ""


class UnknownEventError(ValueError):
    """An answer holds an event that was not asked about."""


def gather(conflicts: ConflictList, asked: EventList, place: Callable[[int], Place]) -> Findings:
    """Gathers what an answer says of a request.

    Args:
        conflicts: The answer; where it is not explained, overlaps name no members.
        asked: The request.
        place: Where an event is written, by its position in the request.

    Raises:
        UnknownEventError: The answer is not one to the request.
    """
    positions: dict[bytes, list[int]] = {}
    for position, event in enumerate(asked.events):
        positions.setdefault(event.SerializeToString(), []).append(position)
    groups = [
        _gather_group(group, _find_members(group, positions), asked)
        for group in conflicts.conflicts
    ]
    return Findings(_Entries(asked, place), groups)


@dataclass(frozen=True, slots=True)
class _Entries(Sequence[Entry]):
    """The events of a request as entries, each made when first asked for; most never are."""

    asked: EventList
    place: Callable[[int], Place]
    made: dict[int, Entry] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.asked.events)

    @overload
    def __getitem__(self, position: int) -> Entry: ...
    @overload
    def __getitem__(self, position: slice) -> list[Entry]: ...
    def __getitem__(self, position: int | slice) -> Entry | list[Entry]:
        if isinstance(position, slice):
            return [self[each] for each in range(len(self))[position]]
        if position not in self.made:
            number = range(len(self))[position]
            self.made[position] = _entry(self.asked, number, self.place(number))
        return self.made[position]


def _entry(asked: EventList, position: int, place: Place) -> Entry:
    event = asked.events[position]
    return Entry(
        printable(event.title) or printable(event.id) or printable(str(place)),
        nanoseconds(event.start),
        nanoseconds(event.end),
        tuple(sorted(set(event.resources))) or ("",),
        place,
        event.id,
    )


def _find_members(group: ConflictGroup, positions: Mapping[bytes, Sequence[int]]) -> list[int]:
    """The positions of a group's events; equal events come back in the order they were sent."""
    seen: Counter[bytes] = Counter()
    members = []
    for event in group.conflict_group:
        content = event.SerializeToString()
        same = positions.get(content, ())
        if seen[content] == len(same):
            raise UnknownEventError("the answer holds an event that was not asked about")
        members.append(same[seen[content]])
        seen[content] += 1
    return members


def _gather_group(group: ConflictGroup, members: Sequence[int], asked: EventList) -> Group:
    overlaps = [
        Overlap(
            nanoseconds(each.start),
            nanoseconds(each.end),
            each.depth,
            tuple(members[index] for index in each.members),
        )
        for each in group.overlaps
    ]
    if not overlaps:
        occupied = _occupied_times(members, asked)
        overlaps = list(find_overlap_depths(occupied, capacity_of(group.resource, asked.options)))
    return Group(group.resource, tuple(members), tuple(overlaps))


def _occupied_times(members: Iterable[int], asked: EventList) -> Iterator[Occupied]:
    gap = gap_of(asked.options)
    for position in members:
        yield occupied_time(position, asked.events[position], gap)


def summarize(findings: Findings) -> str:
    """Return a sentence that says how many events conflict, among how many, of what."""
    total, groups = count(len(findings.entries), "event"), len(findings.groups)
    if findings.scope:
        total += f" of {findings.scope}"
    if not groups and findings.only:
        return f"No conflicts with {printable(findings.only)} among {total}."
    if not groups:
        return f"No conflicts among {total}."
    members = len({member for group in findings.groups for member in group.members})
    return f"{count(groups, 'group')} of conflicting events, {members} of {total}."


def count(number: int, noun: str, nouns: str = "") -> str:
    """Like "1 event" and "2 events"."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or f'{noun}s'}"
