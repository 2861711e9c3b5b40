"""EventLists are read from JSON, and faults are reported with their position."""

import json
from io import BytesIO
from typing import BinaryIO

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendarError
from double_booked.calendars.json_events import load, parse


def read(file: BinaryIO) -> EventList:
    parsed = load(file.readline(), file)
    assert not parsed.skipped
    return parsed.events


def events_of(content: bytes) -> EventList:
    parsed = parse(content)
    assert not parsed.skipped
    return parsed.events


def faults_of(content: bytes) -> tuple[str, ...]:
    try:
        return tuple(part.fault for part in parse(content).skipped)
    except InvalidCalendarError as refused:
        return refused.faults


def faults_of_event(**fields: object) -> tuple[str, ...]:
    return faults_of(json.dumps({"events": [{}, fields]}).encode())


def test_every_field_of_an_event_is_read() -> None:
    content = b"""{"events": [{"id": "a", "title": "Stand-up", "description": "Daily",
        "start": "2026-11-16T09:30:00Z", "end": "2026-11-16T10:45:00.5+01:00"}]}"""
    assert events_of(content) == EventList(
        events=[
            Event(
                id="a",
                title="Stand-up",
                description="Daily",
                start=Timestamp(seconds=1794821400),
                end=Timestamp(seconds=1794822300, nanos=500_000_000),
            )
        ]
    )


@pytest.mark.parametrize("content", [b"{}", b' {"events": []}', b'{"events": null}'])
def test_a_list_can_be_empty(content: bytes) -> None:
    assert events_of(content) == EventList()


def test_a_byte_order_mark_is_ignored() -> None:
    assert events_of(b"\xef\xbb\xbf{}") == EventList()


def test_a_missing_time_is_left_to_the_engine() -> None:
    assert events_of(b'{"events": [{"end": null}]}') == EventList(events=[Event()])


def test_broken_json_is_reported_with_line_and_column() -> None:
    (fault,) = faults_of(b'{"events": [\n  {"id": "a" "title"}\n]}')
    assert fault.startswith("line 2, column 14: not JSON: ")


def test_text_that_is_not_utf_8_is_reported_with_its_line() -> None:
    assert faults_of(b'{"events":\n\xff[]}') == ("line 2: the text is not UTF-8",)


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_empty_content_is_rejected_with_an_example(content: bytes) -> None:
    assert faults_of(content) == ('it is empty; a list without events is {"events": []}',)


@pytest.mark.parametrize("content", [b"[]", b'""', b"5", b"null", b'[{"id": "a"}]', b"NaN"])
def test_the_outermost_value_must_be_an_object(content: bytes) -> None:
    (fault,) = faults_of(content)
    assert "the outermost value is not an object" in fault


@pytest.mark.parametrize("events", [b"5", b"{}", b'"a"', b"NaN"])
def test_events_must_be_a_list(events: bytes) -> None:
    assert faults_of(b'{"events": %s}' % events) == ("events: not a list",)


@pytest.mark.parametrize("event", [b"5", b"null", b'"a"', b"[5]"])
def test_an_event_must_be_an_object(event: bytes) -> None:
    assert faults_of(b'{"events": [{}, %s]}' % event) == ("events[1]: not an object",)


def test_an_unknown_field_is_reported_with_the_known_ones() -> None:
    assert faults_of_event(begin="2026-11-16T09:30:00Z") == (
        (
            "events[1].begin: no such field; "
            "Scheduling.Event has id, title, description, start, end, resources"
        ),
    )
    assert faults_of(b'{"event": []}') == (
        "event: no such field; Scheduling.EventList has events, options",
    )


@pytest.mark.parametrize("title", [5, True, [], {}, float("nan"), "\ud800"])
def test_a_title_must_be_a_text(title: object) -> None:
    assert faults_of_event(title=title) == ("events[1].title: not a text",)


