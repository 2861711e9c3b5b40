"""The Calendars and Bookings of a cluster, and which of them the command line asks for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from double_booked.operator.objects import (
    Booking,
    Calendar,
    NamespacedName,
    RawObject,
    parse_booking_lenient,
    parse_calendar_lenient,
)


@dataclass(frozen=True, slots=True)
class BookingsQuery:
    """Which bookings to show, and how.

    Attributes:
        calendars: Names of the calendars to show; empty for all.
        namespace: Their namespace; None for that of the kubeconfig's context.
        all_namespaces: Whether to show all namespaces instead.
        format: "text", "json", "html" or "ics".
        start: The first day or time to show; None for the Monday of this week.
        end: The last day, or the end of the time to show; None for 7 days from the start on.
        zone: The zone of days, and of the times shown; None for that of this machine.
        context: The kubeconfig's context to read; "" for the current one.
    """

    calendars: tuple[str, ...] = ()
    namespace: str | None = None
    all_namespaces: bool = False
    format: str = "text"
    start: date | None = None
    end: date | None = None
    zone: tzinfo | None = None
    context: str = ""

    @property
    def source(self) -> str:
        """What is read: CONTEXT/NAMESPACE, or what is known of it, else "the cluster"."""
        namespace = None if self.all_namespaces else self.namespace
        return "/".join(filter(None, (self.context, namespace))) or "the cluster"

    def includes(self, calendar: NamespacedName) -> bool:
        """Return whether to show a calendar."""
        return not self.calendars or calendar.name in self.calendars

    def name(self, key: NamespacedName) -> str:
        """Return a name that is unique among the objects of its kind that are shown."""
        return str(key) if self.all_namespaces else key.name


@dataclass(frozen=True, slots=True)
class TitledBooking:
    """A Booking with what only people need.

    Attributes:
        title: Its title, or its name.
        description: Its description; may be empty.
        changed: When its spec or its metadata last changed, as RFC 3339.
    """

    booking: Booking
    title: str
    description: str
    changed: str

    def calendars(self, query: BookingsQuery) -> list[NamespacedName]:
        """Return the calendars to show that it occupies."""
        return [key for key in self.booking.calendar_keys() if query.includes(key)]


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The Calendars and Bookings that a cluster has."""

    calendars: Mapping[NamespacedName, Calendar]
    bookings: Sequence[TitledBooking]

    def gap(self, calendar: NamespacedName) -> int:
        """Return for how many nanoseconds after its end a booking occupies a calendar."""
        return self.calendars[calendar].rules.gap if calendar in self.calendars else 0


def parse_objects(objects: Iterable[RawObject]) -> ClusterState:
    """Parse Calendars and Bookings as the operator does.

    A Calendar with an invalid spec has the default rules.
    """
    calendars, bookings = {}, []
    for raw in objects:
        if raw["kind"] == "Calendar":
            calendar = parse_calendar_lenient(raw)
            calendars[calendar.metadata.key] = calendar
        elif raw["kind"] == "Booking":
            spec = raw.get("spec") or {}
            booking = parse_booking_lenient(raw)
            title = spec.get("title") or booking.key.name
            description = spec.get("description") or ""
            bookings.append(TitledBooking(booking, title, description, _last_change(raw)))
    return ClusterState(calendars, bookings)


def _last_change(raw: RawObject) -> str:
    """Return when anything but the status of an object last changed."""
    metadata = raw["metadata"]
    writes: list[str] = [
        write.get("time", "")
        for write in metadata.get("managedFields", ())
        if write.get("subresource") != "status"
    ]
    created: str = metadata["creationTimestamp"]
    return max([created, *writes])
