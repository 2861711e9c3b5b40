"""Calendars and Bookings: parsed from the API server's JSON, in the form that is cached."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.conflicts.instants import (
    NANOS_PER_SECOND,
    Span,
    nanoseconds,
    timestamp,
)
from double_booked.conflicts.options import parse_duration

GROUP = "double-booked.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
DOUBLE_BOOKED, READY, STALLED, ENFORCED = "DoubleBooked", "Ready", "Stalled", "Enforced"
"""Types of conditions. Ready and Stalled are kstatus's: with both Ready=False and Stalled=True,
GitOps tools report a failure at once instead of waiting."""

MAX_NAMED = 20
"""Maximum number of bookings that a status names; its count includes the others."""

MAX_GAP_DAYS = 366

_VERDICTS: Mapping[str, "Verdict"] = {"True": "True", "False": "False"}
_SECONDS_PER_DAY = 86_400

RawObject: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as parsed JSON."""

Verdict: TypeAlias = Literal["True", "False", "Unknown"]
"""The status of a condition."""


class InvalidObjectError(ValueError):
    """The spec of an object is invalid; the message names the field and how to fix it."""


@dataclass(frozen=True, slots=True, order=True)
class NamespacedName:
    """The namespace and name of an object, which no other object of its kind has."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ObjectMeta:
    """The metadata that identify an object, and one state of it.

    Attributes:
        key: Its namespace and name.
        uid: Distinguishes it from earlier and later objects of the same name.
        version: Its resourceVersion; a larger one is a later write (KEP-5504).
        generation: Counts the changes of its spec.
    """

    key: NamespacedName
    uid: str
    version: int
    generation: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What a calendar admits.

    Attributes:
        capacity: How many bookings may overlap.
        rejects: Whether a booking that goes over the capacity is rejected, or only reported.
        gap: Nanoseconds that a booking occupies after its end.
        gap_text: The gap as its author wrote it.
    """

    capacity: int = 1
    rejects: bool = True
    gap: int = 0
    gap_text: str = field(default="0s", compare=False)

    def stricter(self, other: "Rules") -> "Rules":
        """Return the rules that admit only what both admit."""
        longer = max(self, other, key=lambda rules: rules.gap)
        return Rules(
            min(self.capacity, other.capacity),
            self.rejects or other.rejects,
            longer.gap,
            longer.gap_text,
        )


