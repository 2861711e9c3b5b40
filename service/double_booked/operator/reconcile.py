"""The status of each booking, whatever got in: it keeps its time, or is double-booked.

In the order of (creationTimestamp, uid) a booking keeps its time if it puts no calendar of its own
over the capacity together with those before it that keep theirs; else it is double-booked. Only
bookings that conflict (are present together when the depth is over the capacity) affect one
another, so a change affects what conflicts with it, directly or through others.

What is cached may change between two steps of a computation; that is a change of its own, which is
computed next.
"""

from collections.abc import (
    Collection,
    Container,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, replace
from heapq import nsmallest

from double_booked.conflicts.instants import Span
from double_booked.operator.capacity import (
    Clash,
    Occupied,
    Where,
    depth_steps,
    describe,
    meets,
    merge,
    name_some,
    present_in,
    spans_over,
    subtract,
)
from double_booked.operator.intervals import Interval, IntervalIndex
from double_booked.operator.objects import (
    MAX_NAMED,
    Booking,
    BookingStatus,
    Calendar,
    CalendarStatus,
    Enforcement,
    Key,
)
from double_booked.operator.schedule import Index, interval_of
from double_booked.operator.steps import Steps
from double_booked.operator.sweep import Conflicts, find_conflicts

_MAX_TEXT = 30_000
"""A condition's message holds 32,768 characters."""

_NO_CONFLICTS = Conflicts([], 0)

FREE = BookingStatus("False", "Free", "It conflicts with no other booking.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found for a booking.

    Attributes:
        status: Its status.
        over: The calendars that it puts over their capacity.
    """

    status: BookingStatus
    over: tuple[Key, ...] = ()


def compute_outcomes(index: Index, changed: Iterable[Booking]) -> Steps[dict[Key, Outcome]]:
    """Compute the status of every booking that changes affect, and of the changed ones.

    Args:
        index: The cached objects.
        changed: Bookings as they are or were; they need not be cached.
    """
    affected = yield from find_affected(index, changed)
    conflicts = yield from _find_all_conflicts(index, affected)
    clashes = yield from _find_clashes(index, affected, conflicts)
    return {
        key: _outcome(index, index.bookings[key], clashes[key], conflicts.get(key, _NO_CONFLICTS))
        for key in clashes
        if key in index.bookings
    }


def find_affected(index: Index, changed: Iterable[Booking]) -> Steps[set[Key]]:
    """Find the bookings that conflict with some, directly or through others, and these themselves.

    Args:
        index: The cached objects.
        changed: Bookings as they are or were; they need not be cached.
    """
    affected: set[Key] = set()
    swept: dict[Key, list[Span]] = {}
    found: set[Key] = set()
    for booking in changed:
        found |= {booking.key, *index.linked(booking.key), *booking.replaced_keys()}
        if index.bookings.get(booking.key) != booking:
            found |= _former_conflicts(index, booking)
    while found := {key for key in found - affected if key in index.bookings}:
        affected |= found
        new: set[Key] = set()
        for calendar, spans in _spans_by_calendar(index, found).items():
            done = swept.get(calendar, [])
            for span in subtract(spans, done):
                new |= _conflicting(index, calendar, span)
                yield
            swept[calendar] = merge([*done, *spans])
        found = new
    return affected


def _former_conflicts(index: Index, booking: Booking) -> set[Key]:
    """Return the bookings that a booking conflicted with, or would, in a state that is not cached.

    With it the depth was greater by one at most.
    """
    found: set[Key] = set()
    for name in booking.calendar_keys():
        if calendar := index.calendars.get(name):
            span = booking.occupies(calendar.rules.gap)
            found |= _conflicting(index, name, span, less=1)
    return found


def _conflicting(index: Index, name: Key, span: Span, less: int = 0) -> set[Key]:
    """Return the bookings on a calendar that conflict within a span.

    Args:
        index: The cached objects.
        name: The calendar.
        span: The span.
        less: By how much to lower the capacity.
    """
    calendar = index.calendars.get(name)
    if calendar is None:
        return set()
    occupied = _occupied(index, name, span, calendar.rules.gap)
    capacity = calendar.rules.capacity - less
    if len(occupied.intervals) <= capacity:
        return set()
    over = spans_over(depth_steps(occupied, span), span[1], capacity)
    return {key for start, end, key in occupied.intervals if meets((start, end), over)}


def _occupied(index: Index, calendar: Key, span: Span, gap: int) -> Occupied:
    intervals = index.occupied(index.schedule(calendar).intervals, span, gap)
    return Occupied(intervals, index.links({key for _, _, key in intervals}))


def _spans_by_calendar(index: Index, keys: Iterable[Key]) -> dict[Key, list[Span]]:
    """Return the merged spans that some bookings occupy of each calendar."""
    spans: dict[Key, list[Span]] = {}
    for key in keys:
        if booking := index.bookings.get(key):
            for name in booking.calendar_keys():
                if calendar := index.calendars.get(name):
                    spans.setdefault(name, []).append(booking.occupies(calendar.rules.gap))
    return {name: merge(found) for name, found in spans.items()}


@dataclass(frozen=True, slots=True)
class _Window:
    """A span of a calendar that has been swept.

    Attributes:
        span: The span.
        intervals: What overlaps it.
        over: When the depth is over the capacity.
    """

    span: Span
    intervals: Sequence[Interval]
    over: Sequence[Span]

    def conflicting(self, span: Span) -> set[Key]:
        """Return the bookings that are present in a span while the depth is over the capacity."""
        parts = [(max(start, span[0]), min(end, span[1])) for start, end in self.over]
        parts = [part for part in parts if part[0] < part[1]]
        if len(parts) == 1:
            [(first, last)] = parts
            return {key for start, end, key in self.intervals if start < last and end > first}
        return {key for start, end, key in self.intervals if meets((start, end), parts)}


def _find_all_conflicts(index: Index, affected: Collection[Key]) -> Steps[dict[Key, Conflicts]]:
    """Find what each of some bookings conflicts with, on all of its calendars."""
    found: dict[Key, list[Conflicts]] = {}
    windows: dict[Key, list[_Window]] = {}
    for name, spans in _spans_by_calendar(index, affected).items():
        for span in spans:
            if calendar := index.calendars.get(name):
                occupied = _occupied(index, name, span, calendar.rules.gap)
                here = yield from find_conflicts(occupied, span, calendar.rules.capacity, MAX_NAMED)
                for key in here.keys() & affected:
                    found.setdefault(key, []).append(here[key])
                over = spans_over(depth_steps(occupied, span), span[1], calendar.rules.capacity)
                windows.setdefault(name, []).append(_Window(span, occupied.intervals, over))
            yield
    conflicts = {}
    for key, several in found.items():
        if len(several) == 1:
            conflicts[key] = several[0]
        elif booking := index.bookings.get(key):
            conflicts[key] = _conflicts_of(index, booking, windows)
            yield
    return conflicts


def _conflicts_of(
    index: Index, booking: Booking, windows: Mapping[Key, Sequence[_Window]]
) -> Conflicts:
    """Return what one booking conflicts with on several calendars; each counts once."""
    found: set[Key] = set()
    for name in booking.calendar_keys():
        if calendar := index.calendars.get(name):
            span = booking.occupies(calendar.rules.gap)
            for window in windows.get(name, ()):
                if window.span[0] < span[1] and window.span[1] > span[0]:
                    found |= window.conflicting(span)
    found -= {booking.key, *index.linked(booking.key)}
    known = [(other.start, key) for key in found if (other := index.bookings.get(key))]
    first = nsmallest(MAX_NAMED, known)
    return Conflicts([key for _, key in first], len(known))


def _find_clashes(
    index: Index, affected: Iterable[Key], conflicting: Container[Key]
) -> Steps[dict[Key, list[Clash]]]:
    """Find where each of some bookings is over a capacity with those before it.

    Args:
        index: The cached objects.
        affected: The bookings.
        conflicting: Those that conflict at all; the others keep their time.
    """
    bookings = sorted(
        (index.bookings[key] for key in affected if key in index.bookings),
        key=lambda booking: (booking.created, booking.identity.uid),
    )
    kept: dict[Key, IntervalIndex] = {}
    clashes: dict[Key, list[Clash]] = {}
    for booking in bookings:
        clashes[booking.key] = (
            list(_clashes(index, booking, kept)) if booking.key in conflicting else []
        )
        if booking.key in conflicting and not clashes[booking.key]:
            for calendar in booking.calendar_keys():
                kept.setdefault(calendar, IntervalIndex()).add(interval_of(booking))
        yield
    return clashes


def _clashes(index: Index, booking: Booking, kept: Mapping[Key, IntervalIndex]) -> Iterator[Clash]:
    for key in booking.calendar_keys():
        calendar = index.calendars.get(key)
        if calendar and key in kept:
            rules = calendar.rules
            span = booking.occupies(rules.gap)
            others = index.occupied(kept[key], span, rules.gap)
            if len(others) < rules.capacity:
                continue
            intervals = [*others, (*span, booking.key)]
            links = index.links({each for _, _, each in intervals})
            steps = depth_steps(Occupied(intervals, links), span)
            if over := spans_over(steps, span[1], rules.capacity):
                yield Clash(Where(key.name, rules, over[0]), tuple(present_in(over[0], others)))


def _outcome(index: Index, booking: Booking, clashes: list[Clash], conflicts: Conflicts) -> Outcome:
    status = replace(
        _verdict(index, booking, clashes, conflicts),
        conflicts_with=tuple(key.name for key in conflicts.first),
        conflicts=conflicts.count,
        generation=booking.identity.generation,
    )
    over = tuple(Key(booking.key.namespace, clash.where.calendar) for clash in clashes)
    return Outcome(status, over)


def _verdict(
    index: Index, booking: Booking, clashes: list[Clash], conflicts: Conflicts
) -> BookingStatus:
    if booking.fault:
        return BookingStatus("Unknown", "InvalidSpec", booking.fault)
    if clashes:
        where = "; ".join(map(describe, clashes))[:_MAX_TEXT]
        why = _why_it_lost(index, booking, clashes)
        return BookingStatus("True", "OverCapacity", f"Over the capacity: {where}. {why}")
    missing = [key.name for key in booking.calendar_keys() if key not in index.calendars]
    if missing:
        names = name_some(missing, len(missing))
        return BookingStatus("Unknown", "CalendarNotFound", f"There is no calendar {names}.")
    if linked := _linked_status(index, booking):
        return linked
    if conflicts.count:
        names = name_some([key.name for key in conflicts.first], conflicts.count)
        message = f"It keeps its time, though it conflicts with {names}."
        return BookingStatus("False", "Kept", message)
    return FREE


def _why_it_lost(index: Index, booking: Booking, clashes: Iterable[Clash]) -> str:
    """Say which of creationTimestamp and uid decided against a booking."""
    others = {key for clash in clashes for key in clash.others}
    created = {index.bookings[key].created for key in others if key in index.bookings}
    if booking.created not in created:
        return "This booking was created later."
    if len(created) == 1:
        return "This booking was created in the same second, and its uid sorts later."
    return "This booking was created later, or in the same second with a uid that sorts later."


def _linked_status(index: Index, booking: Booking) -> BookingStatus | None:
    """Return the status of a booking that counts once with one that is present; else None."""
    together = [
        key
        for key in sorted(index.linked(booking.key))
        if key != booking.key
        and (other := index.bookings.get(key))
        and _overlap(index, booking, other)
    ]
    replaced = [key.name for key in together if key.name in booking.replaces]
    if replaced:
        names = name_some(replaced, len(replaced))
        return BookingStatus("False", "Replaces", f"It replaces {names}, and they count once.")
    if together:
        names = name_some([key.name for key in together[:MAX_NAMED]], len(together))
        return BookingStatus("False", "ReplacedBy", f"{names} replaces it, and they count once.")
    return None


def _overlap(index: Index, one: Booking, other: Booking) -> bool:
    """Whether two bookings are present together on a calendar that both are on."""
    for key in set(one.calendar_keys()).intersection(other.calendar_keys()):
        if calendar := index.calendars.get(key):
            (start, end), (first, last) = (
                booking.occupies(calendar.rules.gap) for booking in (one, other)
            )
            if start < last and end > first:
                return True
    return False


def calendar_status(
    index: Index, calendar: Calendar, over: int, enforcement: Enforcement
) -> CalendarStatus:
    """Return the status of a calendar.

    Args:
        index: The cached objects.
        calendar: The calendar.
        over: How many bookings put it over its capacity.
        enforcement: Whether new bookings on it are reviewed.
    """
    return CalendarStatus(
        len(index.schedule(calendar.identity.key).keys),
        over,
        calendar.identity.generation,
        enforcement,
        calendar.fault,
    )
