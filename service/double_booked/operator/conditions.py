"""The `status` of Bookings and Calendars, as JSON with conditions."""

import datetime as dt
from typing import Any

from double_booked.operator.objects import (
    DOUBLE_BOOKED,
    ENFORCED,
    READY,
    STALLED,
    BookingStatus,
    CalendarStatus,
)


def booking_status_json(before: BookingStatus | None, status: BookingStatus) -> dict[str, Any]:
    """Return the `status` of a Booking.

    Args:
        before: The stored status; a condition that does not change keeps its lastTransitionTime.
        status: The status to write.
    """
    is_same = before is not None and before.verdict == status.verdict
    is_same_readiness = before is not None and before.is_ready == status.is_ready
    double_booked = _condition(
        DOUBLE_BOOKED,
        status.verdict,
        (status.reason, status.message),
        status.generation,
        since=before.since if before and is_same else "",
    )
    readiness = _readiness(
        (status.reason, status.message),
        status.generation,
        is_ready=status.is_ready,
        since=before.ready_since if before and is_same_readiness else "",
    )
    return {
        "conditions": [double_booked, *readiness],
        "conflictsWith": list(status.conflicts_with),
        "conflicts": status.conflicts,
        "observedGeneration": status.generation,
    }


def calendar_status_json(before: CalendarStatus | None, status: CalendarStatus) -> dict[str, Any]:
    """Return the `status` of a Calendar; see booking_status_json for the arguments."""
    is_ready = not status.fault
    is_same_readiness = before is not None and bool(before.fault) == bool(status.fault)
    enforcement = status.enforcement
    is_same = before is not None and before.enforcement.verdict == enforcement.verdict
    words = ("InvalidSpec", status.fault) if status.fault else ("Reconciled", _RECONCILED)
    readiness = _readiness(
        words,
        status.generation,
        is_ready=is_ready,
        since=before.since if before and is_same_readiness else "",
    )
    enforced = _condition(
        ENFORCED,
        enforcement.verdict,
        (enforcement.reason, enforcement.message),
        status.generation,
        since=before.enforced_since if before and is_same else "",
    )
    return {
        "conditions": [*readiness, enforced],
        "bookings": status.bookings,
        "conflicts": status.conflicts,
        "observedGeneration": status.generation,
    }


_RECONCILED = "Its bookings are counted, and the status of each says whether it is double-booked."


def _readiness(
    words: tuple[str, str], generation: int, *, is_ready: bool, since: str
) -> list[dict[str, Any]]:
    """Return the condition Ready and, where it is False, Stalled: only a change can help then."""
    ready = _condition(READY, str(is_ready), words, generation, since)
    if is_ready:
        return [ready]
    return [ready, _condition(STALLED, "True", words, generation, since)]


def _condition(
    kind: str, status: str, words: tuple[str, str], generation: int, since: str
) -> dict[str, Any]:
    """Return a condition.

    Args:
        kind: The type of the condition.
        status: `True`, `False` or `Unknown`.
        words: The reason and the message.
        generation: The generation of the spec that the condition describes.
        since: When the status last changed, as RFC 3339; empty for now.
    """
    reason, message = words
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": since or now(),
    }


def now() -> str:
    """Return the current time as RFC 3339 in UTC, in seconds."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
