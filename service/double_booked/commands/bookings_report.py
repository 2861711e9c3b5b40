"""The Bookings of a cluster within a window, and their conflicts, as they are at one time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from double_booked.calendars.local_zone import local_zone
from double_booked.commands import kubectl
from double_booked.commands.booking_conflicts import report_conflicts, touches
from double_booked.commands.cluster_state import (
    BookingsQuery,
    ClusterState,
    TitledBooking,
    parse_objects,
)
from double_booked.commands.errors import Failure
from double_booked.commands.window import make_window
from double_booked.conflicts.instants import Span, to_instant
from double_booked.operator.objects import NamespacedName
from double_booked.view.conflict_report import ConflictReport

DAYS = 7
"""How many days to show without --to."""


@dataclass(frozen=True, slots=True)
class BookingsReport:
    """What a cluster has, and which of it to show.

    Attributes:
        query: What was asked for.
        made: When the cluster was read.
        window: The span to show, in nanoseconds since 1970.
        state: All calendars and bookings.
        shown: All calendars, and the bookings of the window, by start.
        conflicts: The conflicts of the bookings shown.
    """

    query: BookingsQuery
    made: datetime
    window: Span
    state: ClusterState
    shown: ClusterState
    conflicts: ConflictReport

    @property
    def zone(self) -> tzinfo:
        """The zone of days, and of the times shown."""
        return self.query.zone or local_zone()

    def missing_calendars(self) -> list[NamespacedName]:
        """Return the calendars that the bookings shown occupy and that do not exist."""
        named = {key for booked in self.shown.bookings for key in booked.calendars(self.query)}
        return sorted(named - self.state.calendars.keys())

    def all_bookings(self) -> list[TitledBooking]:
        """Return the bookings on the calendars to show, whatever their time, by start."""
        return _by_start(booked for booked in self.state.bookings if booked.calendars(self.query))


def read_bookings(query: BookingsQuery, timeout: float | None = None) -> BookingsReport:
    """Read a cluster.

    Args:
        query: What to show.
        timeout: Seconds after which reading fails; None for no limit.

    Raises:
        Failure: The cluster cannot be read, or has no calendar of a name in the query.
    """
    zone = query.zone or local_zone()
    start = query.start or monday_of(datetime.now(zone).date())
    window = make_window(start, query.end, DAYS, zone)
    span = to_instant(window.start), to_instant(window.end)
    state = parse_objects(kubectl.get_objects(query, timeout))
    _check_calendars(state, query)
    shown = replace(state, bookings=_select(state, query, span))
    conflicts = report_conflicts(shown, query, span)
    return BookingsReport(query, datetime.now(UTC), span, state, shown, conflicts)


def list_problems(report: BookingsReport) -> Iterator[str]:
    """Yield which objects are invalid, and which calendars do not exist, without full stops."""
    state, query = report.state, report.query
    for key, calendar in state.calendars.items():
        if calendar.fault and query.includes(key):
            yield f"calendar {query.name(key)} has the default rules: {calendar.fault}"
    for booked in state.bookings:
        if booked.booking.fault:
            yield f"booking {query.name(booked.booking.key)} is left out: {booked.booking.fault}"
    for key in report.missing_calendars():
        yield f"there is no calendar {query.name(key)}: nothing conflicts on it"


def monday_of(day: date) -> date:
    """Return the Monday of the day's week; in the first week of the year 1, its first day."""
    return day - timedelta(min(day.weekday(), (day - date.min).days))


def _check_calendars(state: ClusterState, query: BookingsQuery) -> None:
    existing = {key.name for key in state.calendars}
    for name in query.calendars:
        if name not in existing:
            others = f", only {', '.join(sorted(existing))}" if existing else ", nor any other"
            raise Failure(f"there is no calendar {name}{others}")


def _select(state: ClusterState, query: BookingsQuery, window: Span) -> list[TitledBooking]:
    """Return the bookings that occupy a calendar within the window, gaps included, by start."""

    def is_selected(booked: TitledBooking) -> bool:
        gaps = [state.gap(key) for key in booked.calendars(query)]
        return bool(gaps) and touches(booked.booking.occupies(max(gaps)), window)

    return _by_start(filter(is_selected, state.bookings))


def _by_start(bookings: Iterable[TitledBooking]) -> list[TitledBooking]:
    return sorted(bookings, key=lambda booked: (booked.booking.start, booked.booking.key))
