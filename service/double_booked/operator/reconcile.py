"""Computes the status of every Booking: it keeps its time, or is double-booked.

Bookings are visited in the order of (creationTimestamp, uid). A booking keeps its time if its
calendars have room for it beside the earlier bookings that keep theirs; else it is double-booked.
Only bookings that conflict, that is, are present together while the depth is over the capacity,
affect one another. A change therefore affects the bookings that it conflicts with, directly or
through others.

The cache may change between two steps of a computation. That is a change of its own, and is
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
from double_booked.operator.calendar_conflicts import Conflicts, Steps, find_conflicts
from double_booked.operator.capacity import (
    CalendarOverlap,
    Occupancy,
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

_MAX_TEXT = 30_000
"""A condition's message holds 32,768 characters."""

_NO_CONFLICTS = Conflicts([], 0)

FREE = BookingStatus("False", "Free", "It conflicts with no other booking.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was computed for a booking.

    Attributes:
        status: Its status.
        over: The calendars on which it is over the capacity.
    """

    status: BookingStatus
    over: tuple[NamespacedName, ...] = ()


def compute_outcomes(
    schedule: Schedule, changed: Iterable[Booking]
) -> Steps[dict[NamespacedName, Outcome]]:
    """Compute the status of the changed bookings and of all that they affect.

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
    """Find the bookings whose status may be affected by changes, and the changed ones.

    Args:
        schedule: The cached objects.
        changed: Bookings as they are or were; they need not be cached.
    """
    affected: set[NamespacedName] = set()
    swept: dict[NamespacedName, list[Span]] = {}
    reached: set[NamespacedName] = set()
    for booking in changed:
        reached |= {booking.key, *schedule.linked(booking.key), *booking.replaced_keys()}
        if schedule.bookings.get(booking.key) != booking:
            reached |= _former_conflicts(schedule, booking)
    while reached := {key for key in reached - affected if key in schedule.bookings}:
        affected |= reached
        conflicting: set[NamespacedName] = set()
        for calendar, spans in _spans_by_calendar(schedule, reached).items():
            done = swept.get(calendar, [])
            for span in subtract(spans, done):
                conflicting |= _conflicting(schedule, calendar, span)
                yield
            swept[calendar] = merge([*done, *spans])
        reached = conflicting
    return affected


def _former_conflicts(schedule: Schedule, booking: Booking) -> set[NamespacedName]:
    """Return the bookings that conflict with a booking in a state that is not cached.

    That state raises the depth by at most one.
    """
    former: set[NamespacedName] = set()
    for name in booking.calendar_keys():
        if calendar := schedule.calendars.get(name):
            span = booking.occupies(calendar.rules.gap)
            former |= _conflicting(schedule, name, span, less=1)
    return former


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
    occupancy = _occupancy_of(schedule, name, span, calendar.rules.gap)
    capacity = calendar.rules.capacity - less
    if len(occupancy.intervals) <= capacity:
        return set()
    over = overloaded_spans(depth_steps(occupancy, span), span[1], capacity)
    return {key for start, end, key in occupancy.intervals if overlaps_any((start, end), over)}


def _occupancy_of(schedule: Schedule, calendar: NamespacedName, span: Span, gap: int) -> Occupancy:
    intervals = schedule.occupied(schedule.of_calendar(calendar).intervals, span, gap)
    return Occupancy(intervals, schedule.links_among({key for _, _, key in intervals}))


def _spans_by_calendar(
    schedule: Schedule, keys: Iterable[NamespacedName]
) -> dict[NamespacedName, list[Span]]:
    """Return what some bookings occupy of each calendar, as merged spans."""
    spans: dict[NamespacedName, list[Span]] = {}
    for key in keys:
        if booking := schedule.bookings.get(key):
            for name in booking.calendar_keys():
                if calendar := schedule.calendars.get(name):
                    spans.setdefault(name, []).append(booking.occupies(calendar.rules.gap))
    return {name: merge(occupied) for name, occupied in spans.items()}


@dataclass(frozen=True, slots=True)
class _Window:
    """A span of a calendar that has been swept.

    Attributes:
        span: The span.
        intervals: The booked spans that overlap it.
        over: The spans in which the depth is over the capacity.
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
    """Find the conflicts of each of some bookings, on all of its calendars."""
    by_booking: dict[NamespacedName, list[Conflicts]] = {}
    windows: dict[NamespacedName, list[_Window]] = {}
    for name, spans in _spans_by_calendar(schedule, affected).items():
        for span in spans:
            if calendar := schedule.calendars.get(name):
                occupancy = _occupancy_of(schedule, name, span, calendar.rules.gap)
                here = yield from find_conflicts(
                    occupancy, span, calendar.rules.capacity, MAX_NAMED
                )
                for key in here.keys() & affected:
                    by_booking.setdefault(key, []).append(here[key])
                over = overloaded_spans(
                    depth_steps(occupancy, span), span[1], calendar.rules.capacity
                )
                windows.setdefault(name, []).append(_Window(span, occupancy.intervals, over))
            yield
    conflicts = {}
    for key, on_calendars in by_booking.items():
        if len(on_calendars) == 1:
            conflicts[key] = on_calendars[0]
        elif booking := schedule.bookings.get(key):
            conflicts[key] = _conflicts_of(schedule, booking, windows)
            yield
    return conflicts


def _conflicts_of(
    schedule: Schedule, booking: Booking, windows: Mapping[NamespacedName, Sequence[_Window]]
) -> Conflicts:
    """Return the conflicts of a booking on several calendars; each other booking counts once."""
    others: set[NamespacedName] = set()
    for name in booking.calendar_keys():
        if calendar := schedule.calendars.get(name):
            span = booking.occupies(calendar.rules.gap)
            for window in windows.get(name, ()):
                if window.span[0] < span[1] and window.span[1] > span[0]:
                    others |= window.conflicting(span)
    others -= {booking.key, *schedule.linked(booking.key)}
    starts = [(other.start, key) for key in others if (other := schedule.bookings.get(key))]
    first = nsmallest(MAX_NAMED, starts)
    return Conflicts([key for _, key in first], len(starts))


def _find_overlaps(
    schedule: Schedule, affected: Iterable[NamespacedName], conflicting: Container[NamespacedName]
) -> Steps[dict[NamespacedName, list[CalendarOverlap]]]:
    """Find where each of some bookings is over a capacity beside the earlier ones.

    Args:
        schedule: The cached objects.
        affected: The bookings.
        conflicting: The bookings that have conflicts; the others keep their time.
    """
    bookings = sorted(
        (schedule.bookings[key] for key in affected if key in schedule.bookings),
        key=lambda booking: (booking.created, booking.metadata.uid),
    )
    kept: dict[NamespacedName, IntervalIndex] = {}
    overlaps: dict[NamespacedName, list[CalendarOverlap]] = {}
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
) -> Iterator[CalendarOverlap]:
    for key in booking.calendar_keys():
        calendar = schedule.calendars.get(key)
        if calendar and key in kept:
            rules = calendar.rules
            span = booking.occupies(rules.gap)
            others = schedule.occupied(kept[key], span, rules.gap)
            if len(others) < rules.capacity:
                continue
            intervals = [*others, (*span, booking.key)]
            links = schedule.links_among({key for _, _, key in intervals})
            steps = depth_steps(Occupancy(intervals, links), span)
            if over := overloaded_spans(steps, span[1], rules.capacity):
                present = tuple(bookings_during(over[0], others))
                yield CalendarOverlap(key.name, rules, over[0], present)


def _outcome(
    schedule: Schedule, booking: Booking, overlaps: list[CalendarOverlap], conflicts: Conflicts
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
    schedule: Schedule, booking: Booking, overlaps: list[CalendarOverlap], conflicts: Conflicts
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


def _why_it_lost(schedule: Schedule, booking: Booking, overlaps: Iterable[CalendarOverlap]) -> str:
    """Return the sentence that says whether creationTimestamp or uid decided against a booking."""
    others = {key for overlap in overlaps for key in overlap.others}
    created = {schedule.bookings[key].created for key in others if key in schedule.bookings}
    if booking.created not in created:
        return "This booking was created later."
    if len(created) == 1:
        return "This booking was created in the same second, and its uid sorts later."
    return "This booking was created later, or in the same second with a uid that sorts later."


def _linked_status(schedule: Schedule, booking: Booking) -> BookingStatus | None:
    """Return the status of a booking that counts once with another; None for any other booking."""
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
    """Whether two bookings are present together on a calendar."""
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
        over: How many of its bookings are double-booked.
        enforcement: Whether new bookings on it are reviewed.
    """
    return CalendarStatus(
        len(schedule.of_calendar(calendar.metadata.key).keys),
        over,
        calendar.metadata.generation,
        enforcement,
        calendar.fault,
    )
