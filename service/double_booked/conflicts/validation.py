"""Faults of a request, and the field violations that tell a caller of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Literal, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import Event, EventList

MAX_VIOLATIONS = 100
"""How many violations an InvalidRequest names; it counts them all."""

MIN_SECONDS = -62_135_596_800
"""0001-01-01T00:00:00Z, the first second of a Timestamp (google/protobuf/timestamp.proto)."""

MAX_SECONDS = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second of a Timestamp."""

MAX_NANOS = 999_999_999
"""The most nanoseconds that a Timestamp counts within its second."""


class FaultKind(IntEnum):
    """What can be wrong with a request; the kernel knows these by number."""

    MALFORMED = 0
    ID_NOT_UTF8 = 1
    TITLE_NOT_UTF8 = 2
    DESCRIPTION_NOT_UTF8 = 3
    START_MISSING = 4
    START_SECONDS = 5
    START_NANOS = 6
    END_MISSING = 7
    END_SECONDS = 8
    END_NANOS = 9
    END_BEFORE_START = 10


class Fault(NamedTuple):
    """A fault, and the position in the list of the event that has it."""

    position: int
    kind: FaultKind


@dataclass(frozen=True, slots=True)
class Violation:
    """A fault in words: the path of the field, and what is wrong with it."""

    field: str
    description: str


class InvalidRequest(ValueError):  # noqa: N818 - named as the status that it becomes
    """A request that cannot be answered.

    Attributes:
        violations: The first MAX_VIOLATIONS faults, in the order of the request.
        count: How many faults there are in all.
    """

    def __init__(self, violations: Sequence[Violation], count: int) -> None:
        self.violations = tuple(violations)
        self.count = count
        super().__init__(self.violations, count)

    def __str__(self) -> str:
        first = self.violations[0]
        more = f" (the first of {self.count} faults)" if self.count > 1 else ""
        return f"{first.field}: {first.description}{more}" if first.field else first.description


_SECONDS = "the seconds are outside 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z"
_NANOS = "the nanos are outside 0 to 999999999"
_UTF8 = "the text is not UTF-8"

_WORDS = {
    FaultKind.ID_NOT_UTF8: ("id", _UTF8),
    FaultKind.TITLE_NOT_UTF8: ("title", _UTF8),
    FaultKind.DESCRIPTION_NOT_UTF8: ("description", _UTF8),
    FaultKind.START_MISSING: ("start", "the start is missing"),
    FaultKind.START_SECONDS: ("start", _SECONDS),
    FaultKind.START_NANOS: ("start", _NANOS),
    FaultKind.END_MISSING: ("end", "the end is missing"),
    FaultKind.END_SECONDS: ("end", _SECONDS),
    FaultKind.END_NANOS: ("end", _NANOS),
    FaultKind.END_BEFORE_START: ("end", "the end is before the start"),
}


def describe(fault: Fault) -> Violation:
    """Puts a fault in words."""
    if fault.kind is FaultKind.MALFORMED:
        return Violation("", "the bytes are not a Scheduling.EventList")
    field, description = _WORDS[fault.kind]
    return Violation(f"events[{fault.position}].{field}", description)


def invalid_request(faults: Sequence[Fault], count: int) -> InvalidRequest:
    """The error that names `faults`, the first of `count`."""
    return InvalidRequest([describe(fault) for fault in faults], count)


def check(request: EventList) -> None:
    """Raises InvalidRequest where an event's times cannot be used."""
    faults = find_faults(request)
    first = list(islice(faults, MAX_VIOLATIONS))
    if first:
        raise invalid_request(first, len(first) + sum(1 for _ in faults))


def find_faults(request: EventList) -> Iterator[Fault]:
    """Yields the faults of the events' times, in the order of the list."""
    for position, event in enumerate(request.events):
        for kind in _event_faults(event):
            yield Fault(position, kind)


def _event_faults(event: Event) -> Iterator[FaultKind]:
    start = list(_timestamp_faults(event, "start"))
    end = list(_timestamp_faults(event, "end"))
    yield from start
    yield from end
    if not start and not end and _instant(event.end) < _instant(event.start):
        yield FaultKind.END_BEFORE_START


def _timestamp_faults(event: Event, field: Literal["start", "end"]) -> Iterator[FaultKind]:
    if not event.HasField(field):
        yield FaultKind[f"{field.upper()}_MISSING"]
        return
    timestamp: Timestamp = getattr(event, field)
    if not MIN_SECONDS <= timestamp.seconds <= MAX_SECONDS:
        yield FaultKind[f"{field.upper()}_SECONDS"]
    if not 0 <= timestamp.nanos <= MAX_NANOS:
        yield FaultKind[f"{field.upper()}_NANOS"]


def _instant(timestamp: Timestamp) -> tuple[int, int]:
    return timestamp.seconds, timestamp.nanos
