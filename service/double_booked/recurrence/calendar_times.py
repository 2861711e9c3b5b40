"""Times, durations and windows of calendars, independent of any file format (RFC 5545)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple


class CalendarTime(NamedTuple):
    """A DATE or DATE-TIME of a calendar; a tuple, because there is one for each event.

    Attributes:
        local: The local time, without a zone; midnight for a date.
        zone: The zone of the local time.
        is_date: Whether it is a whole day.
        is_floating: Whether it is a time that names no zone.
    """

    local: datetime
    zone: tzinfo
    is_date: bool = False
    is_floating: bool = False

    def to_utc(self) -> datetime:
        """Return the time in UTC.

        A local time that a change of the offset skips has the offset before the change (RFC 5545,
        section 3.3.5).
        """
        if self.zone is UTC:
            return self.local.replace(tzinfo=UTC)
        return self.local.replace(tzinfo=self.zone).astimezone(UTC)

    def with_local(self, local: datetime) -> "CalendarTime":
        """Return another local time in the same zone and of the same kind."""
        return CalendarTime(local, self.zone, self.is_date, self.is_floating)


@dataclass(frozen=True, slots=True)
class EventDuration:
    """How long an event lasts, so that each event of its series can be given an end.

    The weeks and days of a DURATION are calendar days, the rest is exact (RFC 5545, section
    3.8.5.3). A DTEND in the zone of its DTSTART keeps its time of day in a series, as calendar
    programs show it; a DTEND in another zone keeps the exact duration.

    Attributes:
        days: Calendar days, which may last 23 or 25 hours.
        exact: Exact time.
        wall: The difference between the local times of end and start, whatever the offset does.
    """

    days: int = 0
    exact: timedelta = timedelta(0)
    wall: timedelta = timedelta(0)

    def end(self, start: CalendarTime, begin: datetime) -> datetime:
        """Return the end in UTC of an event.

        Args:
            start: The start.
            begin: The start in UTC.
        """
        if self.wall:
            end = start.with_local(start.local + self.wall).to_utc()
            return end if end > begin else begin + self.wall  # the start is a skipped local time
        if self.days:
            return start.with_local(start.local + timedelta(self.days)).to_utc() + self.exact
        return begin + self.exact

    def longest(self) -> timedelta:
        """Return an upper bound of the exact duration, whatever the offset does."""
        return timedelta(self.days + 1) + self.exact + self.wall


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span that the user chose, in UTC."""

    start: datetime
    end: datetime

    def has(self, start: datetime, end: datetime) -> bool:
        """Return whether an event lies partly in the window; an event may be an instant."""
        return start < self.end and (end > self.start or start == end == self.start)
