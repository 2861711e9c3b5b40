"""Suggestions of free times to which conflicting events could move."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, tzinfo
from heapq import merge

from double_booked.api.scheduling_pb2 import EventList
from double_booked.conflicts.definition import Group, Occupied, occupied_time
from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND, Span
from double_booked.conflicts.options import capacity_of, gap_of
from double_booked.report.day_starts import DayStarts
from double_booked.report.full_spans import FullSpans
from double_booked.view.conflict_report import ConflictReport, Entry
from double_booked.view.times import day_of, moment_of

DAYS_AROUND = 14
"""How many days before and after an event free times for it are searched."""

_A_DAY = 86_400 * NANOS_PER_SECOND
_AROUND = DAYS_AROUND * _A_DAY

LAST_BOOKED = "~~"
"""Sorts after all booking times, and after "~", which stands for an unknown time."""


@dataclass(frozen=True, slots=True)
class SuggestionOptions:
    """The properties of the suggested times.

    Attributes:
        number: How many to suggest for an event.
        hours: The hour of a day at which an event may start, and the hour at which it must end;
            (0, 24) allows any time. Events of whole days are exempt.
        within: The span whose events are known, in nanoseconds since 1970; None if all are.
        zone: The time zone of the days and hours.
    """

    number: int
    hours: tuple[int, int]
    within: Span | None
    zone: tzinfo


class Suggester:
    """Suggests free times for the conflicting events of a report."""

    def __init__(
        self,
        report: ConflictReport,
        request: EventList,
        booked: Sequence[str],
        options: SuggestionOptions,
    ) -> None:
        """Set up for a request.

        Args:
            report: The events and conflicts; overlaps without members are ignored.
            request: The events and options that the report is about.
            booked: When each event of the request was booked, in a form that sorts by time; ""
                sorts last.
            options: The properties of the suggested times.
        """
        self._report = report
        self._request = request
        self._booked = booked
        self._options = options
        self._days = DayStarts(options.zone, options.hours, DAYS_AROUND)
        self._gap = gap_of(request.options)

    def suggest(self) -> dict[int, list[Span]]:
        """Return the suggested times, nearest first, by the position of an event that must move.

        The events of a group are considered in the order in which they were booked. An event stays
        if there is room for it beside those that stay; otherwise it must move. A suggested time is
        free of conflicts as long as only that event moves. The times suggested for an event do not
        overlap each other.
        """
        moving = {
            position for group in self._report.groups for position in self._events_to_move(group)
        }
        full = self._full_spans(moving)
        return {position: list(self._suggestions(position, full)) for position in sorted(moving)}

    def _events_to_move(self, group: Group) -> Iterator[int]:
        """Yield the positions of the events of a group that must move."""
        overlaps_of: dict[int, list[int]] = {}
        for index, overlap in enumerate(group.overlaps):
            for position in overlap.members:
                overlaps_of.setdefault(position, []).append(index)
        staying = [0] * len(group.overlaps)
        capacity = capacity_of(group.resource, self._request.options)
        for position in sorted(
            group.members, key=lambda event: (self._booked[event] or "~", event)
        ):
            overlaps = overlaps_of.get(position, [])
            if any(staying[index] >= capacity for index in overlaps):
                yield position
            else:
                for index in overlaps:
                    staying[index] += 1

    def _full_spans(self, moving: Iterable[int]) -> dict[str, FullSpans]:
        """Return the full spans of the resources of the events that move, by name."""
        entries = self._report.entries
        resources = {name for position in moving for name in entries[position].resources}
        by_resource: dict[str, list[Occupied]] = {name: [] for name in resources}
        for position, event in enumerate(self._request.events if resources else ()):
            names = resources.intersection(event.resources or ("",))
            if names:
                span = occupied_time(position, event, self._gap)
                for name in names:
                    by_resource[name].append(span)
        options = self._request.options
        return {
            name: FullSpans(occupied, capacity_of(name, options))
            for name, occupied in by_resource.items()
        }

    def _suggestions(self, position: int, full_spans: Mapping[str, FullSpans]) -> Iterator[Span]:
        entry = self._report.entries[position]
        length = entry.end - entry.start
        occupied = occupied_time(position, self._request.events[position], self._gap)
        # A day longer than the search on both sides, so that nothing looks free at its ends.
        first, last = entry.start - _AROUND - _A_DAY, occupied.end + _AROUND + _A_DAY
        full = [full_spans[name].without(occupied, first, last) for name in entry.resources]
        chosen: list[Span] = []
        for start in self._candidates(entry, full):
            end = start + length
            is_apart = all(end <= span[0] or span[1] <= start for span in chosen)
            has_room = all(_has_room(spans, start, end + self._gap) for spans in full)
            if is_apart and has_room and (start, end) not in chosen:
                yield start, end
                chosen.append((start, end))
                if len(chosen) == self._options.number:
                    return

    def _candidates(self, entry: Entry, full: Iterable[Sequence[Span]]) -> Iterator[int]:
        """Yield starts to try, nearest first: midnights, or quarters and ends of full spans."""
        length = entry.end - entry.start
        day = day_of(entry.start, self._options.zone)
        openings = _openings(full, length + self._gap, entry.start)
        if not openings:
            return
        if self._is_midnight(entry.start) and self._is_midnight(entry.end):
            starts, with_ends, fits = self._days.midnights(day), False, self._is_known
        else:
            starts, with_ends, fits = self._days.quarters(day), True, self._is_within_hours
        for start in _nearest_first(openings, starts, entry.start, with_ends=with_ends):
            if abs(start - entry.start) <= _AROUND and fits(start, start + length):
                yield start

    def _is_midnight(self, instant: int) -> bool:
        return moment_of(instant, self._options.zone).time() == time()

    def _is_known(self, start: int, end: int) -> bool:
        within = self._options.within
        if within is None:
            return end <= LAST_INSTANT
        return within[0] <= start and end <= within[1]

    def _is_within_hours(self, start: int, end: int) -> bool:
        if not self._is_known(start, end):
            return False
        if self._options.hours == (0, 24):
            return True
        day = day_of(start, self._options.zone)
        if day == date.max:  # it has no next midnight
            return False
        opening = self._days.opening(day)
        return opening[0] <= start and end <= opening[1]


def _openings(full: Iterable[Sequence[Span]], length: int, origin: int) -> list[Span]:
    """Return the ranges of starts, ends included, at which an event meets no full span, in order.

    It can still meet a full instant: callers check a start with `_has_room`.

    Args:
        full: The full spans of each resource of the event.
        length: The length of the event with its gap, in nanoseconds.
        origin: The start of the event; starts within DAYS_AROUND of it are considered.
    """
    begin, last = origin - _AROUND - 1, origin + _AROUND + 1
    openings = []
    for start, end in sorted(span for spans in full for span in spans):
        if begin <= min(start - length, last):
            openings.append((begin, min(start - length, last)))
        begin = max(begin, end)
    if begin <= last:
        openings.append((begin, last))
    return openings


def _nearest_first(
    openings: Sequence[Span], starts: Sequence[int], origin: int, *, with_ends: bool
) -> Iterator[int]:
    """Yield the starts that lie in an opening by their distance from the origin, but not it.

    Of two equally near the later one is first. Few are needed, so they are made as they are needed.

    Args:
        openings: The openings, in order.
        starts: The starts to choose from, in order.
        origin: The start of the event.
        with_ends: Whether the ends of the openings are starts too.
    """

    def inside(first: int, last: int) -> list[int]:
        within = {*starts[bisect_left(starts, first) : bisect_right(starts, last)]}
        return sorted((within | {first, last} if with_ends else within) - {origin})

    later = ((max(first, origin), last) for first, last in openings if last > origin)
    earlier = ((first, min(last, origin)) for first, last in reversed(openings) if first < origin)
    yield from merge(
        (start for opening in later for start in inside(*opening)),
        (start for opening in earlier for start in reversed(inside(*opening))),
        key=lambda start: (abs(start - origin), -start),
    )


def _has_room(full: Sequence[Span], start: int, end: int) -> bool:
    """Return whether an event meets no full span.

    Args:
        full: The full spans of a resource, in order and disjoint.
        start: The start of the event.
        end: The end of the event with its gap.
    """
    index = bisect_right(full, (start, end))
    before = full[index - 1] if index else None
    after = full[index] if index < len(full) else None
    if before and (before[1] > start or before[0] == start):
        return False
    return after is None or (after[0] >= end and after[0] != start)
