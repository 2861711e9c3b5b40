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


def texts_of(days: Iterable[int]) -> list[str]:
    """Return the repeats of conflicts on days after MONDAY in words, without the time of day."""
    several = report(days)
    texts = [
        repeat.describe(several.groups[repeat.groups[0]], BERLIN)
        for repeat in find_repeats(several, BERLIN)
    ]
    return [text.replace(" 09:30-10:00", "") for text in texts]


@pytest.mark.parametrize(
    ("weekdays", "text"),
    [
        ({0, 1, 2, 3, 4}, "every weekday from 7 Dec 2026 to 15 Jan 2027, 30 times"),
        ({1, 3}, "every Tue and Thu from 8 Dec 2026 to 14 Jan 2027, 12 times"),
        ({0, 2, 6}, "every Mon, Wed and Sun from 7 Dec 2026 to 17 Jan 2027, 18 times"),
        (
            set(range(6)),
            "every Mon, Tue, Wed, Thu, Fri and Sat from 7 Dec 2026 to 16 Jan 2027, 36 times",
        ),
        (set(range(7)), "every day from 7 Dec 2026 to 17 Jan 2027, 42 times"),
    ],
)
def test_conflicts_on_days_of_every_week_are_one_repeat(weekdays: set[int], text: str) -> None:
    assert texts_of(day for day in range(42) if day % 7 in weekdays) == [text]


def test_conflicts_in_two_weeks_are_one_repeat() -> None:
    assert texts_of([0, 1, 2, 3, 4, 7, 8, 9, 10, 11]) == [
        "every weekday from 7 Dec to 18 Dec 2026, 10 times"
    ]
    assert texts_of([1, 2, 3, 4]) == ["every day from 8 Dec to 11 Dec 2026, 4 times"]


def test_other_days_do_not_divide_a_repeat_on_several_days_of_the_week() -> None:
    days = [day for day in range(70) if day % 7 in {0, 3} or day in {9, 44}]
    assert texts_of(days) == ["every Mon and Thu from 7 Dec 2026 to 11 Feb 2027, 20 times"]


def test_days_of_the_week_in_different_weeks_are_repeats_of_their_own() -> None:
    mondays, tuesdays = [0, 7, 14, 21], [29, 36, 43, 50]
    assert texts_of([*mondays, *tuesdays]) == [
        "every Monday from 7 Dec to 28 Dec 2026, 4 times",
        "every Tuesday from 5 Jan to 26 Jan 2027, 4 times",
    ]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ([-35, -28, -14, -7, 0], "every Monday from 2 Nov to 7 Dec 2026, 5 times, not on 16 Nov"),
        (
            [0, 14, 21, 28],
            "every Monday from 7 Dec 2026 to 4 Jan 2027, 4 times, not on 14 Dec 2026",
        ),
        (
            [7 * week for week in range(20) if week not in {4, 9, 14}],
            (
                "every Monday from 7 Dec 2026 to 19 Apr 2027, 17 times, "
                "not on 4 Jan 2027, 8 Feb 2027, 15 Mar 2027"
            ),
        ),
        (
            [day for day in range(21) if day % 7 < 5 and day != 9],
            "every weekday from 7 Dec to 25 Dec 2026, 14 times, not on 16 Dec",
        ),
        (
            [0, 1, 2, 4, 5, 6, 7],
            "every day from 7 Dec to 14 Dec 2026, 7 times, not on 10 Dec",
        ),
    ],
)
def test_few_missing_times_are_listed(days: list[int], text: str) -> None:
    assert texts_of(days) == [text]


def test_many_missing_times_divide_a_repeat() -> None:
    assert repeats_of(report([0, 7, 14, 35, 42, 49])) == [(7, [0, 1, 2]), (7, [3, 4, 5])]
    assert repeats_of(report([0, 14, 21])) == []
    weeks = [week for week in range(40) if week not in {5, 11, 17, 23, 29}]
    [first, second] = find_repeats(report(7 * week for week in weeks), BERLIN)
    assert [len(first.missing), len(second.missing)] == [3, 1]


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
