"""The page of a cluster's bookings, and the view that it draws."""

from collections.abc import Iterator
from dataclasses import replace

from double_booked.commands.booking_conflicts import find_double_booked
from double_booked.commands.bookings_report import BookingsReport, list_problems
from double_booked.conflicts.instants import to_instant
from double_booked.report import html
from double_booked.view.conflict_report import ConflictReport
from double_booked.view.coverage import CalendarRules, Coverage, Live, Outside, count_outside
from double_booked.view.document import make_view
from double_booked.view.shown_days import Json


def render_page(report: BookingsReport, live: Live | None = None) -> str:
    """Return the page.

    Args:
        report: The bookings.
        live: How to read it again; None for a page that stays as it is.
    """
    return html.render(_name_source(report), _cover(report, live))


def make_document(report: BookingsReport, live: Live) -> Json:
    """Return the view, as docs/view.schema.json describes it."""
    return make_view(_name_source(report), _cover(report, live))


def _name_source(report: BookingsReport) -> ConflictReport:
    """Return the conflicts with the one source of the view as the location of every booking."""
    query = report.query
    entries = [
        replace(
            entry,
            location=replace(
                entry.location, file=query.source, field=query.name(booked.booking.key)
            ),
        )
        for entry, booked in zip(report.conflicts.entries, report.shown.bookings, strict=True)
    ]
    return replace(report.conflicts, entries=entries)


def _cover(report: BookingsReport, live: Live | None) -> Coverage:
    double_booked = find_double_booked(report.state)
    keys = (booked.booking.key for booked in report.shown.bookings)
    return Coverage(
        "bookings",
        to_instant(report.made),
        report.zone,
        [report.query.source],
        list(_calendars(report)),
        report.window,
        _outside(report),
        {position for position, key in enumerate(keys) if key in double_booked},
        [report.query.name(key) for key in report.missing_calendars()],
        list(list_problems(report)),
        live,
    )


def _calendars(report: BookingsReport) -> Iterator[CalendarRules]:
    for key, calendar in sorted(report.state.calendars.items()):
        if report.query.includes(key):
            rules = calendar.rules
            policy = "Reject" if rules.rejects else "Report"
            yield CalendarRules(report.query.name(key), rules.capacity, rules.gap, policy)


def _outside(report: BookingsReport) -> Outside | None:
    shown = {booked.booking.key for booked in report.shown.bookings}
    bookings = (booked.booking for booked in report.all_bookings())
    return count_outside(booking.start for booking in bookings if booking.key not in shown)
