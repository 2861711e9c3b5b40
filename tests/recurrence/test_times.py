"""Dates and times are parsed."""

from datetime import date, datetime

import pytest

from double_booked.recurrence.times import is_unusual, parse_date_or_time


@pytest.mark.parametrize(
    ("text", "expected", "is_utc"),
    [
        ("20260302", date(2026, 3, 2), False),
        ("20260302Z", date(2026, 3, 2), False),
        ("20260302T090501", datetime(2026, 3, 2, 9, 5, 1), False),  # noqa: DTZ001 - a local time
        ("20260302T090501Z", datetime(2026, 3, 2, 9, 5, 1), True),  # noqa: DTZ001 - a local time
        ("20260302t090501z", datetime(2026, 3, 2, 9, 5, 1), True),  # noqa: DTZ001 - a local time
        (" 20260302T090501Z ", datetime(2026, 3, 2, 9, 5, 1), True),  # noqa: DTZ001 - as above
        ("20261231T235960Z", datetime(2027, 1, 1), True),  # noqa: DTZ001 - a local time
        ("20261231T240000", datetime(2027, 1, 1), False),  # noqa: DTZ001 - a local time
    ],
)
def test_a_date_or_a_time_is_parsed(text: str, expected: date, *, is_utc: bool) -> None:
    assert parse_date_or_time(text) == (expected, is_utc)


@pytest.mark.parametrize(
    "text",
    ["", "x", "T090000", "090000", "P1D", "2026030", "20260302T0905", "20260302T", "20260302ZZ"],
)
def test_another_text_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time like 20261123T090000 or 20261123"):
        parse_date_or_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "20260230",
        "00000101",
        "20260302T240001",
        "20260302T250000",
        "20260302T096000",
        "20260302T090061",
        "99991231T235960",
    ],
)
def test_a_time_that_is_not_in_the_calendar_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not in the calendar"):
        parse_date_or_time(text)


def test_the_second_60_and_the_hour_24_are_unusual() -> None:
    assert is_unusual("20260302T235960Z")
    assert is_unusual("20260302T240000")
    assert not is_unusual("20260302T235959")
    assert not is_unusual("20260302")
