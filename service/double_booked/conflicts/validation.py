"""Faults of a request, and the field violations that tell a caller of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, islice
from typing import Literal, NamedTuple

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import ConflictOptions, Event, EventList

MAX_VIOLATIONS = 100
"""How many violations an InvalidRequestError names; it counts them all."""

MIN_SECONDS = -62_135_596_800
"""0001-01-01T00:00:00Z, the first second of a Timestamp (google/protobuf/timestamp.proto)."""

MAX_SECONDS = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second of a Timestamp."""

MAX_NANOS = 999_999_999
"""The most nanoseconds that a Timestamp counts within its second."""


MAX_GAP_SECONDS = 9999 * 31_556_952
"""9999 years of the Gregorian calendar's mean length, 365.2425 days."""

MAX_DURATION_SECONDS = 315_576_000_000
"""The most seconds of a Duration (google/protobuf/duration.proto)."""

MAX_NAME_IN_PATH = 60
"""How many characters of a resource's name a path quotes."""


class FaultKind(IntEnum):
    """What can be wrong with a request; the kernel knows these by number."""

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
    RESOURCE_NOT_UTF8 = 11
    BACK_IN_TIME = 12


class Fault(NamedTuple):
    """A fault, and the position in the list of the event that has it."""

    position: int
    kind: FaultKind


@dataclass(frozen=True, slots=True)
class Violation:
    """A fault in words: the path of the field, and what is wrong with it."""

    field: str
    description: str

    def within(self, path: str) -> "Violation":
        """The same fault of a message that is itself the field at `path`."""
        return Violation(f"{path}.{self.field}", self.description)


class InvalidRequestError(ValueError):
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


LATE_OPTIONS = Violation("options", "only the first message of a feed may have options")

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
    FaultKind.RESOURCE_NOT_UTF8: ("resources", _UTF8),
    FaultKind.BACK_IN_TIME: ("start", "the start is before that of the event before it"),
}


def describe(fault: Fault) -> Violation:
    """Puts a fault of an event in words."""
    field, description = _WORDS[fault.kind]
    return Violation(f"events[{fault.position}].{field}", description)


def malformed(message: str) -> InvalidRequestError:
    """The error of bytes that are not a message of the name."""
    return InvalidRequestError([Violation("", f"the bytes are not a Scheduling.{message}")], 1)


def check(request: EventList) -> None:
    """Raises InvalidRequestError where an option or an event's times cannot be used."""
    faults = chain(check_options(request.options), map(describe, find_faults(request)))
    first = list(islice(faults, MAX_VIOLATIONS))
    if first:
        raise InvalidRequestError(first, len(first) + sum(1 for _ in faults))


def check_options(options: ConflictOptions) -> Iterator[Violation]:
    """Yields what is wrong with options, capacities in the order of their resources."""
    for resource in sorted(options.capacity):
        if options.capacity[resource] == 0:
            yield zero_capacity(resource)
    fault = gap_fault(options.min_gap)
    if fault:
        yield fault


def zero_capacity(resource: str) -> Violation:
    """Return the fault of a resource whose capacity is 0."""
    name = json.dumps(resource[:MAX_NAME_IN_PATH])
    return Violation(f"options.capacity[{name}]", "the capacity is 0; it is at least 1")


def gap_fault(gap: Duration) -> Violation | None:
    """Return what is wrong with a gap; None where it can be used."""
    fault = _describe_gap(gap)
    return Violation("options.min_gap", fault) if fault else None


def _describe_gap(gap: Duration) -> str | None:
    in_range = abs(gap.seconds) <= MAX_DURATION_SECONDS and abs(gap.nanos) <= MAX_NANOS
    if not in_range or gap.seconds * gap.nanos < 0:
        return "the gap is not a Duration: seconds and nanos are out of range or differ in sign"
    if gap.seconds < 0 or gap.nanos < 0:
        return "the gap is negative"
    if (gap.seconds, gap.nanos) > (MAX_GAP_SECONDS, 0):
        return "the gap is over 9999 years"
    return None


def find_faults(request: EventList) -> Iterator[Fault]:
    """Yields the faults of the events' times, in the order of the list."""
    for position, event in enumerate(request.events):
        for kind in event_faults(event):
            yield Fault(position, kind)


def event_faults(event: Event) -> Iterator[FaultKind]:
    """Yields the faults of an event's times."""
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
