"""The JSON form of a cluster's bookings, which docs/bookings.md describes."""

from typing import Any

from double_booked.commands.cluster_state import BookingsQuery, ClusterState, TitledBooking
from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import Span
from double_booked.operator.objects import Calendar, format_time
from double_booked.view.conflict_report import ConflictReport
from double_booked.view.times import format_duration

Json = dict[str, Any]


def to_json(
    state: ClusterState, report: ConflictReport, query: BookingsQuery, window: Span
) -> Json:
    """Return bookings, their calendars and their conflicts as JSON values.

    Args:
        state: The bookings to show, and all calendars.
        report: The conflicts of the bookings.
        query: The calendars to show.
        window: The span that is shown, in nanoseconds since 1970.
    """
    return {
        "window": _span_json(*window),
        "calendars": [
            _calendar_json(calendar)
            for key, calendar in sorted(state.calendars.items())
            if query.includes(key)
        ],
        "bookings": [_booking_json(booked) for booked in state.bookings],
        "conflicts": [_group_json(group, state) for group in report.groups],
    }


def _span_json(start: int, end: int) -> Json:
    return {"start": format_time(start), "end": format_time(end)}


def _calendar_json(calendar: Calendar) -> Json:
    rules, key = calendar.rules, calendar.metadata.key
    return {
        "namespace": key.namespace,
        "name": key.name,
        "capacity": rules.capacity,
        "policy": "Reject" if rules.rejects else "Report",
        "minGap": format_duration(rules.gap),
    }


def _booking_json(booked: TitledBooking) -> Json:
    booking, status = booked.booking, booked.booking.status
    # A status of an older generation describes another spec.
    if status and status.generation != booking.metadata.generation:
        status = None
    return {
        "namespace": booking.key.namespace,
        "name": booking.key.name,
        "title": booked.title,
        "description": booked.description,
        **_span_json(booking.start, booking.end),
        "calendars": list(booking.calendars),
        "doubleBooked": status.verdict if status else "Unknown",
        "conflictsWith": list(status.conflicts_with) if status else [],
    }


def _group_json(group: Group, state: ClusterState) -> Json:
    keys = [booked.booking.key for booked in state.bookings]
    return {
        "namespace": keys[group.members[0]].namespace,
        "calendar": group.resource.rpartition("/")[2],
        "bookings": [keys[position].name for position in group.members],
        "overlaps": [
            _span_json(*overlap.span)
            | {
                "depth": overlap.depth,
                "bookings": [keys[position].name for position in overlap.members],
            }
            for overlap in group.overlaps
        ],
    }
