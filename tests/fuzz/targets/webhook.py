"""Check that bodies of webhook requests are either reviewed or rejected."""

import json
from contextlib import suppress
from typing import Any

from tests.operator.factories import booking, calendar, raw_booking, raw_calendar, schedule_of

from double_booked.operator.admission import CapacityView, find_overlaps
from double_booked.operator.admission_review import InvalidReviewError, parse_review
from double_booked.operator.cluster import path_of
from double_booked.operator.ledger import Reservations, reserve, size_of
from double_booked.operator.objects import (
    InvalidObjectError,
    parse_booking,
    parse_booking_lenient,
    parse_calendar,
    parse_calendar_lenient,
)
from double_booked.operator.schedule import Schedule

NINE = ("2025-12-01T09:00:00Z", "2025-12-01T10:00:00Z")


def check(data: bytes) -> None:
    """Parse a request as a review of each kind, and decide on it as the operator does."""
    for kind in ("bookings", "calendars"):
        # Any other exception is a finding.
        with suppress(InvalidReviewError, InvalidObjectError):
            decide(kind, parse_review(data, kind)["request"])


def decide(kind: str, request: dict[str, Any]) -> None:
    """Parse the objects of a review, and look for overlaps with what is booked."""
    json.dumps(request["userInfo"])
    if kind == "calendars":
        if request["oldObject"]:
            parse_calendar_lenient(request["oldObject"])
        size_of(reserve(parse_calendar(request["object"]), None))
        return
    view = CapacityView(booked(), Reservations())
    before = parse_booking_lenient(request["oldObject"]) if request["oldObject"] else None
    wanted = parse_booking(request["object"])
    for key in (*wanted.calendar_keys(), *wanted.replaced_keys(), wanted.key):
        assert path_of("bookings", key).count("/") == 7
    find_overlaps(wanted, before, view)
    size_of(reserve(wanted, before))


def booked() -> Schedule:
    """Return a schedule with one calendar and one booking."""
    return schedule_of(calendar(), booking("held", 9, 10))


def cases() -> list[bytes]:
    """Return reviews to start the search from."""
    whole = {"uid": "1", "operation": "CREATE", "userInfo": {"username": "ada", "groups": ["x"]}}
    raw = raw_booking("a", *NINE, spec={"replaces": ["held"], "ttlSecondsAfterFinished": 1})
    other = raw_calendar(capacity=2, minGap="5m", policy="Report")
    requests = [
        whole | {"object": raw},
        whole | {"operation": "UPDATE", "object": raw, "oldObject": raw},
        whole | {"object": other},
    ]
    return [json.dumps({"request": request}).encode() for request in requests]


SEEDS = tuple(cases())
