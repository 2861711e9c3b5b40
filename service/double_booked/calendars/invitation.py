"""Invitations: files whose events are compared with calendars that do not have them yet."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.folders import display_name
from double_booked.calendars.merging import MergedEvents
from double_booked.calendars.parsed_events import ParsedEvent
from double_booked.calendars.parsed_files import ParsedFile
from double_booked.calendars.web_addresses import is_address


@dataclass(frozen=True, slots=True)
class Invitation:
    """The file, or the folder of files, that is compared with all other files.

    Attributes:
        path: The path or the web address; "-" is standard input.
    """

    path: str

    def is_read(self, files: Sequence[ParsedFile]) -> bool:
        """Return whether at least a part of the invitation could be read."""
        return any(file.events or not file.skipped for file in files if self._contains(file))

    def apply_to(self, files: Sequence[ParsedFile]) -> list[ParsedFile]:
        """Return the files with the invitation first, on the resources of all other files.

        Events of the invitation that name their own resources, as the rows of a table do, keep
        them. The other files lose the events that the invitation has too, even at another time:
        an invitation moves an event that was accepted before.
        """
        own = {_key(file.name): file for file in files if self._contains(file)}
        others = [file for file in files if not self._contains(file)]
        resources = {name for file in others for name in _resources(file)}
        others = _without(others, [event for file in own.values() for event in file.events])
        if resources:
            return [*(_on(file, sorted(resources)) for file in own.values()), *others]
        return [*own.values(), *others]

    def positions(self, merged: MergedEvents) -> frozenset[int]:
        """Return the positions of the events of the invitation in the request."""
        own = {number for number, file in enumerate(merged.files) if self._contains(file)}
        return frozenset(
            position for position, (number, _) in enumerate(merged.origins) if number in own
        )

    def _contains(self, file: ParsedFile) -> bool:
        if self.path == "-" or is_address(self.path):
            return file.name == display_name(self.path)
        path = Path(self.path).resolve()
        return file.name != display_name("-") and Path(file.name).resolve().is_relative_to(path)


def _key(name: str) -> Path:
    return Path(name).resolve()


def _resources(file: ParsedFile) -> set[str]:
    """Return the resources of a file; "" stands for the unnamed one."""
    return {name for parsed in file.events for name in parsed.event.resources or [""]}


def _without(files: Sequence[ParsedFile], own: Sequence[ParsedEvent]) -> list[ParsedFile]:
    """Return the files without the events that an invitation has too.

    If the invitation has one event of a series, it is an override that replaces the event of that
    id; if it has several, it replaces the series.
    """
    times = Counter(_uid(event) for event in own)
    whole = {_uid(event) for event in own if not event.series or times[_uid(event)] > 1} - {""}
    ids = {parsed.event.id for parsed in own if parsed.is_shared}

    def is_kept(parsed: ParsedEvent) -> bool:
        return not parsed.is_shared or (parsed.event.id not in ids and _uid(parsed) not in whole)

    return [replace(file, events=list(filter(is_kept, file.events))) for file in files]


def _uid(parsed: ParsedEvent) -> str:
    return (parsed.series or parsed.event.id) if parsed.is_shared else ""


def _on(file: ParsedFile, resources: Sequence[str]) -> ParsedFile:
    events = [
        parsed
        if parsed.event.resources and not file.calendar
        else _with_resources(parsed, resources)
        for parsed in file.events
    ]
    return replace(file, events=events, calendar="")


def _with_resources(parsed: ParsedEvent, resources: Sequence[str]) -> ParsedEvent:
    event = Event()
    event.CopyFrom(parsed.event)
    event.resources[:] = resources
    return parsed._replace(event=event)
