"""The conflicts of Bookings, from the engine in this process."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, Event, EventList
from double_booked.commands.cluster_state import BookingsQuery, ClusterState, TitledBooking
from double_booked.commands.engine import find_conflicts, find_overlaps
from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import Span, timestamp
from double_booked.conflicts.options import MAX_CAPACITY
from double_booked.operator.links import count_pairs, make_links
from double_booked.operator.objects import NamespacedName
from double_booked.operator.reconcile import compute_outcomes
from double_booked.operator.schedule import Schedule
from double_booked.view.conflict_report import ConflictReport, SourceLocation, build_report


def report_conflicts(state: ClusterState, query: BookingsQuery, window: Span) -> ConflictReport:
    """Return the conflicts of bookings within a window.

    A request has one gap, but calendars may have several. The engine therefore gets one request for
    each gap. Each request has all bookings in the same order, so that positions agree, and each
    booking names only its calendars with this gap. The groups of all requests are sorted together.

    Args:
        state: The bookings that occupy a calendar within the window, and all calendars.
        query: The calendars to show.
        window: A span in nanoseconds since 1970. Overlaps are clipped to it, because not all
            bookings outside of it are known.
    """
    gaps = {state.gap(key) for booked in state.bookings for key in booked.calendars(query)}
    reports = [_report_with_gap(state, query, gap) for gap in gaps]
    groups = [
        _clip(part, window)
        for report in reports
        for group in report.groups
        for part in _discount_replaced(group, state, query)
    ]
    starts = [booked.booking.start for booked in state.bookings]
    groups.sort(key=lambda group: (starts[group.members[0]], group.resource))
    events = [_event(booked, query, booked.calendars(query)) for booked in state.bookings]
    gap_by_resource = {name: gap for report in reports for name, gap in report.gaps.items()}
    empty = _report(ConflictList(), EventList(events=events), state)
    return replace(empty, groups=groups, gaps=gap_by_resource)


def find_double_booked(state: ClusterState) -> Mapping[NamespacedName, str]:
    """Return why bookings are double-booked, by name, as the operator decides it.

    Args:
        state: All calendars and bookings.
    """
    schedule = Schedule()
    for calendar in state.calendars.values():
        schedule.upsert_calendar(calendar)
    for booked in state.bookings:
        schedule.upsert_booking(booked.booking)
    steps = compute_outcomes(schedule, list(schedule.bookings.values()))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return {
                key: outcome.status.message
                for key, outcome in end.value.items()
                if outcome.status.verdict == "True"
            }


def touches(span: Span, window: Span) -> bool:
    """Return whether a span, which may be an instant, lies in a window at least in part."""
    return span[0] < window[1] and max(span[1], span[0] + 1) > window[0]


def _report_with_gap(state: ClusterState, query: BookingsQuery, gap: int) -> ConflictReport:
    events = []
    for booked in state.bookings:
        keys = [key for key in booked.calendars(query) if state.gap(key) == gap]
        events.append(_event(booked, query, keys))
    named = {name for event in events for name in event.resources}
    # A calendar that does not exist has no capacity to exceed. A booking with no calendar of this
    # gap occupies the unnamed resource, on which nothing may conflict either.
    capacity = dict.fromkeys(named | {""}, MAX_CAPACITY)
    for key, calendar in state.calendars.items():
        if query.name(key) in named:
            capacity[query.name(key)] = calendar.rules.capacity
    options = ConflictOptions(capacity=capacity)
    options.min_gap.FromNanoseconds(gap)
    request = EventList(events=events, options=options)
    return _report(find_overlaps(request, find_conflicts), request, state)


def _discount_replaced(group: Group, state: ClusterState, query: BookingsQuery) -> list[Group]:
    """Return what is left of a group where bookings that replace one another count once."""
    bookings = {position: state.bookings[position].booking for position in group.members}
    keys = {booking.key for booking in bookings.values()}
    replaced = ((booking.key, booking.replaced_keys()) for booking in bookings.values())
    links = make_links(replaced, keys)
    if not links:
        return [group]
    [capacity] = {
        calendar.rules.capacity
        for key, calendar in state.calendars.items()
        if query.name(key) == group.resource
    }
    parts: list[Group] = []
    for overlap in group.overlaps:
        members = [bookings[position].key for position in overlap.members]
        depth = overlap.depth - count_pairs(members, links)
        if depth > capacity:
            parts = _join_overlap(parts, overlap._replace(depth=depth), group.resource)
    return [replace(part, members=_in_order(part.members, group.members)) for part in parts]


def _join_overlap(parts: list[Group], overlap: Overlap, resource: str) -> list[Group]:
    """Return groups with one more overlap, which joins the groups that it shares members with."""
    apart = [part for part in parts if set(part.members).isdisjoint(overlap.members)]
    joined = [part for part in parts if part not in apart]
    members = {member for part in joined for member in part.members} | set(overlap.members)
    overlaps = (*(joint for part in joined for joint in part.overlaps), overlap)
    return [*apart, Group(resource, tuple(members), overlaps)]


def _in_order(members: Iterable[int], order: Sequence[int]) -> tuple[int, ...]:
    chosen = set(members)
    return tuple(position for position in order if position in chosen)


def _report(conflicts: ConflictList, request: EventList, state: ClusterState) -> ConflictReport:
    def locate(position: int) -> SourceLocation:
        key = state.bookings[position].booking.key
        return SourceLocation(key.namespace, None, key.name, is_file=False)

    return build_report(conflicts, request, locate)


def _event(
    booked: TitledBooking, query: BookingsQuery, calendars: Iterable[NamespacedName]
) -> Event:
    booking = booked.booking
    return Event(
        id=query.name(booking.key),
        title=booked.title,
        description=booked.description,
        start=timestamp(booking.start),
        end=timestamp(booking.end),
        resources=map(query.name, calendars),
    )


def _clip(group: Group, window: Span) -> Group:
    overlaps = [
        overlap._replace(start=max(overlap.start, window[0]), end=min(overlap.end, window[1]))
        for overlap in group.overlaps
        if touches(overlap.span, window)
    ]
    return replace(group, overlaps=tuple(overlaps))
