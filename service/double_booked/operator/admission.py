"""Whether a Booking may be written: what it would put over a calendar's capacity."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from double_booked.conflicts.instants import Span
from double_booked.operator.capacity import (
    MAX_IN_SENTENCE,
    Occupied,
    Overlap,
    bookings_during,
    depth_steps,
    describe_overlap,
    merge,
    overloaded_spans,
    subtract,
)
from double_booked.operator.intervals import BookedSpan
from double_booked.operator.links import MAX_LINKED, make_links, reachable
from double_booked.operator.objects import Booking, Calendar, NamespacedName, Rules, format_time
from double_booked.operator.reservations import Reservations
from double_booked.operator.schedule import Schedule

MAX_WARNING = 256
"""How many characters of a warning the API server is sure to pass on."""

_MAX_NAME = 60
"""How many characters of a name a warning shows."""


@dataclass(slots=True)
class OtherBookings:
    """What the other bookings occupy, or may come to occupy, of a calendar around a span.

    A booking that is being moved counts at both times, and is linked only with bookings that it
    names in each state, so what is stored in the end is never deeper.

    Attributes:
        spans: By booking.
        replaces: The bookings that each one names, if it names any.
        cached: The spans of those that are cached; the others are only reserved.
    """

    spans: dict[NamespacedName, list[Span]] = field(default_factory=dict)
    replaces: dict[NamespacedName, frozenset[NamespacedName]] = field(default_factory=dict)
    cached: dict[NamespacedName, Span] = field(default_factory=dict)

    def add_state(self, booking: Booking, gap: int) -> None:
        """Add one state of a booking, the cached one or a reserved one."""
        key, names = booking.key, frozenset(booking.replaced_keys())
        if key in self.spans:
            self.replaces[key] = self.replaces[key] & names
        else:
            self.replaces[key] = names
        self.spans.setdefault(key, []).append(booking.occupies(gap))

    def occupied_with(self, own: Booking, span: Span) -> Occupied:
        """Return what they occupy together with a booking of another name, present in a span."""
        named = [(key, names) for key, names in self.replaces.items() if names]
        replaces = [*named, (own.key, own.replaced_keys())]
        links = make_links(replaces, {*self.spans, own.key})
        return Occupied([*self.intervals(), (*span, own.key)], links)

    def intervals(self) -> list[BookedSpan]:
        """Return the spans with their bookings; those of one booking do not overlap."""
        return [(*span, key) for key, spans in self.spans.items() for span in merge(spans)]

    def pending_in(self, span: Span, keys: Iterable[NamespacedName]) -> frozenset[NamespacedName]:
        """Return those of some bookings that are in a span only by a reservation."""
        return frozenset(
            key
            for key in keys
            if key not in self.cached
            or not (self.cached[key][0] < span[1] and self.cached[key][1] > span[0])
        )


@dataclass(frozen=True, slots=True)
class CapacityView:
    """What is on calendars, and what may come to be.

    Attributes:
        schedule: The cached objects.
        reservations: The admitted writes that may still come.
    """

    schedule: Schedule
    reservations: Reservations

    def rules(self, calendar: NamespacedName) -> Rules | None:
        """Return the rules of a calendar; the stricter ones while it is being changed.

        Returns:
            None if there is no such calendar, and none is being created.
        """
        strictest = None
        cached = self.schedule.calendars.get(calendar)
        for rules in (*([cached.rules] if cached else []), *self.reservations.rules_for(calendar)):
            strictest = rules.stricter(strictest) if strictest else rules
        return strictest

    def others(
        self, calendar: NamespacedName, span: Span, gap: int, own: NamespacedName
    ) -> OtherBookings:
        """Return what others occupy, or may come to occupy, of a calendar around a span.

        Args:
            calendar: The calendar.
            span: The span.
            gap: Nanoseconds that a booking occupies after its end.
            own: The booking that does not count: there can be only one of a name.
        """
        others = OtherBookings()
        intervals = self.schedule.of_calendar(calendar).intervals
        for start, end, key in self.schedule.occupied(intervals, span, gap, own):
            others.add_state(self.schedule.bookings[key], gap)
            others.cached[key] = start, end
        for coming in self.reservations.wanted_on(calendar):
            if coming.key != own:
                others.add_state(coming, gap)
        return others

    def linked(self, wanted: Booking) -> set[NamespacedName]:
        """Return a booking and all that would be linked with it, directly or through others."""
        coming = [
            (each.key, each.replaced_keys())
            for each in self.reservations.bookings(wanted.key.namespace)
        ]
        coming.append((wanted.key, wanted.replaced_keys()))
        named = {name for key, names in coming for name in (key, *names)}
        links = make_links(coming, named)

        def near(key: NamespacedName) -> Iterable[NamespacedName]:
            return filter(self.exists, self.schedule.linked(key) | links.get(key, frozenset()))

        return reachable(wanted.key, near)

    def exists(self, key: NamespacedName) -> bool:
        """Whether there is a booking of a name, or one may come."""
        return key in self.schedule.bookings or self.reservations.has_booking(key)


def find_overlaps(wanted: Booking, old: Booking | None, view: CapacityView) -> list[Overlap]:
    """Find where a booking does not fit: on each of its calendars the first such span.

    It does not fit where the depth with it is over the capacity, in the time that it adds. Any of
    the others may be gone by the time that the write lands, but no deletion raises the depth.

    Args:
        wanted: The booking as it would be.
        old: The booking as it is; None for one that is created.
        view: What is on calendars.
    """
    overlaps = []
    keeps_links = old is not None and not loses_links(wanted, old, view)
    for calendar in wanted.calendar_keys():
        rules = view.rules(calendar)
        if rules is None:
            continue
        span = wanted.occupies(rules.gap)
        had = [old.occupies(rules.gap)] if old and keeps_links and old.is_on(calendar) else []
        if parts := subtract([span], had):
            others = view.others(calendar, span, rules.gap, wanted.key)
            occupied = others.occupied_with(wanted, span)
            if over := _first_over(occupied, parts, rules.capacity):
                overlap = Overlap(calendar.name, rules, over, _in_the_way(wanted, others, over))
                overlaps.append(_with_pending(overlap, others, view))
    return overlaps


def loses_links(wanted: Booking, old: Booking, view: CapacityView) -> bool:
    """Whether a booking no longer names one that exists: the two then count twice."""
    return any(map(view.exists, set(old.replaced_keys()) - set(wanted.replaced_keys())))


def _first_over(occupied: Occupied, parts: Iterable[Span], capacity: int) -> Span | None:
    """Return the first span in some parts in which the depth is over a capacity."""
    for part in parts:
        if over := overloaded_spans(depth_steps(occupied, part), part[1], capacity):
            return over[0]
    return None


def _with_pending(overlap: Overlap, others: OtherBookings, view: CapacityView) -> Overlap:
    """Return an overlap with those of its bookings that are only reserved."""
    pending = others.pending_in(overlap.span, overlap.others)
    seconds = max(map(view.reservations.seconds_left, pending), default=0.0)
    return replace(overlap, pending=pending, retry_seconds=math.ceil(seconds))


def _in_the_way(wanted: Booking, others: OtherBookings, span: Span) -> tuple[NamespacedName, ...]:
    """Return the bookings that are present in a span, but for those that a booking replaces."""
    present = bookings_during(span, others.intervals())
    replaced = set(wanted.replaced_keys())
    return tuple(key for key in present if key not in replaced) or tuple(present)


def rejection_message(wanted: Booking, overlaps: Iterable[Overlap], free: int | None) -> str:
    """Return the sentences with which a booking is rejected.

    Args:
        wanted: The booking.
        overlaps: Where it does not fit.
        free: The next time at which it would fit; None if none was found.
    """
    where = "; ".join(map(describe_overlap, overlaps))
    remedy = "Choose another time." if free is None else f"Free from {format_time(free)}."
    return f"{wanted.key.name} would be double-booked: {where}. {remedy}"


def links_message(wanted: Booking, view: CapacityView) -> str:
    """Return why a booking may not name so many others; empty if it may."""
    if not wanted.replaces or len(linked := view.linked(wanted)) <= MAX_LINKED:
        return ""
    return (
        f"{wanted.key.name}: spec.replaces would link {len(linked)} bookings, directly or through"
        f" others, and {MAX_LINKED} may be: leave out the names of bookings that need not be named."
    )


def warning_message(overlap: Overlap) -> str:
    """Return one line for a overlap that is admitted, within MAX_WARNING characters."""
    lines = [
        f"double-booked: {describe_overlap(overlap, n)}" for n in range(MAX_IN_SENTENCE, 0, -1)
    ]
    shortest = f"{lines[-1][: MAX_WARNING - 3]}..."
    return next((line for line in lines if len(line) <= MAX_WARNING), shortest)


def missing_calendar_warnings(wanted: Booking, view: CapacityView) -> list[str]:
    """Return one line for each calendar of a booking that does not exist."""
    return [
        f"calendar {shorten(key.name)} does not exist in namespace {shorten(key.namespace)}:"
        " nothing is checked on it until it is created"
        for key in wanted.calendar_keys()
        if view.rules(key) is None
    ]


def past_warnings(wanted: Booking, now: int) -> list[str]:
    """Return one line if a booking is wholly in the past.

    Args:
        wanted: The booking.
        now: Nanoseconds since 1970.
    """
    if wanted.end > now:
        return []
    return [
        f"booking {shorten(wanted.key.name)} is in the past: it ended {format_time(wanted.end)}"
    ]


def capacity_warnings(wanted: Calendar, schedule: Schedule) -> list[str]:
    """Return one line if more is booked on a calendar than it would admit."""
    key, rules = wanted.metadata.key, wanted.rules
    intervals = [
        (*schedule.bookings[name].occupies(rules.gap), name) for name in schedule.bookings_on(key)
    ]
    if not intervals:
        return []
    whole = min(start for start, _, _ in intervals), max(end for _, end, _ in intervals)
    steps = depth_steps(
        Occupied(intervals, schedule.links_among(schedule.of_calendar(key).keys)), whole
    )
    over = overloaded_spans(steps, whole[1], rules.capacity)
    if not over:
        return []
    line = (
        f"calendar {shorten(key.name)} takes {rules.capacity} at a time, but up to"
        f" {max(depth for _, depth in steps)} overlap on it, first at {format_time(over[0][0])}:"
        " they stay, and their statuses say that they are double-booked"
    )
    return [line]


def shorten(name: str) -> str:
    """Return a name, cut to what a warning has room for."""
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 3]}..."
