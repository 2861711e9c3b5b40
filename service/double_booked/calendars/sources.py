"""Where events are read from; several sources make one list."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from double_booked.api.scheduling_pb2 import ConflictOptions, EventList
from double_booked.calendars import json_events

_STANDARD_INPUT = 0
_EVENT_FIELD = re.compile(r"events\[(\d+)\](.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """Events, and the name of the file that they are from."""

    name: str
    events: EventList


def read(path: str) -> Source:
    """Reads a file of protobuf JSON, or of JSON lines; "-" is standard input.

    Raises:
        json_events.InvalidCalendar: The content is no list of events.
        OSError: The file cannot be read.
    """
    with _open(path) as file:
        events = json_events.load(file)
    return Source(name_of(path), events)


def _open(path: str) -> BinaryIO:
    # A copy of the descriptor, so that standard input itself stays open.
    return os.fdopen(os.dup(_STANDARD_INPUT), "rb") if path == "-" else Path(path).open("rb")


def name_of(path: str) -> str:
    """The name under which people are told of a file."""
    return "standard input" if path == "-" else click.format_filename(path)


def join(sources: Sequence[Source], options: ConflictOptions) -> EventList:
    """All the sources' events in one list, in their order; `options` go before the sources' own."""
    joined = EventList()
    for source in sources:
        joined.MergeFrom(source.events)
    joined.options.MergeFrom(options)
    return joined


def locate(field: str, sources: Sequence[Source]) -> str:
    """Tells whence a field of the joined list is: "events[7].end" -> "b.json: events[2].end"."""
    match = _EVENT_FIELD.fullmatch(field)
    if not match:
        return field
    position = int(match[1])
    for source in sources:
        if position < len(source.events.events):
            return f"{source.name}: events[{position}]{match[2]}"
        position -= len(source.events.events)
    return field
