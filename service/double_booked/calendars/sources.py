"""Where events are read from; several sources make one list."""

import codecs
import io
import os
import re
import stat
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.calendars import csv_events, ics, json_arrays, json_events
from double_booked.calendars.allowance import Allowance, Metered
from double_booked.calendars.attendance import owner_is_absent
from double_booked.calendars.copies import Copies, Copy, Fate
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.folders import display_name
from double_booked.calendars.formats import detect_format, is_array
from double_booked.calendars.ics_events import RESOURCES, ParsedEvent, to_parsed_events
from double_booked.calendars.jcal import is_jcal, to_components
from double_booked.calendars.json_documents import decode_text, describe_position, load_document
from double_booked.calendars.row_events import ParsedTable
from double_booked.calendars.rows import TableOptions
from double_booked.calendars.skipped import Skipped
from double_booked.calendars.web_addresses import is_address
from double_booked.conflicts.instants import to_seconds
from double_booked.conflicts.validation import Fault, FaultKind, describe, event_faults
from double_booked.recurrence.series import Window

_STANDARD_INPUT = 0
_ITS_PATHS = {"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}
_EVENT_FIELD = re.compile(r"events\[(\d+)\](.*)", re.DOTALL)
_ITSELF = {"file", "calendar"}
"""The choices by which events take what they are in."""

_MAY_BE_MISSING = {"attendee", "location", "resource"}
"""What events of tables need not have; then they are not compared."""

_NOT_IN_JSON = {"attendee", "location"}
"""What the event lists of this project do not have."""

BY = ("file", "calendar", *RESOURCES)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files are read.

    Attributes:
        calendar: How .ics files are read; its zone is that of times of CSV without one.
        window: If any, only what takes some of it is read of other files too.
        format: One of FORMATS; None to tell by the content.
        by: What events take, one of BY; None for files of .ics, and what the other formats say.
        me: The addresses of whose calendars these are, as `normalize_address` returns them.
        merge: Whether all files are one calendar; `by` is "file" then.
        day_first: Whether dates like 3/4/2026 begin with the day.
        columns: The names of the columns to read as fields of `columns.FIELDS`.
    """

    calendar: ics.CalendarOptions
    window: Window | None = None
    format: str | None = None
    by: str | None = None
    me: frozenset[str] = frozenset()
    merge: bool = False
    day_first: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What was read of a file.

    Attributes:
        name: Under which people know it.
        events: The events.
        options: What the file says of what counts as a conflict.
        outside: How many events and series have nothing in the window.
        without_resource: How many events take nothing of what they were to be looked at by.
        skipped: What cannot be used.
        calendar: What all its events take; "" where each names what it takes.
        notes: What was read differently from what the file says, each with its line.
        assumptions: A sentence about each thing that the file leaves open, and how it was read.
        is_file: Whether it is a file that has a path.
        names_resources: Whether its events take what a column names, as people spell it.
        copies: The components of its calendars, to be compared with those of others.
    """

    name: str
    events: Sequence[ParsedEvent]
    options: ConflictOptions
    outside: int = 0
    without_resource: int = 0
    skipped: Sequence[Skipped] = ()
    calendar: str = ""
    notes: Sequence[str] = ()
    assumptions: Sequence[str] = ()
    is_file: bool = True
    names_resources: bool = False
    copies: Sequence[Sequence[Copy]] = ()


@dataclass(frozen=True, slots=True)
class MergedEvents:
    """All the sources' events in one list.

    Attributes:
        request: The list.
        files: Where they are from.
        origins: Of each event, the number of its source, and its place among those found there.
        older: How many events were left out, since another calendar has a newer copy.
    """

    request: EventList
    files: Sequence[ParsedFile]
    origins: Sequence[tuple[int, int]]
    older: int = 0

    def lookup(self, position: int) -> tuple[ParsedFile, ParsedEvent]:
        """The source of an event of the list, and what was found there."""
        number, index = self.origins[position]
        return self.files[number], self.files[number].events[index]

    def location(self, position: int) -> tuple[str, int | None, str]:
        """The file of an event of the list, its line if known, and its field in the file."""
        number, index = self.origins[position]
        source = self.files[number]
        each = source.events[index]
        field = f"events[{index if each.position is None else each.position}]"
        return source.name, each.line, field


def read_file(
    path: str, resource: str, options: ReadOptions, allowance: Allowance | None = None
) -> ParsedFile:
    """Reads a file; "-" is standard input, and an address is downloaded.

    Args:
        path: Where it is.
        resource: What it is called among the resources.
        options: How it is read.
        allowance: How much of it, and of what is read later, may be read.

    Raises:
        InvalidCalendarError: The content is no list of events, or the path is that of a device.
        TooLargeError: The allowance is used up.
        OSError: The file cannot be read.
    """
    is_file = path != "-" and not is_address(path)
    with _open(path, allowance or Allowance()) as file:
        return replace(_read(file, path, resource, options), is_file=is_file)


def _read(file: BinaryIO, path: str, resource: str, options: ReadOptions) -> ParsedFile:
    head = _read_head(file)
    found_format = options.format or detect_format(head, path, options.columns)
    if found_format == "ics":
        events = ics.parse(head + file.read(), options.calendar)
        return _from_calendar(display_name(path), events, options, resource)
    if found_format == "csv":
        source = _from_csv(path, head + file.read(), options, resource)
    elif is_array(head):
        return _from_array(path, head + file.read(), options, resource)
    else:
        source = _from_json(path, head, file, options, resource)
    return _in_window(_without_faults(source), options.window)


def _from_csv(path: str, content: bytes, options: ReadOptions, resource: str) -> ParsedFile:
    table = csv_events.parse(content, _of_tables(options))
    found = [ParsedEvent(event, line) for line, event in table.events]
    return _from_table(path, table, found, options, resource)


def _from_array(path: str, content: bytes, options: ReadOptions, resource: str) -> ParsedFile:
    text = decode_text(content)
    loaded = load_document(text, "array of events", describe_position)
    document = loaded if isinstance(loaded, list) else []
    if is_jcal(document):
        calendar = ics.read_components(to_components(document, text), options.calendar)
        return _from_calendar(display_name(path), calendar, options, resource)
    table = json_arrays.parse(document, _of_tables(options))
    found = [ParsedEvent(event, position=index) for index, event in table.events]
    source = _from_table(path, table, found, options, resource)
    return _in_window(_without_faults(source), options.window)


def _from_table(
    path: str, table: ParsedTable, found: Sequence[ParsedEvent], options: ReadOptions, resource: str
) -> ParsedFile:
    inside = _with_resources(found, options.by, resource, is_calendar=table.is_calendar)
    return ParsedFile(
        display_name(path),
        inside,
        ConflictOptions(),
        without_resource=len(found) - len(inside),
        skipped=table.skipped,
        calendar=resource if table.is_calendar or options.by in _ITSELF else "",
        assumptions=table.assumptions,
        names_resources=table.names_resources,
    )


def _of_tables(options: ReadOptions) -> TableOptions:
    calendars = options.calendar
    return TableOptions(
        calendars.zone,
        calendars.counting,
        options.day_first,
        options.columns,
        options.by,
        options.me,
    )


def _with_resources(
    found: Sequence[ParsedEvent], by: str | None, resource: str, *, is_calendar: bool
) -> list[ParsedEvent]:
    """Return the events that take something; those of one calendar take the file."""
    for each in found:
        is_unnamed = by == "calendar" and not each.event.resources
        if is_calendar or by == "file" or is_unnamed:
            each.event.resources[:] = [resource]
    return [each for each in found if each.event.resources or by not in _MAY_BE_MISSING]


def _from_json(
    path: str, head: bytes, file: BinaryIO, options: ReadOptions, resource: str
) -> ParsedFile:
    if options.by in _NOT_IN_JSON:
        raise InvalidCalendarError([f"JSON does not tell of any {options.by}; try --by file"])
    listed = json_events.load(head, file)
    pairs = zip(listed.events.events, listed.positions, strict=True)
    found = [ParsedEvent(event, position=position) for event, position in pairs]
    if options.by in _ITSELF:
        for each in found:
            each.event.resources[:] = [resource]
    return ParsedFile(
        display_name(path),
        found,
        listed.events.options,
        skipped=listed.skipped,
        calendar=resource if options.by in _ITSELF else "",
    )


def _without_faults(source: ParsedFile) -> ParsedFile:
    """Skips the events whose times cannot be used."""
    found: list[ParsedEvent] = []
    skipped = list(source.skipped)
    for each in source.events:
        faults = [_skip(each, kind) for kind in event_faults(each.event)]
        skipped += faults
        if not faults:
            found.append(each)
    return replace(source, events=found, skipped=skipped)


def _skip(each: ParsedEvent, kind: FaultKind) -> Skipped:
    fault = describe(Fault(each.position or 0, kind))
    path = fault.field if each.line is None else fault.field.partition(".")[2]
    try:
        date = each.event.start.ToJsonString() if each.event.HasField("start") else ""
    except ValueError:  # it is out of range
        date = ""
    return Skipped(each.line, f"{path}: {fault.description}", each.event.title, date)


def _in_window(source: ParsedFile, window: Window | None) -> ParsedFile:
    inside = [each for each in source.events if _is_within(each.event, window)]
    return replace(source, events=inside, outside=len(source.events) - len(inside))


def _open(path: str, allowance: Allowance) -> BinaryIO:
    if is_address(path):
        # It takes long to import, and most files are none.
        from double_booked.calendars.downloads import download  # noqa: PLC0415

        return io.BytesIO(download(path, allowance))
    if path == "-" or path in _ITS_PATHS:
        # A copy of the descriptor, so that standard input itself stays open.
        file: io.RawIOBase = io.FileIO(os.dup(_STANDARD_INPUT))
    else:
        _check_kind(path)
        file = io.FileIO(path)
    return io.BufferedReader(Metered(file, allowance))


def _check_kind(path: str) -> None:
    """Refuse what has no end or cannot be opened; a FIFO is read, as <(...) of a shell is one."""
    mode = Path(path).stat().st_mode
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        kind = "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise InvalidCalendarError(
            [f"it is {kind}; name a file, a folder, or - for standard input"]
        )


