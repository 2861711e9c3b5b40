"""Conflicts that recur: the same events at the same time of day, daily or every few weeks."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import ConflictReport, Entry
from double_booked.view.progress import Progress, ignore_progress, track
from double_booked.view.repeat import DAYS_OF_WEEK, Repeat
from double_booked.view.times import day_of, moment_of

MIN_TIMES = 3
"""Conflicts that recur fewer times are reported one by one."""

MAX_MISSING = 3
"""The maximum number of times that may be missing in a repeat; it names each of them."""

MIN_TIMES_PER_MISSING = 4
"""If a repeat has fewer times for each that is missing, it is reported as several."""

Dated = tuple[date, int]
"""The day of the first overlap of a group, and the index of the group."""


def find_repeats(
    report: ConflictReport, zone: tzinfo | None, progress: Progress = ignore_progress
) -> list[Repeat]:
    """Return the groups that recur at least MIN_TIMES times; a group is in at most one repeat.

    A group recurs if the same series, or single events, overlap with the same titles in the same
    way on the same resource, at the same time of day in the zone. Ids of single events may differ:
    some programs export each event of a series by itself.

    Args:
        report: The events and conflicts.
        zone: The reader's time zone; None is that of this machine.
        progress: Receives the part of the groups that was compared.
    """
    alike: dict[object, list[Dated]] = {}
    for number, group in enumerate(track(report.groups, progress)):
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
    """Return the repeats of similar groups that give the shortest report.

    They are on every day, on some days of every week, or on one day of every few weeks. The report
    has one line for each repeat and one for each group outside of them.
    """
    ordered = sorted(dated)
    week = range(DAYS_OF_WEEK)
    times = Counter(day.weekday() for day, _ in ordered)
    by_weekday = {weekday: list(_runs(ordered, [weekday])) for weekday in week}
    weekly = [run for runs in by_weekday.values() for run in runs]
    together = (
        [weekday for weekday in week if by_weekday[weekday]],
        [weekday for weekday in week if times[weekday] > 1],
    )
    several = [
        list(_runs(ordered, weekdays)) for weekdays in together if 1 < len(weekdays) < DAYS_OF_WEEK
    ]
    return min(list(_runs(ordered, week)), weekly, *several, key=_length)


def _length(repeats: Sequence[Repeat]) -> tuple[int, int]:
    """Return how many lines repeats add to a report, and how many times are missing in them."""
    lines = len(repeats) - sum(len(repeat.groups) for repeat in repeats)
    return lines, sum(len(repeat.missing) for repeat in repeats)


def _runs(dated: Sequence[Dated], weekdays: Sequence[int]) -> Iterator[Repeat]:
    """Yield runs of equally spaced days, each as long as possible, from the first day on.

    Args:
        dated: The groups, in order.
        weekdays: The days of the week to consider, in order; if they are several, a run has no
            more space than from one of them to the next.
    """
    several = len(weekdays) > 1
    chosen = [(day, number) for day, number in dated if day.weekday() in weekdays]
    places = [_place(day, weekdays) for day, _ in chosen]
    start = 0
    while start + MIN_TIMES <= len(chosen):
        step = min(places[start + 1] - places[start], places[start + 2] - places[start + 1])
        is_regular = step == 1 or (step > 1 and not several)
        end, missing = _extend(places, start, step) if is_regular else (start, [])
        if end - start < MIN_TIMES:
            start += 1
            continue
        yield Repeat(
            tuple(number for _, number in chosen[start:end]),
            1 if several else step * DAYS_OF_WEEK,
            chosen[start][0],
            chosen[end - 1][0],
            tuple(weekdays) if 1 < len(weekdays) < DAYS_OF_WEEK else (),
            tuple(_day_at(place, weekdays) for place in missing),
        )
        start = end


def _extend(
    places: Sequence[int], start: int, step: int, allowed: int = MAX_MISSING
) -> tuple[int, list[int]]:
    """Return the end of the longest run from a start, and the places that are missing in it.

    Args:
        places: The numbers of the days, in order.
        start: The index of the first place of the run.
        step: The distance from one place to the next.
        allowed: How many places may be missing, never two in a row.
    """
    missing: list[int] = []
    end = start + 1
    while end < len(places):
        between = places[end] - places[end - 1]
        if between == 2 * step and len(missing) < allowed:
            missing.append(places[end - 1] + step)
        elif between != step:
            break
        end += 1
    if end - start < MIN_TIMES_PER_MISSING * len(missing):
        return _extend(places, start, step, len(missing) - 1)
    return end, missing


def _place(day: date, weekdays: Sequence[int]) -> int:
    """Return the number of a day among all days that are on the days of the week."""
    week, weekday = divmod(day.toordinal() - 1, DAYS_OF_WEEK)  # 1 is a Monday
    return week * len(weekdays) + weekdays.index(weekday)


def _day_at(place: int, weekdays: Sequence[int]) -> date:
    """Return the day with a number, as `_place` counts."""
    week, index = divmod(place, len(weekdays))
    return date.fromordinal(week * DAYS_OF_WEEK + weekdays[index] + 1)
