"""Decides whether a Booking fits on its calendars, and words the answer."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from double_booked.conflicts.instants import Span
from double_booked.operator.capacity import (
    MAX_IN_SENTENCE,
    CalendarOverlap,
    Occupancy,
    bookings_during,
    depth_steps,
    describe_overlap,
    merge,
    overloaded_spans,
    subtract,
)
from double_booked.operator.intervals import BookedSpan
from double_booked.operator.ledger import Reservations
from double_booked.operator.links import MAX_LINKED, make_links, reachable
from double_booked.operator.objects import Booking, Calendar, NamespacedName, Rules, format_time
from double_booked.operator.schedule import Schedule

MAX_WARNING = 256
"""The length up to which the API server passes on every warning, in characters."""

_MAX_NAME = 60
"""Maximum number of characters of a name that a warning shows."""


@dataclass(slots=True)
class OtherBookings:
    """The other bookings on a calendar around a span, cached or reserved.

    A booking that is being moved counts at both times, and is linked only with bookings that it
    names in both states (guard links-of-all-states). Whichever state is stored in the end, the
    depth is not greater.

    Attributes:
        spans: The spans of each booking.
        replaces: The bookings that each booking names in `replaces`.
        cached: The spans of the cached bookings; the others are only reserved.
    """

    spans: dict[NamespacedName, list[Span]] = field(default_factory=dict)
    replaces: dict[NamespacedName, frozenset[NamespacedName]] = field(default_factory=dict)
    cached: dict[NamespacedName, Span] = field(default_factory=dict)

    def add_state(self, booking: Booking, gap: int) -> None:
        """Add a state of a booking, either cached or reserved."""
        key, names = booking.key, frozenset(booking.replaced_keys())
        if key in self.spans:
            self.replaces[key] = self.replaces[key] & names
        else:
            self.replaces[key] = names
        self.spans.setdefault(key, []).append(booking.occupies(gap))

    def occupancy_with(self, own: Booking, span: Span) -> Occupancy:
        """Return these bookings together with another one that is present in a span."""
        named = [(key, names) for key, names in self.replaces.items() if names]
        replaces = [*named, (own.key, own.replaced_keys())]
        links = make_links(replaces, {*self.spans, own.key})
        return Occupancy([*self.intervals(), (*span, own.key)], links)

    def intervals(self) -> list[BookedSpan]:
        """Return all spans with their bookings; the spans of one booking do not overlap."""
        return [(*span, key) for key, spans in self.spans.items() for span in merge(spans)]

    def pending_in(self, span: Span, keys: Iterable[NamespacedName]) -> frozenset[NamespacedName]:
        """Return those of some bookings that are only reserved in a span, not cached."""
        return frozenset(
            key
            for key in keys
            if key not in self.cached
            or not (self.cached[key][0] < span[1] and self.cached[key][1] > span[0])
        )


@dataclass(frozen=True, slots=True)
class CapacityView:
    """What occupies calendars: the cached objects and the admitted writes.

    Attributes:
        schedule: The cached objects.
        reservations: The admitted writes of a namespace that have not been observed yet.
    """

    schedule: Schedule
    reservations: Reservations

    def rules(self, calendar: NamespacedName) -> Rules | None:
        """Return the rules of a calendar, the stricter ones while a change of them is reserved.

        Returns:
            None if the calendar is neither cached nor reserved.
        """
        strictest = None  # guard strictest-rules
        cached = self.schedule.calendars.get(calendar)
        for rules in (*([cached.rules] if cached else []), *self.reservations.rules_for(calendar)):
            strictest = rules.stricter(strictest) if strictest else rules
        return strictest

    def shortest_gap(self, calendar: NamespacedName) -> int:
        """Return the shortest gap that a calendar may have; 0 if it has no rules.

        While a longer one is only reserved, a booking may not have the time after its end yet.
        """
        cached = self.schedule.calendars.get(calendar)
        known = (*([cached.rules] if cached else []), *self.reservations.rules_for(calendar))
        return min((rules.gap for rules in known), default=0)

    def others(
        self, calendar: NamespacedName, span: Span, gap: int, own: NamespacedName
    ) -> OtherBookings:
        """Return the other bookings on a calendar around a span.

        Args:
            calendar: The calendar.
            span: The span.
            gap: Nanoseconds that a booking occupies after its end.
            own: The booking to leave out in all its states, since a write replaces it.
        """
        others = OtherBookings()
        intervals = self.schedule.of_calendar(calendar).intervals
        for start, end, key in self.schedule.occupied(intervals, span, gap, own):
            others.add_state(self.schedule.bookings[key], gap)
            others.cached[key] = start, end
        for reserved in self.reservations.wanted_on(calendar):
            if reserved.key != own:
                others.add_state(reserved, gap)
        return others

    def linked(self, wanted: Booking) -> set[NamespacedName]:
        """Return a booking and all that would be linked with it, directly or through others."""
        replaces = [
            (booking.key, booking.replaced_keys()) for booking in self.reservations.bookings()
        ]
        replaces.append((wanted.key, wanted.replaced_keys()))
        named = {name for key, names in replaces for name in (key, *names)}
        links = make_links(replaces, named)

        def near(key: NamespacedName) -> Iterable[NamespacedName]:
            return filter(self.exists, self.schedule.linked(key) | links.get(key, frozenset()))

        return reachable(wanted.key, near)

    def exists(self, key: NamespacedName) -> bool:
        """Whether a booking is cached or reserved."""
        return key in self.schedule.bookings or self.reservations.has_booking(key)


def find_overlaps(
    wanted: Booking, old: Booking | None, view: CapacityView
) -> list[CalendarOverlap]:
    """Find where a booking does not fit: the first overlap on each of its calendars.

    Only the time that the write adds counts. Other bookings may be deleted before the write is
    stored, but no deletion raises the depth.

    Args:
        wanted: The booking as it would be stored.
        old: The stored booking; None for a CREATE.
        view: What occupies the calendars.
    """
    overlaps = []
    keeps_links = old is not None and not loses_links(wanted, old, view)
    for calendar in wanted.calendar_keys():
        rules = view.rules(calendar)
        if rules is None:
            continue
        span = wanted.occupies(rules.gap)
        keeps_time = old is not None and keeps_links and old.is_on(calendar)
        before = [old.occupies(view.shortest_gap(calendar))] if old and keeps_time else []
        if parts := subtract([span], before):
            others = view.others(calendar, span, rules.gap, wanted.key)
            occupancy = others.occupancy_with(wanted, span)
            if over := _first_over(occupancy, parts, rules.capacity):
                overlap = CalendarOverlap(
                    calendar.name, rules, over, _conflicting(wanted, others, over)
                )
                overlaps.append(_with_pending(overlap, others, view))
    return overlaps


def loses_links(wanted: Booking, old: Booking, view: CapacityView) -> bool:
    """Whether a write removes an existing booking from `replaces`, so that the two count twice."""
    return any(map(view.exists, set(old.replaced_keys()) - set(wanted.replaced_keys())))


def _first_over(occupancy: Occupancy, parts: Iterable[Span], capacity: int) -> Span | None:
    """Return the first span within some parts in which the depth is over a capacity."""
    for part in parts:
        if over := overloaded_spans(depth_steps(occupancy, part), part[1], capacity):
            return over[0]
    return None


def _with_pending(
    overlap: CalendarOverlap, others: OtherBookings, view: CapacityView
) -> CalendarOverlap:
    """Return an overlap that knows which of its bookings are only reserved, and for how long."""
    pending = others.pending_in(overlap.span, overlap.others)
    seconds = max(map(view.reservations.seconds_left, pending), default=0.0)
    return replace(overlap, pending=pending, retry_seconds=math.ceil(seconds))


def _conflicting(wanted: Booking, others: OtherBookings, span: Span) -> tuple[NamespacedName, ...]:
    """Return the bookings that are present in a span, without those that a booking replaces."""
    present = bookings_during(span, others.intervals())
    replaced = set(wanted.replaced_keys())
    return tuple(key for key in present if key not in replaced) or tuple(present)


def rejection_message(
    wanted: Booking, overlaps: Iterable[CalendarOverlap], free: int | None
) -> str:
    """Return the message with which a booking is rejected.

    Args:
        wanted: The booking.
        overlaps: Where it does not fit.
        free: The next start at which it would fit, in nanoseconds since 1970; None if unknown.
    """
    where = "; ".join(map(describe_overlap, overlaps))
    remedy = "Choose another time." if free is None else f"Free from {format_time(free)}."
    return f"{wanted.key.name} would be double-booked: {where}. {remedy}"


def links_message(wanted: Booking, view: CapacityView) -> str:
    """Return why a booking would be linked with too many others; empty if it would not."""
    # Guard limit-links-of-creates: a booking that names no others may be named by them.
    if (linked := len(view.linked(wanted))) <= MAX_LINKED:
        return ""
    limit = f"directly or through others, but at most {MAX_LINKED} may be linked"
    if wanted.replaces:
        return (
            f"{wanted.key.name}: spec.replaces would link {linked} bookings, {limit}:"
            " leave out names that are not needed."
        )
    return (
        f"{wanted.key.name}: the bookings with this name in spec.replaces would link {linked}"
        f" bookings, {limit}: choose another name."
    )


def warning_message(overlap: CalendarOverlap) -> str:
    """Return the warning about an overlap that is admitted, at most MAX_WARNING characters."""
    lines = [
        f"double-booked: {describe_overlap(overlap, n)}" for n in range(MAX_IN_SENTENCE, 0, -1)
    ]
    shortest = f"{lines[-1][: MAX_WARNING - 3]}..."
    return next((line for line in lines if len(line) <= MAX_WARNING), shortest)


def missing_calendar_warnings(wanted: Booking, view: CapacityView) -> list[str]:
    """Return a warning for each calendar of a booking that does not exist."""
    return [
        f"calendar {shorten(key.name)} does not exist in namespace {shorten(key.namespace)}:"
        " nothing is checked on it until it is created"
        for key in wanted.calendar_keys()
        if view.rules(key) is None
    ]


def past_warnings(wanted: Booking, now: int) -> list[str]:
    """Return a warning if a booking has already ended.

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
    """Return a warning if more is booked on a calendar than its new rules allow."""
    key, rules = wanted.metadata.key, wanted.rules
    intervals = [
        (*schedule.bookings[name].occupies(rules.gap), name) for name in schedule.bookings_on(key)
    ]
    if not intervals:
        return []
    whole = min(start for start, _, _ in intervals), max(end for _, end, _ in intervals)
    steps = depth_steps(
        Occupancy(intervals, schedule.links_among(schedule.of_calendar(key).keys)), whole
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
    """Return a name, cut to _MAX_NAME characters."""
    return name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 3]}..."