def _read_head(file: BinaryIO) -> bytes:
    """The lines up to the first that is not blank."""
    head = line = file.readline()
    while line and not line.removeprefix(codecs.BOM_UTF8).strip():
        line = file.readline()
        head += line
    return head


def _from_calendar(
    name: str, calendar: ics.ParsedCalendar, options: ReadOptions, resource: str
) -> ParsedFile:
    by = options.by or "file"
    named = calendar.name if by == "calendar" else ""
    taken = "" if by in RESOURCES else named or resource
    resources = RESOURCES.get(by)
    owners = {calendar.name.lower(), Path(name).stem.lower(), resource.lower()}
    found: list[ParsedEvent] = []
    for _, group in groupby(calendar.occurrences, key=lambda each: id(each.info)):
        occurrences = list(group)
        info = occurrences[0].info
        if resources or not owner_is_absent(info.people, owners, options.me):
            found += to_parsed_events(info, occurrences, resources(info) if resources else (taken,))
    inside = [each for each in found if each.event.resources]
    without = len(found) - len(inside)
    return ParsedFile(
        name,
        inside,
        ConflictOptions(),
        calendar.outside,
        without,
        calendar.skipped,
        taken,
        calendar.notes,
        copies=calendar.copies,
    )


def _is_within(event: Event, window: Window | None) -> bool:
    if window is None:
        return True
    first, last = int(window.start.timestamp()), int(window.end.timestamp())
    start, end = event.start.seconds, event.end.seconds
    return start < last and (end > first or start == end == first)


