"""The events of several files become one request."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from calendars.ics_cases import ALL, BERLIN, calendar_of, vevent
from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.merging import locate_field, merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_events import ParsedEvent
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions

CALENDARS = CalendarOptions(ALL, BERLIN)
READING = ReadOptions(CALENDARS)
LINE = b'{"id": "1", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}\n'
MEETING = "UID:1 | DTSTART:20260302T090000Z | DTEND:20260302T100000Z"
ICS = calendar_of(vevent(MEETING))


def source_of(name: str, *ids: str) -> ParsedFile:
    return ParsedFile(name, [ParsedEvent(Event(id=id_)) for id_ in ids], ConflictOptions())


TWO, NONE, ONE = source_of("a.json", "1", "2"), source_of("none.json"), source_of("b.json", "3")


def read_content(folder: Path, content: bytes, options: ReadOptions = READING) -> ParsedFile:
    path = folder / "file"
    path.write_bytes(content)
    return read_file(str(path), "file", options)


def test_files_are_merged_in_order() -> None:
    merged = merge_files([TWO, NONE, ONE], ConflictOptions()).request
    assert [event.id for event in merged.events] == ["1", "2", "3"]


def test_an_event_of_several_calendars_is_one_event(tmp_path: Path) -> None:
    other = calendar_of(vevent("UID:2 | DTSTART:20260302T090000Z"), vevent(MEETING))
    for name, content in (("anna.ics", ICS), ("bruno.ics", other)):
        (tmp_path / name).write_bytes(content)
    sources = [
        read_file(str(tmp_path / f"{name}.ics"), name, READING) for name in ("anna", "bruno")
    ]
    merged = merge_files(sources, ConflictOptions())
    assert [(event.id, list(event.resources)) for event in merged.request.events] == [
        ("1", ["anna", "bruno"]),
        ("2", ["bruno"]),
    ]
    assert merged.location(0) == (str(tmp_path / "anna.ics"), 4, "events[0]")
    assert merged.location(1) == (str(tmp_path / "bruno.ics"), 4, "events[0]")
    assert list(sources[0].events[0].event.resources) == ["anna"]


SERIES = (
    "UID:s | DTSTART;TZID=Europe/Berlin:20260302T090000 | DURATION:PT1H | RRULE:FREQ=WEEKLY;COUNT=2"
)
SECOND = "UID:s | DTSTART;TZID=Europe/Berlin:20260309T090000 | DURATION:PT1H | RECURRENCE-ID"


@pytest.mark.parametrize(
    "events",
    [
        (f"{SECOND};TZID=Europe/Berlin:20260309T090000",),
        (f"{SECOND}:20260309T080000Z",),
        (SERIES, f"{SECOND}:20260309T080000Z"),
    ],
    ids=[
        "a calendar with one event of the series",
        "named in UTC",
        "a series and an override named in UTC",
    ],
)
def test_an_event_of_a_series_is_one_event_in_every_notation(
    tmp_path: Path, events: Sequence[str]
) -> None:
    contents = calendar_of(vevent(SERIES)), calendar_of(*map(vevent, events))
    sources = [read_content(tmp_path, content) for content in contents]
    assert len(merge_files(sources, ConflictOptions()).request.events) == 2


def test_copies_at_different_times_are_two_events() -> None:
    moved = [ParsedEvent(Event(id="1"), is_shared=True), ParsedEvent(Event(id="1"), is_shared=True)]
    moved[1].event.start.seconds = 1
    sources = [ParsedFile("a", [event], ConflictOptions()) for event in moved]
    assert len(merge_files(sources, ConflictOptions()).request.events) == 2


def test_events_without_a_uid_stay_apart(tmp_path: Path) -> None:
    """Nothing identifies them, even if both are on the same line of their files."""
    content = calendar_of(vevent(MEETING).replace("UID:1\n", ""))
    sources = [read_content(tmp_path, content), read_content(tmp_path, content)]
    merged = merge_files(sources, ConflictOptions()).request
    assert [event.id for event in merged.events] == ["line 4", "line 4"]


def test_equal_events_of_other_formats_stay_apart() -> None:
    assert len(merge_files([ONE, ONE], ConflictOptions()).request.events) == 2


def test_the_callers_options_take_precedence_over_those_of_files() -> None:
    source = ParsedFile("a", [], ConflictOptions(capacity={"a": 2, "b": 2}))
    merged = merge_files([source], ConflictOptions(capacity={"b": 3}, explain=True))
    assert merged.request == EventList(
        options=ConflictOptions(capacity={"a": 2, "b": 3}, explain=True)
    )


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("events[0].start", "a.json: events[0].start"),
        ("events[1]", "a.json: events[1]"),
        ("events[2].end", "b.json: events[0].end"),
        ("events[3].end", "events[3].end"),
        ("options.min_gap", "options.min_gap"),
        ("", ""),
    ],
)
def test_a_field_of_the_request_is_located_in_its_file(field: str, place: str) -> None:
    assert locate_field(field, merge_files([TWO, NONE, ONE], ConflictOptions())) == place


def test_a_field_is_located_by_its_line_if_known() -> None:
    source = ParsedFile("a.csv", [ParsedEvent(Event(), line=7)], ConflictOptions())
    assert (
        locate_field("events[0].end", merge_files([source], ConflictOptions()))
        == "a.csv: line 7: end"
    )


@pytest.mark.parametrize("lines", [b"%s", b'{"events": [%s]}'])
def test_an_event_after_a_skipped_one_keeps_its_index(tmp_path: Path, lines: bytes) -> None:
    events = [LINE.strip(), b'{"id": 5}', LINE.strip()]
    source = read_content(tmp_path, lines % (b"," if b"[" in lines else b"\n").join(events))
    merged = merge_files([source], ConflictOptions())
    assert [merged.location(number)[2] for number in (0, 1)] == ["events[0]", "events[2]"]


def test_a_field_of_a_table_is_located_in_its_row() -> None:
    table = ParsedFile("a.parquet", [ParsedEvent(Event(), row=7)], ConflictOptions())
    merged = merge_files([table], ConflictOptions())
    assert merged.location(0) == ("a.parquet", None, "row 7")
    assert locate_field("events[0].start", merged) == "a.parquet: row 7: start"
