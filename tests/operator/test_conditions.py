"""Conditions are what kstatus and GitOps tools expect, and survive a round trip."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.operator.conditions import booking_status_json, calendar_status_json
from double_booked.operator.objects import (
    BookingStatus,
    CalendarStatus,
    Enforcement,
    Verdict,
    parse_booking,
    parse_calendar,
)

from .factories import raw_booking, raw_calendar

BEFORE, EARLIER = "2025-11-01T00:00:00Z", "2025-10-01T00:00:00Z"
FREE = BookingStatus("False", "Free", "It conflicts with no other booking.", generation=1)
OVER = BookingStatus("True", "OverCapacity", "Too much.", ("b",), 1, generation=1)
UNKNOWN = BookingStatus("Unknown", "InvalidSpec", "spec.end is missing.", generation=1)
ENFORCED = Enforcement("True", "Reviewed", "Each new booking is reviewed.")
LAX = Enforcement("False", "FailurePolicyIgnore", "The failurePolicy is Ignore.")


def verdicts(status: dict[str, Any]) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in status["conditions"]}


def changed(status: dict[str, Any]) -> dict[str, bool]:
    """Return the conditions with a new transition time."""
    return {
        condition["type"]: condition["lastTransitionTime"] not in {BEFORE, EARLIER}
        for condition in status["conditions"]
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (FREE, {"DoubleBooked": "False", "Ready": "True"}),
        (OVER, {"DoubleBooked": "True", "Ready": "False", "Stalled": "True"}),
        (UNKNOWN, {"DoubleBooked": "Unknown", "Ready": "False", "Stalled": "True"}),
    ],
)
def test_a_booking_is_ready_unless_it_is_double_booked_or_unknown(
    status: BookingStatus, expected: dict[str, str]
) -> None:
    written = booking_status_json(None, status)
    assert verdicts(written) == expected
    assert written["observedGeneration"] == 1
    for condition in written["conditions"]:
        assert condition["observedGeneration"] == 1
        assert (condition["reason"], condition["message"]) == (status.reason, status.message)


def test_a_calendar_is_ready_unless_its_spec_is_invalid() -> None:
    written = calendar_status_json(None, CalendarStatus(3, 1, 2, ENFORCED))
    assert verdicts(written) == {"Ready": "True", "Enforced": "True"}
    assert (written["bookings"], written["conflicts"]) == (3, 1)
    assert written["observedGeneration"] == 2
    broken = calendar_status_json(None, CalendarStatus(3, 1, 2, LAX, "spec.capacity is 0."))
    assert verdicts(broken) == {"Ready": "False", "Stalled": "True", "Enforced": "False"}
    ready, stalled, enforced = broken["conditions"]
    for condition in (ready, stalled):
        assert condition["reason"] == "InvalidSpec"
        assert condition["message"] == "spec.capacity is 0."
    assert (enforced["reason"], enforced["message"]) == (LAX.reason, LAX.message)
    assert {condition["observedGeneration"] for condition in broken["conditions"]} == {2}


def with_times(status: BookingStatus) -> BookingStatus:
    return replace(status, since=BEFORE, ready_since=EARLIER)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (FREE, FREE, {"DoubleBooked": False, "Ready": False}),
        (OVER, FREE, {"DoubleBooked": True, "Ready": True}),
        (FREE, OVER, {"DoubleBooked": True, "Ready": True, "Stalled": True}),
        (OVER, UNKNOWN, {"DoubleBooked": True, "Ready": False, "Stalled": False}),
        (UNKNOWN, OVER, {"DoubleBooked": True, "Ready": False, "Stalled": False}),
        (
            OVER,
            replace(OVER, message="Other words.", generation=2),
            {"DoubleBooked": False, "Ready": False, "Stalled": False},
        ),
    ],
)
def test_a_transition_time_of_a_booking_changes_only_with_its_condition(
    before: BookingStatus, after: BookingStatus, expected: dict[str, bool]
) -> None:
    written = booking_status_json(with_times(before), after)
    assert changed(written) == expected
    times = {
        condition["type"]: condition["lastTransitionTime"] for condition in written["conditions"]
    }
    assert expected["DoubleBooked"] or times["DoubleBooked"] == BEFORE
    assert expected["Ready"] or times["Ready"] == EARLIER


def test_readiness_added_to_an_older_status_has_a_transition_time() -> None:
    older = replace(FREE, since=BEFORE, ready_since="", is_complete=False)
    assert changed(booking_status_json(older, FREE)) == {"DoubleBooked": False, "Ready": True}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("", ENFORCED), ("", ENFORCED), {"Ready": False, "Enforced": False}),
        (("", ENFORCED), ("", LAX), {"Ready": False, "Enforced": True}),
        (("bad", LAX), ("", LAX), {"Ready": True, "Enforced": False}),
        (("", LAX), ("bad", LAX), {"Ready": True, "Stalled": True, "Enforced": False}),
        (("bad", LAX), ("worse", LAX), {"Ready": False, "Stalled": False, "Enforced": False}),
        (
            ("", LAX),
            ("", replace(LAX, reason="PolicyReport")),
            {"Ready": False, "Enforced": False},
        ),
    ],
)
def test_a_transition_time_of_a_calendar_changes_only_with_its_condition(
    before: tuple[str, Enforcement], after: tuple[str, Enforcement], expected: dict[str, bool]
) -> None:
    old = CalendarStatus(1, 0, 1, before[1], before[0], since=BEFORE, enforced_since=EARLIER)
    written = calendar_status_json(old, CalendarStatus(2, 1, 2, after[1], after[0]))
    assert changed(written) == expected


VERDICTS: tuple[Verdict, ...] = ("True", "False", "Unknown")
verdict = st.sampled_from(VERDICTS)
count = st.integers(0, 2**31 - 1)
times = st.sampled_from([BEFORE, EARLIER])


@st.composite
def booking_statuses(draw: st.DrawFn) -> BookingStatus:
    words = draw(st.text()), draw(st.text())
    names = tuple(draw(st.lists(st.text(), max_size=3)))
    since, ready_since = draw(times), draw(times)
    numbers = draw(count), draw(count)
    return BookingStatus(
        draw(verdict), *words, names, *numbers, since=since, ready_since=ready_since
    )


@st.composite
def calendar_statuses(draw: st.DrawFn) -> CalendarStatus:
    numbers = draw(count), draw(count), draw(count)
    enforcement = Enforcement(draw(verdict), draw(st.text()), draw(st.text()))
    since, enforced_since = draw(times), draw(times)
    fault = draw(st.text())
    return CalendarStatus(*numbers, enforcement, fault, since=since, enforced_since=enforced_since)


@given(st.none() | booking_statuses(), booking_statuses())
def test_a_booking_status_survives_a_round_trip(
    before: BookingStatus | None, status: BookingStatus
) -> None:
    written = json.loads(json.dumps(booking_status_json(before, status)))
    raw = raw_booking("a", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
    parsed = parse_booking(raw | {"status": written}).status
    assert parsed is not None
    assert parsed == status
    assert parsed.is_complete
    # Writing it again changes nothing.
    assert booking_status_json(parsed, status) == written


@given(st.none() | calendar_statuses(), calendar_statuses())
def test_a_calendar_status_survives_a_round_trip(
    before: CalendarStatus | None, status: CalendarStatus
) -> None:
    written = json.loads(json.dumps(calendar_status_json(before, status)))
    parsed = parse_calendar(raw_calendar() | {"status": written}).status
    assert parsed is not None
    assert parsed == status
    assert parsed.is_complete
    assert calendar_status_json(parsed, status) == written
