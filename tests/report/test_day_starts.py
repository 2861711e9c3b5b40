"""Midnights and quarters of hours are those of the zone, in order and each once."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.report.day_starts import DayStarts

BERLIN = ZoneInfo("Europe/Berlin")


def shown(instants: list[int] | tuple[int, ...]) -> list[str]:
    moments = (datetime.fromtimestamp(each // NANOS_PER_SECOND, UTC) for each in instants)
    return [f"{moment:%m-%d %H:%M}" for moment in moments]


def test_midnights_follow_the_clocks() -> None:
    days = DayStarts(BERLIN, (0, 24), days_around=1)
    assert shown(days.midnights(date(2026, 3, 29))) == ["03-27 23:00", "03-28 23:00", "03-29 22:00"]


def test_quarters_lie_within_the_hours() -> None:
    days = DayStarts(UTC, (9, 10), days_around=0)
    assert shown(days.quarters(date(2026, 3, 2))) == [
        "03-02 09:00",
        "03-02 09:15",
        "03-02 09:30",
        "03-02 09:45",
    ]


@pytest.mark.parametrize("hour", [0, 9, 24])
def test_an_empty_range_of_hours_has_no_quarter(hour: int) -> None:
    days = DayStarts(BERLIN, (hour, hour), days_around=2)
    assert days.quarters(date(2026, 3, 2)) == []
    opening = days.opening(date(2026, 3, 2))
    assert opening[0] == opening[1]


def test_an_hour_that_clocks_skip_is_not_there_twice() -> None:
    quarters = DayStarts(BERLIN, (0, 24), days_around=0).quarters(date(2026, 3, 29))
    assert len(quarters) == 23 * 4
    assert quarters == sorted(set(quarters))


def test_the_first_and_the_last_day_of_the_calendar_are_left_out() -> None:
    days = DayStarts(UTC, (0, 24), days_around=1)
    assert len(days.midnights(date.max)) == 1
    assert len(days.midnights(date.min)) == 1
