"""A VTIMEZONE is expanded up to the window, and equal texts are parsed once."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from calendars.ics_cases import calendar_of
from double_booked.calendars.ics_lines import Component, parse_components
from double_booked.calendars.vtimezone import read_zone

LAST = datetime(2028, 1, 1)  # noqa: DTZ001 - a local time
JANUARY, JULY = datetime(2026, 1, 1), datetime(2026, 7, 1)  # noqa: DTZ001 - as above
SUMMER = "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"
WINTER = "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"


def observance(start: str, offsets: str, *more: str) -> str:
    before, after = offsets.split()
    lines = [f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *more]
    return "\n".join(["BEGIN:STANDARD", *lines, "END:STANDARD"])


def zone(*observances: str, name: str = "X") -> Component:
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}", *observances, "END:VTIMEZONE"]
    [calendar] = parse_components(calendar_of(*lines)).components
    return calendar.components[0]


def hours(component: Component, *locals_: datetime) -> list[float]:
    parsed = read_zone(component, LAST)
    offsets = [parsed.utcoffset(local) for local in locals_]
    return [offset / timedelta(hours=1) for offset in offsets if offset is not None]


def central(start: str) -> Component:
    return zone(
        observance(start, "+0200 +0100", f"RRULE:{WINTER}"),
        observance(start, "+0100 +0200", f"RRULE:{SUMMER}"),
    )


@pytest.mark.parametrize("start", ["00010101T020000", "16010101T020000", "19700101T020000"])
def test_rules_can_begin_long_ago(start: str) -> None:
    assert hours(central(start), JANUARY, JULY) == [1, 2]


def test_a_rule_with_a_count_ends() -> None:
    component = zone(
        observance("16010101T020000", "+0100 +0200", "RRULE:FREQ=YEARLY;COUNT=400"),
        observance("16010701T020000", "+0200 +0100", "RRULE:FREQ=YEARLY;COUNT=399"),
    )
    # The last of both are in 2000 and 1999.
    assert hours(component, datetime(1999, 8, 1), JANUARY, JULY) == [1, 2, 2]  # noqa: DTZ001


def test_equal_texts_are_parsed_once() -> None:
    first, second = central("16010101T020000"), central("16010101T020000")
    assert read_zone(first, LAST) is read_zone(replace(second, line=99), LAST)
    assert read_zone(first, LAST) is not read_zone(central("16010102T020000"), LAST)


def test_an_unusable_zone_is_reported_with_the_line_of_its_file() -> None:
    for empty in (0, 5):
        lines = [*["X-EMPTY:1"] * empty, "BEGIN:VTIMEZONE", "TZID:X", "END:VTIMEZONE"]
        [calendar] = parse_components(calendar_of(*lines)).components
        with pytest.raises(ValueError, match=f"line {4 + empty}: a time zone without offsets"):
            read_zone(calendar.components[0], LAST)


def test_thousands_of_dates_are_read() -> None:
    days = [datetime(1900, 1, 1) + timedelta(number) for number in range(20_000)]  # noqa: DTZ001
    dates = [f"RDATE:{day:%Y%m%d}T020000" for day in days]
    component = zone(
        observance("19000101T000000", "+0100 +0200", *dates),
        observance("19800101T000000", "+0200 +0300"),
    )
    assert hours(component, JANUARY) == [3]


@pytest.mark.parametrize("rule", ["SECONDLY", "SECONDLY;COUNT=99999999", "DAILY;BYMONTHDAY=31"])
def test_a_rule_is_ignored_if_there_is_one_offset(rule: str) -> None:
    component = zone(observance("19700101T000000", "+0200 +0100", f"RRULE:FREQ={rule}"))
    assert hours(component, JULY) == [1]


def test_the_steps_of_a_zone_are_limited() -> None:
    component = zone(
        observance("19700101T000000", "+0200 +0100", "RRULE:FREQ=SECONDLY"),
        observance("19700101T000000", "+0100 +0200"),
    )
    with pytest.raises(ValueError, match="STANDARD: its rule takes more than 20,000 steps"):
        read_zone(component, LAST)
