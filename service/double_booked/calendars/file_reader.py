"""A file of any format in, its events out."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from double_booked.api.scheduling_pb2 import ConflictOptions, Event
from double_booked.calendars import csv_events, ics_files, json_arrays, json_events
from double_booked.calendars.allowance import Allowance
from double_booked.calendars.attendance import owner_is_absent
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.folders import display_name
from double_booked.calendars.formats import detect_format, is_array
from double_booked.calendars.jcal import is_jcal, to_components
from double_booked.calendars.json_documents import decode_text, describe_position, load_document
from double_booked.calendars.opening import has_path, open_source, size_of
from double_booked.calendars.parsed_calendars import ParsedCalendar
from double_booked.calendars.parsed_events import RESOURCES, ParsedEvent, to_parsed_events
from double_booked.calendars.parsed_files import WHOLE, ParsedFile, ReadOptions
from double_booked.calendars.row_events import ParsedTable
from double_booked.calendars.rows import TableOptions
from double_booked.calendars.skipped import Skipped
from double_booked.conflicts.instants import nanoseconds, to_seconds
from double_booked.conflicts.validation import Fault, FaultKind, describe, event_faults
from double_booked.recurrence.calendar_times import Window
from double_booked.view.coverage import count_outside

if TYPE_CHECKING:
    import pyarrow as pa

    from double_booked.calendars.arrow_files import ArrowTable

_MAY_BE_MISSING = {"attendee", "location", "resource"}
"""The choices by which events of tables that lack the property are left out."""

_NO_PYARROW = "Parquet and Arrow files need pyarrow: pip install double-booked[arrow]"

_NOT_IN_JSON = {"attendee", "location"}
"""The choices that the event lists of this project do not have."""


@dataclass(frozen=True, slots=True)
class TableFile:
    """A Parquet or Arrow file whose rows are not yet events.

    Attributes:
        path: The path or the address.
        resource: The resource that stands for the file.
        options: How it is read.
        table: Its columns.
        is_file: Whether it is a file that has a path.
    """

    path: str
    resource: str
    options: ReadOptions
    table: "ArrowTable"
    is_file: bool


def read_file(
    path: str, resource: str, options: ReadOptions, allowance: Allowance | None = None
) -> ParsedFile:
    """Return the events of a file, as `open_file` reads it."""
    opened = open_file(path, resource, options, allowance)
    return parse_table(opened) if isinstance(opened, TableFile) else opened


def open_file(
    path: str, resource: str, options: ReadOptions, allowance: Allowance | None = None
) -> ParsedFile | TableFile:
    """Return the events of a file; "-" is standard input, and a web address is downloaded.

    Of a Parquet or Arrow file, only the columns are read; `parse_table` returns its events.

    Args:
        path: The path or the address.
        resource: The resource that stands for the file.
        options: How it is read.
        allowance: The bytes that this file and those read later may have together.

    Raises:
        InvalidCalendarError: The content is not a list of events, or the path is that of a device.
        TooLargeError: The allowance is used up.
        OSError: The file cannot be read.
    """
    allowance = allowance or Allowance()
    with open_source(path, allowance) as file:
        head = _read_head(file)
        format_ = options.format or detect_format(head, path, options.columns)
        if format_ in {"parquet", "arrow"}:
            table = _read_table(head + file.read(), options, allowance)
            return TableFile(path, resource, options, table, has_path(path))
        parsed = _read(head, file, format_, path, resource, options)
        return replace(parsed, is_file=has_path(path))


def parse_table(
    file: TableFile, rows: "pa.Array | None" = None, *, others_unnamed: int = 0
) -> ParsedFile:
    """Return the events of a table.

    Args:
        file: The table.
        rows: The rows to read, from 0 and in order; None for all.
        others_unnamed: How many of the other rows name no resource.

    Raises:
        InvalidCalendarError: Its columns cannot be used.
    """
    from double_booked.calendars import arrow_events  # noqa: PLC0415 - it needs an extra

    options = _table_options(file.options)
    table = arrow_events.to_events(file.table, options, rows, others_unnamed=others_unnamed)
    events = [ParsedEvent(event, row=number) for number, event in table.events]
    parsed = _from_table(file.path, table, events, file.options, file.resource)
    inside = _in_window(_without_faults(parsed), file.options.window)
    return replace(inside, is_file=file.is_file)


def _read_table(content: bytes, options: ReadOptions, allowance: Allowance) -> "ArrowTable":
    try:
        from double_booked.calendars import arrow_files  # noqa: PLC0415 - it needs an extra
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise InvalidCalendarError([_NO_PYARROW]) from error
    return arrow_files.read_table(content, options.columns, allowance)


def _read(  # noqa: PLR0917 - head and file are one
    head: bytes, file: BinaryIO, format_: str, path: str, resource: str, options: ReadOptions
) -> ParsedFile:
    if format_ == "ics":
        calendar = ics_files.parse(head + file.read(), options.calendar)
        return _from_calendar(display_name(path), calendar, options, resource)
    if format_ == "csv":
        parsed = _from_csv(path, head + file.read(), options, resource)
    elif is_array(head):
        return _from_array(path, head + file.read(), options, resource)
    else:
        parsed = _from_json(path, head, file, options, resource)
    return _in_window(_without_faults(parsed), options.window)


def _read_head(file: BinaryIO) -> bytes:
    """Return the lines up to the first that is not blank."""
    head = line = file.readline()
    while line and not line.removeprefix(codecs.BOM_UTF8).strip():
        line = file.readline()
        head += line
    return head


def _from_calendar(
    name: str, calendar: ParsedCalendar, options: ReadOptions, resource: str
) -> ParsedFile:
    by = options.by or "file"
    named = calendar.name if by == "calendar" else ""
    whole = "" if by in RESOURCES else named or resource
    resources_of = RESOURCES.get(by)
    owners = {calendar.name.lower(), Path(name).stem.lower(), resource.lower()}
    events: list[ParsedEvent] = []
    for _, group in groupby(calendar.occurrences, key=lambda occurrence: id(occurrence.info)):
        occurrences = list(group)
        info = occurrences[0].info
        if resources_of or not owner_is_absent(info.people, owners, options.me):
            resources = resources_of(info) if resources_of else (whole,)
            events += to_parsed_events(info, occurrences, resources)
    with_resource = [event for event in events if event.event.resources]
    return ParsedFile(
        name,
        with_resource,
        ConflictOptions(),
        outside=calendar.outside,
        outside_copies=calendar.outside_copies,
        without_resource=[event for event in events if not event.event.resources],
        skipped=calendar.skipped,
        calendar=whole,
        notes=calendar.notes,
        copies=calendar.copies,
    )


def _from_csv(path: str, content: bytes, options: ReadOptions, resource: str) -> ParsedFile:
    table = csv_events.parse(content, _table_options(options))
    events = [ParsedEvent(event, line) for line, event in table.events]
    return _from_table(path, table, events, options, resource)


def _from_array(path: str, content: bytes, options: ReadOptions, resource: str) -> ParsedFile:
    text = decode_text(content)
    loaded = load_document(text, "array of events", describe_position)
    document = loaded if isinstance(loaded, list) else []
    if is_jcal(document):
        calendar = ics_files.read_components(to_components(document, text), options.calendar)
        return _from_calendar(display_name(path), calendar, options, resource)
    table = json_arrays.parse(document, _table_options(options))
    events = [ParsedEvent(event, position=index) for index, event in table.events]
    parsed = _from_table(path, table, events, options, resource)
    return _in_window(_without_faults(parsed), options.window)


def _from_table(
    path: str,
    table: ParsedTable,
    events: Sequence[ParsedEvent],
    options: ReadOptions,
    resource: str,
) -> ParsedFile:
    _name_resources(events, options.by, resource, is_calendar=table.is_calendar)
    may_be_missing = options.by in _MAY_BE_MISSING
    without = [event for event in events if may_be_missing and not event.event.resources]
    return ParsedFile(
        display_name(path),
        [event for event in events if event.event.resources] if without else events,
        ConflictOptions(),
        without_resource=without,
        skipped=table.skipped,
        calendar=resource if table.is_calendar or options.by in WHOLE else "",
        assumptions=table.assumptions,
        names_resources=table.names_resources,
    )


def _table_options(options: ReadOptions) -> TableOptions:
    return TableOptions(
        options.calendar.zone,
        options.calendar.counting,
        options.day_first,
        options.columns,
        options.by,
        options.me,
        options.calendar.progress,
    )


def _name_resources(
    events: Sequence[ParsedEvent], by: str | None, resource: str, *, is_calendar: bool
) -> None:
    """Let the events of a calendar occupy the file."""
    for parsed in events:
        is_unnamed = by == "calendar" and not parsed.event.resources
        if is_calendar or by == "file" or is_unnamed:
            parsed.event.resources[:] = [resource]


def _from_json(
    path: str, head: bytes, file: BinaryIO, options: ReadOptions, resource: str
) -> ParsedFile:
    if options.by in _NOT_IN_JSON:
        raise InvalidCalendarError([f"JSON does not name any {options.by}; try --by file"])
    parsed = json_events.load(head, file, size_of(path), options.calendar.progress)
    pairs = zip(parsed.events.events, parsed.positions, strict=True)
    events = [ParsedEvent(event, position=position) for event, position in pairs]
    if options.by in WHOLE:
        for event in events:
            event.event.resources[:] = [resource]
    return ParsedFile(
        display_name(path),
        events,
        parsed.events.options,
        skipped=parsed.skipped,
        calendar=resource if options.by in WHOLE else "",
    )


def _without_faults(file: ParsedFile) -> ParsedFile:
    """Return the file with the events whose times cannot be used as skipped."""
    usable: list[ParsedEvent] = []
    skipped = list(file.skipped)
    for parsed in file.events:
        faults = [_skip(parsed, kind) for kind in event_faults(parsed.event)]
        skipped += faults
        if not faults:
            usable.append(parsed)
    return replace(file, events=usable, skipped=skipped)


def _skip(parsed: ParsedEvent, kind: FaultKind) -> Skipped:
    fault = describe(Fault(parsed.position or 0, kind))
    path = fault.field.partition(".")[2] if parsed.line or parsed.row else fault.field
    if parsed.row:
        path = f"row {parsed.row}: {path}"
    try:
        date = parsed.event.start.ToJsonString() if parsed.event.HasField("start") else ""
    except ValueError:  # the time is out of range
        date = ""
    return Skipped(parsed.line, f"{path}: {fault.description}", parsed.event.title, date)


def _in_window(file: ParsedFile, window: Window | None) -> ParsedFile:
    inside, starts = [], []
    for parsed in file.events:
        if _is_within(parsed.event, window):
            inside.append(parsed)
        else:
            starts.append(nanoseconds(parsed.event.start))
    return replace(file, events=inside, outside=count_outside(starts))


def _is_within(event: Event, window: Window | None) -> bool:
    if window is None:
        return True
    first, last = to_seconds(window.start), to_seconds(window.end)
    start, end = event.start.seconds, event.end.seconds
    return start < last and (end > first or start == end == first)
