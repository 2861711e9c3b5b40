"""Times are formatted compactly."""

from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.conflicts import instants
from double_booked.view.times import (
    day_of,
    format_day,
    format_day_span,
    format_duration,
    format_span,
    is_midnight,
    name_of_zone,
)

MONDAY = date(2026, 11, 16)


def nanoseconds(time: str) -> int:
    timestamp = Timestamp()
    timestamp.FromJsonString(f"{time}Z")
    return instants.nanoseconds(timestamp)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-16T09:00:00", "2026-11-16T10:30:00", "09:00-10:30"),
        ("2026-11-16T09:00:00", "2026-11-16T09:00:00", "09:00"),
        ("2026-11-16T00:00:00", "2026-11-16T00:00:00", "00:00"),
        ("2026-11-16T09:00:07", "2026-11-16T09:00:07.25", "09:00:07-09:00:07.25"),
        ("2026-11-16T09:00:00.000000001", "2026-11-16T10:00:00", "09:00:00.000000001-10:00"),
        ("2026-11-16T00:00:00", "2026-11-17T00:00:00", "00:00-24:00"),
        ("2026-11-16T22:00:00", "2026-11-17T02:00:00", "22:00-Tue 17 Nov 02:00"),
        ("2026-11-17T01:00:00", "2026-11-17T02:00:00", "Tue 17 Nov 01:00-02:00"),
        ("2026-11-16T00:00:00", "2026-11-18T00:00:00", "00:00-Tue 17 Nov 24:00"),
        ("2026-12-31T12:00:00", "2027-01-01T12:00:00", "Thu 31 Dec 12:00-Fri 1 Jan 2027 12:00"),
    ],
)
def test_span_names_only_other_days(start: str, end: str, text: str) -> None:
    assert format_span(nanoseconds(start), nanoseconds(end), MONDAY, UTC) == text


def test_first_and_last_instant_can_be_formatted() -> None:
    first, last = nanoseconds("0001-01-01T00:00:00"), nanoseconds("9999-12-31T23:59:59.999999999")
    assert format_day(day_of(first, UTC)) == "Mon 1 Jan 0001"
    assert (
        format_span(first, last, day_of(first, UTC), UTC)
        == "00:00-Fri 31 Dec 9999 23:59:59.999999999"
    )


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-11-16T09:00:00", "2026-11-16T10:30:00", "10:00-11:30"),
        ("2026-11-16T22:00:00", "2026-11-16T23:00:00", "23:00-24:00"),
        ("2026-11-16T23:30:00", "2026-11-17T00:30:00", "Tue 17 Nov 00:30-01:30"),
    ],
)
def test_span_is_in_the_readers_zone(start: str, end: str, text: str) -> None:
    assert format_span(nanoseconds(start), nanoseconds(end), MONDAY, BERLIN) == text


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (MONDAY, MONDAY, "16 Nov 2026"),
        (MONDAY, date(2026, 11, 21), "16-21 Nov 2026"),
        (MONDAY, date(2026, 12, 3), "16 Nov-3 Dec 2026"),
        (MONDAY, date(2027, 11, 3), "16 Nov 2026-3 Nov 2027"),
    ],
)
def test_days_share_their_month_and_year(first: date, last: date, text: str) -> None:
    assert format_day_span(first, last) == text


def test_span_across_a_clock_change_names_both_offsets() -> None:
    start, end = nanoseconds("2026-10-25T00:30:00"), nanoseconds("2026-10-25T01:30:00")
    text = format_span(start, end, date(2026, 10, 25), BERLIN)
    assert text == "02:30 CEST-02:30 CET"


def test_zone_name_follows_clock_changes() -> None:
    assert name_of_zone(nanoseconds("2026-07-01T00:00:00"), BERLIN) == "CEST"
    assert name_of_zone(nanoseconds("2026-11-16T00:00:00"), BERLIN) == "CET"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_day_outside_the_zones_years_is_in_utc(zone: str) -> None:
    first, last = nanoseconds("0001-01-01T00:00:00"), nanoseconds("9999-12-31T23:59:59")
    assert day_of(first, ZoneInfo(zone)).year == 1
    assert day_of(last, ZoneInfo(zone)).year == 9999


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (90, "1m30s"),
        (1800, "30m"),
        (5400, "1h30m"),
        (86_400, "1d"),
        (0.25, "0.25s"),
        (60.5, "1m0.5s"),
    ],
)
def test_duration_is_formatted_in_units(seconds: float, text: str) -> None:
    assert format_duration(int(seconds * instants.NANOS_PER_SECOND)) == text


def test_midnight_is_in_the_zone() -> None:
    midnight = nanoseconds("2026-11-15T23:00:00")
    assert is_midnight(midnight, ZoneInfo("Europe/Berlin"))
    assert not is_midnight(midnight, UTC)
    assert not is_midnight(midnight + 1, ZoneInfo("Europe/Berlin"))
