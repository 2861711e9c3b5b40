"""Conflicts as a calendar that other programs can subscribe to."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from icalendar import Calendar

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import to_instant
from double_booked.report.ics_feed import render
from double_booked.view.conflict_report import ConflictReport, Entry, SourceLocation
from double_booked.view.repeat import Repeat
from double_booked.view.repeats import find_repeats
from report.events import HOUR, NINE

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ENTRIES = [
    Entry("Plan, then; do", NINE, NINE + 2 * HOUR, ("room",), SourceLocation("a.ics", 4)),
    Entry(
        "Dentist",
        NINE + HOUR,
        NINE + 3 * HOUR,
        ("room",),
        SourceLocation("b.json", None, "events[3]"),
    ),
]


def report_of(*overlaps: Overlap, resource: str = "room") -> ConflictReport:
    return ConflictReport(ENTRIES, [Group(resource, (0, 1), overlaps)])


def events_of(report: ConflictReport, zone: tzinfo = UTC) -> list[Calendar]:
    return list(Calendar.from_ical(render(report, NOW, zone)).walk("VEVENT"))


def test_each_overlap_is_a_transparent_event() -> None:
    [event] = events_of(report_of(Overlap(NINE + HOUR, NINE + 2 * HOUR, 2, (0, 1))))
    assert event["SUMMARY"] == "room: Plan, then; do / Dentist"
    assert event.decoded("DTSTART") == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert event["TRANSP"] == "TRANSPARENT"
    assert event["DESCRIPTION"] == (
        "2 at once\nPlan, then; do (a.ics: line 4)\nDentist (b.json: events[3])"
    )


def test_overlap_because_of_a_gap_has_the_gap() -> None:
    overlap = Overlap(NINE + HOUR, NINE + 2 * HOUR + HOUR // 4, 2, (0, 1))
    report = replace(report_of(overlap), gaps={"room": HOUR // 4})
    [event] = events_of(report)
    assert event["DESCRIPTION"].splitlines()[0] == "2 at once, with a gap of 15m"


def test_uid_is_stable_and_differs_between_overlaps() -> None:
    first, second = Overlap(NINE, NINE + HOUR, 2, (0, 1)), Overlap(NINE, NINE, 2, (0, 1))
    uids = [str(event["UID"]) for event in events_of(report_of(first, second))]
    assert len(set(uids)) == 2
    assert uids == [str(event["UID"]) for event in events_of(report_of(first, second))]


def test_instant_has_no_end() -> None:
    [event] = events_of(report_of(Overlap(NINE, NINE, 2, (0, 1)), resource=""))
    assert "DTEND" not in event
    assert event["SUMMARY"] == "Plan, then; do / Dentist"


def test_summary_counts_events_if_the_overlap_has_no_members() -> None:
    [event] = events_of(report_of(Overlap(NINE, NINE + HOUR, 7, ())))
    assert event["SUMMARY"] == "room: 7 events"


def test_feed_without_conflicts_is_an_empty_calendar() -> None:
    calendar = Calendar.from_ical(render(ConflictReport(ENTRIES, []), NOW, UTC))
    assert calendar["X-WR-CALNAME"] == "Double bookings"
    assert calendar["VERSION"] == "2.0"


def weekly_report(weeks: int) -> ConflictReport:
    """Return a report of two events that overlap at 9:00 in Berlin, where summer ends in week 4."""
    groups, entries = [], []
    for week in range(weeks):
        start = to_instant(datetime(2026, 10, 5, 9, tzinfo=BERLIN) + timedelta(7 * week))
        members = 2 * week, 2 * week + 1
        entries += [
            Entry(name, start, start + HOUR, ("room",), SourceLocation("a.ics", 4)) for name in "AB"
        ]
        groups.append(Group("room", members, (Overlap(start, start + HOUR, 2, members),)))
    report = ConflictReport(entries, groups)
    return replace(report, repeats=find_repeats(report, BERLIN))


def test_overlap_that_recurs_is_a_series_up_to_a_clock_change() -> None:
    report = weekly_report(6)
    summer, winter = events_of(report, BERLIN)
    assert summer["RRULE"] == {"FREQ": ["WEEKLY"], "INTERVAL": [1], "COUNT": [3]}
    assert summer["DESCRIPTION"].endswith(
        "every Monday 09:00-10:00 from 5 Oct to 9 Nov 2026, 6 times"
    )
    assert winter.decoded("DTSTART") == datetime(2026, 10, 26, 8, tzinfo=UTC)


def test_uid_of_a_series_stays_when_its_first_time_is_over() -> None:
    report = weekly_report(6)
    later = replace(report, groups=report.groups[1:], repeats=[])
    later = replace(later, repeats=find_repeats(later, BERLIN))
    assert [event["UID"] for event in events_of(later)] == [
        event["UID"] for event in events_of(report)
    ]


def test_last_time_after_a_clock_change_has_no_rule() -> None:
    assert ["RRULE" in event for event in events_of(weekly_report(4))] == [True, False]


def test_overlap_on_several_days_of_a_week_is_a_series_for_each() -> None:
    hours = [24 * day for day in range(28) if day % 7 in {0, 3} and day != 14]
    groups = [
        Group("room", (0, 1), (Overlap(start, start + HOUR, 2, (0, 1)),))
        for start in (NINE + hour * HOUR for hour in hours)
    ]
    first, last, missing = date(2026, 3, 2), date(2026, 3, 26), (date(2026, 3, 16),)
    repeat = Repeat(tuple(range(len(groups))), 1, first, last, (0, 3), missing)
    mondays, monday, thursdays = events_of(ConflictReport(ENTRIES, groups, repeats=[repeat]))
    assert mondays["RRULE"] == {"FREQ": ["WEEKLY"], "INTERVAL": [1], "COUNT": [2]}
    assert "RRULE" not in monday
    assert monday.decoded("DTSTART").date() == date(2026, 3, 23)
    assert thursdays["RRULE"] == {"FREQ": ["WEEKLY"], "INTERVAL": [1], "COUNT": [4]}
    assert "every Mon and Thu 09:00-10:00" in thursdays["DESCRIPTION"]
    assert len({event["UID"] for event in (mondays, monday, thursdays)}) == 3


def test_daily_overlap_has_a_daily_rule() -> None:
    groups = [
        Group("room", (0, 1), (Overlap(NINE + day * 24 * HOUR, NINE + day * 24 * HOUR, 2, (0, 1)),))
        for day in range(3)
    ]
    repeat = Repeat((0, 1, 2), 1, date(2026, 3, 2), date(2026, 3, 4))
    [event] = events_of(ConflictReport(ENTRIES, groups, repeats=[repeat]))
    assert event["RRULE"] == {"FREQ": ["DAILY"], "INTERVAL": [1], "COUNT": [3]}
