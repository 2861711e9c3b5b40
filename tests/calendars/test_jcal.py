"""jCal is converted to the components of .ics, so that the same rules apply."""

import json
from typing import Any

import pytest
from icalendar import Calendar

from calendars.ics_cases import ALL, BERLIN, calendar_of, read, vevent
from double_booked.calendars import ics_files
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.ics_lines import Component
from double_booked.calendars.jcal import is_jcal, to_components
from double_booked.calendars.parsed_calendars import CalendarOptions

UTC_START = ["dtstart", {}, "date-time", "2026-12-02T09:00:00Z"]


def calendar(*components: object) -> list[Any]:
    return ["vcalendar", [["version", {}, "text", "2.0"]], list(components)]


def event(*properties: object, uid: str = "1") -> list[Any]:
    return ["vevent", [["uid", {}, "text", uid], *properties], []]


def components_of(*calendars: list[Any]) -> Component:
    document = calendars[0] if len(calendars) == 1 else list(calendars)
    assert is_jcal(document)
    return to_components(document, json.dumps(document))


def values(*properties: object) -> dict[str, str]:
    [component] = components_of(calendar(event(*properties))).components
    return {line.name: line.value for line in component.components[0].properties}


VALUES = {
    "text": (["summary", {}, "text", "a, b; c\\d\ne"], r"a\, b\; c\\d\ne"),
    "several texts": (["categories", {}, "text", "a,b", "c"], r"a\,b,c"),
    "a date": (["dtstart", {}, "date", "2026-12-02"], "20261202"),
    "a local time": (["dtstart", {}, "date-time", "2026-12-02T09:00:00"], "20261202T090000"),
    "several times": (
        ["exdate", {}, "date-time", "2026-12-02T09:00:00Z", "2026-12-03T09:00:00Z"],
        "20261202T090000Z,20261203T090000Z",
    ),
    "a period": (
        ["freebusy", {}, "period", ["2026-12-02T09:00:00Z", "PT1H"]],
        "20261202T090000Z/PT1H",
    ),
    "a period in one text": (
        ["freebusy", {}, "period", "2026-12-02T09:00:00Z/2026-12-02T10:00:00Z"],
        "20261202T090000Z/20261202T100000Z",
    ),
    "a rule": (
        ["rrule", {}, "recur", {"freq": "WEEKLY", "byday": ["MO", "-1TU"], "count": 5}],
        "FREQ=WEEKLY;BYDAY=MO,-1TU;COUNT=5",
    ),
    "a rule with an end": (
        ["rrule", {}, "recur", {"freq": "DAILY", "until": "2026-12-02T09:00:00Z"}],
        "FREQ=DAILY;UNTIL=20261202T090000Z",
    ),
    "an offset": (["tzoffsetto", {}, "utc-offset", "-05:30"], "-0530"),
    "a number": (["sequence", {}, "integer", 2], "2"),
    "a truth": (["x-a", {}, "boolean", True], "TRUE"),
    "a structured value": (["geo", {}, "float", [37.5, -122]], "37.5;-122"),
    "an address": (["attendee", {}, "cal-address", "mailto:a@b.c"], "mailto:a@b.c"),
}


@pytest.mark.parametrize(("given", "expected"), VALUES.values(), ids=VALUES)
def test_a_value_is_converted_to_ics(given: list[Any], expected: str) -> None:
    """Section 3.6 of RFC 7265."""
    assert values(given)[given[0].upper()] == expected


def test_parameters_are_kept() -> None:
    given = ["attendee", {"partstat": "DECLINED", "member": ["a", "b"]}, "cal-address", "mailto:a"]
    [component] = components_of(calendar(event(given))).components
    assert component.components[0].properties[1].parameters == {
        "PARTSTAT": "DECLINED",
        "MEMBER": "a,b",
    }


