"""Calendars and Bookings, as the API server has them and as the operator holds them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.conflict_options import parse_duration
from double_booked.conflicts import validation
from double_booked.conflicts.definition import (
    LAST_INSTANT,
    NANOS_PER_SECOND,
    nanoseconds,
)
from double_booked.conflicts.depth import Span

GROUP = "double-booked.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
DOUBLE_BOOKED = "DoubleBooked"
"""The condition of a Booking."""

MAX_NAMED = 20
"""How many bookings a status names; it counts them all."""

_VERDICTS: Mapping[str, "Verdict"] = {"True": "True", "False": "False"}

RawObject: TypeAlias = Mapping[str, Any]
"""An object as JSON has it."""

Verdict: TypeAlias = Literal["True", "False", "Unknown"]
"""The status of a condition."""


class InvalidObject(ValueError):  # noqa: N818 - named as validation.InvalidRequest is
    """An object that cannot be used; the message names the field, what is wrong and the remedy."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What names an object of a kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which object, and which state of it.

    Attributes:
        key: Its name.
        uid: What tells it from others of its name, before and after it.
        version: Its resourceVersion: a larger one is a later write (KEP-5504).
        generation: Counts the changes of its spec.
    """

    key: Key
    uid: str
    version: int
    generation: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What a calendar admits.

    Attributes:
        capacity: How many bookings may overlap.
        rejects: Whether what goes over the capacity is refused, or only told.
        gap: Nanoseconds that a booking occupies after its end.
    """

    capacity: int = 1
    rejects: bool = True
    gap: int = 0

    def stricter(self, other: "Rules") -> "Rules":
        """The rules that admit only what both do."""
        return Rules(
            min(self.capacity, other.capacity),
            self.rejects or other.rejects,
            max(self.gap, other.gap),
        )


