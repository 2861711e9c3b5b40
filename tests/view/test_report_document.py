"""The report document matches its schema."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.conflicts.definition import get_conflicts
from double_booked.conflicts.instants import NANOS_PER_SECOND, to_instant
from double_booked.report.json_report import render
from double_booked.view.conflict_report import SourceLocation, build_report
from double_booked.view.coverage import Coverage, Outside
from double_booked.view.repeat import Repeat
from double_booked.view.report_document import make_document
from view.json_schema import check, load_schema

SCHEMA = load_schema("report.schema.json")
MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
HOUR = 3_600 * NANOS_PER_SECOND
NINE = to_instant(MONDAY + timedelta(hours=9))


def event(start: float, end: float, title: str, *resources: str) -> Event:
    """Return an event; times are in hours after MONDAY."""
    new = Event(id=title.lower(), title=title, resources=resources)
    new.start.FromDatetime(MONDAY + timedelta(hours=start))
    new.end.FromDatetime(MONDAY + timedelta(hours=end))
    return new


LOCATIONS = [
    SourceLocation("anna.ics", 4, series="standup"),
    SourceLocation("b.json", None, "events[3]"),
    SourceLocation("anna.ics", 20, is_all_day=True),
]
REQUEST = EventList(
    events=[
        event(9, 10, "Standup", "anna"),
        event(9.5, 11, "Review", "anna"),
        event(24, 48, "Leave", "anna"),
    ],
    options=ConflictOptions(explain=True),
)


COVERAGE = Coverage("check", 0, UTC, ["anna.ics", "b.json"])


def locate(position: int) -> SourceLocation:
    return LOCATIONS[position % len(LOCATIONS)]


def report(
    request: EventList = REQUEST,
    suggestions: dict[int, list[tuple[int, int]]] | None = None,
    repeats: tuple[Repeat, ...] = (),
    zone: ZoneInfo | None = None,
    coverage: Coverage = COVERAGE,
) -> Any:
    found = build_report(get_conflicts(request), request, locate)
    report = replace(found, suggestions=suggestions or {}, repeats=repeats)
    written = json.loads(render(make_document(report, request, zone, coverage)))
    check(written, SCHEMA, SCHEMA)
    return written


def test_events_have_times_in_utc_and_locations() -> None:
    standup, review, leave = report()["events"]
    assert standup == {
        "id": "standup",
        "title": "Standup",
        "description": "",
        "start": "2026-11-16T09:00:00Z",
        "end": "2026-11-16T10:00:00Z",
        "all_day": False,
        "resources": ["anna"],
        "file": "anna.ics",
        "line": 4,
        "field": None,
        "series": "standup",
        "suggestions": None,
    }
    assert (review["line"], review["field"], review["series"]) == (None, "events[3]", None)
    assert leave["all_day"]


def test_conflicts_refer_to_events_by_index() -> None:
    assert report()["conflicts"] == [
        {
            "resource": "anna",
            "events": [0, 1],
            "overlaps": [
                {
                    "start": "2026-11-16T09:30:00Z",
                    "end": "2026-11-16T10:00:00Z",
                    "depth": 2,
                    "events": [0, 1],
                }
            ],
            "gap": 0,
        }
    ]


def test_unnamed_resource_has_an_empty_name() -> None:
    request = EventList(events=[event(9, 10, "A"), event(9, 10, "B")])
    written = report(request)
    assert written["conflicts"][0]["resource"] == ""
    assert written["events"][0]["resources"] == [""]


def test_events_have_their_suggestions() -> None:
    events = report(suggestions={1: [(NINE + HOUR, NINE + 2 * HOUR)], 0: []})["events"]
    assert [reported["suggestions"] for reported in events] == [
        [],
        [{"start": "2026-11-16T10:00:00Z", "end": "2026-11-16T11:00:00Z"}],
        None,
    ]


def test_repeats_refer_to_conflicts_and_events_by_index() -> None:
    weeks = [7 * 24 * number for number in range(3)]
    request = EventList(
        events=[event(week + 9, week + 10, name) for week in weeks for name in "AB"],
        options=ConflictOptions(explain=True),
    )
    repeat = Repeat((0, 1, 2), 7, date(2026, 11, 16), date(2026, 11, 30))
    free = [(NINE + week * HOUR + HOUR, NINE + week * HOUR + 2 * HOUR) for week in weeks]
    suggestions = {2 * number + 1: [span] for number, span in enumerate(free)}
    assert report(request, suggestions, (repeat,))["repeats"] == [
        {
            "conflicts": [0, 1, 2],
            "days": 7,
            "first": "2026-11-16",
            "last": "2026-11-30",
            "text": "every Monday 09:00-10:00 from 16 Nov to 30 Nov 2026, 3 times",
            "suggestions": [
                {
                    "event": 1,
                    "spans": [{"start": "2026-11-16T10:00:00Z", "end": "2026-11-16T11:00:00Z"}],
                }
            ],
        }
    ]


def test_timezone_is_null_unless_one_is_given() -> None:
    assert report(zone=ZoneInfo("Europe/Berlin"))["timezone"] == "Europe/Berlin"
    assert report()["timezone"] is None


def test_files_window_and_what_lies_outside_are_reported() -> None:
    written = report()
    assert written["files"] == ["anna.ics", "b.json"]
    assert (written["window"], written["outside"]) == (None, None)
    window = NINE, NINE + 24 * HOUR
    outside = Outside(2, NINE - 48 * HOUR, NINE - 24 * HOUR)
    written = report(coverage=replace(COVERAGE, window=window, outside=outside))
    assert written["window"] == {"start": "2026-11-16T09:00:00Z", "end": "2026-11-17T09:00:00Z"}
    assert written["outside"] == {"events": 2, "first": "2026-11-14", "last": "2026-11-15"}


def test_conflict_because_of_a_gap_has_the_gap() -> None:
    request = EventList(events=[event(9, 10, "A", "anna"), event(10.25, 11, "B", "anna")])
    request.options.min_gap.seconds = 1_800
    assert report(request)["conflicts"][0]["gap"] == 1_800
    assert report()["conflicts"][0]["gap"] == 0


def test_lists_are_empty_without_events() -> None:
    written = report(EventList())
    assert (written["events"], written["conflicts"], written["repeats"]) == ([], [], [])


def test_fractions_of_a_second_and_early_years_are_exact() -> None:
    early = Event(id="early")
    early.start.FromJsonString("0044-03-15T12:00:00.5Z")
    early.end.FromJsonString("0044-03-15T12:00:00.500000001Z")
    [written] = report(EventList(events=[early]))["events"]
    assert written["start"] == "0044-03-15T12:00:00.5Z"
    assert written["end"] == "0044-03-15T12:00:00.500000001Z"


def test_json_is_ascii_and_keeps_titles() -> None:
    request = EventList(events=[event(9, 10, "Caf\u00e9\x1b\u202e", "anna")])
    found = build_report(get_conflicts(request), request, LOCATIONS.__getitem__)
    text = render(make_document(found, request, None, COVERAGE))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["events"][0]["title"] == "Caf\u00e9\x1b\u202e"


@pytest.mark.parametrize(
    "broken", [{"line": "4"}, {"start": "9:00"}, {"all_day": 1}, {"more": 1}, {"line": 0}]
)
def test_schema_rejects_invalid_events(broken: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, ValueError)):
        check(report()["events"][0] | broken, SCHEMA["$defs"]["event"], SCHEMA)
