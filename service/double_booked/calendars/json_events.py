"""The protobuf JSON form of an EventList in, or JSON lines of Events; messages out."""

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendarError
from double_booked.calendars.json_documents import decode_text, load_document
from double_booked.calendars.skipped import Skipped
from double_booked.view.progress import Progress, ignore_progress, track_sizes

_EVENT_FIELDS = tuple(Event.DESCRIPTOR.fields_by_name)

_NOT_AN_OBJECT = 'not an EventList: the outermost value is not an object like {"events": [...]}'

# What protobuf raises for JSON of another form; SystemError if a name has a lone surrogate.
_NOT_THE_MESSAGE = (json_format.ParseError, SystemError)


@dataclass(frozen=True, slots=True)
class ParsedList:
    """The events of a file.

    Attributes:
        events: The usable events, and the options.
        positions: The index of each usable event among all events of the file.
        skipped: The other events.
    """

    events: EventList
    positions: Sequence[int]
    skipped: Sequence[Skipped] = ()


def load(
    head: bytes, file: BinaryIO, size: int = 0, progress: Progress = ignore_progress
) -> ParsedList:
    """Read an EventList in its JSON form, or JSON lines with an Event on each.

    JSON lines are read one at a time. Blank lines are ignored.

    Args:
        head: The first lines of the file, already read.
        file: The rest of the file.
        size: The bytes of the whole file; 0 if that is not known.
        progress: Receives the part of the lines that is read.

    Raises:
        InvalidCalendarError: The content is neither.
        OSError: The file cannot be read.
    """
    head = head.removeprefix(codecs.BOM_UTF8)
    if _is_event(head):
        lines = chain(head.splitlines(keepends=True), file)
        return _parse_lines(track_sizes(lines, size, progress))
    return parse(head + file.read())


def _is_event(line: bytes) -> bool:
    """Return whether a line is an object of its own with a field of Event."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and not document.keys().isdisjoint(_EVENT_FIELDS)


def _parse_lines(lines: Iterable[bytes]) -> ParsedList:
    events = EventList()
    skipped: list[Skipped] = []
    positions = []
    filled = ((number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip())
    for position, (number, line) in enumerate(filled):
        parsed = _parse_line(line)
        if isinstance(parsed, Event):
            events.events.append(parsed)
            positions.append(position)
        else:
            skipped += [replace(fault, line=number) for fault in parsed]
    return ParsedList(events, positions, skipped)


def _parse_line(line: bytes) -> Event | list[Skipped]:
    """Return the event of a line, or its faults."""
    reason = ""
    try:
        if line.startswith(b"{"):  # protobuf accepts [] and "" as {}
            return json_format.Parse(line.decode(), Event())
    except UnicodeDecodeError:
        return [Skipped(None, "the text is not UTF-8")]
    except _NOT_THE_MESSAGE as error:
        reason = str(error)
    try:
        document = load_document(line, "Event", lambda error: f"column {error.colno}")
    except InvalidCalendarError as error:
        return [Skipped(None, fault) for fault in error.faults]
    return _faults_of_event(document, "") or [Skipped(None, reason)]


def parse(content: bytes) -> ParsedList:
    """Parse an EventList in its JSON form (protobuf.dev/programming-guides/json).

    The times of the events are not validated.

    Raises:
        InvalidCalendarError: The bytes are not UTF-8, not JSON, or not an EventList.
    """
    text = decode_text(content)
    reason = ""
    try:
        if text.lstrip().startswith("{"):  # protobuf accepts [] and "" as {}
            events = json_format.Parse(text, EventList())
            return ParsedList(events, range(len(events.events)))
    except _NOT_THE_MESSAGE as error:
        reason = str(error)  # it lacks the position of most faults, and how to fix them
    document = load_document(
        text, "EventList", lambda error: f"line {error.lineno}, column {error.colno}"
    )
    parsed = _usable(document)
    if not parsed.skipped:
        raise InvalidCalendarError([reason])
    return parsed


def _usable(document: object) -> ParsedList:
    """Return the usable events of a document, and the faults of the others.

    Raises:
        InvalidCalendarError: The document is not an EventList, apart from its events.
    """
    if not isinstance(document, dict):
        raise InvalidCalendarError([_NOT_AN_OBJECT])
    events = document.pop("events", None)
    faults = list(_field_faults(document, EventList, ""))
    if not isinstance(events, list | None):
        faults.append("events: not a list")
    if faults:
        raise InvalidCalendarError(faults[:MAX_FAULTS])
    usable = json_format.ParseDict(document, EventList())
    positions, skipped = [], []
    for position, event in enumerate(events or ()):
        faults_of_event = _faults_of_event(event, f"events[{position}]")
        skipped += faults_of_event
        if not faults_of_event:
            positions.append(position)
            json_format.ParseDict(event, usable.events.add())
    return ParsedList(usable, positions, skipped)


def _faults_of_event(event: object, path: str) -> list[Skipped]:
    if not isinstance(event, dict):
        return [Skipped(None, f"{path}: not an object".removeprefix(": "), "")]
    title, start = (event.get(name) for name in ("title", "start"))
    texts = [value if isinstance(value, str) else "" for value in (title, start)]
    faults = _field_faults(event, Event, f"{path}." if path else "")
    return [Skipped(None, fault, *texts) for fault in faults]


def _field_faults(
    fields: dict[str, object], message: type[Event | EventList], path: str
) -> Iterator[str]:
    for name, value in fields.items():
        try:
            json_format.ParseDict({name: value}, message())
        except _NOT_THE_MESSAGE:
            yield f"{path}{name}: {_expected(name, message.DESCRIPTOR)}"


def _expected(name: str, message: Descriptor) -> str:
    """Return what the value of a field should be."""
    field = dict(message.fields_by_name).get(name)  # the map itself rejects lone surrogates
    if field is None:
        return f"no such field; {message.full_name} has {', '.join(message.fields_by_name)}"
    if field.message_type is ConflictOptions.DESCRIPTOR:
        return f"not a {field.message_type.full_name}"
    if field.message_type:
        return 'not a time like "2026-11-02T09:00:00Z" or "2026-11-02T10:00:00+01:00"'
    return "not a list of texts" if field.is_repeated else "not a text"
