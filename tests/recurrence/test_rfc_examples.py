"""The examples of RFC 5545, section 3.8.5.3, are expanded to the times listed there."""

from datetime import UTC, datetime

import pytest

from calendars.ics_cases import mornings, starts_of
from double_booked.recurrence.calendar_times import Window

UNTIL_2000 = "1998-01 1-31, 1999-01 1-31, 2000-01 1-31"
WHOLE_AUTUMN = "1997-09 2-30, 1997-10 1-31, 1997-11 1-30, 1997-12 1-23"
TUESDAYS = "1997-09 2 9 16 23 30, 1997-10 7 14 21 28, 1997-11 4"
EVERY_20_MINUTES = [f"{hour:02}:{minute:02}" for hour in range(9, 17) for minute in (0, 20, 40)]

EXAMPLES = {
    "daily for 10": ("19970902", "FREQ=DAILY;COUNT=10", "1997-09 2-11"),
    "daily until": ("19970902", "FREQ=DAILY;UNTIL=19971224T000000Z", WHOLE_AUTUMN),
    "every 10 days": (
        "19970902",
        "FREQ=DAILY;INTERVAL=10;COUNT=5",
        "1997-09 2 12 22, 1997-10 2 12",
    ),
    "every day in January, yearly": (
        "19980101",
        "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        UNTIL_2000,
    ),
    "every day in January, daily": (
        "19980101",
        "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1",
        UNTIL_2000,
    ),
    "weekly for 10": ("19970902", "FREQ=WEEKLY;COUNT=10", TUESDAYS),
    "weekly until": (
        "19970902",
        "FREQ=WEEKLY;UNTIL=19971224T000000Z",
        f"{TUESDAYS} 11 18 25, 1997-12 2 9 16 23",
    ),
    "Tuesday and Thursday for five weeks, until": (
        "19970902",
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "1997-09 2 4 9 11 16 18 23 25 30, 1997-10 2",
    ),
    "Tuesday and Thursday for five weeks, counted": (
        "19970902",
        "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH",
        "1997-09 2 4 9 11 16 18 23 25 30, 1997-10 2",
    ),
    "every other week on three days": (
        "19970901",
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        (
            "1997-09 1 3 5 15 17 19 29, 1997-10 1 3 13 15 17 27 29 31, 1997-11 10 12 14 24 26 28,"
            " 1997-12 8 10 12 22"
        ),
    ),
    "every other week on two days": (
        "19970902",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "1997-09 2 4 16 18 30, 1997-10 2 14 16",
    ),
    "first Friday, 10 times": (
        "19970905",
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        (
            "1997-09 5, 1997-10 3, 1997-11 7, 1997-12 5, 1998-01 2, 1998-02 6, 1998-03 6,"
            " 1998-04 3, 1998-05 1, 1998-06 5"
        ),
    ),
    "first Friday until": (
        "19970905",
        "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR",
        "1997-09 5, 1997-10 3, 1997-11 7, 1997-12 5",
    ),
    "first and last Sunday of every other month": (
        "19970907",
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "1997-09 7 28, 1997-11 2 30, 1998-01 4 25, 1998-03 1 29, 1998-05 3 31",
    ),
    "second-to-last Monday": (
        "19970922",
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "1997-09 22, 1997-10 20, 1997-11 17, 1997-12 22, 1998-01 19, 1998-02 16",
    ),
    "2nd and 15th": (
        "19970902",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "1997-09 2 15, 1997-10 2 15, 1997-11 2 15, 1997-12 2 15, 1998-01 2 15",
    ),
    "first and last day of the month": (
        "19970930",
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "1997-09 30, 1997-10 1 31, 1997-11 1 30, 1997-12 1 31, 1998-01 1 31, 1998-02 1",
    ),
    "10th to 15th of every 18th month": (
        "19970910",
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997-09 10-15, 1999-03 10-13",
    ),
    "June and July": (
        "19970610",
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        (
            "1997-06 10, 1997-07 10, 1998-06 10, 1998-07 10, 1999-06 10, 1999-07 10, 2000-06 10,"
            " 2000-07 10, 2001-06 10, 2001-07 10"
        ),
    ),
    "first quarter of every other year": (
        "19970310",
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        (
            "1997-03 10, 1999-01 10, 1999-02 10, 1999-03 10, 2001-01 10, 2001-02 10, 2001-03 10,"
            " 2003-01 10, 2003-02 10, 2003-03 10"
        ),
    ),
    "1st, 100th and 200th day of every third year": (
        "19970101",
        "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        (
            "1997-01 1, 1997-04 10, 1997-07 19, 2000-01 1, 2000-04 9, 2000-07 18, 2003-01 1,"
            " 2003-04 10, 2003-07 19, 2006-01 1"
        ),
    ),
    "third of three days": (
        "19970904",
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        "1997-09 4, 1997-10 7, 1997-11 6",
    ),
    "weeks from Monday": (
        "19970805",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
        "1997-08 5 10 19 24",
    ),
    "weeks from Sunday": (
        "19970805",
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        "1997-08 5 17 19 31",
    ),
    "a day that February lacks": (
        "20070115",
        "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
        "2007-01 15 30, 2007-02 15, 2007-03 15 30",
    ),
}

