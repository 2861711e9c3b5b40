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
    Occupied,
    Overlap,
    bookings_during,
    depth_steps,
    describe_overlap,
    merge,
    name_some,
    overlaps_any,
    overloaded_spans,
    subtract,
)
from double_booked.operator.intervals import BookedSpan, IntervalIndex
from double_booked.operator.objects import (
    MAX_NAMED,
    Booking,
    BookingStatus,
    Calendar,
    CalendarStatus,
    Enforcement,
    NamespacedName,
)
from double_booked.operator.schedule import Schedule, booked_span
from double_booked.operator.sweep import Conflicts, Steps, find_conflicts

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
    over: tuple[NamespacedName, ...] = ()


def compute_outcomes(
    schedule: Schedule, changed: Iterable[Booking]
) -> Steps[dict[NamespacedName, Outcome]]:
    """Compute the status of every booking that changes affect, and of the changed ones.

    Args:
        schedule: The cached objects.
        changed: Bookings as they are or were; they need not be cached.
    """
    affected = yield from find_affected(schedule, changed)
    conflicts = yield from _find_all_conflicts(schedule, affected)
    overlaps = yield from _find_overlaps(schedule, affected, conflicts)
    return {
        key: _outcome(
            schedule, schedule.bookings[key], overlaps[key], conflicts.get(key, _NO_CONFLICTS)
        )
        for key in overlaps
        if key in schedule.bookings
    }


def find_affected(schedule: Schedule, changed: Iterable[Booking]) -> Steps[set[NamespacedName]]:
    """Find the bookings that conflict with some, directly or through others, and these themselves.

    Args:
        schedule: The cached objects.
        changed: Bookings as they are or were; they need not be cached.
    """
    affected: set[NamespacedName] = set()
    swept: dict[NamespacedName, list[Span]] = {}
    found: set[NamespacedName] = set()
    for booking in changed:
        found |= {booking.key, *schedule.linked(booking.key), *booking.replaced_keys()}
        if schedule.bookings.get(booking.key) != booking:
            found |= _former_conflicts(schedule, booking)
    while found := {key for key in found - affected if key in schedule.bookings}:
        affected |= found
        new: set[NamespacedName] = set()
        for calendar, spans in _spans_by_calendar(schedule, found).items():
            done = swept.get(calendar, [])
            for span in subtract(spans, done):
                new |= _conflicting(schedule, calendar, span)
                yield
            swept[calendar] = merge([*done, *spans])
        found = new
    return affected


def _former_conflicts(schedule: Schedule, booking: Booking) -> set[NamespacedName]:
    """Return the bookings that a booking conflicted with, or would, in a state that is not cached.

    With it the depth was greater by one at most.
    """
    found: set[NamespacedName] = set()
    for name in booking.calendar_keys():
        if calendar := schedule.calendars.get(name):
            span = booking.occupies(calendar.rules.gap)
            found |= _conflicting(schedule, name, span, less=1)
    return found


def _conflicting(
    schedule: Schedule, name: NamespacedName, span: Span, less: int = 0
) -> set[NamespacedName]:
    """Return the bookings on a calendar that conflict within a span.

    Args:
        schedule: The cached objects.
        name: The calendar.
        span: The span.
        less: By how much to lower the capacity.
    """
    calendar = schedule.calendars.get(name)
    if calendar is None:
        return set()
    occupied = _occupied(schedule, name, span, calendar.rules.gap)
    capacity = calendar.rules.capacity - less
    if len(occupied.intervals) <= capacity:
        return set()
    over = overloaded_spans(depth_steps(occupied, span), span[1], capacity)
    return {key for start, end, key in occupied.intervals if overlaps_any((start, end), over)}


def _occupied(schedule: Schedule, calendar: NamespacedName, span: Span, gap: int) -> Occupied:
    intervals = schedule.occupied(schedule.of_calendar(calendar).intervals, span, gap)
    return Occupied(intervals, schedule.links_among({key for _, _, key in intervals}))


