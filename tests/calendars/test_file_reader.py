"""Files of all formats are read by name, and their format is detected."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from calendars.ics_cases import ALL, BERLIN, calendar_of, vevent
from double_booked.api.scheduling_pb2 import ConflictOptions, Event
from double_booked.calendars.allowance import Allowance, TooLargeError
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_events import ParsedEvent
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions
from double_booked.recurrence.calendar_times import Window

CALENDARS = CalendarOptions(ALL, BERLIN)
READING = ReadOptions(CALENDARS)
JSON = b'{"events": [{"id": "1", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}]}'
LINE = b'{"id": "1", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}\n'
CSV = b"id,start,end\n1,2026-03-02T09:00:00Z,2026-03-02T10:00:00Z\n"
MEETING = "UID:1 | DTSTART:20260302T090000Z | DTEND:20260302T100000Z"
ICS = calendar_of(vevent(MEETING))


def read_content(folder: Path, content: bytes, options: ReadOptions = READING) -> ParsedFile:
    path = folder / "file"
    path.write_bytes(content)
    return read_file(str(path), "file", options)


def resources(source: ParsedFile) -> list[list[str]]:
    return [list(parsed.event.resources) for parsed in source.events]


def test_a_parsed_file_has_the_name_of_its_file(tmp_path: Path) -> None:
    file = tmp_path / "week.json"
    file.write_text(
        '{"events": [{"id": "1", "start": "1970-01-01T00:00:01Z", "end": "1970-01-01T00:00:02Z"}],'
        ' "options": {"capacity": {"a": 2}}}'
    )
    times = {"start": Timestamp(seconds=1), "end": Timestamp(seconds=2)}
    events = [ParsedEvent(Event(id="1", **times), position=0)]
    expected = ParsedFile(str(file), events, ConflictOptions(capacity={"a": 2}), skipped=[])
    assert read_file(str(file), "week", READING) == expected


def test_a_file_that_cannot_be_opened_raises_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(str(tmp_path / "missing.json"), "missing", READING)


@pytest.mark.parametrize("content", [JSON, LINE, CSV, ICS], ids=["JSON", "lines", "CSV", "ics"])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\n", b"\r\n"])
def test_a_format_is_detected_by_content(tmp_path: Path, content: bytes, before: bytes) -> None:
    if before.strip() or content is not CSV:
        [parsed] = read_content(tmp_path, before + content).events
        assert parsed.event.id == "1"
        assert parsed.event.start.ToJsonString() == "2026-03-02T09:00:00Z"


def test_a_format_can_be_forced(tmp_path: Path) -> None:
    with pytest.raises(InvalidCalendarError) as refused:
        read_content(tmp_path, b"BEGIN:VCALENDAR", ReadOptions(CALENDARS, format="json"))
    assert "not JSON" in refused.value.faults[0]


def test_content_of_an_unknown_format_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InvalidCalendarError) as refused:
        read_content(tmp_path, b"Dear all, shall we meet?\n")
    assert refused.value.faults[0].startswith("neither a calendar, which begins with BEGIN:")


@pytest.mark.parametrize(
    ("encoding", "fault"),
    [("utf-16", "line 1: the text is UTF-16, not UTF-8"), ("utf-16-le", "neither a calendar")],
    ids=["with a mark", "without"],
)
@pytest.mark.parametrize("content", [CSV, ICS], ids=["CSV", "ics"])
def test_content_in_utf_16_is_rejected(
    tmp_path: Path, content: bytes, encoding: str, fault: str
) -> None:
    with pytest.raises(InvalidCalendarError, match=fault):
        read_content(tmp_path, content.decode().encode(encoding))


def test_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_bytes(JSON)
    (tmp_path / "link.json").symlink_to("real.json")
    assert len(read_file(str(tmp_path / "link.json"), "link", READING).events) == 1


def test_a_device_is_rejected() -> None:
    with pytest.raises(
        InvalidCalendarError, match="it is a device; name a file, a folder, or - for"
    ):
        read_file("/dev/zero", "zero", READING)


@pytest.mark.parametrize("content", [JSON, LINE, CSV, ICS], ids=["JSON", "lines", "CSV", "ics"])
def test_the_allowance_is_for_all_files_together(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    allowance = Allowance(2 * len(content))
    for _ in range(2):
        read_file(str(path), "file", READING, allowance)
    with pytest.raises(
        TooLargeError, match=f"more than {2 * len(content)} bytes in all; --max-bytes"
    ):
        read_file(str(path), "file", READING, allowance)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (None, ["file"]),
        ("file", ["file"]),
        ("calendar", ["Team"]),
        ("attendee", ["anna@example.org", "bruno@example.org"]),
        ("location", ["Room 1"]),
        ("resource", ["Beamer", "Easel"]),
    ],
)
def test_an_event_of_a_calendar_occupies_the_chosen_resources(
    tmp_path: Path, by: str | None, expected: list[str]
) -> None:
    event = vevent(
        f"{MEETING} | LOCATION:Room 1 | RESOURCES:Beamer | RESOURCES:Easel"
        " | ATTENDEE:mailto:anna@example.org | ATTENDEE:mailto:bruno@example.org"
    )
    content = calendar_of("X-WR-CALNAME:Team", event)
    assert resources(read_content(tmp_path, content, ReadOptions(CALENDARS, by=by))) == [expected]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (None, []),
        ("calendar", []),
        ("attendee", [["bruno@example.org"]]),
        ("location", [["Room 1"]]),
    ],
)
@pytest.mark.parametrize(
    ("name", "file"),
    [("Anna@example.org", "file"), ("Work", "anna@example.org.ics")],
    ids=["by the calendar's name", "by the file's"],
)
def test_a_declined_event_is_absent_from_its_owners_calendar(
    tmp_path: Path, by: str | None, expected: list[list[str]], name: str, file: str
) -> None:
    """Google exports a person's calendar so; the others still meet."""
    event = vevent(
        f"{MEETING} | LOCATION:Room 1 | ATTENDEE;PARTSTAT=DECLINED:mailto:anna@example.org"
        " | ATTENDEE;PARTSTAT=ACCEPTED:mailto:bruno@example.org"
    )
    path = tmp_path / file
    path.write_bytes(calendar_of(f"X-WR-CALNAME:{name}", event))
    assert resources(read_file(str(path), file, ReadOptions(CALENDARS, by=by))) == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [(None, []), ("calendar", []), ("attendee", [["bruno@example.org"]]), ("location", [["Lab"]])],
)
def test_a_declined_event_is_absent_from_my_calendar(
    tmp_path: Path, by: str | None, expected: list[list[str]]
) -> None:
    event = vevent(
        f"{MEETING} | LOCATION:Lab | ATTENDEE;PARTSTAT=DECLINED:mailto:anna@example.org"
        " | ATTENDEE:mailto:bruno@example.org"
    )
    mine = ReadOptions(CALENDARS, by=by, me=frozenset({"anna@example.org"}))
    assert resources(read_content(tmp_path, calendar_of(event), mine)) == expected
    assert len(resources(read_content(tmp_path, calendar_of(event)))) == 1