@dataclass(frozen=True, slots=True)
class CalendarStatus:
    """What a Calendar tells.

    Attributes:
        bookings: How many are on it.
        conflicts: How many of them are double-booked.
        generation: Of the spec that was looked at.
        fault: Why it is not ready; empty if it is.
        since: When it became ready, or ceased to be, as RFC 3339.
    """

    bookings: int
    conflicts: int
    generation: int
    fault: str = ""
    since: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Something shared, that bookings reserve.

    Attributes:
        fault: Why its spec cannot be used, and the rules are the default's; empty if it can.
        status: What it tells so far; None before its first look.
    """

    identity: Identity
    rules: Rules
    fault: str = ""
    status: CalendarStatus | None = None


@dataclass(frozen=True, slots=True)
class BookingStatus:
    """What a Booking tells.

    Attributes:
        verdict: Whether it is double-booked.
        reason: Why, in one word.
        message: Why, as a sentence.
        conflicts_with: The names of those that it clashes with, by start, MAX_NAMED at most.
        conflicts: How many there are in all.
        generation: Of the spec that was looked at.
        since: When the verdict became what it is, as RFC 3339.
    """

    verdict: Verdict
    reason: str
    message: str
    conflicts_with: tuple[str, ...] = ()
    conflicts: int = 0
    generation: int = 0
    since: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Booking:
    """A reservation of calendars for a time; without its text, which nothing here needs.

    Attributes:
        created: When, as RFC 3339 in UTC, and so in order as text.
        start: Nanoseconds since 1970.
        end: The same, not before start; equal to it for an instant.
        calendars: Names, of its own namespace.
        fault: Why it cannot be used; it then occupies nothing. Empty if it can.
        status: What it tells so far; None before its first look.
    """

    identity: Identity
    created: str
    start: int
    end: int
    calendars: tuple[str, ...]
    fault: str = ""
    status: BookingStatus | None = None

    @property
    def key(self) -> Key:
        """Its name."""
        return self.identity.key

    def calendar_keys(self) -> tuple[Key, ...]:
        """The calendars that it is on."""
        return tuple(Key(self.key.namespace, name) for name in self.calendars)

    def is_on(self, calendar: Key) -> bool:
        """Whether it is on a calendar."""
        return calendar.name in self.calendars and calendar.namespace == self.key.namespace

    def occupies(self, gap: int) -> Span:
        """The time that it occupies on a calendar with a gap of so many nanoseconds.

        An instant occupies one nanosecond, which in whole nanoseconds is the same.
        """
        return self.start, max(self.end + gap, self.start + 1)


def read_identity(raw: RawObject) -> Identity:
    """Which object it is.

    In a review of a creation there is no resourceVersion yet.
    """
    metadata = raw["metadata"]
    return Identity(
        Key(sys.intern(metadata["namespace"]), metadata["name"]),
        metadata.get("uid", ""),
        int(metadata.get("resourceVersion") or 0),
        int(metadata.get("generation") or 0),
    )


def read_calendar(raw: RawObject) -> Calendar:
    """A Calendar.

    Raises:
        InvalidObject: Its spec cannot be used.
    """
    spec = raw.get("spec") or {}
    capacity = spec.get("capacity", 1)
    if not isinstance(capacity, int) or capacity < 1:
        raise InvalidObject(f"spec.capacity is {capacity!r}: give a whole number from 1 on.")
    try:
        gap = parse_duration(str(spec.get("minGap", "0s")))
    except ValueError as error:
        raise InvalidObject(f"spec.minGap: {error}") from error
    if gap > validation.MAX_GAP_SECONDS:
        raise InvalidObject("spec.minGap is over 9999 years: give less.")
    rules = Rules(capacity, spec.get("policy", "Reject") != "Report", gap * NANOS_PER_SECOND)
    return _calendar(raw, rules)


def hold_calendar(raw: RawObject) -> Calendar:
    """The same, but of a Calendar that cannot be used one that says so, with default rules."""
    try:
        return read_calendar(raw)
    except InvalidObject as error:
        return _calendar(raw, Rules(), str(error))


def _calendar(raw: RawObject, rules: Rules, fault: str = "") -> Calendar:
    status = _read_calendar_status(raw.get("status") or {})
    return Calendar(read_identity(raw), rules, fault, status)


def _read_calendar_status(status: RawObject) -> CalendarStatus | None:
    ready = [each for each in status.get("conditions") or () if each.get("type") == "Ready"]
    if not ready:
        return None
    return CalendarStatus(
        status.get("bookings", 0),
        status.get("conflicts", 0),
        status.get("observedGeneration", 0),
        "" if ready[0].get("status") == "True" else ready[0].get("message", ""),
        ready[0].get("lastTransitionTime", ""),
    )


def read_booking(raw: RawObject) -> Booking:
    """A Booking.

    Raises:
        InvalidObject: Its spec cannot be used.
    """
    spec = raw.get("spec") or {}
    start, end = (_read_time(spec, field) for field in ("start", "end"))
    if end < start:
        raise InvalidObject("spec.end is before spec.start: give an end that is not.")
    names = spec.get("calendars")
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise InvalidObject("spec.calendars names none: give the names of 1 to 16 Calendars.")
    return _booking(raw, start, end, tuple(sys.intern(name) for name in dict.fromkeys(names)))


def hold_booking(raw: RawObject) -> Booking:
    """The same, but of a Booking that cannot be used one that says so and occupies nothing."""
    try:
        return read_booking(raw)
    except InvalidObject as error:
        return _booking(raw, 0, 0, (), str(error))


def _booking(
    raw: RawObject, start: int, end: int, calendars: tuple[str, ...], fault: str = ""
) -> Booking:
    return Booking(
        read_identity(raw),
        raw["metadata"].get("creationTimestamp") or "",
        start,
        end,
        calendars,
        fault,
        _read_booking_status(raw.get("status") or {}),
    )


def _read_booking_status(status: RawObject) -> BookingStatus | None:
    found = [each for each in status.get("conditions") or () if each.get("type") == DOUBLE_BOOKED]
    if not found:
        return None
    return BookingStatus(
        _VERDICTS.get(found[0].get("status"), "Unknown"),
        sys.intern(found[0].get("reason", "")),
        sys.intern(found[0].get("message", "")),
        tuple(status.get("conflictsWith") or ()),
        status.get("conflicts", 0),
        status.get("observedGeneration", 0),
        found[0].get("lastTransitionTime", ""),
    )


def _read_time(spec: RawObject, field: str) -> int:
    text = spec.get(field)
    time = Timestamp()
    try:
        time.FromJsonString(text if isinstance(text, str) else "")
    except ValueError as error:
        raise InvalidObject(
            f"spec.{field} is {text!r}: give a time like 2026-12-01T09:00:00Z, in the years"
            " 0001 to 9999 and with at most nine digits of a fraction."
        ) from error
    return nanoseconds(time)


def write_time(instant: int) -> str:
    """An instant, or the last one that a Timestamp tells, as RFC 3339 in UTC."""
    seconds, nanos = divmod(min(instant, LAST_INSTANT), NANOS_PER_SECOND)
    text: str = Timestamp(seconds=seconds, nanos=nanos).ToJsonString()
    return text
