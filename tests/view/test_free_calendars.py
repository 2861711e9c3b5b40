"""The view of bookings names how long a calendar is free."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from double_booked.api.scheduling_pb2 import Event
from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.view.coverage import CalendarRules, Coverage
from double_booked.view.free_calendars import describe_free_calendars
from view.reports import HOUR, MIDNIGHT, event, report_of

BERLIN = ZoneInfo("Europe/Berlin")
WEEK = 7 * 24
LAB = CalendarRules("lab")


def instant(hour: float) -> int:
    return (MIDNIGHT + int(hour * HOUR)) * NANOS_PER_SECOND


def describe(
    *events: Event,
    now: float = 0,
    until: float = WEEK,
    calendars: Iterable[CalendarRules] = (LAB,),
    missing: Collection[str] = (),
) -> dict[str, str]:
    """Return the texts of calendars for a window from Monday, 16 November, 01:00 in Berlin."""
    window = instant(-1), instant(until - 1)
    coverage = Coverage("bookings", instant(now), BERLIN, ["team"], list(calendars), window)
    report, covered = report_of(*events), replace(coverage, missing=missing)
    return dict(describe_free_calendars(report, covered))


@pytest.mark.parametrize(
    ("until", "text"),
    [(WEEK, "free all week"), (24, "free all day"), (48, "free all the time shown")],
)
def test_calendar_without_bookings_is_free_all_the_time(until: float, text: str) -> None:
    assert describe(until=until) == {"lab": text}


def test_calendar_is_free_until_its_next_booking_in_the_readers_zone() -> None:
    booked = event(10, 12, "past", "lab"), event(81, 82, "next", "lab"), event(90, 91, "", "lab")
    assert describe(*booked, now=13) == {"lab": "free until Thu 10:00"}


def test_time_a_week_from_now_has_its_date() -> None:
    booked = event(WEEK + 9, WEEK + 10, "", "lab")
    assert describe(booked, until=2 * WEEK) == {"lab": "free until Mon 23 Nov 10:00"}
    assert describe(booked, until=2 * WEEK, now=24) == {"lab": "free until Mon 10:00"}


def test_calendar_after_its_last_booking_is_free_for_the_rest_of_the_week() -> None:
    booked = event(10, 12, "", "lab")
    assert describe(booked, now=12) == {"lab": "free for the rest of the week"}
    assert describe(booked, now=12, until=48) == {"lab": "free for the rest of the time shown"}


def test_calendar_that_is_full_now_has_no_text() -> None:
    assert describe(event(10, 12, "", "lab"), now=11) == {}
    gap = replace(LAB, gap=HOUR * NANOS_PER_SECOND)
    assert describe(event(9, 10, "", "lab"), now=10.5, calendars=[gap]) == {}


def test_calendar_is_free_while_it_has_room_for_another_booking() -> None:
    booked = event(0, 40, "", "lab"), event(34, 36, "", "lab")
    rules = replace(LAB, capacity=2)
    assert describe(*booked, calendars=[rules]) == {"lab": "free until Tue 11:00"}


def test_calendar_is_free_until_a_gap_before_its_next_booking() -> None:
    gap = replace(LAB, gap=HOUR * NANOS_PER_SECOND // 2)
    booked = event(9, 12, "", "lab")
    assert describe(booked, calendars=[gap]) == {"lab": "free until Mon 09:30"}
    assert describe(booked, now=8.5, calendars=[gap]) == {}
    assert describe(booked, now=12.25, calendars=[gap]) == {}
    free = {"lab": "free for the rest of the week"}
    assert describe(booked, now=12.5, calendars=[gap]) == free


def test_later_window_counts_from_its_start() -> None:
    assert describe(event(34, 36, "", "lab"), now=-100) == {"lab": "free until Tue 11:00"}
    assert describe(event(-1, 36, "", "lab"), now=-100) == {}


def test_window_that_is_over_has_only_calendars_that_were_free() -> None:
    calendars = LAB, CalendarRules("hall")
    booked = event(34, 36, "", "lab")
    assert describe(booked, now=WEEK + 1, calendars=calendars) == {"hall": "free all week"}


def test_calendar_that_does_not_exist_is_marked() -> None:
    texts = describe(event(9, 10, "", "typo"), missing=["typo"])
    assert texts == {"lab": "free all week", "typo": "does not exist"}
