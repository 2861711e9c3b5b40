"""Bookings as a calendar to subscribe to (RFC 5545)."""

from datetime import UTC, datetime, timedelta

from icalendar import Event

from double_booked.commands.booking_conflicts import find_double_booked
from double_booked.commands.bookings_report import BookingsReport
from double_booked.commands.cluster_state import BookingsQuery, TitledBooking
from double_booked.report.ics_feed import make_calendar
from double_booked.view.printable import printable
from double_booked.view.times import moment_of

_REFRESH = timedelta(minutes=15)
"""How often calendar programs should read the feed again."""

_MARK = "\N{WARNING SIGN} "


def render(report: BookingsReport) -> bytes:
    """Return a calendar with a VEVENT for each booking; times are cut to whole seconds.

    Without --from and --to it has all bookings, since a subscription is not about one week. The
    same bookings always give the same bytes: DTSTAMP is the time of a booking's last change, as
    RFC 5545, 3.8.7.2 has it without a METHOD.
    """
    calendar = make_calendar("bookings", f"Bookings of {printable(report.query.source)}")
    calendar.add("REFRESH-INTERVAL", _REFRESH, parameters={"VALUE": "DURATION"})  # RFC 7986, 5.7
    double_booked = find_double_booked(report.state)
    is_bounded = report.query.start or report.query.end
    for booked in report.shown.bookings if is_bounded else report.all_bookings():
        reason = double_booked.get(booked.booking.key, "")
        calendar.add_component(_event(booked, reason, report.query))
    content: bytes = calendar.to_ical()
    return content


def _event(booked: TitledBooking, reason: str, query: BookingsQuery) -> Event:
    """Return the event of a booking.

    Args:
        booked: The booking.
        reason: Why it is double-booked; "" if it is not.
        query: The calendars to show.
    """
    booking, event = booked.booking, Event()
    names = [printable(query.name(key)) for key in booked.calendars(query)]
    created, changed = map(datetime.fromisoformat, (booking.created, booked.changed))
    event.add("UID", booking.metadata.uid)
    event.add("SEQUENCE", booking.metadata.generation)
    event.add("CREATED", created)
    event.add("DTSTAMP", changed)
    event.add("LAST-MODIFIED", changed)
    event.add("DTSTART", moment_of(booking.start, UTC))
    if booking.end > booking.start:
        event.add("DTEND", moment_of(booking.end, UTC))
    event.add("SUMMARY", f"{_MARK if reason else ''}{printable(booked.title)}")
    event.add("DESCRIPTION", _describe(booked, reason))
    event.add("STATUS", "TENTATIVE" if reason else "CONFIRMED")
    event.add("CATEGORIES", names)
    event.add("RESOURCES", names)  # what `check --by resource` reads
    return event


def _describe(booked: TitledBooking, reason: str) -> str:
    name = f"Booking {booked.booking.key}"
    lines = [*booked.description.splitlines(), name, *([reason] if reason else ())]
    return "\n".join(map(printable, lines))