@dataclass(frozen=True, slots=True)
class Enforcement:
    """Whether new bookings on a calendar are reviewed, and rejected while no operator answers.

    Attributes:
        verdict: The status of the condition.
        reason: The reason of the condition, one word in CamelCase.
        message: The message of the condition, a sentence.
    """

    verdict: Verdict
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class CalendarStatus:
    """The status of a Calendar.

    Attributes:
        bookings: How many bookings are on it.
        conflicts: How many of them are double-booked.
        generation: The generation of the spec that the status describes.
        enforcement: Whether new bookings are reviewed.
        fault: Why it is not ready; empty if it is.
        is_complete: Whether Stalled is set as Ready requires; older releases did not write it.
        since: When Ready last changed, as RFC 3339.
        enforced_since: When the verdict of its enforcement last changed, as RFC 3339.
    """

    bookings: int
    conflicts: int
    generation: int
    enforcement: Enforcement
    fault: str = ""
    is_complete: bool = True
    since: str = field(default="", compare=False)
    enforced_since: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A shared thing that bookings reserve.

    Attributes:
        fault: Why its spec is invalid, so that the default rules apply; empty if it is valid.
        status: Its status; None before an operator has written one.
        ttl: Seconds after its end until a booking without a ttl of its own is deleted; None for
            never.
    """

    metadata: ObjectMeta
    rules: Rules
    fault: str = ""
    status: CalendarStatus | None = None
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class BookingStatus:
    """The status of a Booking.

    Attributes:
        verdict: Whether it is double-booked.
        reason: The reason of the condition, one word in CamelCase.
        message: The message of the condition, a sentence.
        conflicts_with: Names of the first MAX_NAMED bookings that it conflicts with, by start.
        conflicts: How many bookings it conflicts with.
        generation: The generation of the spec that the status describes.
        since: When the verdict last changed, as RFC 3339.
        is_complete: Whether Ready and Stalled are set as the verdict requires; a status that an
            older release wrote is incomplete, and is written again.
        ready_since: When Ready last changed, as RFC 3339.
    """

    verdict: Verdict
    reason: str
    message: str
    conflicts_with: tuple[str, ...] = ()
    conflicts: int = 0
    generation: int = 0
    is_complete: bool = True
    since: str = field(default="", compare=False)
    ready_since: str = field(default="", compare=False)

    @property
    def is_ready(self) -> bool:
        """Whether it has its time: its spec is valid, its calendars exist and have room."""
        return self.verdict == "False"


@dataclass(frozen=True, slots=True)
class Booking:
    """A claim on calendars for a span of time.

    Attributes:
        created: When it was created, as RFC 3339 in UTC, which sorts as text.
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970, not before start; equal to it for an instant.
        calendars: Names of Calendars in its namespace.
        replaces: Names of Bookings in its namespace; where it and one of them are both present,
            the two count once.
        ttl: Seconds after its end until it is deleted; None for the default of its calendars.
        is_deleting: Whether it is being deleted.
        fault: Why its spec is invalid, so that it occupies nothing; empty if it is valid.
        status: Its status; None before an operator has written one.
    """

    metadata: ObjectMeta
    created: str
    start: int
    end: int
    calendars: tuple[str, ...]
    fault: str = ""
    status: BookingStatus | None = None
    replaces: tuple[str, ...] = ()
    ttl: int | None = None
    is_deleting: bool = False

    @property
    def key(self) -> NamespacedName:
        """Its namespace and name."""
        return self.metadata.key

    def calendar_keys(self) -> tuple[NamespacedName, ...]:
        """Return the calendars that it is on."""
        return tuple(NamespacedName(self.key.namespace, name) for name in self.calendars)

    def replaced_keys(self) -> tuple[NamespacedName, ...]:
        """Return the bookings that it names in `replaces`."""
        return tuple(NamespacedName(self.key.namespace, name) for name in self.replaces)

    def is_on(self, calendar: NamespacedName) -> bool:
        """Whether it is on a calendar."""
        return calendar.name in self.calendars and calendar.namespace == self.key.namespace

    def occupies(self, gap: int) -> Span:
        """Return the span that it occupies on a calendar, which includes the gap after its end.

        An instant occupies one nanosecond: instants are whole nanoseconds, so nothing else can
        start within it.

        Args:
            gap: Nanoseconds that a booking occupies after its end.
        """
        return self.start, max(self.end + gap, self.start + 1)


def parse_metadata(raw: RawObject) -> ObjectMeta:
    """Parse the metadata of an object; in the review of a CREATE it has no resourceVersion yet."""
    metadata = raw["metadata"]
    return ObjectMeta(
        NamespacedName(sys.intern(metadata["namespace"]), metadata["name"]),
        metadata.get("uid", ""),
        int(metadata.get("resourceVersion") or 0),
        int(metadata.get("generation") or 0),
    )


def parse_calendar(raw: RawObject) -> Calendar:
    """Parse a Calendar.

    Raises:
        InvalidObjectError: Its spec is invalid.
    """
    return _calendar(raw, parse_rules(raw.get("spec") or {}))


def parse_rules(spec: RawObject) -> Rules:
    """Parse the rules in the spec of a Calendar.

    Raises:
        InvalidObjectError: They are invalid.
    """
    capacity = spec.get("capacity", 1)
    if not isinstance(capacity, int) or capacity < 1:
        raise InvalidObjectError(f"spec.capacity is {capacity!r}: give a whole number from 1 on.")
    gap_text = str(spec.get("minGap", "0s"))
    try:
        gap = parse_duration(gap_text)
    except ValueError as error:
        raise InvalidObjectError(f"spec.minGap: {error}") from error
    if gap > MAX_GAP_DAYS * _SECONDS_PER_DAY:
        raise InvalidObjectError(f"spec.minGap is {gap_text}: give {MAX_GAP_DAYS}d at most.")
    rejects = spec.get("policy", "Reject") != "Report"
    return Rules(capacity, rejects, gap * NANOS_PER_SECOND, sys.intern(gap_text))


def parse_calendar_lenient(raw: RawObject) -> Calendar:
    """Parse a Calendar; if its spec is invalid, return default rules and the error in `fault`."""
    try:
        return parse_calendar(raw)
    except InvalidObjectError as error:
        return _calendar(raw, Rules(), str(error))


def _calendar(raw: RawObject, rules: Rules, fault: str = "") -> Calendar:
    status = _read_calendar_status(raw.get("status") or {})
    return Calendar(parse_metadata(raw), rules, fault, status, _read_ttl(raw))


def _read_calendar_status(status: RawObject) -> CalendarStatus | None:
    conditions = _conditions(status)
    ready, enforced = conditions.get(READY, {}), conditions.get(ENFORCED, {})
    is_ready = ready.get("status") == "True"
    if ready.get("status") not in _VERDICTS or not enforced:
        return None
    enforcement = Enforcement(
        _VERDICTS.get(enforced.get("status", ""), "Unknown"),
        sys.intern(enforced.get("reason", "")),
        sys.intern(enforced.get("message", "")),
    )
    return CalendarStatus(
        status.get("bookings", 0),
        status.get("conflicts", 0),
        status.get("observedGeneration", 0),
        enforcement,
        "" if is_ready else ready.get("message", ""),
        (STALLED in conditions) == (not is_ready),
        ready.get("lastTransitionTime", ""),
        enforced.get("lastTransitionTime", ""),
    )


def parse_booking(raw: RawObject) -> Booking:
    """Parse a Booking.

    Raises:
        InvalidObjectError: Its spec is invalid.
    """
    spec = raw.get("spec") or {}
    start, end = (_read_spec_time(spec, field) for field in ("start", "end"))
    if end < start:
        raise InvalidObjectError("spec.end is before spec.start: give an end that is not.")
    calendars, replaces = (_read_names(spec, field) for field in ("calendars", "replaces"))
    if not calendars:
        raise InvalidObjectError("spec.calendars names none: give the names of 1 to 16 Calendars.")
    return _booking(raw, start, end, calendars, replaces=replaces)


def parse_booking_lenient(raw: RawObject) -> Booking:
    """Parse a Booking; if its spec is invalid, it occupies nothing and `fault` has the error."""
    try:
        return parse_booking(raw)
    except InvalidObjectError as error:
        return _booking(raw, fault=str(error))


def _booking(
    raw: RawObject,
    start: int = 0,
    end: int = 0,
    calendars: tuple[str, ...] = (),
    *,
    replaces: tuple[str, ...] = (),
    fault: str = "",
) -> Booking:
    return Booking(
        parse_metadata(raw),
        raw["metadata"].get("creationTimestamp") or "",
        start,
        end,
        calendars,
        fault,
        _read_booking_status(raw.get("status") or {}),
        replaces,
        _read_ttl(raw),
        bool(raw["metadata"].get("deletionTimestamp")),
    )


def _read_booking_status(status: RawObject) -> BookingStatus | None:
    conditions = _conditions(status)
    double_booked, ready = conditions.get(DOUBLE_BOOKED), conditions.get(READY, {})
    if double_booked is None:
        return None
    verdict: Verdict = _VERDICTS.get(double_booked.get("status", ""), "Unknown")
    is_ready = verdict == "False"
    return BookingStatus(
        verdict,
        sys.intern(double_booked.get("reason", "")),
        sys.intern(double_booked.get("message", "")),
        tuple(map(sys.intern, status.get("conflictsWith") or ())),
        status.get("conflicts", 0),
        status.get("observedGeneration", 0),
        ready.get("status") == str(is_ready) and (STALLED in conditions) == (not is_ready),
        double_booked.get("lastTransitionTime", ""),
        ready.get("lastTransitionTime", ""),
    )


def _conditions(status: RawObject) -> dict[str, RawObject]:
    return {condition.get("type", ""): condition for condition in status.get("conditions") or ()}


def _read_names(spec: RawObject, field: str) -> tuple[str, ...]:
    names = spec.get(field) or []
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise InvalidObjectError(f"spec.{field} names none: give a list of names.")
    return tuple(sys.intern(name) for name in dict.fromkeys(names))


def _read_ttl(raw: RawObject) -> int | None:
    seconds = (raw.get("spec") or {}).get("ttlSecondsAfterFinished")
    return seconds if isinstance(seconds, int) and seconds >= 0 else None


def _read_spec_time(spec: RawObject, field: str) -> int:
    text = spec.get(field)
    try:
        return parse_time(text if isinstance(text, str) else "")
    except ValueError as error:
        raise InvalidObjectError(
            f"spec.{field} is {text!r}: give a time like 2026-12-01T09:00:00Z, in the years"
            " 0001 to 9999 and with at most nine digits of a fraction."
        ) from error


def parse_time(text: str) -> int:
    """Parse an RFC 3339 time into nanoseconds since 1970.

    Raises:
        ValueError: It is not RFC 3339, or not in the years 0001 to 9999.
    """
    time = Timestamp()
    time.FromJsonString(text)
    return nanoseconds(time)


def format_time(instant: int) -> str:
    """Format nanoseconds since 1970 as RFC 3339 in UTC, capped at the end of the year 9999."""
    text: str = timestamp(instant).ToJsonString()
    return text