def _spans_by_calendar(
    schedule: Schedule, keys: Iterable[NamespacedName]
) -> dict[NamespacedName, list[Span]]:
    """Return the merged spans that some bookings occupy of each calendar."""
    spans: dict[NamespacedName, list[Span]] = {}
    for key in keys:
        if booking := schedule.bookings.get(key):
            for name in booking.calendar_keys():
                if calendar := schedule.calendars.get(name):
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
    intervals: Sequence[BookedSpan]
    over: Sequence[Span]

    def conflicting(self, span: Span) -> set[NamespacedName]:
        """Return the bookings that are present in a span while the depth is over the capacity."""
        parts = [(max(start, span[0]), min(end, span[1])) for start, end in self.over]
        parts = [part for part in parts if part[0] < part[1]]
        if len(parts) == 1:
            [(first, last)] = parts
            return {key for start, end, key in self.intervals if start < last and end > first}
        return {key for start, end, key in self.intervals if overlaps_any((start, end), parts)}


def _find_all_conflicts(
    schedule: Schedule, affected: Collection[NamespacedName]
) -> Steps[dict[NamespacedName, Conflicts]]:
    """Find what each of some bookings conflicts with, on all of its calendars."""
    found: dict[NamespacedName, list[Conflicts]] = {}
    windows: dict[NamespacedName, list[_Window]] = {}
    for name, spans in _spans_by_calendar(schedule, affected).items():
        for span in spans:
            if calendar := schedule.calendars.get(name):
                occupied = _occupied(schedule, name, span, calendar.rules.gap)
                here = yield from find_conflicts(occupied, span, calendar.rules.capacity, MAX_NAMED)
                for key in here.keys() & affected:
                    found.setdefault(key, []).append(here[key])
                over = overloaded_spans(
                    depth_steps(occupied, span), span[1], calendar.rules.capacity
                )
                windows.setdefault(name, []).append(_Window(span, occupied.intervals, over))
            yield
    conflicts = {}
    for key, several in found.items():
        if len(several) == 1:
            conflicts[key] = several[0]
        elif booking := schedule.bookings.get(key):
            conflicts[key] = _conflicts_of(schedule, booking, windows)
            yield
    return conflicts


def _conflicts_of(
    schedule: Schedule, booking: Booking, windows: Mapping[NamespacedName, Sequence[_Window]]
) -> Conflicts:
    """Return what one booking conflicts with on several calendars; each counts once."""
    found: set[NamespacedName] = set()
    for name in booking.calendar_keys():
        if calendar := schedule.calendars.get(name):
            span = booking.occupies(calendar.rules.gap)
            for window in windows.get(name, ()):
                if window.span[0] < span[1] and window.span[1] > span[0]:
                    found |= window.conflicting(span)
    found -= {booking.key, *schedule.linked(booking.key)}
    known = [(other.start, key) for key in found if (other := schedule.bookings.get(key))]
    first = nsmallest(MAX_NAMED, known)
    return Conflicts([key for _, key in first], len(known))


def _find_overlaps(
    schedule: Schedule, affected: Iterable[NamespacedName], conflicting: Container[NamespacedName]
) -> Steps[dict[NamespacedName, list[Overlap]]]:
    """Find where each of some bookings is over a capacity with those before it.

    Args:
        schedule: The cached objects.
        affected: The bookings.
        conflicting: Those that conflict at all; the others keep their time.
    """
    bookings = sorted(
        (schedule.bookings[key] for key in affected if key in schedule.bookings),
        key=lambda booking: (booking.created, booking.metadata.uid),
    )
    kept: dict[NamespacedName, IntervalIndex] = {}
    overlaps: dict[NamespacedName, list[Overlap]] = {}
    for booking in bookings:
        overlaps[booking.key] = (
            list(_overlaps(schedule, booking, kept)) if booking.key in conflicting else []
        )
        if booking.key in conflicting and not overlaps[booking.key]:
            for calendar in booking.calendar_keys():
                kept.setdefault(calendar, IntervalIndex()).add(booked_span(booking))
        yield
    return overlaps


