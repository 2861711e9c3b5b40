"""Clashes as a calendar that calendar programs read."""

from datetime import UTC, datetime

from icalendar import Calendar

from double_booked.conflicts.definition import Group, Overlap
from double_booked.report.ics_feed import render
from double_booked.view.conflict_report import ConflictReport, Entry, SourceLocation

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NINE = int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()) * 10**9
HOUR = 3_600 * 10**9
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


def findings_of(*overlaps: Overlap, resource: str = "room") -> ConflictReport:
    return ConflictReport(ENTRIES, [Group(resource, (0, 1), overlaps)])


def clashes(report: ConflictReport) -> list[Calendar]:
    return list(Calendar.from_ical(render(report, NOW)).walk("VEVENT"))


def test_each_overlap_is_an_event_that_takes_no_time() -> None:
    [clash] = clashes(findings_of(Overlap(NINE + HOUR, NINE + 2 * HOUR, 2, (0, 1))))
    assert clash["SUMMARY"] == "room: Plan, then; do / Dentist"
    assert clash.decoded("DTSTART") == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert clash.decoded("DTEND") == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert clash["TRANSP"] == "TRANSPARENT"
    assert clash["DESCRIPTION"] == (
        "2 at once\nPlan, then; do (a.ics: line 4)\nDentist (b.json: events[3])"
    )


def test_a_clash_keeps_its_uid_and_another_has_another() -> None:
    first, second = Overlap(NINE, NINE + HOUR, 2, (0, 1)), Overlap(NINE, NINE, 2, (0, 1))
    uids = [str(clash["UID"]) for clash in clashes(findings_of(first, second))]
    assert len(set(uids)) == 2
    assert uids == [str(clash["UID"]) for clash in clashes(findings_of(first, second))]


def test_an_instant_has_no_end() -> None:
    [clash] = clashes(findings_of(Overlap(NINE, NINE, 2, (0, 1)), resource=""))
    assert "DTEND" not in clash
    assert clash["SUMMARY"] == "Plan, then; do / Dentist"


def test_an_overlap_that_names_nobody_is_counted() -> None:
    [clash] = clashes(findings_of(Overlap(NINE, NINE + HOUR, 7, ())))
    assert clash["SUMMARY"] == "room: 7 events"


def test_without_a_clash_it_is_a_calendar_all_the_same() -> None:
    calendar = Calendar.from_ical(render(ConflictReport(ENTRIES, []), NOW))
    assert calendar["X-WR-CALNAME"] == "Double bookings"
    assert calendar["VERSION"] == "2.0"
