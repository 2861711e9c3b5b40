"""Conflicts that recur at the same time of day, daily or weekly, are one repeat."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import to_instant
from double_booked.view.conflict_report import ConflictReport, Entry, SourceLocation
from double_booked.view.repeat import Repeat
from double_booked.view.repeats import find_common_suggestions, find_repeats, list_groups

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 12, 7)
NINE = timedelta(hours=9)
HOUR = timedelta(hours=1)


def report(
    days: Iterable[int],
    starts: dict[int, timedelta] | None = None,
    name: str = "Standup",
    series: str = "standup",
    resource: str = "anna",
) -> ConflictReport:
    """Return a report with two events that overlap for half an hour, on days after MONDAY."""
    entries: list[Entry] = []
    groups = []
    for number in days:
        midnight = datetime.combine(MONDAY + timedelta(number), datetime.min.time(), BERLIN)
        start = midnight + (starts or {}).get(number, NINE)
        half, end = start + HOUR / 2, start + HOUR
        location = SourceLocation("anna.ics", 4, series=series)
        other = SourceLocation("anna.ics", 9, series="other")
        pair = len(entries), len(entries) + 1
        entries += [
            Entry(name, to_instant(start), to_instant(end), (resource,), location),
            Entry("Review", to_instant(half), to_instant(end), (resource,), other),
        ]
        groups.append(Group(resource, pair, (Overlap(to_instant(half), to_instant(end), 2, pair),)))
    return ConflictReport(entries, groups)


def combined(*several: ConflictReport) -> ConflictReport:
    entries: list[Entry] = []
    groups = []
    for part in several:
        for group in part.groups:
            members = tuple(len(entries) + position for position in group.members)
            overlaps = tuple(overlap._replace(members=members) for overlap in group.overlaps)
            groups.append(Group(group.resource, members, overlaps))
        entries += part.entries
    return ConflictReport(entries, groups)


def repeats_of(several: ConflictReport, zone: tzinfo = BERLIN) -> list[tuple[int, list[int]]]:
    """Return the interval in days and the groups of each repeat."""
    return [(repeat.days, list(repeat.groups)) for repeat in find_repeats(several, zone)]


def test_weekly_conflicts_across_a_clock_change_are_one_repeat() -> None:
    weeks = [7 * number for number in range(17)]
    [repeat] = find_repeats(report(weeks), BERLIN)
    assert (repeat.days, repeat.first, repeat.last) == (7, MONDAY, date(2027, 3, 29))
    assert len(repeat.groups) == 17


def test_time_of_day_is_in_the_readers_zone() -> None:
    """9:00 in Berlin is 8:00 in UTC, and 7:00 in summer."""
    weeks = [7 * number for number in range(13, 19)]
    assert repeats_of(report(weeks), UTC) == [(7, [0, 1, 2]), (7, [3, 4, 5])]


def test_daily_conflicts_are_one_repeat() -> None:
    assert repeats_of(report(range(20))) == [(1, list(range(20)))]


def test_conflicts_every_second_week_are_one_repeat() -> None:
    assert repeats_of(report([0, 14, 28, 42])) == [(14, [0, 1, 2, 3])]


def test_conflicts_on_working_days_repeat_by_weekday() -> None:
    days = [day for day in range(42) if day % 7 < 5]
    assert repeats_of(report(days)) == [(7, list(range(first, 30, 5))) for first in range(5)]


def test_missing_week_ends_a_repeat() -> None:
    assert repeats_of(report([0, 7, 14, 28, 35, 42])) == [(7, [0, 1, 2]), (7, [3, 4, 5])]


def test_conflict_after_midnight_has_the_weekday_of_the_overlap() -> None:
    late = timedelta(hours=23, minutes=45)
    weeks = report([0, 7, 14], starts=dict.fromkeys([0, 7, 14], late))
    [repeat] = find_repeats(weeks, BERLIN)
    assert repeat.describe(weeks.groups[0], BERLIN) == (
        "every Tuesday 00:15-00:45 from 8 Dec to 22 Dec 2026, 3 times"
    )


def test_two_or_irregular_conflicts_are_no_repeat() -> None:
    assert repeats_of(report([0, 7])) == []
    assert repeats_of(report([0, 2, 5, 11])) == []
    assert repeats_of(report([0, 3, 6])) == []


def test_repeat_excludes_another_time_of_day() -> None:
    later = report([0, 7, 14, 21], starts={21: 2 * NINE})
    assert repeats_of(later) == [(7, [0, 1, 2])]


@pytest.mark.parametrize("other", [{"name": "Retro"}, {"series": "another"}, {"resource": "bruno"}])
def test_repeat_excludes_other_titles_series_and_resources(other: dict[str, str]) -> None:
    assert repeats_of(combined(report([0, 7]), report([14], **other))) == []  # type: ignore[arg-type]
    assert repeats_of(combined(report([0, 7]), report([14]))) == [(7, [0, 1, 2])]


def test_repeat_of_single_events_needs_no_equal_ids() -> None:
    several = report([0, 7, 14], series="")
    entries = [replace(entry, id=str(number)) for number, entry in enumerate(several.entries)]
    assert repeats_of(replace(several, entries=entries)) == [(7, [0, 1, 2])]


def test_groups_that_recur_are_listed_once() -> None:
    several = combined(report([1, 8, 15]), report([3]))
    several = replace(several, repeats=find_repeats(several, BERLIN))
    listed = [(group.members, repeat) for group, repeat in list_groups(several)]
    assert listed == [((0, 1), several.repeats[0]), ((6, 7), None)]


def test_common_suggestions_are_at_the_same_time_of_day_across_a_clock_change() -> None:
    weeks = report([7 * number for number in range(17)])
    [repeat] = find_repeats(weeks, BERLIN)

    def suggestions(number: int) -> list[tuple[int, int]]:
        day = datetime.combine(MONDAY + timedelta(7 * number), datetime.min.time(), BERLIN)
        hours = (10, 11) if number != 3 else (11, 12)
        return [
            (to_instant(day + hour * HOUR), to_instant(day + (hour + 1) * HOUR)) for hour in hours
        ]

    suggested = replace(
        weeks, suggestions={1 + 2 * number: suggestions(number) for number in range(17)}
    )
    assert find_common_suggestions(suggested, repeat, BERLIN) == {1: suggestions(0)[1:]}
    assert find_common_suggestions(weeks, repeat, BERLIN) == {}


def test_repeats_are_in_the_order_of_their_first_groups() -> None:
    several = combined(report([1, 8, 15]), report([0, 7, 14], name="Retro"))
    assert repeats_of(several) == [(7, [0, 1, 2]), (7, [3, 4, 5])]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (7, "every Monday 09:00-10:00 from 7 Dec 2026 to 4 Jan 2027, 3 times"),
        (1, "every day 09:00-10:00 from 7 Dec 2026 to 4 Jan 2027, 3 times"),
        (14, "every 2 weeks on Monday 09:00-10:00 from 7 Dec 2026 to 4 Jan 2027, 3 times"),
    ],
)
def test_repeat_is_described(days: int, text: str) -> None:
    start = datetime(2026, 12, 7, 9, tzinfo=BERLIN)
    repeat = Repeat((0, 1, 2), days, MONDAY, date(2027, 1, 4))
    overlap = Overlap(to_instant(start), to_instant(start + HOUR), 2)
    assert repeat.describe(Group("anna", (0, 1), (overlap,)), BERLIN) == text


def test_description_within_a_year_has_the_year_once() -> None:
    start = to_instant(datetime(2026, 12, 7, 9, tzinfo=UTC))
    repeat = Repeat((0, 1, 2), 7, MONDAY, date(2026, 12, 21))
    assert repeat.describe(Group("anna", (0, 1), (Overlap(start, start, 2),)), UTC) == (
        "every Monday 09:00 from 7 Dec to 21 Dec 2026, 3 times"
    )
