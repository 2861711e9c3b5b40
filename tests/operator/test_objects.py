"""Calendars and Bookings out of JSON."""

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


def test_a_booking_keeps_its_nanoseconds_and_its_offset() -> None:
    raw = raw_booking("a", "2026-12-01T10:00:00.000000001+01:00", "9999-12-31T23:59:59.999999999Z")
    held = parse_booking(raw)
    assert format_time(held.start) == "2026-12-01T09:00:00.000000001Z"
    assert format_time(held.end) == "9999-12-31T23:59:59.999999999Z"


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
def test_a_booking_that_cannot_be_used_says_where_and_how_to_mend_it(
    spec: dict[str, Any], message: str
) -> None:
    raw = raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    raw["spec"] |= spec
    with pytest.raises(InvalidObjectError, match=message.replace("[", r"\[")):
        parse_booking(raw)
    held = parse_booking_lenient(raw)
    assert message in held.fault
    assert held.calendars == ()


def test_a_calendar_of_nothing_has_the_defaults() -> None:
    raw = raw_calendar()
    del raw["spec"]
    assert parse_calendar(raw).rules == Rules(capacity=1, rejects=True, gap=0)


def test_a_calendar_has_what_it_says() -> None:
    held = parse_calendar(raw_calendar(capacity=3, policy="Report", minGap="1h30m"))
    assert held.rules == Rules(capacity=3, rejects=False, gap=5_400 * 10**9)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"capacity": 0}, "spec.capacity is 0"),
        ({"minGap": "soon"}, "spec.minGap: 'soon' is not a duration like"),
        ({"minGap": "999999999d"}, "spec.minGap is 999999999d: give 366d at most"),
    ],
)
def test_a_calendar_that_cannot_be_used_is_held_with_the_strict_defaults(
    spec: dict[str, Any], message: str
) -> None:
    held = parse_calendar_lenient(raw_calendar(**spec))
    assert message in held.fault
    assert held.rules == Rules()


def test_a_status_is_read_as_it_was_written() -> None:
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
def test_an_object_that_is_pending_has_no_status(kind: str) -> None:
    pending = {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Pending"}]}
    raw = raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    read = parse_booking if kind == "Booking" else parse_calendar
    assert read(raw | {"status": pending}).status is None


def test_a_calendars_status_is_read_as_it_was_written() -> None:
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
