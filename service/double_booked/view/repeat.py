"""A conflict that recurs, and its times in words."""

from dataclasses import dataclass
from datetime import date, tzinfo

from double_booked.conflicts.definition import Group
from double_booked.view.times import day_of, format_span

DAYS_OF_WEEK = 7


@dataclass(frozen=True, slots=True)
class Repeat:
    """Groups that differ only in their days.

    Attributes:
        groups: Their indices among the groups of the report, in order.
        days: The number of days from one to the next: 1, or a multiple of 7.
        first: The day of the first overlap of the first group.
        last: The day of the first overlap of the last group.
    """

    groups: tuple[int, ...]
    days: int
    first: date
    last: date

    def describe(self, group: Group, zone: tzinfo | None) -> str:
        """Return the times, like "every Monday 09:00-09:30 from 2 Nov to 22 Feb 2027, 17 times".

        Args:
            group: The first of the groups.
            zone: The reader's time zone; None is that of this machine.
        """
        start, end = group.overlaps[0].start, group.overlaps[-1].end
        clock = format_span(start, end, day_of(start, zone), zone)
        year = "" if self.first.year == self.last.year else f" {self.first.year}"
        first = f"{self.first.day} {self.first:%b}{year}"
        last = f"{self.last.day} {self.last:%b} {self.last.year}"
        return f"{self._interval()} {clock} from {first} to {last}, {len(self.groups)} times"

    def _interval(self) -> str:
        if self.days == 1:
            return "every day"
        if self.days == DAYS_OF_WEEK:
            return f"every {self.first:%A}"
        return f"every {self.days // DAYS_OF_WEEK} weeks on {self.first:%A}"
