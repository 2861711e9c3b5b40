"""The cached calendars and bookings, and what occupies a calendar when."""

from collections.abc import Collection, Iterable, Iterator

from double_booked.conflicts.instants import Span
from double_booked.operator.intervals import BookedSpan, IntervalIndex
from double_booked.operator.links import Links, make_links
from double_booked.operator.objects import Booking, Calendar, NamespacedName


class CalendarBookings:
    """The bookings on one calendar.

    The intervals are without a gap after them, since the gap may change; an instant is one
    nanosecond long.
    """

    def __init__(self) -> None:
        self.keys: dict[NamespacedName, None] = {}
        self.intervals = IntervalIndex()

    def add(self, booking: Booking) -> None:
        """Add a booking that is not on it."""
        self.keys[booking.key] = None
        self.intervals.add(booked_span(booking))

    def remove(self, booking: Booking) -> None:
        """Remove a booking that is on it."""
        del self.keys[booking.key]
        self.intervals.remove(booked_span(booking))


def booked_span(booking: Booking) -> BookedSpan:
    """Return the span of a booking without a gap, with its name."""
    return booking.start, max(booking.end, booking.start + 1), booking.key


class Schedule:
    """The cached state of a cluster.

    The newest state of each object by its resourceVersion is cached, in whatever order
    observations arrive.
    """

    def __init__(self) -> None:
        self.calendars: dict[NamespacedName, Calendar] = {}
        self.bookings: dict[NamespacedName, Booking] = {}
        self._by_calendar: dict[NamespacedName, CalendarBookings] = {}
        self._replaced_by: dict[NamespacedName, set[NamespacedName]] = {}

    def of_calendar(self, calendar: NamespacedName) -> CalendarBookings:
        """Return the bookings on a calendar, which need not exist."""
        return self._by_calendar.get(calendar) or CalendarBookings()

    def bookings_on(self, calendar: NamespacedName) -> Iterable[NamespacedName]:
        """Return the names of the bookings on a calendar, which need not exist."""
        return tuple(self.of_calendar(calendar).keys)

    def occupied(
        self, intervals: IntervalIndex, span: Span, gap: int, without: NamespacedName | None = None
    ) -> list[BookedSpan]:
        """Return the spans that bookings occupy and that overlap a span.

        Args:
            intervals: Those of a calendar, or some of them.
            span: The span.
            gap: Nanoseconds that a booking occupies after its end.
            without: A booking that does not count.
        """
        found = intervals.overlapping(span[0] - gap, span[1])
        return [
            (*booking.occupies(gap), key)
            for _, _, key in found
            if key != without and (booking := self.bookings.get(key))
        ]

    def links_among(self, keys: Collection[NamespacedName]) -> Links:
        """Return the links among some cached bookings."""
        named = [
            (key, booking.replaced_keys())
            for key in keys
            if (booking := self.bookings.get(key)) and booking.replaces
        ]
        return make_links(named, keys)

    def linked(self, key: NamespacedName) -> set[NamespacedName]:
        """Return the bookings that a booking names in `replaces`, and the cached that name it."""
        booking = self.bookings.get(key)
        names = booking.replaced_keys() if booking else ()
        return {*names, *self._replaced_by.get(key, ())}

    def by_calendar(self) -> Iterator[tuple[NamespacedName, CalendarBookings]]:
        """Yield every calendar that has bookings, with them."""
        yield from self._by_calendar.items()

    def upsert_calendar(self, calendar: Calendar) -> bool:
        """Cache a calendar; return whether that is news."""
        cached = self.calendars.get(calendar.metadata.key)
        if cached and cached.metadata.version >= calendar.metadata.version:
            return False
        self.calendars[calendar.metadata.key] = calendar
        return True

    def upsert_booking(self, booking: Booking) -> bool:
        """Cache a booking; return whether that is news."""
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
        """Drop a calendar that was gone at a resourceVersion; return what was cached."""
        cached = self.calendars.get(key)
        if not cached or cached.metadata.version > version:
            return None
        return self.calendars.pop(key)

    def drop_booking(self, key: NamespacedName, version: int) -> Booking | None:
        """Drop a booking that was gone at a resourceVersion; return what was cached."""
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
