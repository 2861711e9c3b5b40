"""The protobuf JSON form of an EventList in, messages out."""

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import BinaryIO

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendar

_EVENT_FIELDS = tuple(Event.DESCRIPTOR.fields_by_name)

# What protobuf raises for JSON of another form; SystemError where a name has a lone surrogate.
_NOT_THE_MESSAGE = (json_format.ParseError, SystemError)


def load(head: bytes, file: BinaryIO) -> EventList:
    """Reads an EventList in its JSON form, or JSON lines: the JSON form of an Event on each.

    Of JSON lines one at a time is held as text. Blank lines are passed over.

    Args:
        head: Whole lines that were read from the file.
        file: The rest.

    Raises:
        InvalidCalendar: The content is neither; faults of lines name the line.
        OSError: The file cannot be read.
    """
    head = head.removeprefix(codecs.BOM_UTF8)
    if _is_event(head):
        return _parse_lines(chain(head.splitlines(keepends=True), file))
    return parse(head + file.read())


def _is_event(line: bytes) -> bool:
    """Whether a line by itself is an object that is an Event rather than an EventList."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and not document.keys().isdisjoint(_EVENT_FIELDS)


def _parse_lines(lines: Iterable[bytes]) -> EventList:
    events = EventList()
    faults: list[str] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                events.events.append(_parse_line(line.strip()))
            except InvalidCalendar as error:
                faults += [f"line {number}: {fault}" for fault in error.faults]
        if len(faults) >= MAX_FAULTS:
            break
    if faults:
        raise InvalidCalendar(faults[:MAX_FAULTS])
    return events


def _parse_line(line: bytes) -> Event:
    if line.startswith((b"[", b'"')):
        raise InvalidCalendar(list(_line_faults(line)))  # protobuf takes [] and "" for {}
    try:
        return json_format.Parse(line.decode(), Event())
    except UnicodeDecodeError as error:
        raise InvalidCalendar(["the text is not UTF-8"]) from error
    except _NOT_THE_MESSAGE as error:
        raise InvalidCalendar(list(_line_faults(line)) or [str(error)]) from error


def _line_faults(line: bytes) -> Iterator[str]:
    def check(document: object) -> Iterator[str]:
        if isinstance(document, dict):
            return _field_faults(document, Event, "")
        return iter(["not an object"])

    return _json_faults(line, "Event", lambda error: f"column {error.colno}", check)


def parse(content: bytes) -> EventList:
    """Reads an EventList in its JSON form (protobuf.dev/programming-guides/json).

    Whether the events' times can be used is not looked at.

    Raises:
        InvalidCalendar: The bytes are not UTF-8, not JSON, or not an EventList.
    """
    text = _decode(content)
    try:
        events = json_format.Parse(text, EventList())
    except _NOT_THE_MESSAGE as error:
        # protobuf's words name neither the place of every fault nor how to mend it.
        faults = list(islice(_faults(text), MAX_FAULTS))
        raise InvalidCalendar(faults or [str(error)]) from error
    if not text.lstrip().startswith("{"):
        raise InvalidCalendar(list(_faults(text)))  # protobuf takes [] and "" for {}
    return events


def _decode(content: bytes) -> str:
    if not content.strip():
        raise InvalidCalendar(['it is empty; a list without events is {"events": []}'])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidCalendar([f"line {line}: the text is not UTF-8"]) from error


def _faults(text: str) -> Iterator[str]:
    def place(error: json.JSONDecodeError) -> str:
        return f"line {error.lineno}, column {error.colno}"

    return _json_faults(text, "EventList", place, _document_faults)


def _json_faults(
    text: str | bytes,
    message: str,
    place: Callable[[json.JSONDecodeError], str],
    check: Callable[[object], Iterator[str]],
) -> Iterator[str]:
    """What keeps the text from being JSON, or else what `check` finds in the document."""
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        yield f"{place(error)}: not JSON: {error.msg}"
    except RecursionError:
        yield f"not an {message}: it is nested too deeply"
    except _DuplicateKey as error:
        yield str(error)
    except ValueError:
        yield f"not an {message}: a number has too many digits"
    else:
        yield from check(document)


class _DuplicateKey(ValueError):  # noqa: N818 - as above
    pass


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique: dict[str, object] = {}
    for name, value in pairs:
        if name in unique:
            raise _DuplicateKey(f'an object has the field "{name}" twice')
        unique[name] = value
    return unique


def _document_faults(document: object) -> Iterator[str]:
    if not isinstance(document, dict):
        yield 'not an EventList: the outermost value is not an object like {"events": [...]}'
        return
    events = document.pop("events", None)
    yield from _field_faults(document, EventList, "")
    if not isinstance(events, list | None):
        yield "events: not a list"
        return
    for position, event in enumerate(events or ()):
        if isinstance(event, dict):
            yield from _field_faults(event, Event, f"events[{position}].")
        else:
            yield f"events[{position}]: not an object"


def _field_faults(
    fields: dict[str, object], message: type[Event | EventList], path: str
) -> Iterator[str]:
    for name, value in fields.items():
        try:
            json_format.ParseDict({name: value}, message())
        except _NOT_THE_MESSAGE:
            yield f"{path}{name}: {_wrong_with(name, message.DESCRIPTOR)}"


def _wrong_with(name: str, message: Descriptor) -> str:
    field = dict(message.fields_by_name).get(name)  # itself, it takes no lone surrogates
    if field is None:
        return f"no such field; {message.full_name} has {', '.join(message.fields_by_name)}"
    if field.message_type is ConflictOptions.DESCRIPTOR:
        return f"not a {field.message_type.full_name}"
    if field.message_type:
        return 'not a time like "2026-11-02T09:00:00Z" or "2026-11-02T10:00:00+01:00"'
    return "not a list of texts" if field.is_repeated else "not a text"
