"""Conflicts that recur: the same events at the same time of day, daily or every few weeks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, Entry
from double_booked.view.times import day_of, format_span, moment_of

MIN_TIMES = 3
"""Conflicts that recur fewer times are reported one by one."""

_WEEK = 7

Dated = tuple[date, int]
"""The day on which a group starts, and the index of the group."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Groups that differ only in their days.

    Attributes:
        groups: Their indices among the groups of the report, in order.
        days: The number of days from one to the next: 1, or a multiple of 7.
        first: The day on which the first group starts.
        last: The day on which the last group starts.
    """

    groups: tuple[int, ...]
    days: int
    first: date
    last: date

    def describe(self, span: Span, zone: tzinfo | None) -> str:
        """Return the times, like "every Monday 09:00-09:30 from 2 Nov to 22 Feb 2027, 17 times".

        Args:
            span: The span of the first group that recurs, in nanoseconds since 1970.
            zone: The reader's time zone; None is that of this machine.
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
    """Return the groups that recur at least MIN_TIMES times; a group is in at most one repeat.

    A group recurs if the same series, or events with the same ids, overlap with the same titles in
    the same way on the same resource, at the same time of day in the zone.

    Args:
        report: The events and conflicts.
        zone: The reader's time zone; None is that of this machine.
    """
    alike: dict[object, list[Dated]] = {}
    for number, group in enumerate(report.groups):
        first = moment_of(report.entries[group.members[0]].start, zone).date()
        key = _key_without_day(group, report, first, zone)
        alike.setdefault(key, []).append((first, number))
    several = [dated for dated in alike.values() if len(dated) >= MIN_TIMES]
    repeats = [repeat for dated in several for repeat in _best_repeats(dated)]
    return sorted(repeats, key=lambda repeat: repeat.groups)


def _key_without_day(
    group: Group, report: ConflictReport, first: date, zone: tzinfo | None
) -> object:
    """Return a key that is equal for groups that differ only in their days."""
    midnight = datetime(first.year, first.month, first.day)  # noqa: DTZ001 - local time

    def since_midnight(instant: int) -> timedelta:
        return moment_of(instant, zone).replace(tzinfo=None) - midnight

    numbers = {position: number for number, position in enumerate(group.members)}
    entries = [report.entries[position] for position in group.members]
    members = tuple(
        (*_identity(entry), since_midnight(entry.start), since_midnight(entry.end))
        for entry in entries
    )
    overlaps = tuple(
        (
            since_midnight(overlap.start),
            since_midnight(overlap.end),
            overlap.depth,
            tuple(numbers[member] for member in overlap.members),
        )
        for overlap in group.overlaps
    )
    return group.resource, members, overlaps


def _identity(entry: Entry) -> tuple[str, str]:
    return entry.location.series or entry.id, entry.name


def _best_repeats(dated: Sequence[Dated]) -> list[Repeat]:
    """Return the daily or the weekly repeats of similar groups, whichever gives a shorter report.

    The report has one line for each repeat and one for each group outside of them.
    """
    ordered = sorted(dated)
    daily = [run for run in _runs(ordered) if run.days == 1]
    by_weekday: dict[int, list[Dated]] = {}
    for day, number in ordered:
        by_weekday.setdefault(day.weekday(), []).append((day, number))
    weekly = [run for days in by_weekday.values() for run in _runs(days)]
    return min(daily, weekly, key=lambda runs: len(runs) - sum(len(run.groups) for run in runs))


def _runs(dated: Sequence[Dated]) -> Iterator[Repeat]:
    """Yield runs of equally spaced days, each as long as possible, from the first day on."""
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
