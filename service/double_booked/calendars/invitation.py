"""A file whose events are compared with calendars, before they are part of them."""

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
        path: Where it is, or its address; "-" is standard input.
    """

    path: str

    def is_read(self, sources: Sequence[ParsedFile]) -> bool:
        """Return whether something of it is among what was read."""
        return any(each.events or not each.skipped for each in sources if self._holds(each))

    def address(self, sources: Sequence[ParsedFile]) -> list[ParsedFile]:
        """Return the sources, those of the invitation first and once, on what the others take.

        Its events take every resource of the other sources. Those that name what they take, as the
        rows of a table or by attendee, keep that. They stand for what the others have of them, also
        at another time: an invitation moves an event that was accepted before.
        """
        own = {_key(each.name): each for each in sources if self._holds(each)}
        others = [each for each in sources if not self._holds(each)]
        resources = {name for each in others for name in _resources(each)}
        others = _without(others, [found for each in own.values() for found in each.events])
        if resources:
            return [*(_on(each, sorted(resources)) for each in own.values()), *others]
        return [*own.values(), *others]

    def positions(self, merged: MergedEvents) -> frozenset[int]:
        """Return the positions of its events in the joined list."""
        own = {number for number, each in enumerate(merged.files) if self._holds(each)}
        return frozenset(
            position for position, (number, _) in enumerate(merged.origins) if number in own
        )

    def _holds(self, source: ParsedFile) -> bool:
        if self.path == "-" or is_address(self.path):
            return source.name == display_name(self.path)
        path = Path(self.path).resolve()
        return source.name != display_name("-") and Path(source.name).resolve().is_relative_to(path)


def _key(name: str) -> Path:
    return Path(name).resolve()


def _resources(source: ParsedFile) -> set[str]:
    """The unnamed resource is ""."""
    return {name for each in source.events for name in each.event.resources or [""]}


def _without(sources: Sequence[ParsedFile], own: Sequence[ParsedEvent]) -> list[ParsedFile]:
    """Return the sources without what an invitation has too.

    One event of a series is an override, which stands for the event of that id; several are the
    series.
    """
    times = Counter(_uid(each) for each in own)
    whole = {_uid(each) for each in own if not each.series or times[_uid(each)] > 1} - {""}
    ids = {each.event.id for each in own if each.is_shared}

    def is_kept(found: ParsedEvent) -> bool:
        return not found.is_shared or (found.event.id not in ids and _uid(found) not in whole)

    return [replace(each, events=list(filter(is_kept, each.events))) for each in sources]


def _uid(found: ParsedEvent) -> str:
    return (found.series or found.event.id) if found.is_shared else ""


def _on(source: ParsedFile, resources: Sequence[str]) -> ParsedFile:
    found = [
        _with_resources(each, resources) if source.calendar or not each.event.resources else each
        for each in source.events
    ]
    return replace(source, events=found, calendar="")


def _with_resources(found: ParsedEvent, resources: Sequence[str]) -> ParsedEvent:
    event = Event()
    event.CopyFrom(found.event)
    event.resources[:] = resources
    return found._replace(event=event)
