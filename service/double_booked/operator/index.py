"""The calendars and bookings that are known, and what occupies a calendar when."""

from collections.abc import Iterable, Iterator

from double_booked.conflicts.depth import Span
from double_booked.operator.intervals import Interval, IntervalIndex
from double_booked.operator.objects import Booking, Calendar, Key


class Schedule:
    """What is on one calendar.

    The intervals are without a gap after them, since that may change; an instant is one
    nanosecond long.
    """

    def __init__(self) -> None:
        self.keys: dict[Key, None] = {}
        self.intervals = IntervalIndex()

    def add(self, booking: Booking) -> None:
        """Puts a booking on it that is not there."""
        self.keys[booking.key] = None
        self.intervals.add(interval_of(booking))

    def remove(self, booking: Booking) -> None:
        """Takes a booking off that is there."""
        del self.keys[booking.key]
        self.intervals.remove(interval_of(booking))


def interval_of(booking: Booking) -> Interval:
    """The time of a booking without a gap."""
    return booking.start, max(booking.end, booking.start + 1), booking.key


class Index:
    """What is known of a cluster.

    Of an object what is newest by its resourceVersion is held, in whatever order news comes.
    """

    def __init__(self) -> None:
        self.calendars: dict[Key, Calendar] = {}
        self.bookings: dict[Key, Booking] = {}
        self._schedules: dict[Key, Schedule] = {}

    def schedule(self, calendar: Key) -> Schedule:
        """What is on a calendar, which need not exist."""
        return self._schedules.get(calendar) or Schedule()

    def on_calendar(self, calendar: Key) -> Iterable[Key]:
        """The bookings that are on a calendar, which need not exist."""
        return tuple(self.schedule(calendar).keys)

    def taken(
        self, intervals: IntervalIndex, span: Span, gap: int, own: Key
    ) -> dict[Key, list[Span]]:
        """What bookings occupy around a time, by booking.

        Args:
            intervals: Those of a calendar, or some of them.
            span: The time.
            gap: Nanoseconds that a booking occupies after its end.
            own: The booking that does not count.
        """
        found = intervals.overlapping(span[0] - gap, span[1])
        return {key: [self.bookings[key].occupies(gap)] for _, _, key in found if key != own}

    def scheduled(self) -> Iterator[tuple[Key, Schedule]]:
        """Every calendar that something is on, or may be."""
        yield from self._schedules.items()

    def put_calendar(self, calendar: Calendar) -> bool:
        """Holds a calendar; answers whether that is news."""
        held = self.calendars.get(calendar.identity.key)
        if held and held.identity.version >= calendar.identity.version:
            return False
        self.calendars[calendar.identity.key] = calendar
        return True

    def put_booking(self, booking: Booking) -> bool:
        """Holds a booking; answers whether that is news."""
        held = self.bookings.get(booking.key)
        if held and held.identity.version >= booking.identity.version:
            return False
        if held:
            self._take_off(held)
        self.bookings[booking.key] = booking
        for calendar in booking.calendar_keys():
            self._schedules.setdefault(calendar, Schedule()).add(booking)
        return True

    def drop_calendar(self, key: Key, version: int) -> Calendar | None:
        """Forgets a calendar that was gone at a resourceVersion; answers what was held."""
        held = self.calendars.get(key)
        if not held or held.identity.version > version:
            return None
        return self.calendars.pop(key)

    def drop_booking(self, key: Key, version: int) -> Booking | None:
        """Forgets a booking that was gone at a resourceVersion; answers what was held."""
        held = self.bookings.get(key)
        if not held or held.identity.version > version:
            return None
        self._take_off(held)
        return self.bookings.pop(key)

    def _take_off(self, booking: Booking) -> None:
        for calendar in booking.calendar_keys():
            schedule = self._schedules[calendar]
            schedule.remove(booking)
            if not schedule.keys:
                del self._schedules[calendar]
