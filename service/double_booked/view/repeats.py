"""Conflicts that come again: the same events at the same time of day, every day or some weeks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, Entry
from double_booked.view.times import day_of, format_span, moment_of

MIN_TIMES = 3
"""What comes fewer times is reported one by one."""

_WEEK = 7

Dated = tuple[date, int]
"""The day on which a group begins, and the number of the group."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Groups that are alike but for their days.

    Attributes:
        groups: Their numbers among the groups of the report, in order.
        days: How many days are from each to the next: 1, or those of some weeks.
        first: The day on which the first begins.
        last: The day on which the last begins.
    """

    groups: tuple[int, ...]
    days: int
    first: date
    last: date

    def describe(self, span: Span, zone: tzinfo | None) -> str:
        """Return when it comes, like "every Monday 09:00-09:30 from ... to ..., 17 times".

        Args:
            span: What of the first group comes again, in nanoseconds since 1970.
            zone: Where the reader is.
        """
        clock = format_span(*span, day_of(span[0], zone), zone)
        year = "" if self.first.year == self.last.year else f" {self.first.year}"
        first = f"{self.first.day} {self.first:%b}{year}"
        last = f"{self.last.day} {self.last:%b} {self.last.year}"
        return f"{self._interval()} {clock} from {first} to {last}, {len(self.groups)} times"

    def _interval(self) -> str:
        if self.days == 1:
            return "every day"
        if self.days == _WEEK:
            return f"every {self.first:%A}"
        return f"every {self.days // _WEEK} weeks on {self.first:%A}"


def find_repeats(report: ConflictReport, zone: tzinfo | None) -> list[Repeat]:
    """Return the groups that come again at least MIN_TIMES times, each in one repeat at most.

    Groups are alike where the same series, or events of one id, under the same titles overlap in
    the same way on the same resource, at the same time of day in the zone.

    Args:
        report: What conflicts.
        zone: Where the reader is; None is where this machine is.
    """
    alike: dict[object, list[Dated]] = {}
    for number, group in enumerate(report.groups):
        first = moment_of(report.entries[group.members[0]].start, zone).date()
        key = _likeness(group, report, first, zone)
        alike.setdefault(key, []).append((first, number))
    found = [each for dated in alike.values() if len(dated) >= MIN_TIMES for each in _best(dated)]
    return sorted(found, key=lambda each: each.groups)


def _likeness(group: Group, report: ConflictReport, first: date, zone: tzinfo | None) -> object:
    """Return what groups have in common that are alike but for their days."""
    midnight = datetime(first.year, first.month, first.day)  # noqa: DTZ001 - as clocks show it

    def shown(instant: int) -> timedelta:
        return moment_of(instant, zone).replace(tzinfo=None) - midnight

    numbers = {position: number for number, position in enumerate(group.members)}
    entries = [report.entries[position] for position in group.members]
    members = tuple((*_identity(each), shown(each.start), shown(each.end)) for each in entries)
    overlaps = tuple(
        (shown(each.start), shown(each.end), each.depth, tuple(numbers[m] for m in each.members))
        for each in group.overlaps
    )
    return group.resource, members, overlaps


def _identity(entry: Entry) -> tuple[str, str]:
    return entry.location.series or entry.id, entry.name


def _best(dated: Sequence[Dated]) -> list[Repeat]:
    """Return the repeats of groups that are alike: daily or by weeks, what leaves fewer to tell."""
    ordered = sorted(dated)
    daily = [each for each in _runs(ordered) if each.days == 1]
    by_weekday: dict[int, list[Dated]] = {}
    for day, number in ordered:
        by_weekday.setdefault(day.weekday(), []).append((day, number))
    weekly = [each for days in by_weekday.values() for each in _runs(days)]
    return min(daily, weekly, key=lambda runs: len(runs) - sum(len(run.groups) for run in runs))


def _runs(dated: Sequence[Dated]) -> Iterator[Repeat]:
    """Yield the longest runs of days that are equally far apart, from the first on."""
    start = 0
    while start + MIN_TIMES <= len(dated):
        step = dated[start + 1][0] - dated[start][0]
        end = start + 2
        while end < len(dated) and dated[end][0] - dated[end - 1][0] == step:
            end += 1
        if end - start >= MIN_TIMES and step:
            groups = tuple(number for _, number in dated[start:end])
            yield Repeat(groups, step.days, dated[start][0], dated[end - 1][0])
            start = end
        else:
            start += 1
