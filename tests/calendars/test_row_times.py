"""The start and the end of a row are parsed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from calendars.ics_cases import BERLIN
from double_booked.calendars.row_times import TimeStyle, parse_times

STYLE = TimeStyle(BERLIN)
JSON_STYLE = TimeStyle(BERLIN, dates_end_before=True, without_end=timedelta(hours=1))
Texts = dict[str, str]


def span(texts: Texts, style: TimeStyle = STYLE) -> str:
    """Return times like "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z"."""
    times = parse_times(texts, {field: field.title() for field in texts}, style)
    return f"{times.start.ToJsonString()}/{times.end.ToJsonString()}"


def row(text: str) -> Texts:
    """Parse a row like "start: 9:00 | end: 10:00"."""
    pairs = (cell.partition(":") for cell in text.split("|"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def day(first: str, last: str = "") -> str:
    """Return the span in Berlin from the midnight of one day to that of another."""
    return f"{first}T23:00:00Z/{last}T23:00:00Z"


SPANS = {
    "points in time": (
        "start: 2026-12-02 09:00 | end: 12/2/2026 10:00 AM",
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
    "RFC 3339 keeps nanoseconds": (
        "start: 2026-12-02T09:00:00.123456789+01:00 | end: 2026-12-02T09:00:00Z",
        "2026-12-02T08:00:00.123456789Z/2026-12-02T09:00:00Z",
    ),
    "date and time in two columns": (
        "start date: 12/2/2026 | start time: 9:00 AM | end date: 12/3/2026 | end time: 8:00 AM",
        "2026-12-02T08:00:00Z/2026-12-03T07:00:00Z",
    ),
    "one date": (
        "start date: 2.12.2026 | start: 9:00 | end: 10:00",
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
    "one date over midnight": (
        "start date: 2.12.2026 | start: 22:00 | end: 6:00",
        "2026-12-02T21:00:00Z/2026-12-03T05:00:00Z",
    ),
    "one date without length": (
        "start date: 2.12.2026 | start: 9:00 | end: 9:00",
        "2026-12-02T08:00:00Z/2026-12-02T08:00:00Z",
    ),
    "one date up to midnight": (
        "start date: 2.12.2026 | start: 22:00 | end: 0:00",
        "2026-12-02T21:00:00Z/2026-12-02T23:00:00Z",
    ),
    "an end that is only a time": (
        "start: 2026-12-02 09:00 | end: 10:00",
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
    "an offset of the start is that of a time alone": (
        "start: 2026-12-02 09:00 +02:00 | end: 10:00",
        "2026-12-02T07:00:00Z/2026-12-02T08:00:00Z",
    ),
    "an end date is included": (
        "start: 2026-12-02 | end: 2026-12-03",
        day("2026-12-01", "2026-12-03"),
    ),
    "a date without an end is that day": (
        "start date: 2026-12-02",
        day("2026-12-01", "2026-12-02"),
    ),
    "a duration instead of an end": (
        "start: 2026-12-02 09:00 | duration: 1:30",
        "2026-12-02T08:00:00Z/2026-12-02T09:30:00Z",
    ),
    "an end takes precedence over a duration": (
        "start: 2026-12-02 09:00 | end: 2026-12-02 10:00 | duration: 9:00",
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
    "a whole day as Outlook exports it": (
        (
            "start date: 12/2/2026 | start time: 12:00:00 AM | end date: 12/3/2026"
            " | end time: 12:00:00 AM | all day: True"
        ),
        day("2026-12-01", "2026-12-02"),
    ),
    "a whole day as Google imports it": (
        "start date: 12/2/2026 | end date: 12/3/2026 | all day: TRUE",
        day("2026-12-01", "2026-12-03"),
    ),
    "a whole day without an end": (
        "start date: 12/2/2026 | end date:  | all day: yes",
        day("2026-12-01", "2026-12-02"),
    ),
    "a whole day that ends on itself": (
        (
            "start date: 12/2/2026 | start time: 0:00 | end date: 12/2/2026 | end time: 0:00"
            " | all day: x"
        ),
        day("2026-12-01", "2026-12-02"),
    ),
    "a whole day with times": (
        "start: 2026-12-02 08:00 | end: 2026-12-02 17:00 | all day: 1",
        day("2026-12-01", "2026-12-02"),
    ),
    "not a whole day": (
        "start: 2026-12-02 09:00 | end: 2026-12-02 10:00 | all day: False",
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
}


@pytest.mark.parametrize(("texts", "expected"), SPANS.values(), ids=SPANS)
def test_a_row_has_a_start_and_an_end(texts: str, expected: str) -> None:
    assert span(row(texts)) == expected


JSON_SPANS = {
    "an end date is excluded": (
        "start: 2026-12-02 | end: 2026-12-03",
        day("2026-12-01", "2026-12-02"),
    ),
    "a date that ends on itself is that day": (
        "start: 2026-12-02 | end: 2026-12-02",
        day("2026-12-01", "2026-12-02"),
    ),
    "the end of whole days is exclusive": (
        "start: 2026-12-02 | end: 2026-12-04 | all day: true",
        day("2026-12-01", "2026-12-03"),
    ),
    "a date without an end is that day": ("start: 2026-12-02", day("2026-12-01", "2026-12-02")),
    "a time without an end lasts an hour": (
        "start: 2026-12-02T09:00:00",
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
}


@pytest.mark.parametrize(("texts", "expected"), JSON_SPANS.values(), ids=JSON_SPANS)
def test_a_fullcalendar_event_has_an_exclusive_end(texts: str, expected: str) -> None:
    """In FullCalendar, ends are exclusive, and an event without an end lasts an hour."""
    assert span(row(texts), JSON_STYLE) == expected


FAULTS = {
    "no time": ("start: soon | end: 2026-12-02", "Start: 'soon' is not a time like 2026-11-23T09"),
    "a time without a date": ("start: 9:00 | end: 10:00", "Start: '9:00' is not a time like"),
    "no end": ("start: 2026-12-02 09:00 | end: ?", "End: '?' is not a time like"),
    "an empty end": ("start: 2026-12-02 09:00 | end:  ", "End: '' is not a time like"),
    "a date of two columns": (
        "start date: soon | start time: 9:00 | end: 10:00",
        "Start Date: 'soon' is not a time like",
    ),
    "a date beside an empty time": (
        "start date: 2026-12-05 | start time:  | end time: ",
        "Start Time: the cell is empty",
    ),
    "a date beside an empty start": (
        "start date: 2026-12-06 | start:  | end: 10:00",
        "Start: the cell is empty",
    ),
    "an end that is too late": (
        "start: 9999-12-31 | end: 9999-12-31",
        "End: '9999-12-31' is not a time like",
    ),
    "an invalid duration": (
        "start: 2026-12-02 09:00 | duration: long",
        "Duration: 'long' is not a duration like 1:30",
    ),
    "a duration that is too long": (
        "start: 9999-12-31 09:00 | duration: 99999999 days",
        "Duration: '99999999 days' is not a duration like 1:30",
    ),
}


@pytest.mark.parametrize(("texts", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_the_column(texts: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r"^\w") as refused:
        span(row(texts))
    assert str(refused.value).startswith(fault)


def test_an_event_without_an_end_can_have_a_duration() -> None:
    style = replace(STYLE, without_end=timedelta(minutes=30))
    assert span({"start": "2026-12-02 09:00"}, style).endswith("/2026-12-02T08:30:00Z")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ("start: 2026-12-02 | end: 2026-12-02", True),
        ("start: 2026-12-02 9:00 | end: 2026-12-02 10:00 | all day: yes", True),
        ("start: 2026-12-02 9:00 | end: 2026-12-02 10:00", False),
    ],
)
def test_whole_days_are_detected(texts: str, *, expected: bool) -> None:
    times = parse_times(row(texts), {"start": "Start", "end": "End"}, STYLE)
    assert times.is_of_dates == expected