def _overlaps(
    schedule: Schedule, booking: Booking, kept: Mapping[NamespacedName, IntervalIndex]
) -> Iterator[Overlap]:
    for key in booking.calendar_keys():
        calendar = schedule.calendars.get(key)
        if calendar and key in kept:
            rules = calendar.rules
            span = booking.occupies(rules.gap)
            others = schedule.occupied(kept[key], span, rules.gap)
            if len(others) < rules.capacity:
                continue
            intervals = [*others, (*span, booking.key)]
            links = schedule.links_among({each for _, _, each in intervals})
            steps = depth_steps(Occupied(intervals, links), span)
            if over := overloaded_spans(steps, span[1], rules.capacity):
                present = tuple(bookings_during(over[0], others))
                yield Overlap(key.name, rules, over[0], present)


def _outcome(
    schedule: Schedule, booking: Booking, overlaps: list[Overlap], conflicts: Conflicts
) -> Outcome:
    status = replace(
        _verdict(schedule, booking, overlaps, conflicts),
        conflicts_with=tuple(key.name for key in conflicts.first),
        conflicts=conflicts.count,
        generation=booking.metadata.generation,
    )
    over = tuple(NamespacedName(booking.key.namespace, overlap.calendar) for overlap in overlaps)
    return Outcome(status, over)


def _verdict(
    schedule: Schedule, booking: Booking, overlaps: list[Overlap], conflicts: Conflicts
) -> BookingStatus:
    if booking.fault:
        return BookingStatus("Unknown", "InvalidSpec", booking.fault)
    if overlaps:
        where = "; ".join(map(describe_overlap, overlaps))[:_MAX_TEXT]
        why = _why_it_lost(schedule, booking, overlaps)
        return BookingStatus("True", "OverCapacity", f"Over the capacity: {where}. {why}")
    missing = [key.name for key in booking.calendar_keys() if key not in schedule.calendars]
    if missing:
        names = name_some(missing, len(missing))
        return BookingStatus("Unknown", "CalendarNotFound", f"There is no calendar {names}.")
    if linked := _linked_status(schedule, booking):
        return linked
    if conflicts.count:
        names = name_some([key.name for key in conflicts.first], conflicts.count)
        message = f"It keeps its time, though it conflicts with {names}."
        return BookingStatus("False", "Kept", message)
    return FREE


def _why_it_lost(schedule: Schedule, booking: Booking, overlaps: Iterable[Overlap]) -> str:
    """Say which of creationTimestamp and uid decided against a booking."""
    others = {key for overlap in overlaps for key in overlap.others}
    created = {schedule.bookings[key].created for key in others if key in schedule.bookings}
    if booking.created not in created:
        return "This booking was created later."
    if len(created) == 1:
        return "This booking was created in the same second, and its uid sorts later."
    return "This booking was created later, or in the same second with a uid that sorts later."


def _linked_status(schedule: Schedule, booking: Booking) -> BookingStatus | None:
    """Return the status of a booking that counts once with one that is present; else None."""
    together = [
        key
        for key in sorted(schedule.linked(booking.key))
        if key != booking.key
        and (other := schedule.bookings.get(key))
        and _are_together(schedule, booking, other)
    ]
    replaced = [key.name for key in together if key.name in booking.replaces]
    if replaced:
        names = name_some(replaced, len(replaced))
        return BookingStatus("False", "Replaces", f"It replaces {names}, and they count once.")
    if together:
        names = name_some([key.name for key in together[:MAX_NAMED]], len(together))
        return BookingStatus("False", "ReplacedBy", f"{names} replaces it, and they count once.")
    return None


def _are_together(schedule: Schedule, one: Booking, other: Booking) -> bool:
    """Whether two bookings are present together on a calendar that both are on."""
    for key in set(one.calendar_keys()).intersection(other.calendar_keys()):
        if calendar := schedule.calendars.get(key):
            (start, end), (first, last) = (
                booking.occupies(calendar.rules.gap) for booking in (one, other)
            )
            if start < last and end > first:
                return True
    return False


def calendar_status(
    schedule: Schedule, calendar: Calendar, over: int, enforcement: Enforcement
) -> CalendarStatus:
    """Return the status of a calendar.

    Args:
        schedule: The cached objects.
        calendar: The calendar.
        over: How many bookings put it over its capacity.
        enforcement: Whether new bookings on it are reviewed.
    """
    return CalendarStatus(
        len(schedule.of_calendar(calendar.metadata.key).keys),
        over,
        calendar.metadata.generation,
        enforcement,
        calendar.fault,
    )
