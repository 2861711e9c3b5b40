"""The starts that suggested times may have: the midnights and quarter hours of a zone's days."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache, partial

from double_booked.view.times import instant_of

_STEP_MINUTES = 15
_CACHED_DAYS = 1_000


class DayStarts:
    """Computes instants of the days of a zone, in nanoseconds since 1970.

    The events of a year need the same few hundred days, so each day is cached.
    """

    def __init__(self, zone: tzinfo, hours: tuple[int, int], days_around: int) -> None:
        """Set up for a zone.

        Args:
            zone: The zone of the days.
            hours: The first hour and the hour after the last, between which quarters are computed.
            days_around: How many days before and after a day `midnights` and `quarters` include.
        """
        self._zone = zone
        self._hours = hours
        self._days_around = days_around
        self._midnight_of = lru_cache(_CACHED_DAYS)(partial(self._instant, minutes=0))
        self._quarters_of = lru_cache(_CACHED_DAYS)(self._make_quarters)
        self.quarters = lru_cache(_CACHED_DAYS)(self._make_all_quarters)
        self.opening = lru_cache(_CACHED_DAYS)(self._make_opening)

    def midnights(self, day: date) -> list[int]:
        """Return the midnights of the days around a day, in order."""
        return [self._midnight_of(near) for near in self._days(day)]

    def _make_all_quarters(self, day: date) -> list[int]:
        """Return the quarter hours of the days around a day, in order and without duplicates."""
        return sorted({quarter for near in self._days(day) for quarter in self._quarters_of(near)})

    def _make_opening(self, day: date) -> tuple[int, int]:
        """Return the start of the first hour of a day and the end of its last."""
        first, last = self._hours
        return self._instant(day, first * 60), self._instant(day, last * 60)

    def _make_quarters(self, day: date) -> list[int]:
        first, last = self._hours
        minutes = range(first * 60, last * 60, _STEP_MINUTES)
        return [self._instant(day, minute) for minute in minutes]

    def _days(self, day: date) -> Iterator[date]:
        """Yield the days around a day, except the calendar's last, which has no next midnight."""
        for number in range(-self._days_around, self._days_around + 1):
            ordinal = day.toordinal() + number
            if date.min.toordinal() < ordinal < date.max.toordinal():
                yield date.fromordinal(ordinal)

    def _instant(self, day: date, minutes: int) -> int:
        local = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return instant_of(local, self._zone)
