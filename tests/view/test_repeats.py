"""What comes again at the same time of day, daily or by weeks, is found as one repeat."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from double_booked.conflicts.definition import Group, Overlap
from double_booked.view.conflict_report import ConflictReport, Entry, SourceLocation
from double_booked.view.repeats import Repeat, find_repeats

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 12, 7)
NINE = timedelta(hours=9)
HOUR = timedelta(hours=1)


def instant(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


def report(
    days: Iterable[int],
    starts: dict[int, timedelta] | None = None,
    name: str = "Standup",
    series: str = "standup",
    resource: str = "anna",
) -> ConflictReport:
    """Two events that overlap for half an hour, so many days after Monday."""
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
            Entry(name, instant(start), instant(end), (resource,), location),
            Entry("Review", instant(half), instant(end), (resource,), other),
        ]
        groups.append(Group(resource, pair, (Overlap(instant(half), instant(end), 2, pair),)))
    return ConflictReport(entries, groups)


def together(*several: ConflictReport) -> ConflictReport:
    entries: list[Entry] = []
    groups = []
    for each in several:
        for group in each.groups:
            members = tuple(len(entries) + position for position in group.members)
            overlaps = tuple(
                Overlap(one.start, one.end, one.depth, tuple(len(entries) + m for m in one.members))
                for one in group.overlaps
            )
            groups.append(Group(group.resource, members, overlaps))
        entries += each.entries
    return ConflictReport(entries, groups)


def found(several: ConflictReport, zone: tzinfo = BERLIN) -> list[tuple[int, list[int]]]:
    """The days from one to the next, and the numbers of the groups, of each repeat."""
    return [(each.days, list(each.groups)) for each in find_repeats(several, zone)]


def test_what_comes_weekly_over_a_change_of_clocks_is_one_repeat() -> None:
    weeks = [7 * number for number in range(17)]
    [repeat] = find_repeats(report(weeks), BERLIN)
    assert (repeat.days, repeat.first, repeat.last) == (7, MONDAY, date(2027, 3, 29))
    assert len(repeat.groups) == 17


def test_the_time_of_day_is_that_of_the_reader() -> None:
    """Nine o'clock in Berlin is eight, and in summer seven, in UTC."""
    weeks = [7 * number for number in range(13, 19)]
    assert found(report(weeks), UTC) == [(7, [0, 1, 2]), (7, [3, 4, 5])]


def test_what_comes_daily_is_one_repeat() -> None:
    assert found(report(range(20))) == [(1, list(range(20)))]


def test_what_comes_every_second_week_is_one_repeat() -> None:
    assert found(report([0, 14, 28, 42])) == [(14, [0, 1, 2, 3])]


def test_working_days_repeat_by_weekday() -> None:
    days = [day for day in range(42) if day % 7 < 5]
    assert found(report(days)) == [(7, list(range(first, 30, 5))) for first in range(5)]


def test_a_week_without_it_ends_a_repeat() -> None:
    assert found(report([0, 7, 14, 28, 35, 42])) == [(7, [0, 1, 2]), (7, [3, 4, 5])]


def test_what_comes_twice_or_irregularly_is_none() -> None:
    assert found(report([0, 7])) == []
    assert found(report([0, 2, 5, 11])) == []
    assert found(report([0, 3, 6])) == []


def test_another_time_of_day_is_no_part() -> None:
    later = report([0, 7, 14, 21], starts={21: 2 * NINE})
    assert found(later) == [(7, [0, 1, 2])]


@pytest.mark.parametrize("other", [{"name": "Retro"}, {"series": "another"}, {"resource": "bruno"}])
def test_other_titles_series_and_resources_are_no_part(other: dict[str, str]) -> None:
    assert found(together(report([0, 7]), report([14], **other))) == []  # type: ignore[arg-type]
    assert found(together(report([0, 7]), report([14]))) == [(7, [0, 1, 2])]


def test_repeats_are_in_the_order_of_their_first_groups() -> None:
    several = together(report([1, 8, 15]), report([0, 7, 14], name="Retro"))
    assert found(several) == [(7, [0, 1, 2]), (7, [3, 4, 5])]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (7, "every Monday 09:00-10:00 from 7 Dec 2026 to 4 Jan 2027, 3 times"),
        (1, "every day 09:00-10:00 from 7 Dec 2026 to 4 Jan 2027, 3 times"),
        (14, "every 2 weeks on Monday 09:00-10:00 from 7 Dec 2026 to 4 Jan 2027, 3 times"),
    ],
)
def test_a_repeat_is_described(days: int, said: str) -> None:
    start = datetime(2026, 12, 7, 9, tzinfo=BERLIN)
    repeat = Repeat((0, 1, 2), days, MONDAY, date(2027, 1, 4))
    assert repeat.describe((instant(start), instant(start + HOUR)), BERLIN) == said


def test_within_a_year_the_year_is_said_once() -> None:
    start = instant(datetime(2026, 12, 7, 9, tzinfo=UTC))
    repeat = Repeat((0, 1, 2), 7, MONDAY, date(2026, 12, 21))
    assert repeat.describe((start, start), UTC) == (
        "every Monday 09:00 from 7 Dec to 21 Dec 2026, 3 times"
    )
