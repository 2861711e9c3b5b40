"""Suggestions of free times to which conflicting events could move."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, time, timedelta, tzinfo
from heapq import merge

from double_booked.api.scheduling_pb2 import EventList
from double_booked.conflicts.definition import Group, Occupied, occupied_time
from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND, Span
from double_booked.conflicts.options import capacity_of, gap_of
from double_booked.report.day_starts import DayStarts
from double_booked.report.full_spans import FullSpans
from double_booked.view.conflict_report import ConflictReport
from double_booked.view.progress import Progress, ignore_progress, scale, track
from double_booked.view.times import day_of, instant_of, moment_of

DAYS_AROUND = 14
"""How many days before and after an event free times for it are searched."""

_A_DAY = 86_400 * NANOS_PER_SECOND
_AROUND = DAYS_AROUND * _A_DAY

_EVENTS_PER_SUGGESTION = 50
"""How many events occupy their resources in the time of one suggestion, as measured."""

_COLLECTED = 0.5
"""The part of finding full spans after which the events of each resource are known."""

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


@dataclass(frozen=True, slots=True)
class _Movable:
    """An event that must move.

    Attributes:
        start: Its start, in nanoseconds since 1970.
        length: Its length, in nanoseconds.
        day: The day on which it starts.
        is_of_days: Whether it consists of whole days.
        full: For each of its resources, the spans around it that are full without it.
    """

    start: int
    length: int
    day: date
    is_of_days: bool
    full: Sequence[Sequence[Span]]


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

    def suggest(self, progress: Progress = ignore_progress) -> dict[int, list[Span]]:
        """Return the suggested times, nearest first, by the position of an event that must move.

        The events of a group are considered in the order in which they were booked. An event stays
        if there is room for it beside those that stay; otherwise it must move. A suggested time is
        free of conflicts as long as only that event moves. The times suggested for an event do not
        overlap each other. The events of groups that recur get the times of day that are free on
        all their days, if there are any.

        Args:
            progress: Receives the part of the suggestions that is made.
        """
        moving = {
            position for group in self._report.groups for position in self._events_to_move(group)
        }
        events = len(self._request.events)
        known = events / (events + _EVENTS_PER_SUGGESTION * len(moving)) if moving else 1
        full = self._full_spans(moving, scale(progress, 0, known))
        searched = scale(progress, known, 1)
        found = self._suggest_for_repeats(moving, full, searched)
        rest = sorted(moving - found.keys())
        for position in track(rest, searched, len(found) / max(len(moving), 1)):
            found[position] = self._suggest([position], full)[0]
        return dict(sorted(found.items()))

    def _suggest_for_repeats(
        self, moving: AbstractSet[int], full: Mapping[str, FullSpans], progress: Progress
    ) -> dict[int, list[Span]]:
        """Return the suggestions of events that can move to the same time of day on all days."""
        found: dict[int, list[Span]] = {}
        for repeat in self._report.repeats:
            progress(len(found) / max(len(moving), 1))
            groups = [self._report.groups[number] for number in repeat.groups]
            for positions in zip(*(group.members for group in groups), strict=True):
                if moving >= set(positions) and found.keys().isdisjoint(positions):
                    suggested = zip(positions, self._suggest(positions, full), strict=True)
                    found |= {position: spans for position, spans in suggested if spans}
        return found

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

    def _full_spans(self, moving: Iterable[int], progress: Progress) -> dict[str, FullSpans]:
        """Return the full spans of the resources of the events that move, by name."""
        entries = self._report.entries
        resources = {name for position in moving for name in entries[position].resources}
        by_resource: dict[str, list[Occupied]] = {name: [] for name in resources}
        events = self._request.events if resources else ()
        for position, event in enumerate(track(events, progress, 0, _COLLECTED)):
            names = resources.intersection(event.resources or ("",))
            if names:
                span = occupied_time(position, event, self._gap)
                for name in names:
                    by_resource[name].append(span)
        options = self._request.options
        return {
            name: FullSpans(occupied, capacity_of(name, options))
            for name, occupied in track(list(by_resource.items()), progress, _COLLECTED)
        }

    def _suggest(
        self, positions: Sequence[int], full_spans: Mapping[str, FullSpans]
    ) -> list[list[Span]]:
        """Return the suggestions of each event; those of several are at the same time of day.

        Args:
            positions: The events; all start at the same time of day.
            full_spans: The full spans of their resources.
        """
        events = [self._movable(position, full_spans) for position in positions]
        chosen: list[list[Span]] = [[] for _ in events]
        for start in self._candidates(events[0]):
            if _is_apart((start, start + events[0].length), chosen[0]):
                spans = self._move_all(events, start)
                for span, suggested in zip(spans or (), chosen, strict=False):
                    suggested.append(span)
            if len(chosen[0]) == self._options.number:
                break
        return chosen

    def _movable(self, position: int, full_spans: Mapping[str, FullSpans]) -> _Movable:
        entry = self._report.entries[position]
        occupied = occupied_time(position, self._request.events[position], self._gap)
        # A day longer than the search on both sides, so that nothing looks free at its ends.
        first, last = entry.start - _AROUND - _A_DAY, occupied.end + _AROUND + _A_DAY
        full = [full_spans[name].without(occupied, first, last) for name in entry.resources]
        is_of_days = self._is_midnight(entry.start) and self._is_midnight(entry.end)
        day = day_of(entry.start, self._options.zone)
        return _Movable(entry.start, entry.end - entry.start, day, is_of_days, full)

    def _move_all(self, events: Sequence[_Movable], start: int) -> list[Span] | None:
        """Return the spans of events that move to the same time of day; None if one is not free.

        Args:
            events: The events.
            start: The new start of the first.
        """
        spans = []
        for event in events:
            begin = self._add_days(start, (event.day - events[0].day).days)
            end = begin + event.length
            fits = self._is_known if event.is_of_days else self._is_within_hours
            has_room = all(_has_room(full, begin, end + self._gap) for full in event.full)
            if not has_room or not fits(begin, end):
                return None
            spans.append((begin, end))
        return spans

    def _add_days(self, instant: int, days: int) -> int:
        """Return the instant at the same time of day after some days, or beyond LAST_INSTANT."""
        if not days:
            return instant
        local = moment_of(instant, self._options.zone).replace(tzinfo=None)
        try:
            moved = instant_of(local + timedelta(days), self._options.zone)
        except OverflowError:
            return LAST_INSTANT + 1
        return moved + instant % NANOS_PER_SECOND

    def _candidates(self, event: _Movable) -> Iterator[int]:
        """Yield starts to try, nearest first: midnights, or quarters and ends of full spans."""
        openings = _openings(event.full, event.length + self._gap, event.start)
        of_day = self._days.midnights if event.is_of_days else self._days.quarters
        starts = of_day(event.day) if openings else []
        for start in _nearest_first(openings, starts, event.start, with_ends=not event.is_of_days):
            if abs(start - event.start) <= _AROUND:
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


def _is_apart(span: Span, others: Iterable[Span]) -> bool:
    """Return whether a span equals none of the others and overlaps none."""
    return all((span[1] <= other[0] or other[1] <= span[0]) and span != other for other in others)


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
