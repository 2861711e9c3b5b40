"""Calendars and Bookings are parsed from JSON."""

from typing import Any

import pytest

from double_booked.operator.objects import (
    BookingStatus,
    CalendarStatus,
    Enforcement,
    InvalidObjectError,
    Rules,
    format_time,
    parse_booking,
    parse_booking_lenient,
    parse_calendar,
    parse_calendar_lenient,
)

from .factories import raw_booking, raw_calendar


def test_a_booking_keeps_nanoseconds_and_applies_its_offset() -> None:
    raw = raw_booking("a", "2026-12-01T10:00:00.000000001+01:00", "9999-12-31T23:59:59.999999999Z")
    parsed = parse_booking(raw)
    assert format_time(parsed.start) == "2026-12-01T09:00:00.000000001Z"
    assert format_time(parsed.end) == "9999-12-31T23:59:59.999999999Z"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"start": "2026-12-01"}, "spec.start is '2026-12-01': give a time like"),
        ({"end": None}, "spec.end is None: give a time like"),
        ({"end": "2026-12-01T08:00:00Z"}, "spec.end is before spec.start"),
        ({"start": "0000-12-01T08:00:00Z"}, "spec.start is '0000-12-01T08:00:00Z'"),
        ({"start": "2026-12-01T08:00:00.1234567890Z"}, "at most nine digits"),
        ({"calendars": []}, "spec.calendars names none"),
        ({"calendars": [7]}, "spec.calendars names none"),
    ],
)
def test_an_invalid_booking_names_the_field_and_the_fix(spec: dict[str, Any], message: str) -> None:
    raw = raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    raw["spec"] |= spec
    with pytest.raises(InvalidObjectError, match=message.replace("[", r"\[")):
        parse_booking(raw)
    parsed = parse_booking_lenient(raw)
    assert message in parsed.fault
    assert parsed.calendars == ()


def test_an_empty_calendar_has_the_defaults() -> None:
    raw = raw_calendar()
    del raw["spec"]
    assert parse_calendar(raw).rules == Rules(capacity=1, rejects=True, gap=0)


def test_a_calendar_has_the_rules_of_its_spec() -> None:
    parsed = parse_calendar(raw_calendar(capacity=3, policy="Report", minGap="1h30m"))
    assert parsed.rules == Rules(capacity=3, rejects=False, gap=5_400 * 10**9)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"capacity": 0}, "spec.capacity is 0"),
        ({"minGap": "soon"}, "spec.minGap: 'soon' is not a duration like"),
        ({"minGap": "999999999d"}, "spec.minGap is 999999999d: give 366d at most"),
    ],
)
def test_an_invalid_calendar_has_the_default_rules(spec: dict[str, Any], message: str) -> None:
    parsed = parse_calendar_lenient(raw_calendar(**spec))
    assert message in parsed.fault
    assert parsed.rules == Rules()


def test_a_booking_status_is_parsed() -> None:
    raw = raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    assert parse_booking(raw).status is None
    raw["status"] = {
        "conditions": [
            {
                "type": "DoubleBooked",
                "status": "True",
                "reason": "OverCapacity",
                "message": "Too late.",
                "lastTransitionTime": "2026-11-01T00:00:00Z",
            },
            {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-02T00:00:00Z"},
            {"type": "Stalled", "status": "True"},
        ],
        "conflictsWith": ["b"],
        "conflicts": 1,
        "observedGeneration": 2,
    }
    status = parse_booking(raw).status
    assert status == BookingStatus("True", "OverCapacity", "Too late.", ("b",), 1, 2)
    assert status.since == "2026-11-01T00:00:00Z"
    assert status.ready_since == "2026-11-02T00:00:00Z"


def test_a_status_without_readiness_is_incomplete() -> None:
    raw = raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    double_booked = {"type": "DoubleBooked", "status": "False"}
    raw["status"] = {"conditions": [double_booked]}
    status = parse_booking(raw).status
    assert status is not None
    assert not status.is_complete


@pytest.mark.parametrize("kind", ["Booking", "Calendar"])
def test_a_pending_object_has_no_status(kind: str) -> None:
    pending = {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Pending"}]}
    raw = raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    read = parse_booking if kind == "Booking" else parse_calendar
    assert read(raw | {"status": pending}).status is None


def test_a_calendar_status_is_parsed() -> None:
    raw = raw_calendar()
    ready = {"type": "Ready", "status": "True", "message": "Bookings on it are checked."}
    enforced = {"type": "Enforced", "status": "True", "reason": "Reviewed", "message": "Yes."}
    conditions = [ready, enforced]
    raw["status"] = {
        "conditions": conditions,
        "bookings": 3,
        "conflicts": 1,
        "observedGeneration": 2,
    }
    enforcement = Enforcement("True", "Reviewed", "Yes.")
    assert parse_calendar(raw).status == CalendarStatus(3, 1, 2, enforcement)
