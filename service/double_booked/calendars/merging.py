"""The events of several files, merged into one request."""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList
from double_booked.calendars.copies import Copies, Fate
from double_booked.calendars.parsed_events import ParsedEvent
from double_booked.calendars.parsed_files import ParsedFile
from double_booked.conflicts.instants import to_seconds
from double_booked.view.coverage import Outside, join_outside
from double_booked.view.progress import Progress, ignore_progress, scale, track

Origin = tuple[int, int]
"""The number of a file, and the index of an event among those of the file."""

_COMPARED = 0.15
"""The part of merging after which the copies of events are compared, as measured."""

_EVENT_FIELD = re.compile(r"events\[(\d+)\](.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MergedEvents:
    """The events of all files in one request.

    Attributes:
        request: The events and the options.
        files: The files that they are from.
        origins: For each event of the request, the number of its file and its index among the
            events of that file.
        older: Number of events that were left out because another calendar has a newer copy.
    """

    request: EventList
    files: Sequence[ParsedFile]
    origins: Sequence[Origin]
    older: int = 0

    @property
    def left_out(self) -> int:
        """How many events have no conflict and are not in the request."""
        return sum(file.left_out.events for file in self.files)

    @property
    def resources(self) -> set[str]:
        """The resources of all events; "" is the unnamed one."""
        names = {name for event in self.request.events for name in event.resources or [""]}
        return names.union(*(file.left_out.resources for file in self.files))

    def lookup(self, position: int) -> tuple[ParsedFile, ParsedEvent]:
        """Return the file of an event of the request, and the event as it was parsed."""
        number, index = self.origins[position]
        return self.files[number], self.files[number].events[index]

    def location(self, position: int) -> tuple[str, int | None, str]:
        """Return the file of an event of the request, its line if known, and its field there."""
        file, parsed = self.lookup(position)
        _, index = self.origins[position]
        field = f"events[{index if parsed.position is None else parsed.position}]"
        if parsed.row:
            field = f"row {parsed.row}"
        return file.name, parsed.line, field


def merge_files(
    files: Sequence[ParsedFile], options: ConflictOptions, progress: Progress = ignore_progress
) -> MergedEvents:
    """Return the events of all files in one request, in their order.

    An event that several calendars have, under one UID at one time, becomes one event that
    occupies the resources of all of them. Where calendars have it at different times, the newest
    revision counts; it occupies the calendars of the older ones too.

    Args:
        files: The files.
        options: Conflict options that take precedence over those of the files.
        progress: Receives the part of the events that was merged.
    """
    copies = Copies(
        (calendar for file in files for calendar in file.copies),
        (parsed for file in files for parsed in file.events),
    )
    by_fate = _sort_by_fate(files, copies, scale(progress, 0, _COMPARED))
    request, origins = _merge_current(files, by_fate[Fate.STAYS], scale(progress, _COMPARED, 1))
    request.options.MergeFrom(options)
    older = sum(len(places) for fate, places in by_fate.items() if fate is not Fate.STAYS)
    merged = MergedEvents(request, files, origins, older)
    moved = [
        files[number].events[index]
        for number, index in by_fate[Fate.MOVED]
        if files[number].calendar
    ]
    _add_calendars_of(moved, merged)
    return merged


def count_without_resource(files: Sequence[ParsedFile]) -> int:
    """Return how many events lack the property chosen with `--by` in every calendar."""
    lacking = [_shared_key(parsed) for file in files for parsed in file.without_resource]
    checked = {_shared_key(parsed) for file in files for parsed in file.events if lacking}
    return lacking.count(None) + len({*lacking} - checked - {None})


def find_outside(files: Sequence[ParsedFile]) -> Outside | None:
    """Return what lies outside of the window; copies of one event count once."""
    outside = join_outside(file.outside for file in files)
    copies = [copy for file in files for copy in file.outside_copies]
    return outside and replace(outside, events=outside.events - len(copies) + len({*copies}))


def _sort_by_fate(
    files: Sequence[ParsedFile], copies: Copies, progress: Progress
) -> dict[Fate, list[Origin]]:
    """Return the origins of the events, in order, by what becomes of the events."""
    by_fate: dict[Fate, list[Origin]] = {fate: [] for fate in Fate}
    origins = [
        (number, index) for number, file in enumerate(files) for index in range(len(file.events))
    ]
    for number, index in track(origins, progress):
        by_fate[copies.fate_of(files[number].events[index])].append((number, index))
    return by_fate


def _merge_current(
    files: Sequence[ParsedFile], staying: Sequence[Origin], progress: Progress
) -> tuple[EventList, list[Origin]]:
    """Return the request with the events that stay, and the origin of each."""
    request = EventList()
    for file in files:
        request.options.MergeFrom(file.options)
    origins = []
    shared: dict[Hashable, Event] = {}
    for number, index in track(staying, progress):
        parsed = files[number].events[index]
        key = _shared_key(parsed)
        if key is not None and key in shared:
            _add_resources(shared[key], parsed.event.resources)
            continue
        origins.append((number, index))
        event = request.events.add()
        event.CopyFrom(parsed.event)
        if key is not None:
            shared[key] = event
    return request, origins


def _shared_key(parsed: ParsedEvent) -> Hashable:
    """Return the key that is equal for copies of one event; None if nothing does."""
    if not parsed.is_shared:
        return None
    event, info, series_time = parsed.event, parsed.info, parsed.series_time
    start, end = event.start.seconds, event.end.seconds
    if not info or not series_time:
        return event.id, start, end
    if series_time.is_date:
        return info.uid, series_time.local.date(), start, end
    # Only an override may take place at another time than its series has for it.
    return info.uid, to_seconds(series_time.to_utc()) if info.is_override else start, start, end


def _add_resources(event: Event, resources: Iterable[str]) -> None:
    event.resources.extend(name for name in resources if name not in event.resources)


def _add_calendars_of(moved: Sequence[ParsedEvent], merged: MergedEvents) -> None:
    """Let the newest copies occupy the calendars that have older copies at other times."""
    names: dict[str, dict[str, None]] = {}
    for parsed in moved:
        if parsed.info:
            names.setdefault(parsed.info.uid, {}).update(dict.fromkeys(parsed.event.resources))
    if not names:
        return
    for position, event in enumerate(merged.request.events):
        _, parsed = merged.lookup(position)
        if parsed.info and parsed.info.uid in names:
            _add_resources(event, names[parsed.info.uid])


def locate_field(field: str, merged: MergedEvents) -> str:
    """Map a field path in the request to its file, like "events[7].end" to "b.json: events[2].end".

    A path that is of no event is returned as it is.
    """
    match = _EVENT_FIELD.fullmatch(field)
    if not match or int(match[1]) >= len(merged.origins):
        return field
    file, line, own = merged.location(int(match[1]))
    place = f"line {line}" if line else own
    if place.startswith(("line ", "row ")):
        return f"{file}: {place}: {match[2].lstrip('.')}"
    return f"{file}: {own}{match[2]}"