def test_a_calendar_has_the_events_of_its_ics_form() -> None:
    zone = """BEGIN:VTIMEZONE
TZID:Office
BEGIN:STANDARD
DTSTART:20201025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20200329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""
    series = (
        "UID:s | SUMMARY:a\\, b | DTSTART;TZID=Office:20260302T090000 | DURATION:PT1H"
        " | RRULE:FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20260601T070000Z"
        " | EXDATE;TZID=Office:20260309T090000"
    )
    moved = "UID:s | DTSTART:20260304T100000Z | RECURRENCE-ID;TZID=Office:20260304T090000"
    days = "UID:d | DTSTART;VALUE=DATE:20260302 | DTEND;VALUE=DATE:20260304"
    content = calendar_of(zone, *map(vevent, (series, moved, days)))
    document = json.loads(Calendar.from_ical(content).to_json())
    parsed = ics_files.read_components(
        to_components(document, json.dumps(document)), CalendarOptions(ALL, BERLIN)
    )
    expected = read(content)
    assert not parsed.skipped
    assert [
        (event.info.uid, event.info.title, event.start, event.end) for event in parsed.occurrences
    ] == [
        (event.info.uid, event.info.title, event.start, event.end) for event in expected.occurrences
    ]
    assert len(parsed.occurrences) > 20


def test_components_have_the_lines_of_the_json() -> None:
    document = calendar(event(UTC_START), event(UTC_START, uid="2"))
    top = to_components(document, json.dumps(document, indent=1))
    lines = json.dumps(document, indent=1).splitlines()
    places = [line for line, text in enumerate(lines) if '"vevent"' in text]
    assert [component.line for component in top.components[0].components] == places


def test_several_calendars_are_read() -> None:
    assert [component.name for component in components_of(calendar(), calendar()).components] == [
        "VCALENDAR",
        "VCALENDAR",
    ]


def test_events_without_a_uid_stay_apart_on_one_line() -> None:
    events = [
        ["vevent", [["dtstart", {}, "date-time", f"2026-12-0{day}T09:00:00Z"]], []]
        for day in (2, 3)
    ]
    parsed = ics_files.read_components(
        components_of(calendar(*events)), CalendarOptions(ALL, BERLIN)
    )
    assert len(parsed.occurrences) == 2


@pytest.mark.parametrize("document", [[], [[]], {}, ["vcalendar"], ["vevent", [], []], [{}], None])
def test_other_documents_are_not_jcal(document: object) -> None:
    assert not is_jcal(document)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (5, "not a property like [name, {...}, type, value]"),
        (["summary", {}, "text"], "not a property like [name, {...}, type, value]"),
        (["summary", [], "text", "a"], "not a property like [name, {...}, type, value]"),
        (["dtstart", {}, "date-time", None], "DTSTART: its value is of a wrong type"),
        (["freebusy", {}, "period", "soon"], "FREEBUSY: a period has a start and an end"),
        (["dtstart", {}, "date-time", "soon"], "DTSTART: 'soon' is not a time"),
    ],
)
def test_an_unusable_event_is_skipped_alone(given: object, fault: str) -> None:
    top = components_of(calendar(event(given, UTC_START), event(UTC_START, uid="2")))
    parsed = ics_files.read_components(top, CalendarOptions(ALL, BERLIN))
    assert [event.info.uid for event in parsed.occurrences] == ["2"]
    [skipped] = parsed.skipped
    assert skipped.fault.startswith(f"line 1: {fault}")


def test_an_invalid_component_is_reported() -> None:
    parsed = ics_files.read_components(components_of(calendar(5)), CalendarOptions(ALL, BERLIN))
    assert [part.reason for part in parsed.skipped] == ["not a component like [name, [...], [...]]"]


def test_components_that_nest_too_deeply_are_rejected() -> None:
    deep: list[Any] = event()
    for _ in range(20):
        deep = ["vevent", [], [deep]]
    with pytest.raises(InvalidCalendarError, match="components are nested too deeply"):
        components_of(calendar(deep))