ENDLESS = {
    "every other week": (
        "19970902",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "1997-09 2 16 30, 1997-10 14 28, 1997-11 11 25, 1997-12 9 23",
    ),
    "third-to-last day of the month": (
        "19970928",
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        "1997-09 28, 1997-10 29, 1997-11 28, 1997-12 29",
    ),
    "Tuesdays of every other month": (
        "19970902",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "1997-09 2 9 16 23 30, 1997-11 4 11 18 25, 1998-01 6 13 20 27, 1998-03 3 10 17 24 31",
    ),
    "20th Monday of the year": (
        "19970519",
        "FREQ=YEARLY;BYDAY=20MO",
        "1997-05 19, 1998-05 18, 1999-05 17",
    ),
    "Monday of week 20": (
        "19970512",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "1997-05 12, 1998-05 11, 1999-05 17",
    ),
    "Thursdays in March": (
        "19970313",
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "1997-03 13 20 27, 1998-03 5 12 19 26, 1999-03 4 11 18 25",
    ),
    "Thursdays in summer": (
        "19970605",
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "1997-06 5 12 19 26, 1997-07 3 10 17 24 31, 1997-08 7 14 21 28",
    ),
    "Saturday after the first Sunday": (
        "19970913",
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        (
            "1997-09 13, 1997-10 11, 1997-11 8, 1997-12 13, 1998-01 10, 1998-02 7, 1998-03 7,"
            " 1998-04 11, 1998-05 9, 1998-06 13"
        ),
    ),
    "election day": (
        "19961105",
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996-11 5, 2000-11 7, 2004-11 2",
    ),
    "second-to-last weekday of the month": (
        "19970929",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "1997-09 29, 1997-10 30, 1997-11 27, 1997-12 30, 1998-01 29, 1998-02 26, 1998-03 30",
    ),
}


def event(day: str, rule: str, more: str = "") -> str:
    return f"DTSTART;TZID=America/New_York:{day}T090000 | RRULE:{rule}{more}"


@pytest.mark.parametrize(("day", "rule", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_a_finite_example_is_expanded(day: str, rule: str, expected: str) -> None:
    assert starts_of(event(day, rule)) == mornings(expected)


@pytest.mark.parametrize(("day", "rule", "expected"), ENDLESS.values(), ids=ENDLESS)
def test_an_infinite_example_is_expanded(day: str, rule: str, expected: str) -> None:
    first = mornings(expected)
    starts = starts_of(event(day, rule))
    assert starts[: len(first)] == first
    assert len(starts) > len(first)


def test_every_friday_13th_is_found_after_the_start() -> None:
    without = " | EXDATE;TZID=America/New_York:19970902T090000"
    starts = starts_of(event("19970902", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", without))
    assert starts[:5] == mornings("1998-02 13, 1998-03 13, 1998-11 13, 1999-08 13, 2000-10 13")


@pytest.mark.parametrize(
    ("rule", "clock"),
    [
        ("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", ["09:00", "12:00", "15:00"]),
        (
            "FREQ=MINUTELY;INTERVAL=15;COUNT=6",
            ["09:00", "09:15", "09:30", "09:45", "10:00", "10:15"],
        ),
        ("FREQ=MINUTELY;INTERVAL=90;COUNT=4", ["09:00", "10:30", "12:00", "13:30"]),
    ],
)
def test_an_example_within_a_day_is_expanded(rule: str, clock: list[str]) -> None:
    assert starts_of(event("19970902", rule)) == mornings("1997-09 2", clock)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
        "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16",
    ],
)
def test_every_20_minutes_of_working_hours_are_found(rule: str) -> None:
    window = Window(datetime(1997, 9, 1, tzinfo=UTC), datetime(1997, 9, 5, tzinfo=UTC))
    expected = mornings("1997-09 2-4", EVERY_20_MINUTES)
    assert starts_of(event("19970902", rule), window=window) == expected
