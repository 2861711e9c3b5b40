"""The cached calendars and bookings, and when each calendar is occupied."""

from collections.abc import Collection, Iterable, Iterator

from double_booked.conflicts.instants import Span
from double_booked.operator.intervals import BookedSpan, IntervalIndex
from double_booked.operator.links import Links, make_links
from double_booked.operator.objects import Booking, Calendar, NamespacedName


class CalendarBookings:
    """The bookings on one calendar.

    Attributes:
        keys: Their names, in the order in which they were cached.
        intervals: Their spans without the calendar's gap, which may change; an instant is one
            nanosecond long.
    """

    def __init__(self) -> None:
        self.keys: dict[NamespacedName, None] = {}
        self.intervals = IntervalIndex()

    def add(self, booking: Booking) -> None:
        """Add a booking that is not on the calendar."""
        self.keys[booking.key] = None
        self.intervals.add(booked_span(booking))

    def remove(self, booking: Booking) -> None:
        """Remove a booking that is on the calendar."""
        del self.keys[booking.key]
        self.intervals.remove(booked_span(booking))


def booked_span(booking: Booking) -> BookedSpan:
    """Return the span of a booking without the gap after it, and its name."""
    return booking.start, max(booking.end, booking.start + 1), booking.key


class Schedule:
    """The cached calendars and bookings, with an index by time.

    Of each object the state with the largest resourceVersion is cached, in whatever order the
    states arrive.

    Attributes:
        calendars: The cached calendars.
        bookings: The cached bookings.
    """

    def __init__(self) -> None:
        self.calendars: dict[NamespacedName, Calendar] = {}
        self.bookings: dict[NamespacedName, Booking] = {}
        self._by_calendar: dict[NamespacedName, CalendarBookings] = {}
        self._replaced_by: dict[NamespacedName, set[NamespacedName]] = {}

    def of_calendar(self, calendar: NamespacedName) -> CalendarBookings:
        """Return the bookings on a calendar; the Calendar itself need not be cached."""
        return self._by_calendar.get(calendar) or CalendarBookings()

    def bookings_on(self, calendar: NamespacedName) -> Iterable[NamespacedName]:
        """Return the names of the bookings on a calendar; the Calendar need not be cached."""
        return tuple(self.of_calendar(calendar).keys)

    def occupied(
        self, intervals: IntervalIndex, span: Span, gap: int, without: NamespacedName | None = None
    ) -> list[BookedSpan]:
        """Return what bookings occupy around a span, with the gap after each.

        Args:
            intervals: The spans of bookings on a calendar, or of some of them.
            span: The span that the result overlaps.
            gap: Nanoseconds that a booking occupies after its end.
            without: A booking to leave out.
        """
        overlapping = intervals.overlapping(span[0] - gap, span[1])
        return [
            (*booking.occupies(gap), key)
            for _, _, key in overlapping
            if key != without and (booking := self.bookings.get(key))
        ]

    def links_among(self, keys: Collection[NamespacedName]) -> Links:
        """Return the links among some cached bookings; see `links.py`."""
        named = [
            (key, booking.replaced_keys())
            for key in keys
            if (booking := self.bookings.get(key)) and booking.replaces
        ]
        return make_links(named, keys)

    def linked(self, key: NamespacedName) -> set[NamespacedName]:
        """Return the bookings that a booking names in `replaces`, and those that name it."""
        booking = self.bookings.get(key)
        names = booking.replaced_keys() if booking else ()
        return {*names, *self._replaced_by.get(key, ())}

    def by_calendar(self) -> Iterator[tuple[NamespacedName, CalendarBookings]]:
        """Yield every calendar that has bookings, with its bookings."""
        yield from self._by_calendar.items()

    def upsert_calendar(self, calendar: Calendar) -> bool:
        """Cache a calendar unless a newer state is cached; return whether it was."""
        cached = self.calendars.get(calendar.metadata.key)
        if cached and cached.metadata.version >= calendar.metadata.version:
            return False
        self.calendars[calendar.metadata.key] = calendar
        return True

    def upsert_booking(self, booking: Booking) -> bool:
        """Cache a booking unless a newer state is cached; return whether it was."""
        cached = self.bookings.get(booking.key)
        if cached and cached.metadata.version >= booking.metadata.version:
            return False
        if cached:
            self._unschedule(cached)
        self.bookings[booking.key] = booking
        for calendar in booking.calendar_keys():
            self._by_calendar.setdefault(calendar, CalendarBookings()).add(booking)
        for key in booking.replaced_keys():
            self._replaced_by.setdefault(key, set()).add(booking.key)
        return True

    def drop_calendar(self, key: NamespacedName, version: int) -> Calendar | None:
        """Drop a calendar unless it is newer than `version`; return it, or None if it stays."""
        cached = self.calendars.get(key)
        if not cached or cached.metadata.version > version:
            return None
        return self.calendars.pop(key)

    def drop_booking(self, key: NamespacedName, version: int) -> Booking | None:
        """Drop a booking unless it is newer than `version`; return it, or None if it stays."""
        cached = self.bookings.get(key)
        if not cached or cached.metadata.version > version:
            return None
        self._unschedule(cached)
        return self.bookings.pop(key)

    def _unschedule(self, booking: Booking) -> None:
        for calendar in booking.calendar_keys():
            bookings = self._by_calendar[calendar]
            bookings.remove(booking)
            if not bookings.keys:
                del self._by_calendar[calendar]
        for key in booking.replaced_keys():
            self._replaced_by[key].discard(booking.key)
            if not self._replaced_by[key]:
                del self._replaced_by[key]
