"""Faults of a request, and the field violations that report them to the caller."""

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
"""The maximum number of violations that an InvalidRequestError lists; it counts all faults."""

MIN_SECONDS = -62_135_596_800
"""0001-01-01T00:00:00Z, the first second of a Timestamp (google/protobuf/timestamp.proto)."""

MAX_SECONDS = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second of a Timestamp."""

MAX_NANOS = 999_999_999
"""The maximum of a Timestamp's nanos."""

MAX_GAP_SECONDS = 9999 * 31_556_952
"""9999 years of 365.2425 days, the mean length in the Gregorian calendar."""

MAX_DURATION_SECONDS = 315_576_000_000
"""The maximum seconds of a Duration (google/protobuf/duration.proto)."""

MAX_NAME_IN_PATH = 60
"""The maximum number of characters of a resource's name in a field path."""


class FaultKind(IntEnum):
    """The kinds of faults of an event; the kernel uses the same numbers."""

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
    """A fault, and the position of its event in the list."""

    position: int
    kind: FaultKind


@dataclass(frozen=True, slots=True)
class Violation:
    """A fault in words: the path of the field, and what is wrong with it."""

    field: str
    description: str

    def within(self, path: str) -> "Violation":
        """Return the violation in terms of a parent message that has this one at `path`."""
        return Violation(f"{path}.{self.field}", self.description)


class InvalidRequestError(ValueError):
    """A request with invalid events or options.

    Attributes:
        violations: The first MAX_VIOLATIONS faults, in the order of the request.
        count: The number of all faults.
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
    """Return the violation that describes a fault of an event."""
    field, description = _WORDS[fault.kind]
    return Violation(f"events[{fault.position}].{field}", description)


def malformed(message: str) -> InvalidRequestError:
    """Return the error for bytes that are not a `message`, the name of a message type."""
    return InvalidRequestError([Violation("", f"the bytes are not a Scheduling.{message}")], 1)


def check(request: EventList) -> None:
    """Check the options and the times of the events.

    Raises:
        InvalidRequestError: An option or the time of an event is invalid.
    """
    faults = chain(check_options(request.options), map(describe, find_faults(request)))
    first = list(islice(faults, MAX_VIOLATIONS))
    if first:
        raise InvalidRequestError(first, len(first) + sum(1 for _ in faults))


def check_options(options: ConflictOptions) -> Iterator[Violation]:
    """Yield the violations of options: capacities in the order of their resources, then the gap."""
    for resource in sorted(options.capacity):
        if options.capacity[resource] == 0:
            yield zero_capacity(resource)
    fault = gap_fault(options.min_gap)
    if fault:
        yield fault


def zero_capacity(resource: str) -> Violation:
    """Return the violation of a resource whose capacity is 0."""
    name = json.dumps(resource[:MAX_NAME_IN_PATH])
    return Violation(f"options.capacity[{name}]", "the capacity is 0; it is at least 1")


def gap_fault(gap: Duration) -> Violation | None:
    """Return the violation of a gap; None if the gap is valid."""
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
    """Yield the faults of the events' times, in the order of the list."""
    for position, event in enumerate(request.events):
        for kind in event_faults(event):
            yield Fault(position, kind)


def event_faults(event: Event) -> Iterator[FaultKind]:
    """Yield the faults of an event's times."""
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
