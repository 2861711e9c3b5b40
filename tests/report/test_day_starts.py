"""Midnights and quarter hours are in the zone, in order and without duplicates."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.report.day_starts import DayStarts

BERLIN = ZoneInfo("Europe/Berlin")


def in_utc(instants: list[int] | tuple[int, ...]) -> list[str]:
    moments = (datetime.fromtimestamp(instant // NANOS_PER_SECOND, UTC) for instant in instants)
    return [f"{moment:%m-%d %H:%M}" for moment in moments]


def test_midnights_follow_clock_changes() -> None:
    days = DayStarts(BERLIN, (0, 24), days_around=1)
    assert in_utc(days.midnights(date(2026, 3, 29))) == [
        "03-27 23:00",
        "03-28 23:00",
        "03-29 22:00",
    ]


def test_quarters_are_within_the_hours() -> None:
    days = DayStarts(UTC, (9, 10), days_around=0)
    assert in_utc(days.quarters(date(2026, 3, 2))) == [
        "03-02 09:00",
        "03-02 09:15",
        "03-02 09:30",
        "03-02 09:45",
    ]


@pytest.mark.parametrize("hour", [0, 9, 24])
def test_empty_range_of_hours_has_no_quarters(hour: int) -> None:
    days = DayStarts(BERLIN, (hour, hour), days_around=2)
    assert days.quarters(date(2026, 3, 2)) == []
    opening = days.opening(date(2026, 3, 2))
    assert opening[0] == opening[1]


def test_skipped_hour_gives_no_duplicate_quarters() -> None:
    quarters = DayStarts(BERLIN, (0, 24), days_around=0).quarters(date(2026, 3, 29))
    assert len(quarters) == 23 * 4
    assert quarters == sorted(set(quarters))


def test_first_and_last_day_of_the_calendar_are_left_out() -> None:
    days = DayStarts(UTC, (0, 24), days_around=1)
    assert len(days.midnights(date.max)) == 1
    assert len(days.midnights(date.min)) == 1