@pytest.mark.parametrize(
    "time",
    [
        5,
        {"seconds": 5},
        "",
        "tomorrow",
        "2026-11-16",
        "2026-11-16T09:30:00",
        "2026-02-30T09:30:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "2026-11-16T09:30:00.0123456789Z",
    ],
)
def test_a_time_must_be_in_the_json_form_of_protobuf(time: object) -> None:
    (fault,) = faults_of_event(start=time)
    assert fault.startswith('events[1].start: not a time like "2026-11-02T09:00:00Z"')


def test_every_fault_is_reported() -> None:
    content = b'{"events": [{"title": 1, "start": 2}, {"end": 3}]}'
    assert [fault.split(":")[0] for fault in faults_of(content)] == [
        "events[0].title",
        "events[0].start",
        "events[1].end",
    ]


def test_an_unusable_event_is_skipped_alone() -> None:
    content = (
        b'{"options": {"capacity": {"a": 2}}, "events": [{"id": "1"}, 5,'
        b' {"title": "Lunch", "start": "2026-11-16", "end": 5}, {"id": "2"}]}'
    )
    parsed = parse(content)
    assert [event.id for event in parsed.events.events] == ["1", "2"]
    assert dict(parsed.events.options.capacity) == {"a": 2}
    assert parsed.positions == [0, 3]
    lunch = [(part.title, part.date) for part in parsed.skipped if "events[2]" in part.reason]
    assert lunch == [("Lunch", "2026-11-16")] * 2
    assert len(parsed.skipped) == 3


def test_only_the_first_faults_of_options_are_reported() -> None:
    fields = ",".join(f'"x{number}": 1' for number in range(MAX_FAULTS + 1))
    assert len(faults_of(b"{%s}" % fields.encode())) == MAX_FAULTS


def test_a_repeated_field_is_rejected() -> None:
    content = b'{"events": [{"title": "a", "title": "b"}]}'
    assert faults_of(content) == ('an object has the field "title" twice',)


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"events":' * 200_000])
def test_deep_nesting_is_rejected(content: bytes) -> None:
    assert faults_of(content) == ("not an EventList: it is nested too deeply",)


def test_a_huge_number_is_rejected() -> None:
    (fault,) = faults_of(b'{"events": [{"title": %s}]}' % (b"1" * 5000))
    assert fault == "not an EventList: a number has too many digits"


EVENT_LINE = b'{"id": "1", "start": "2026-11-23T09:00:00Z"}\n'


def test_each_json_line_is_an_event() -> None:
    events = read(BytesIO(EVENT_LINE + b"\n" + EVENT_LINE.replace(b"1", b"2", 1)))
    assert [event.id for event in events.events] == ["1", "2"]


def test_a_list_on_one_line_is_read_as_a_list() -> None:
    assert len(read(BytesIO(b'{"events": [{"id": "1"}]}\n')).events) == 1
    assert read(BytesIO(b"{}")) == EventList()


def test_json_lines_are_read_one_at_a_time() -> None:
    class Lines(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError(f"read({size}) takes more than a line")

    assert len(read(Lines(EVENT_LINE * 1000)).events) == 1000


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b'{"id": 5}', "id: not a text"),
        (b'{"id": "1"', "column 11: not JSON: Expecting ',' delimiter"),
        (b'{"begin": "1"}', "begin: no such field; Scheduling.Event has id, title,"),
        (b'{"id": "\xff"}', "the text is not UTF-8"),
        (b"[]", "not an object"),
        (b'{"id": "1", "id": "2"}', 'an object has the field "id" twice'),
        (b"[" * 100_000, "not an Event: it is nested too deeply"),
    ],
)
def test_a_fault_of_json_lines_is_reported_with_its_line(line: bytes, fault: str) -> None:
    parsed = load(EVENT_LINE, BytesIO(line + b"\n" + EVENT_LINE + line))
    assert len(parsed.events.events) == 2
    assert [part.line for part in parsed.skipped] == [2, 4]
    assert parsed.skipped[0].fault.startswith(f"line 2: {fault}")
