"""Conflicts that recur: the same events at the same time of day, daily or every few weeks."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, Entry
from double_booked.view.repeat import Repeat
from double_booked.view.times import day_of, moment_of

MIN_TIMES = 3
"""Conflicts that recur fewer times are reported one by one."""

Dated = tuple[date, int]
"""The day of the first overlap of a group, and the index of the group."""


def find_repeats(report: ConflictReport, zone: tzinfo | None) -> list[Repeat]:
    """Return the groups that recur at least MIN_TIMES times; a group is in at most one repeat.

    A group recurs if the same series, or single events, overlap with the same titles in the same
    way on the same resource, at the same time of day in the zone. Ids of single events may differ:
    some programs export each event of a series by itself.

    Args:
        report: The events and conflicts.
        zone: The reader's time zone; None is that of this machine.
    """
    alike: dict[object, list[Dated]] = {}
    for number, group in enumerate(report.groups):
        first = day_of(group.overlaps[0].start, zone)
        key = _key_without_day(group, report, first, zone)
        alike.setdefault(key, []).append((first, number))
    several = [dated for dated in alike.values() if len(dated) >= MIN_TIMES]
    repeats = [repeat for dated in several for repeat in _best_repeats(dated)]
    return sorted(repeats, key=lambda repeat: repeat.groups)


def list_groups(report: ConflictReport) -> Iterator[tuple[Group, Repeat | None]]:
    """Yield the groups of a report, those that recur once, as the first of them with its repeat."""
    first = {repeat.groups[0]: repeat for repeat in report.repeats}
    later = {number for repeat in report.repeats for number in repeat.groups[1:]}
    for number, group in enumerate(report.groups):
        if number not in later:
            yield group, first.get(number)


def find_common_suggestions(
    report: ConflictReport, repeat: Repeat, zone: tzinfo | None
) -> dict[int, list[Span]]:
    """Return the suggestions of the first group that are at the same time of day in all groups.

    Args:
        report: The events, the conflicts and the suggestions.
        repeat: Groups that recur.
        zone: The reader's time zone; None is that of this machine.

    Returns:
        The spans, nearest first, by the position of an event of the first group.
    """
    groups = [report.groups[number] for number in repeat.groups]
    common = {}
    for positions in zip(*(group.members for group in groups), strict=True):
        slots = [_slots_without_day(report, position, zone) for position in positions]
        shared = set(slots[0]).intersection(*slots[1:])
        if shared:
            common[positions[0]] = [span for key, span in slots[0].items() if key in shared]
    return common


def _slots_without_day(
    report: ConflictReport, position: int, zone: tzinfo | None
) -> dict[object, Span]:
    """Return the suggestions of an event, by keys that are equal on other days of its repeat."""
    day = moment_of(report.entries[position].start, zone).date()
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - local time
    return {
        tuple(moment_of(instant, zone).replace(tzinfo=None) - midnight for instant in span): span
        for span in report.suggestions.get(position, ())
    }


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
    return entry.location.series, entry.name


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
