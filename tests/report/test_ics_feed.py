"""Conflicts as a calendar that other programs can subscribe to."""

from datetime import UTC, datetime

from icalendar import Calendar

from double_booked.conflicts.definition import Group, Overlap
from double_booked.report.ics_feed import render
from double_booked.view.conflict_report import ConflictReport, Entry, SourceLocation
from report.events import HOUR, NINE

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


def events_of(report: ConflictReport) -> list[Calendar]:
    return list(Calendar.from_ical(render(report, NOW)).walk("VEVENT"))


def test_each_overlap_is_a_transparent_event() -> None:
    [event] = events_of(report_of(Overlap(NINE + HOUR, NINE + 2 * HOUR, 2, (0, 1))))
    assert event["SUMMARY"] == "room: Plan, then; do / Dentist"
    assert event.decoded("DTSTART") == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert event["TRANSP"] == "TRANSPARENT"
    assert event["DESCRIPTION"] == (
        "2 at once\nPlan, then; do (a.ics: line 4)\nDentist (b.json: events[3])"
    )


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
    calendar = Calendar.from_ical(render(ConflictReport(ENTRIES, []), NOW))
    assert calendar["X-WR-CALNAME"] == "Double bookings"
    assert calendar["VERSION"] == "2.0"
