"""Sentences about reports without conflicts, and without events."""

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.view.conflict_report import ConflictReport, Entry, SourceLocation
from double_booked.view.coverage import CalendarRules, Coverage, Outside
from double_booked.view.no_conflicts import describe_no_conflicts

DAY = 86_400 * NANOS_PER_SECOND
FIRST = 1_794_783_600 * NANOS_PER_SECOND  # Monday, 16 November 2026, 00:00 in Berlin
WEEK = (FIRST, FIRST + 6 * DAY)
LATER = (FIRST + 10 * DAY, FIRST + 100 * DAY)

COVERAGE = Coverage("check", 0, ZoneInfo("Europe/Berlin"), ["anna.ics"], window=WEEK)
ANNA = [CalendarRules("anna")]


def report_of(number: int, scope: str = "", only: str = "") -> ConflictReport:
    entry = Entry("A", FIRST, FIRST + DAY, ("anna",), SourceLocation("anna.ics", 2))
    return ConflictReport([entry] * number, [], scope=scope, only=only)


def test_clean_report_names_the_calendar_and_the_days() -> None:
    coverage = replace(COVERAGE, calendars=ANNA)
    sentence = "No conflicts among 3 events of anna, 16-21 Nov 2026."
    assert describe_no_conflicts(report_of(3, "1 calendar"), coverage) == sentence


def test_clean_report_of_a_cluster_counts_bookings() -> None:
    coverage = replace(COVERAGE, kind="bookings", sources=["namespace team"])
    assert describe_no_conflicts(report_of(2), coverage) == (
        "No conflicts among 2 bookings in namespace team, 16-21 Nov 2026."
    )
    assert describe_no_conflicts(report_of(0), coverage) == (
        "No bookings from 16 Nov 2026 to 21 Nov 2026 in namespace team."
    )


def test_clean_report_counts_several_calendars() -> None:
    coverage = replace(COVERAGE, calendars=[*ANNA, CalendarRules("bruno")], window=None)
    sentence = "No conflicts with invite.ics among 1 event of 2 calendars."
    assert describe_no_conflicts(report_of(1, "2 calendars", "invite.ics"), coverage) == sentence


@pytest.mark.parametrize(
    ("sources", "text"),
    [
        (["a.json"], "a.json"),
        (["a.json", "b.json", "a.json"], "a.json and b.json"),
        (["a", "b", "c\x1b"], "a, b and c\\x1b"),
        (list("abcd"), "4 files"),
    ],
)
def test_clean_report_without_names_of_resources_names_the_files(
    sources: Sequence[str], text: str
) -> None:
    coverage = replace(COVERAGE, sources=sources, calendars=[CalendarRules("")], window=None)
    assert (
        describe_no_conflicts(report_of(2), coverage) == f"No conflicts among 2 events in {text}."
    )
    assert describe_no_conflicts(report_of(0), coverage) == f"No events in {text}."


def test_report_without_events_says_how_many_lie_outside_and_what_reads_them() -> None:
    outside = Outside(3, FIRST, FIRST + 2 * DAY)
    earlier = replace(COVERAGE, window=LATER, outside=outside)
    assert describe_no_conflicts(report_of(0), earlier) == (
        "No events from 26 Nov 2026 to 23 Feb 2027; 3 events or series lie outside"
        " (start: 16-18 Nov 2026): --from 2026-11-16"
    )
    after = replace(COVERAGE, outside=Outside(1, LATER[0], LATER[0]))
    assert describe_no_conflicts(report_of(0), after) == (
        "No events from 16 Nov 2026 to 21 Nov 2026; 1 event or series lies outside"
        " (start: 26 Nov 2026): --to 2026-11-26"
    )
    assert describe_no_conflicts(report_of(0), COVERAGE) == (
        "No events from 16 Nov 2026 to 21 Nov 2026 in anna.ics."
    )