def merge_files(sources: Sequence[ParsedFile], options: ConflictOptions) -> MergedEvents:
    """All the sources' events in one list, in their order; `options` go before the sources' own.

    An event that several calendars have, under one UID at one time, is one event, which takes the
    resources of all. Where calendars have it at different times, the newest revision counts; it
    takes the calendars of the older ones too.
    """
    copies = Copies(
        (calendar for source in sources for calendar in source.copies),
        (each for source in sources for each in source.events),
    )
    fates = [[copies.fate_of(each) for each in source.events] for source in sources]
    request = EventList()
    origins = []
    shared: dict[Hashable, Event] = {}
    for number, source in enumerate(sources):
        request.options.MergeFrom(source.options)
        for index, each in enumerate(source.events):
            if fates[number][index] is not Fate.STAYS:
                continue
            key = _shared_key(each)
            if key is not None and key in shared:
                _take(shared[key], each.event.resources)
                continue
            origins.append((number, index))
            event = request.events.add()
            event.CopyFrom(each.event)
            if key is not None:
                shared[key] = event
    request.options.MergeFrom(options)
    older = sum(fate is not Fate.STAYS for of_source in fates for fate in of_source)
    merged = MergedEvents(request, sources, origins, older)
    _take_calendars_of(_moved(sources, fates), merged)
    return merged


def _moved(sources: Sequence[ParsedFile], fates: Sequence[Sequence[Fate]]) -> list[ParsedEvent]:
    """The events that take a calendar, and of which another calendar has a newer copy."""
    return [
        each
        for source, of_source in zip(sources, fates, strict=True)
        if source.calendar
        for each, fate in zip(source.events, of_source, strict=True)
        if fate is Fate.MOVED
    ]


def _shared_key(each: ParsedEvent) -> Hashable:
    """What names an event in all calendars that have it; None if nothing does."""
    if not each.is_shared:
        return None
    event, info, when = each.event, each.info, each.series_time
    start, end = event.start.seconds, event.end.seconds
    if not info or not when:
        return event.id, start, end
    if when.is_date:
        return info.uid, when.local.date(), start, end
    # Only an override may take place at another time than the series has for it.
    return info.uid, to_seconds(when.to_utc()) if info.is_override else start, start, end


def _take(event: Event, resources: Iterable[str]) -> None:
    event.resources.extend(name for name in resources if name not in event.resources)


def _take_calendars_of(moved: Sequence[ParsedEvent], merged: MergedEvents) -> None:
    """Lets the newest copies take the calendars in which older ones are at other times."""
    names: dict[str, dict[str, None]] = {}
    for each in moved:
        if each.info:
            names.setdefault(each.info.uid, {}).update(dict.fromkeys(each.event.resources))
    if not names:
        return
    for position, event in enumerate(merged.request.events):
        _, found = merged.lookup(position)
        if found.info and found.info.uid in names:
            _take(event, names[found.info.uid])


def locate_field(field: str, merged: MergedEvents) -> str:
    """Tells whence a field of the joined list is: "events[7].end" -> "b.json: events[2].end"."""
    match = _EVENT_FIELD.fullmatch(field)
    if not match or int(match[1]) >= len(merged.origins):
        return field
    file, line, own = merged.location(int(match[1]))
    return f"{file}: line {line}: {match[2].lstrip('.')}" if line else f"{file}: {own}{match[2]}"
