"""The starts that proposed times may have: midnights and quarters of hours of a zone's days."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache, partial

from double_booked.view.times import instant_of

_STEP_MINUTES = 15
_DAYS_KEPT = 1_000


class DayStarts:
    """Computes instants of the days of a zone, in nanoseconds since 1970.

    A year's events ask for the same few hundred days, so each is kept.
    """

    def __init__(self, zone: tzinfo, hours: tuple[int, int], days_around: int) -> None:
        """Set up for a zone.

        Args:
            zone: Whose days.
            hours: From and up to what hour quarters are wanted.
            days_around: How many days before and after a day belong to it in `midnights` and
                `quarters`.
        """
        self._zone = zone
        self._hours = hours
        self._days_around = days_around
        self._midnight_of = lru_cache(_DAYS_KEPT)(partial(self._instant, minutes=0))
        self._quarters_of = lru_cache(_DAYS_KEPT)(self._make_quarters)
        self.quarters = lru_cache(_DAYS_KEPT)(self._make_all_quarters)
        self.opening = lru_cache(_DAYS_KEPT)(self._make_opening)

    def midnights(self, day: date) -> list[int]:
        """Return the midnights around a day."""
        return [self._midnight_of(each) for each in self._days(day)]

    def _make_all_quarters(self, day: date) -> list[int]:
        """Return the quarters of hours around a day, in order and each once."""
        return sorted({each for near in self._days(day) for each in self._quarters_of(near)})

    def _make_opening(self, day: date) -> tuple[int, int]:
        """Return from and up to when the wanted hours of a day last."""
        first, last = self._hours
        return self._instant(day, first * 60), self._instant(day, last * 60)

    def _make_quarters(self, day: date) -> list[int]:
        first, last = self._hours
        return [self._instant(day, each) for each in range(first * 60, last * 60, _STEP_MINUTES)]

    def _days(self, day: date) -> Iterator[date]:
        """Yield the days around a day; the calendar's last has no next midnight."""
        for number in range(-self._days_around, self._days_around + 1):
            ordinal = day.toordinal() + number
            if date.min.toordinal() < ordinal < date.max.toordinal():
                yield date.fromordinal(ordinal)

    def _instant(self, day: date, minutes: int) -> int:
        local = datetime.combine(day, time()) + timedelta(minutes=minutes)
        return instant_of(local, self._zone)