@pytest.mark.parametrize("by", ["attendee", "location", "resource"])
def test_events_without_the_chosen_property_are_counted(tmp_path: Path, by: str) -> None:
    source = read_content(tmp_path, ICS, ReadOptions(CALENDARS, by=by))
    assert (list(source.events), len(source.without_resource)) == ([], 1)


@pytest.mark.parametrize("content", [JSON, CSV])
def test_other_formats_occupy_the_resources_that_they_name(tmp_path: Path, content: bytes) -> None:
    assert resources(read_content(tmp_path, content)) == [[]]
    for by in ("file", "calendar"):
        assert resources(read_content(tmp_path, content, ReadOptions(CALENDARS, by=by))) == [
            ["file"]
        ]
    with pytest.raises(InvalidCalendarError, match="does not name any attendee; try --by file"):
        read_content(tmp_path, content, ReadOptions(CALENDARS, by="attendee"))


@pytest.mark.parametrize(
    ("header", "expected", "without"),
    [("room", [["Blue"]], 1), ("resource", [["Blue"]], 1), ("who", [], 2)],
)
def test_rows_without_a_resource_are_counted(
    tmp_path: Path, header: str, expected: list[list[str]], without: int
) -> None:
    hour = "2026-12-02 09:00,2026-12-02 10:00"
    content = f"start,end,{header}\n{hour},Blue\n{hour},\n"
    source = read_content(tmp_path, content.encode(), ReadOptions(CALENDARS, by="resource"))
    assert (resources(source), len(source.without_resource)) == (expected, without)


@pytest.mark.parametrize("content", [JSON, CSV])
def test_other_formats_are_read_whole_without_a_window(tmp_path: Path, content: bytes) -> None:
    later = Window(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
    options = ReadOptions(CalendarOptions(later, BERLIN))
    assert read_content(tmp_path, content, options).outside is None
    outside = read_content(tmp_path, content, ReadOptions(CALENDARS, later)).outside
    assert outside
    assert outside.events == 1


def test_the_id_of_an_event_in_a_series_has_its_date(tmp_path: Path) -> None:
    weekly = "DTSTART;TZID=Europe/Berlin:20260323T090000 | RRULE:FREQ=WEEKLY;COUNT=2 | UID:s"
    daily = "DTSTART;VALUE=DATE:20260323 | RRULE:FREQ=DAILY;COUNT=1 | UID:d"
    source = read_content(tmp_path, calendar_of(vevent(weekly), vevent(daily)))
    assert [parsed.event.id for parsed in source.events] == [
        "s 2026-03-23T09:00:00+01:00",
        "s 2026-03-30T09:00:00+02:00",
        "d 2026-03-23",
    ]


@pytest.mark.parametrize("start", ["", '"start": "2026-03-02T11:00:00Z", '])
def test_an_event_with_unusable_times_is_skipped(tmp_path: Path, start: str) -> None:
    bad = b'{"title": "Lunch", %s"end": "2026-03-02T10:00:00Z"}' % start.encode()
    source = read_content(tmp_path, b'{"events": [%s, %s]}' % (LINE, bad))
    assert [parsed.event.id for parsed in source.events] == ["1"]
    [skipped] = source.skipped
    assert skipped.reason.startswith("events[1].end: " if start else "events[1].start: ")
    assert (skipped.title, skipped.date) == ("Lunch", "2026-03-02T11:00:00Z" if start else "")


def test_a_row_that_ends_before_its_start_is_skipped_with_its_line(tmp_path: Path) -> None:
    source = read_content(tmp_path, CSV + b"2,2026-03-02T09:00:00Z,2026-03-02T08:00:00Z\n")
    assert [parsed.event.id for parsed in source.events] == ["1"]
    assert [row.fault for row in source.skipped] == ["line 3: end: the end is before the start"]
