"""EXDATE, RDATE, RECURRENCE-ID and UNTIL are aligned with the type and zone of their series."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from calendars.ics_cases import calendar_of, spans, times, times_of, vevent
from double_booked.recurrence.series_times import day_in_utc

B = "TZID=Europe/Berlin:"
# 2, 3 and 4 March, in Berlin, the zone of the reader.
DAYS = "DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=DAILY;COUNT=3"
FIRST, SECOND, THIRD = (f"2026-03-0{day} 23:00/2026-03-0{day + 1} 23:00" for day in (1, 2, 3))

WITHOUT_SECOND = {
    "midnight in a zone": f"EXDATE;{B}20260303T000000",
    "midnight in a zone that is not the reader's": "EXDATE;TZID=Asia/Tokyo:20260303T000000",
    "midnight without a zone": "EXDATE:20260303T000000",
    "midnight of the reader's zone in UTC": "EXDATE:20260302T230000Z",
    "midnight in UTC": "EXDATE:20260303T000000Z",
    "midnight of New York in UTC": "EXDATE:20260303T050000Z",
    "midnight of Tokyo in UTC": "EXDATE:20260302T150000Z",
    "midnight of Auckland in UTC": "EXDATE:20260302T120000Z",
    "a date": "EXDATE;VALUE=DATE:20260303",
    "another time of that day": f"EXDATE;{B}20260303T093000",
}


@pytest.mark.parametrize("exdate", WITHOUT_SECOND.values(), ids=WITHOUT_SECOND)
def test_exdate_of_a_series_of_days_removes_that_day(exdate: str) -> None:
    assert times_of(f"{DAYS} | {exdate}") == spans(f"{FIRST}, {THIRD}")


@pytest.mark.parametrize("exdate", WITHOUT_SECOND.values(), ids=WITHOUT_SECOND)
def test_recurrence_id_of_a_series_of_days_names_that_day(exdate: str) -> None:
    name = exdate.replace("EXDATE", "RECURRENCE-ID")
    moved = f"{name} | DTSTART;VALUE=DATE:20260310"
    expected = spans(f"{FIRST}, {THIRD}, 2026-03-09 23:00/2026-03-10 23:00")
    assert times_of(DAYS, moved) == expected


@pytest.mark.parametrize(
    "until", sorted({text.rpartition(":")[2] for text in WITHOUT_SECOND.values()})
)
def test_until_of_a_series_of_days_includes_that_day(until: str) -> None:
    event = f"DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=DAILY;UNTIL={until}"
    assert times_of(event) == spans(f"{FIRST}, {SECOND}")


@pytest.mark.parametrize("until", ["20260303T225959Z", "20260303T235959Z", "20260303T235959"])
def test_until_of_a_series_of_days_may_be_the_end_of_the_day(until: str) -> None:
    event = f"DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=DAILY;UNTIL={until}"
    assert times_of(event) == spans(f"{FIRST}, {SECOND}")


def test_rdate_of_a_series_of_days_adds_that_day() -> None:
    event = "DTSTART;VALUE=DATE:20260302 | RDATE:20260302T230000Z,20260302T230000Z"
    assert times_of(event) == spans(f"{FIRST}, {SECOND}")


TOKYO = """BEGIN:VTIMEZONE
TZID:Tokyo Standard Time
BEGIN:STANDARD
DTSTART:16010101T000000
TZOFFSETFROM:+0900
TZOFFSETTO:+0900
END:STANDARD
END:VTIMEZONE"""
AUCKLAND = TOKYO.replace("Tokyo", "New Zealand").replace("+0900", "+1300")
# 11:00 UTC is midnight in Auckland, where the day after has begun.
EXCLUDED = vevent(f"{DAYS} | EXDATE:20260302T110000Z")


@pytest.mark.parametrize("hint", ["X-WR-TIMEZONE:Pacific/Auckland", AUCKLAND])
def test_a_midnight_is_that_of_the_calendars_zone(hint: str) -> None:
    days = [f"{start.astimezone(UTC):%d}" for start, _ in times(calendar_of(hint, EXCLUDED))]
    assert days == ["01", "03"]


def test_x_wr_timezone_takes_precedence_over_vtimezone() -> None:
    """11:00 UTC is before noon, and midnight only in Auckland."""
    content = calendar_of("X-WR-TIMEZONE:Europe/Berlin", AUCKLAND, EXCLUDED)
    assert times(content) == spans(f"{SECOND}, {THIRD}")


def test_several_vtimezones_give_the_calendar_no_zone() -> None:
    """Nothing then indicates another day."""
    assert times(calendar_of(AUCKLAND, TOKYO, EXCLUDED)) == spans(f"{SECOND}, {THIRD}")


def test_exdate_without_a_zone_is_in_that_of_its_series() -> None:
    event = (
        "DTSTART;TZID=America/New_York:20260302T200000 | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=2"
    )
    assert times_of(f"{event} | EXDATE:20260303T200000") == spans("2026-03-03 01:00/02:00")


def test_exdate_without_a_zone_of_a_series_in_utc_is_in_utc() -> None:
    event = "DTSTART:20260302T090000Z | RRULE:FREQ=DAILY;COUNT=2 | EXDATE:20260303T090000"
    assert times_of(event) == spans("2026-03-02 09:00")


def test_rdate_without_a_zone_is_in_that_of_its_series() -> None:
    event = "DTSTART;TZID=America/New_York:20260302T200000 | RDATE:20260303T200000"
    assert times_of(event) == spans("2026-03-03 01:00, 2026-03-04 01:00")


def test_recurrence_id_without_a_zone_is_in_that_of_its_series() -> None:
    series = "DTSTART;TZID=America/New_York:20260302T200000 | RRULE:FREQ=DAILY;COUNT=2"
    moved = "RECURRENCE-ID:20260303T200000 | DTSTART;TZID=America/New_York:20260305T200000"
    assert times_of(series, moved) == spans("2026-03-03 01:00, 2026-03-06 01:00")


def test_exdate_in_utc_of_a_floating_series_is_exact() -> None:
    event = "DTSTART:20260302T090000 | RRULE:FREQ=DAILY;COUNT=2 | EXDATE:20260303T080000Z"
    assert times_of(event) == spans("2026-03-02 08:00")


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(2026, 11, 30, 23), "Europe/Berlin", date(2026, 12, 1)),  # noqa: DTZ001 - in UTC
        (datetime(2026, 11, 30, 22), "Europe/Berlin", date(2026, 12, 1)),  # noqa: DTZ001 - in UTC
        (datetime(2026, 11, 30, 22, 59, 59), "Europe/Berlin", date(2026, 11, 30)),  # noqa: DTZ001
        (datetime(2026, 11, 30, 5), "America/New_York", date(2026, 11, 30)),  # noqa: DTZ001
        (datetime(2026, 11, 30, 18, 30), "UTC", date(2026, 12, 1)),  # noqa: DTZ001 - Kolkata's
        (datetime(2026, 11, 30, 18, 31), "UTC", date(2026, 11, 30)),  # noqa: DTZ001 - nobody's
    ],
)
def test_a_time_in_utc_stands_for_a_day(moment: datetime, zone: str, day: date) -> None:
    assert day_in_utc(moment, ZoneInfo(zone)) == day
