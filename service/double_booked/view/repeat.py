"""A conflict that recurs, and its times in words."""

from calendar import day_abbr
from dataclasses import dataclass
from datetime import date, tzinfo

from double_booked.conflicts.definition import Group
from double_booked.view.times import day_of, format_span

DAYS_OF_WEEK = 7

_WORKING_DAYS = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Groups that differ only in their days.

    Attributes:
        groups: Their indices among the groups of the report, in order.
        days: The number of days from one to the next: 1, or a multiple of 7; 1 too if they are on
            several days of every week.
        first: The day of the first overlap of the first group.
        last: The day of the first overlap of the last group.
        weekdays: The days of the week, 0 for Monday, if they are on several but not on all.
        missing: The days between the first and the last on which no group is.
    """

    groups: tuple[int, ...]
    days: int
    first: date
    last: date
    weekdays: tuple[int, ...] = ()
    missing: tuple[date, ...] = ()

    def describe(self, group: Group, zone: tzinfo | None) -> str:
        """Return the times, like "every Monday 09:00-09:30 from 2 Nov to 22 Feb 2027, 17 times".

        Args:
            group: The first of the groups.
            zone: The reader's time zone; None is that of this machine.
        """
        start, end = group.overlaps[0].start, group.overlaps[-1].end
        clock = format_span(start, end, day_of(start, zone), zone)
        is_one_year = self.first.year == self.last.year
        first, *missing = (
            f"{day.day} {day:%b}" if is_one_year else f"{day.day} {day:%b} {day.year}"
            for day in (self.first, *self.missing)
        )
        exceptions = f", not on {', '.join(missing)}" if missing else ""
        last = f"{self.last.day} {self.last:%b} {self.last.year}"
        times = f"{len(self.groups)} times{exceptions}"
        return f"{self._interval()} {clock} from {first} to {last}, {times}"

    def _interval(self) -> str:
        if self.weekdays == _WORKING_DAYS:
            return "every weekday"
        if self.weekdays:
            *names, final = (day_abbr[day] for day in self.weekdays)
            return f"every {', '.join(names)} and {final}"
        if self.days == 1:
            return "every day"
        if self.days == DAYS_OF_WEEK:
            return f"every {self.first:%A}"
        return f"every {self.days // DAYS_OF_WEEK} weeks on {self.first:%A}"
