"""Where the events of a clash could go instead; the engine tells what time is taken."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, Event, EventList
from double_booked.conflicts.definition import NANOS_PER_SECOND
from double_booked.conflicts.depth import Span, merge_spans
from double_booked.report.findings import Findings, Group, Place, gather
from double_booked.report.times import day_of, moment_of

DAYS_AROUND = 14
"""How many days before and after its own a time for an event is looked for."""

_AROUND = DAYS_AROUND * 86_400 * NANOS_PER_SECOND
_STEP_MINUTES = 15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Wish:
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


@dataclass(frozen=True, slots=True)
class Suggester:
    """Proposes times for events to move to.

    Attributes:
        findings: The clashes, with who overlaps when; one that does not say is passed over.
        asked: The request.
        booked: When each event of the request was booked, in a form that sorts by time; "" is last.
        wish: What the times should be like.
        ask: Asks the engine.
    """

    findings: Findings
    asked: EventList
    booked: Sequence[str]
    wish: Wish
    ask: Callable[[EventList], ConflictList]

    def suggest(self) -> dict[int, list[Span]]:
        """The proposed times, nearest first, by the position of an event that is to move.

        Of a clash, in the order in which they were booked, an event stays if there is room for it
        beside those that stay, else it is to move. If it alone did, it would clash with nothing at
        a proposed time. Those that are proposed for an event do not overlap.
        """
        moving = {position for group in self.findings.groups for position in self._movers(group)}
        on: dict[str, list[int]] = {}
        for position, entry in enumerate(self.findings.entries):
            for resource in entry.resources:
                on.setdefault(resource, []).append(position)
        return {position: list(self._slots(position, on)) for position in sorted(moving)}

    def _movers(self, group: Group) -> Iterator[int]:
        staying: set[int] = set()
        capacity = self._capacity(group.resource)
        for position in sorted(group.members, key=lambda each: (self.booked[each] or "~", each)):
            if any(
                len(staying.intersection(overlap.members)) >= capacity
                for overlap in group.overlaps
                if position in overlap.members
            ):
                yield position
            else:
                staying.add(position)

    def _capacity(self, resource: str) -> int:
        return self.asked.options.capacity.get(resource, 1)

    def _slots(self, position: int, on: Mapping[str, Sequence[int]]) -> Iterator[Span]:
        entry = self.findings.entries[position]
        length = entry.end - entry.start
        gap = self.asked.options.min_gap.seconds * NANOS_PER_SECOND
        gap += self.asked.options.min_gap.nanos
        taken = [self._taken(resource, position, on[resource]) for resource in entry.resources]
        chosen = [(entry.start, entry.end)]
        for start in self._candidates(position, taken, length + gap):
            end = start + length
            is_apart = all(end <= each[0] or each[1] <= start for each in chosen[1:])
            has_room = all(_has_room(spans, start, end + gap) for spans in taken)
            if is_apart and has_room and (start, end) not in chosen:
                yield start, end
                chosen.append((start, end))
                if len(chosen) > self.wish.number:
                    return

    def _taken(self, resource: str, position: int, there: Sequence[int]) -> list[Span]:
        """When a resource has no room: when one who stays all along would be too many.

        `there` are those who take it.
        """
        entries = self.findings.entries
        moment = moment_of(entries[position].start, UTC)
        first, last = _sooner(moment), _later(moment_of(entries[position].end, UTC))
        question = EventList(
            options=ConflictOptions(
                capacity={resource: self._capacity(resource)},
                min_gap=self.asked.options.min_gap,
                explain=True,
            )
        )
        probe = Event(id=_PROBE, resources=[resource])
        probe.start.FromDatetime(first)
        probe.end.FromDatetime(last)
        question.events.append(probe)
        start, end = probe.start.ToNanoseconds(), probe.end.ToNanoseconds()
        for number in there:
            entry = entries[number]
            is_near = entry.start <= end and start <= entry.end
            if number != position and is_near:
                event = question.events.add(resources=[resource])
                event.start.CopyFrom(self.asked.events[number].start)
                event.end.CopyFrom(self.asked.events[number].end)
        answer = gather(self.ask(question), question, lambda _: Place(""))
        return merge_spans(overlap for group in answer.groups for overlap in group.overlaps)

    def _candidates(self, position: int, taken: Iterable[Sequence[Span]], length: int) -> list[int]:
        """Starts to try, nearest first: quarters of hours, and the ends of what is taken."""
        entry = self.findings.entries[position]
        day = day_of(entry.start, self.wish.zone)
        if self._is_of_days(entry.start) and self._is_of_days(entry.end):
            starts = set(self._midnights(day))
            fits = self._is_known
        else:
            starts = {each for midnight in self._days(day) for each in self._quarters(midnight)}
            starts |= {end for spans in taken for _, end in spans}
            starts |= {start - length for spans in taken for start, _ in spans}
            fits = self._is_within_hours
        duration = entry.end - entry.start
        fitting = (
            start
            for start in starts
            if abs(start - entry.start) <= _AROUND and fits(start, start + duration)
        )
        return sorted(fitting, key=lambda start: (abs(start - entry.start), -start))

    def _is_of_days(self, instant: int) -> bool:
        return moment_of(instant, self.wish.zone).time() == time()

    def _days(self, day: date) -> Iterator[date]:
        for number in range(-DAYS_AROUND, DAYS_AROUND + 1):
            ordinal = day.toordinal() + number
            if date.min.toordinal() < ordinal < date.max.toordinal():
                yield date.fromordinal(ordinal)

    def _midnights(self, day: date) -> Iterator[int]:
        return (self._instant(each, 0) for each in self._days(day))

    def _quarters(self, day: date) -> Iterator[int]:
        first, last = self.wish.hours
        for minutes in range(first * 60, last * 60, _STEP_MINUTES):
            yield self._instant(day, minutes)

    def _instant(self, day: date, minutes: int) -> int:
        """A time of a day in nanoseconds since 1970."""
        local = datetime.combine(day, time()) + timedelta(minutes=minutes)
        passed = local.replace(tzinfo=self.wish.zone) - _EPOCH
        return (passed.days * 86_400 + passed.seconds) * NANOS_PER_SECOND

    def _is_known(self, start: int, end: int) -> bool:
        within = self.wish.within
        return within is None or (within[0] <= start and end <= within[1])

    def _is_within_hours(self, start: int, end: int) -> bool:
        first, last = self.wish.hours
        if not self._is_known(start, end):
            return False
        if (first, last) == (0, 24):
            return True
        day = day_of(start, self.wish.zone)
        return self._instant(day, first * 60) <= start and end <= self._instant(day, last * 60)


def _sooner(moment: datetime) -> datetime:
    far = moment.toordinal() > DAYS_AROUND + 2
    return moment - timedelta(DAYS_AROUND + 1) if far else datetime(1, 1, 1, tzinfo=UTC)


def _later(moment: datetime) -> datetime:
    far = moment.toordinal() < date.max.toordinal() - DAYS_AROUND - 2
    return moment + timedelta(DAYS_AROUND + 1) if far else datetime(9999, 12, 31, tzinfo=UTC)


def _has_room(taken: Sequence[Span], start: int, end: int) -> bool:
    """Whether nothing that is taken is met; spans are in order and apart, `end` is padded."""
    index = bisect_right(taken, (start, end))
    before = taken[index - 1] if index else None
    after = taken[index] if index < len(taken) else None
    if before and (before[1] > start or before[0] == start):
        return False
    return after is None or (after[0] >= end and after[0] != start)
