"""The view matches its schema, and has what the pictures need."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta, timezone, tzinfo
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import Event
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.view import document, shown_days
from double_booked.view.conflict_report import ConflictReport
from double_booked.view.coverage import CalendarRules, Coverage, Live, Outside
from double_booked.view.document import make_view
from double_booked.view.repeats import find_repeats
from view.json_schema import check, load_schema
from view.reports import HOUR, MIDNIGHT, event, report_of

SCHEMA = load_schema("view.schema.json")
COVERAGE = Coverage("check", MIDNIGHT * NANOS_PER_SECOND, UTC, ["a.ics"])
BERLIN = ZoneInfo("Europe/Berlin")
AUTUMN = -22 * 24
"""The hour after MIDNIGHT at which 25 October 2026 begins in UTC."""


def draw(report: ConflictReport, coverage: Coverage = COVERAGE) -> Any:
    view = json.loads(json.dumps(make_view(report, coverage)))
    check(view, SCHEMA, SCHEMA)
    return view


def view_of(*events: Event, zone: tzinfo = UTC) -> Any:
    return draw(report_of(*events), replace(COVERAGE, zone=zone))


def span(start: float, end: float) -> Span:
    return tuple(int(MIDNIGHT + hour * HOUR) * NANOS_PER_SECOND for hour in (start, end))  # type: ignore[return-value]


def labels(days: Sequence[Any]) -> list[str]:
    return [day["label"] for day in days]


def test_events_refer_to_names_calendars_and_sources_by_number() -> None:
    view = view_of(event(9, 11, "A", "lab"), event(10, 12, "B", "hall", "lab"), event(8, 9, "A"))
    assert view["names"] == ["A", "B"]
    assert [calendar["name"] for calendar in view["calendars"]] == ["", "lab", "hall"]
    assert view["sources"] == ["a.ics"]
    assert view["events"] == [
        [0, MIDNIGHT + 8 * HOUR, HOUR, [0], 0, 3, 0],
        [0, MIDNIGHT + 9 * HOUR, 2 * HOUR, [1], 0, 1, 0],
        [1, MIDNIGHT + 10 * HOUR, 2 * HOUR, [2, 1], 0, 2, 0],
    ]


def test_flags_of_an_event_are_added() -> None:
    report = report_of(event(0, 24, "A"), event(9, 10, "B"))
    flags = [(True, True), (False, True)]
    entries = [
        replace(entry, location=replace(entry.location, is_all_day=whole, is_tentative=tentative))
        for entry, (whole, tentative) in zip(report.entries, flags, strict=True)
    ]
    assert [event[6] for event in draw(replace(report, entries=entries))["events"]] == [3, 2]


def test_conflict_has_its_members_and_overlaps() -> None:
    [conflict] = view_of(event(9, 11, "A", "lab"), event(10, 12, "B", "lab"))["conflicts"]
    assert conflict.pop("key")
    assert conflict == {
        "calendar": 0,
        "members": [0, 1],
        "overlaps": [[MIDNIGHT + 10 * HOUR, HOUR, 2, [0, 1]]],
        "lasts": HOUR,
        "text": "1h",
    }


def test_key_of_a_conflict_stays_when_others_appear() -> None:
    pair = event(9, 11, "A", "lab"), event(10, 12, "B", "lab")
    [alone] = view_of(*pair)["conflicts"]
    other = event(8, 9, "C", "hall"), event(8, 9, "D", "hall")
    assert view_of(*other, *pair)["conflicts"][1]["key"] == alone["key"]


def test_keys_differ_if_missing_weeks_divide_a_repeat() -> None:
    weeks = [7 * 24 * number for number in (0, 1, 2, 5, 6, 7)]
    report = report_of(*(event(week + 9, week + 10, name) for week in weeks for name in "AB"))
    conflicts = draw(replace(report, repeats=find_repeats(report, UTC)))["conflicts"]
    assert len({conflict["key"] for conflict in conflicts}) == len(conflicts) == 2


def test_repeated_conflict_is_listed_once_with_all_its_times() -> None:
    weeks = [7 * 24 * number for number in range(3)]
    events = [
        event(week + 9, week + 10 + more, name)
        for week in weeks
        for name, more in (("A", 0), ("B", 1))
    ]
    report = report_of(*events)
    [conflict] = draw(replace(report, repeats=find_repeats(report, UTC)))["conflicts"]
    assert conflict["members"] == [0, 1]
    assert conflict["repeats"] == {
        "text": "every Monday 09:00-10:00 from 16 Nov to 30 Nov 2026, 3 times",
        "times": 3,
        "starts": [MIDNIGHT + (week + 9) * HOUR for week in weeks],
        "members": [[0, 1], [2, 3], [4, 5]],
    }


def test_suggestions_are_listed_for_the_events_that_have_some() -> None:
    report = report_of(event(9, 11, "A"), event(10, 12, "B"))
    [conflict] = draw(replace(report, suggestions={1: [span(11, 13)]}))["conflicts"]
    assert conflict["suggestions"] == [
        {"event": 1, "slots": [[MIDNIGHT + 11 * HOUR, 2 * HOUR]]},
    ]


def test_suggestions_that_are_free_every_time_are_marked() -> None:
    weeks = [7 * 24 * number for number in range(3)]
    events = [
        event(week + 9, week + end, name) for week in weeks for name, end in (("A", 10), ("B", 10))
    ]
    report = report_of(*events)
    suggestions = {
        2 * number + 1: [
            span(week + 8 - (number == 0), week + 9 - (number == 0)),
            span(week + 10, week + 11),
        ]
        for number, week in enumerate(weeks)
    }
    report = replace(report, repeats=find_repeats(report, UTC), suggestions=suggestions)
    [conflict] = draw(report)["conflicts"]
    assert conflict["suggestions"] == [
        {"event": 1, "slots": [[MIDNIGHT + 10 * HOUR, HOUR]], "all": True}
    ]


def test_summary_has_the_number_and_the_total_time() -> None:
    pairs = event(9, 11, "A"), event(10, 12, "B"), event(20, 21, "C"), event(20, 21.5, "D")
    assert view_of(*pairs)["summary"] == "2 conflicts, 2h in all"
    assert view_of(pairs[0])["summary"] == "No conflicts among 1 event in a.ics."


def test_text_of_a_conflict_has_how_long_each_time_lasts_and_how_many_meet() -> None:
    weeks = [7 * 24 * number for number in range(3)]
    report = report_of(*(event(week + 9, week + 9.5, name) for week in weeks for name in "ABC"))
    [conflict] = draw(replace(report, repeats=find_repeats(report, UTC)))["conflicts"]
    assert conflict["text"] == "30m each, 3 at once"
    short = report_of(event(9, 10, "A"), event(10.25, 11, "B"), gap=1_800)
    assert draw(short)["conflicts"][0]["text"] == "15m, with a gap of 30m"


def test_conflict_because_of_a_gap_has_the_gap() -> None:
    pair = event(9, 10, "A"), event(10.25, 11, "B")
    assert draw(report_of(*pair, gap=1_800))["conflicts"][0]["gap"] == 1_800
    assert "gap" not in view_of(event(9, 11), event(10, 11))["conflicts"][0]


def test_view_has_what_was_looked_at() -> None:
    rules = [CalendarRules("free"), CalendarRules("hall", 2, 60 * NANOS_PER_SECOND, "Report")]
    coverage = replace(
        COVERAGE, calendars=rules, window=span(0, 24), outside=Outside(3, *span(-48, -1))
    )
    view = draw(report_of(), coverage)
    assert view["calendars"] == [
        {"name": "free"},
        {"name": "hall", "capacity": 2, "gap": 60, "policy": "Report"},
    ]
    assert view["window"] == [MIDNIGHT, MIDNIGHT + 24 * HOUR]
    assert view["outside"] == {"events": 3, "first": "2026-11-14", "last": "2026-11-15"}
    assert (view["made"], view["days"]) == (MIDNIGHT, [])


def test_only_calendars_of_a_cluster_have_how_long_they_are_free() -> None:
    calendars = [CalendarRules("lab"), CalendarRules("hall")]
    coverage = replace(COVERAGE, calendars=calendars, window=span(0, 7 * 24))
    report = report_of(event(0, 9, "A", "hall"))
    assert [rules.get("free") for rules in draw(report, coverage)["calendars"]] == [None, None]
    view = draw(report, replace(coverage, kind="bookings"))
    assert [rules.get("free") for rules in view["calendars"]] == ["free all week", None]


def test_view_of_a_server_has_when_to_read_it_again_and_why_that_failed() -> None:
    assert draw(report_of(), replace(COVERAGE, live=Live(15)))["live"] == {"every": 15}
    failed = draw(report_of(), replace(COVERAGE, live=Live(15, "kubectl: \x1b")))
    assert failed["live"] == {"every": 15, "error": "kubectl: \\x1b"}


def test_double_booked_event_has_a_flag() -> None:
    coverage = replace(COVERAGE, double_booked={0})
    view = draw(report_of(event(9, 10, "late"), event(8, 9, "kept")), coverage)
    assert [event[6] for event in view["events"]] == [0, document.UNSURE]


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (BERLIN, "Europe/Berlin"),
        (UTC, "UTC"),
        (timezone(timedelta(hours=5, minutes=30)), "UTC+05:30"),
    ],
)
def test_zone_has_its_iana_name_or_its_offset(zone: tzinfo, name: str) -> None:
    assert view_of(zone=zone)["zone"] == name


def test_days_reach_to_the_end_of_the_last_event() -> None:
    days = view_of(event(1, 2), event(20, 50))["days"]
    assert labels(days) == ["Mon 16 Nov 2026", "Tue 17 Nov 2026", "Wed 18 Nov 2026"]
    assert days[0]["end"] == days[1]["start"]
    assert [day["events"] for day in days] == [2, 1, 1]


def test_days_count_events_and_overlaps_that_touch_them() -> None:
    days = view_of(event(0, 24), event(23, 25), event(48, 48))["days"]
    assert [(day["events"], day["conflicts"]) for day in days] == [(2, 1), (1, 0), (1, 0)]


def test_days_of_bookings_are_those_of_the_window() -> None:
    coverage = replace(COVERAGE, kind="bookings", window=span(0, 7 * 24))
    days = draw(report_of(event(-30, 2)), coverage)["days"]
    assert len(days) == 7
    assert days[0]["events"] == 1


def test_days_are_those_of_the_window_and_of_the_events() -> None:
    coverage = replace(COVERAGE, window=span(0, 7 * 24))
    days = draw(report_of(event(-30, 2), event(30, 31)), coverage)["days"]
    assert [day["events"] for day in days] == [1, 1, 1, 1, 0, 0, 0, 0, 0]
    year = replace(COVERAGE, window=span(0, 367 * 24))
    assert len(draw(report_of(event(9, 10)), year)["days"]) == 1


def test_each_day_has_the_abbreviation_of_its_zone() -> None:
    days = view_of(event(AUTUMN - 24, AUTUMN + 30), zone=BERLIN)["days"]
    assert [day["zone"] for day in days] == ["CEST", "CEST/CET", "CET"]


def test_day_of_a_clock_change_has_its_real_length_and_offsets() -> None:
    [day] = view_of(event(AUTUMN, AUTUMN + 1), zone=BERLIN)["days"]
    assert day["label"] == "Sun 25 Oct 2026"
    assert day["end"] - day["start"] == 25 * HOUR
    assert day["offsets"] == [[day["start"], 2 * HOUR], [day["start"] + 3 * HOUR, HOUR]]


def test_view_of_years_has_only_days_on_which_events_start_or_end() -> None:
    last = 24 * shown_days.MAX_DAYS
    days = view_of(event(0, 1), event(last - 24, last + 1))["days"]
    assert len(days) == 3
    assert [day["events"] for day in days] == [1, 1, 1]


def test_days_are_those_of_the_window_if_an_event_lasts_for_years() -> None:
    years = 24 * shown_days.MAX_DAYS
    report = report_of(event(-years, years), event(9, 10))
    days = draw(report, replace(COVERAGE, window=span(0, 7 * 24)))["days"]
    assert [day["events"] for day in days] == [2, 1, 1, 1, 1, 1, 1]


def test_view_of_5000_events_and_their_suggestions_is_small() -> None:
    """It is embedded in the page, which has at most 850 KB."""
    chance = Random(7)  # noqa: S311 - it draws events
    hours = [24 * chance.randrange(90) + chance.randrange(32, 70) / 4 for _ in range(5_000)]
    people = [f"Person {number}" for number in range(30)]
    events = [event(hour, hour + 1, f"Meeting {hour}", chance.choice(people)) for hour in hours]
    report = report_of(*events)
    moving = {position for group in report.groups for position in group.members[1:]}
    free = [span(number, number + 1) for number in range(3)]
    suggestions = dict.fromkeys(moving, free)
    view = draw(replace(report, suggestions=suggestions))
    assert len(view["events"]) == 5_000
    assert len(json.dumps(view, separators=(",", ":"))) < 700_000


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_view_has_the_first_and_the_last_instant(zone: str) -> None:
    first = Event(start=Timestamp(seconds=-62_135_596_800), end=Timestamp(seconds=-62_135_596_800))
    last = Event(start=Timestamp(seconds=253_402_300_799), end=Timestamp(seconds=253_402_300_799))
    assert len(view_of(first, last, zone=ZoneInfo(zone))["days"]) == 2


def test_view_over_the_maximum_has_only_conflicting_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(document, "MAX_DRAWN", 2)
    view = view_of(event(0, 1, "A"), event(9, 11, "B"), event(10, 12, "C"))
    assert [view["names"][name] for name, *_ in view["events"]] == ["B", "C"]
    assert view["conflicts"][0]["members"] == [0, 1]
    assert view["left_out"] == 1


def test_text_of_unknown_origin_is_made_printable() -> None:
    view = view_of(event(0, 1, "A\x1b[2J", "lab\x1b"))
    assert "\x1b" not in "".join([*view["names"], view["calendars"][0]["name"]])
