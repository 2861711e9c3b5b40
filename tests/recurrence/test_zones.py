"""Zones that a file defines have the offsets of IANA's zones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from calendars.ics_cases import calendar_of, spans, times, vevent
from double_booked.calendars.ics_lines import parse_components
from double_booked.calendars.vtimezone import read_zone
from double_booked.recurrence.calendar_times import Window
from double_booked.recurrence.zones import FileZone

CENTRAL_EUROPE = """BEGIN:VTIMEZONE
TZID:{name}
BEGIN:STANDARD
DTSTART:{start}
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:{summer}
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""
CUSTOM = CENTRAL_EUROPE.format(name="Custom", start="19961027T030000", summer="19810329T020000")
OUTLOOK = CENTRAL_EUROPE.format(name="Custom", start="16010101T030000", summer="16010101T020000")


def zone_of(text: str) -> FileZone:
    [calendar] = parse_components(calendar_of(text)).components
    [component] = calendar.components
    return read_zone(component, datetime(2030, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("text", [CUSTOM, OUTLOOK], ids=["RFC", "Outlook"])
def test_a_file_zone_agrees_with_the_iana_zone_that_it_copies(text: str) -> None:
    zone, real = zone_of(text), ZoneInfo("Europe/Berlin")
    for month in range(1, 13):
        for day in range(1, 29):
            for hour in (0, 1, 2, 3, 12):
                for fold in (0, 1):
                    local = datetime(2026, month, day, hour, 30, fold=fold)  # noqa: DTZ001 - see below
                    ours, theirs = local.replace(tzinfo=zone), local.replace(tzinfo=real)
                    assert ours.utcoffset() == theirs.utcoffset()
                    moment = theirs.astimezone(UTC)
                    assert (
                        moment.astimezone(zone).isoformat() == moment.astimezone(real).isoformat()
                    )
                    assert moment.astimezone(zone).fold == moment.astimezone(real).fold


@pytest.mark.parametrize("day", [29, 25])
def test_gaps_and_folds_agree_with_the_iana_zone(day: int) -> None:
    zone, real = zone_of(CUSTOM), ZoneInfo("Europe/Berlin")
    month = 3 if day == 29 else 10
    for minute in range(0, 240, 10):
        for fold in (0, 1):
            local = datetime(2026, month, day, minute // 60, minute % 60, fold=fold)  # noqa: DTZ001
            ours = local.replace(tzinfo=zone).astimezone(UTC)
            assert ours == local.replace(tzinfo=real).astimezone(UTC)


def test_a_zone_returns_its_abbreviation() -> None:
    zone = zone_of(CUSTOM)
    assert datetime(2026, 7, 1, tzinfo=zone).tzname() == "CEST"
    assert datetime(2026, 12, 1, tzinfo=zone).tzname() == "CET"
    assert datetime(2026, 12, 1, tzinfo=zone).dst() is None


def test_times_are_in_the_zone_that_the_file_defines() -> None:
    event = vevent("DTSTART;TZID=Custom:20260701T090000")
    assert times(calendar_of(CUSTOM, event)) == spans("2026-07-01 07:00")
    assert times(calendar_of(OUTLOOK, event)) == spans("2026-07-01 07:00")


def test_a_zone_can_be_defined_after_its_events() -> None:
    event = vevent("DTSTART;TZID=Custom:20260701T090000")
    assert times(calendar_of(event, CUSTOM)) == spans("2026-07-01 07:00")


def test_the_zones_of_many_outlook_files_are_read() -> None:
    """Their rules begin in 1601, and a file may have a hundred of them."""
    defined = [OUTLOOK.replace("Custom", f"Zone {number}") for number in range(100)]
    event = vevent("DTSTART;TZID=Zone 99:20260302T090000 | DURATION:PT1H")
    assert times(calendar_of(*defined, event)) == spans("2026-03-02 08:00/09:00")


def test_a_window_can_reach_to_the_last_year() -> None:
    window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
    event = vevent("DTSTART;TZID=Europe/Berlin:20260302T090000 | DURATION:PT1H")
    assert times(calendar_of(event), window) == spans("2026-03-02 08:00/09:00")
