"""Where the events of a clash could go instead."""

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
"""How many days before and after its own a time for an event is looked for."""

_A_DAY = 86_400 * NANOS_PER_SECOND
_AROUND = DAYS_AROUND * _A_DAY

LAST_BOOKED = "~~"
"""Sorts after all times, and after "~", which stands for an unknown one."""


@dataclass(frozen=True, slots=True)
class SuggestionOptions:
    """What the proposed times should be like.

    Attributes:
        number: How many to propose for an event.
        hours: From and up to what hour of a day an event may last; (0, 24) is any time. Events of
            whole days are not asked for theirs.
        within: The time that is known; None if all is.
        zone: Whose days and hours.
    """

    number: int
    hours: tuple[int, int]
    within: Span | None
    zone: tzinfo


class Suggester:
    """Proposes times for events to move to."""

    def __init__(
        self,
        report: ConflictReport,
        request: EventList,
        booked: Sequence[str],
        options: SuggestionOptions,
    ) -> None:
        """Set up for a request.

        Args:
            report: The clashes, with who overlaps when; one that does not say is passed over.
            request: The request.
            booked: When each event of the request was booked, in a form that sorts by time; "" is
                last.
            options: What the times should be like.
        """
        self._report = report
        self._request = request
        self._booked = booked
        self._options = options
        self._days = DayStarts(options.zone, options.hours, DAYS_AROUND)
        self._gap = gap_of(request.options)

    def suggest(self) -> dict[int, list[Span]]:
        """Return the proposed times, nearest first, by the position of an event that is to move.

        Of a clash, in the order in which they were booked, an event stays if there is room for it
        beside those that stay, else it is to move. If it alone did, it would clash with nothing at
        a proposed time. Those that are proposed for an event do not overlap.
        """
        moving = {
            position for group in self._report.groups for position in self._events_to_move(group)
        }
        taken = self._full_spans(moving)
        return {position: list(self._suggestions(position, taken)) for position in sorted(moving)}

    def _events_to_move(self, group: Group) -> Iterator[int]:
        overlaps_of: dict[int, list[int]] = {}
        for number, overlap in enumerate(group.overlaps):
            for position in overlap.members:
                overlaps_of.setdefault(position, []).append(number)
        staying = [0] * len(group.overlaps)
        capacity = capacity_of(group.resource, self._request.options)
        for position in sorted(group.members, key=lambda each: (self._booked[each] or "~", each)):
            overlaps = overlaps_of.get(position, [])
            if any(staying[number] >= capacity for number in overlaps):
                yield position
            else:
                for number in overlaps:
                    staying[number] += 1

    def _full_spans(self, moving: Iterable[int]) -> dict[str, FullSpans]:
        """Return when the resources of the moving events are taken."""
        resources = {name for each in moving for name in self._report.entries[each].resources}
        on: dict[str, list[Occupied]] = {name: [] for name in resources}
        for position, event in enumerate(self._request.events if resources else ()):
            wanted = resources.intersection(event.resources or ("",))
            if wanted:
                occupied = occupied_time(position, event, self._gap)
                for name in wanted:
                    on[name].append(occupied)
        return {
            name: FullSpans(each, capacity_of(name, self._request.options))
            for name, each in on.items()
        }

    def _suggestions(self, position: int, taken_times: Mapping[str, FullSpans]) -> Iterator[Span]:
        entry = self._report.entries[position]
        length = entry.end - entry.start
        occupied = occupied_time(position, self._request.events[position], self._gap)
        # A day more than is proposed, so that no time that is cut off looks free.
        first, last = entry.start - _AROUND - _A_DAY, occupied.end + _AROUND + _A_DAY
        taken = [taken_times[name].without(occupied, first, last) for name in entry.resources]
        chosen: list[Span] = []
        for start in self._candidates(entry, taken):
            end = start + length
            is_apart = all(end <= each[0] or each[1] <= start for each in chosen)
            has_room = all(_has_room(spans, start, end + self._gap) for spans in taken)
            if is_apart and has_room and (start, end) not in chosen:
                yield start, end
                chosen.append((start, end))
                if len(chosen) == self._options.number:
                    return

    def _candidates(self, entry: Entry, taken: Iterable[Sequence[Span]]) -> Iterator[int]:
        """Yield starts to try, nearest first: quarters of hours, and the ends of what is taken."""
        length = entry.end - entry.start
        day = day_of(entry.start, self._options.zone)
        openings = _openings(taken, length + self._gap, entry.start)
        if not openings:
            return
        if self._is_midnight(entry.start) and self._is_midnight(entry.end):
            starts = _within(self._days.midnights(day), openings)
            fits = self._is_known
        else:
            starts = _within(self._days.quarters(day), openings)
            starts |= {each for opening in openings for each in opening}
            fits = self._is_within_hours
        starts -= {entry.start}
        for start in _nearest_first(starts, entry.start):
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


def _openings(taken: Iterable[Sequence[Span]], length: int, origin: int) -> list[Span]:
    """Return from which to which start something so long meets nothing taken, by start.

    At an instant that is taken it still may; who uses a start has to look once more.
    """
    begin, last = origin - _AROUND - 1, origin + _AROUND + 1
    openings = []
    for start, end in sorted(span for spans in taken for span in spans):
        if begin <= min(start - length, last):
            openings.append((begin, min(start - length, last)))
        begin = max(begin, end)
    if begin <= last:
        openings.append((begin, last))
    return openings


def _within(starts: Sequence[int], openings: Iterable[Span]) -> set[int]:
    """Return which of the starts, which are in order, lie in one of the openings."""
    found: set[int] = set()
    for first, last in openings:
        found.update(starts[bisect_left(starts, first) : bisect_right(starts, last)])
    return found


def _nearest_first(starts: Iterable[int], origin: int) -> Iterator[int]:
    """Yield the starts by their distance; of two as far away, the later one first."""
    ordered = sorted(starts)
    middle = bisect_left(ordered, origin)
    return merge(
        ordered[middle:],
        reversed(ordered[:middle]),
        key=lambda start: (abs(start - origin), -start),
    )


def _has_room(taken: Sequence[Span], start: int, end: int) -> bool:
    """Whether nothing that is taken is met; spans are in order and apart, `end` is padded."""
    index = bisect_right(taken, (start, end))
    before = taken[index - 1] if index else None
    after = taken[index] if index < len(taken) else None
    if before and (before[1] > start or before[0] == start):
        return False
    return after is None or (after[0] >= end and after[0] != start)
