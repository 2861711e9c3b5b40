"""Times are read as people and spreadsheets write them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from calendars.ics_cases import BERLIN
from double_booked.calendars.local_times import (
    DateOrder,
    DateTimeParts,
    choose_order,
    parse_duration_text,
    parse_parts,
)

THE_DAY = date(2026, 12, 3)
NINE = timedelta(hours=9)
DAY_FIRST = DateOrder(frozenset("./-"), is_strict=True)

DATES = [
    "2026-12-03",
    "20261203",
    "2026/12/3",
    "2026.12.03",
    "12/3/2026",
    "12/03/26",
    "12-03-2026",
    "3.12.2026",
    "03.12.26",
    "3 December 2026",
    "3. Dec 2026",
    "3rd December 2026",
    "03-Dec-2026",
    "Dec 3, 2026",
    "December 3rd, 2026",
    "Thursday, December 3, 2026",
    "Thu 12/3/2026",
    " 12/3/2026 ",
]


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_read_in_many_notations(text: str) -> None:
    assert parse_parts(text, DateOrder()) == DateTimeParts(THE_DAY)


@pytest.mark.parametrize("day", ["2026-12-03", "12/3/2026", "3.12.2026", "Dec 3, 2026"])
@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("9:00", NINE),
        ("09:00:00", NINE),
        ("9:00 AM", NINE),
        ("9:00\u202fam", NINE),
        ("9 a.m.", NINE),
        ("9am", NINE),
        ("12:30 AM", timedelta(minutes=30)),
        ("12:30:15 PM", timedelta(hours=12, minutes=30, seconds=15)),
        ("9:05 p.m.", timedelta(hours=21, minutes=5)),
        ("24:00", timedelta(days=1)),
    ],
)
def test_a_date_can_have_a_time(day: str, text: str, clock: timedelta) -> None:
    assert parse_parts(f"{day} {text}", DateOrder()) == DateTimeParts(THE_DAY, clock)
    assert parse_parts(f"{day}, {text}", DateOrder()) == DateTimeParts(THE_DAY, clock)
    assert parse_parts(text, DateOrder()) == DateTimeParts(None, clock)


def test_the_time_can_come_first() -> None:
    """MRBS exports times so."""
    text = "09:00:00 - Thursday 03 December 2026"
    assert parse_parts(text, DateOrder()) == DateTimeParts(THE_DAY, NINE)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2026-12-03T09:00:00Z", UTC),
        ("12/3/2026 9:00 AM UTC", UTC),
        ("2026-12-03 09:00 -0500", timezone(timedelta(hours=-5))),
        ("3.12.2026 9:00 +01:00", timezone(timedelta(hours=1))),
    ],
)
def test_an_offset_is_kept(text: str, zone: timezone) -> None:
    assert parse_parts(text, DateOrder()) == DateTimeParts(THE_DAY, NINE, zone)


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("3/4/2026", DateOrder(), date(2026, 3, 4)),
        ("3.4.2026", DateOrder(), date(2026, 4, 3)),
        ("3/4/2026", DAY_FIRST, date(2026, 4, 3)),
        ("3-4-2026", DAY_FIRST, date(2026, 4, 3)),
        ("25/12/2026", DateOrder(), date(2026, 12, 25)),
        ("12.25.2026", DateOrder(), date(2026, 12, 25)),
    ],
)
def test_the_separator_and_the_order_determine_day_and_month(
    text: str, order: DateOrder, expected: date
) -> None:
    assert parse_parts(text, order) == DateTimeParts(expected)


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "2026", "9", "25:00", "9:60", "9:00:75", "13:00 PM", "0:30 AM", "24:01"),
        *("2026-02-30", "31.02.2026", "13/13/2026", "3 Foo 2026", "1/2/2026 3/4/2026", "3/4-2026"),
        *(
            "9:00 10:00",
            "12/3/2026 9:00 CEST",
            "x" * 100_000,
            "1" * 10_000,
            "3.12.2026x",
            "0/0/2026",
        ),
    ],
)
def test_a_text_that_is_not_a_time_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_parts(text, DateOrder())


def test_a_date_in_the_other_order_is_rejected_if_the_order_is_strict() -> None:
    with pytest.raises(ValueError, match="month"):
        parse_parts("12/25/2026", DAY_FIRST)


def test_missing_parts_are_filled_from_another_text() -> None:
    assert DateTimeParts(THE_DAY).filled(DateTimeParts(date(2020, 1, 1), NINE)) == DateTimeParts(
        THE_DAY, NINE
    )
    assert DateTimeParts(None, timedelta(0)).filled(DateTimeParts(THE_DAY, NINE)) == DateTimeParts(
        THE_DAY, timedelta(0)
    )


def test_a_time_without_an_offset_is_in_the_zone() -> None:
    expected = datetime(2026, 12, 3, 8, tzinfo=UTC)
    assert DateTimeParts(THE_DAY, NINE).to_utc(BERLIN) == expected
    assert DateTimeParts(THE_DAY, NINE, UTC).to_utc(BERLIN) == expected + timedelta(hours=1)
    with pytest.raises(ValueError, match="without a date"):
        DateTimeParts(None, NINE).to_utc(BERLIN)


ORDERS = {
    "no doubtful date": (["2026-12-03", "soon", "", "5/5/2026", "3.4.2026"], "3/4/2026", 3, []),
    "nothing shows the order": (
        ["3/4/2026", "5/6/2026"],
        "3/4/2026",
        3,
        ["dates like 3/4/2026 are read month first; --day-first reads them day first"],
    ),
    "a first number over 12 is the day": (
        ["3/4/2026 9:00", "25/12/2026 9:00"],
        "3/4/2026",
        4,
        ["dates like 3/4/2026 are read day first, as 25/12/2026 shows"],
    ),
    "a second number over 12 is the day": (
        ["Thu 3/4/2026", "12/25/2026"],
        "3/4/2026",
        3,
        ["dates like 3/4/2026 are read month first, as 12/25/2026 shows"],
    ),
    "both occur": (
        ["4/3/2027", "12/26/2026", "25/12/2026"],
        "4/3/2027",
        4,
        [
            (
                "dates of both orders are in this file (25/12/2026, 12/26/2026): 4/3/2027 may be"
                " read wrongly; --day-first chooses"
            )
        ],
    ),
    "both occur without a doubtful date": (["12/25/2026", "25/12/2026"], "3/4/2026", 3, []),
    "a text that is not a date shows nothing": (
        ["12/45/2026", "45/12/2026", "30/2/2026", "29/2/2027", "3/4/2026", "25/12/2026"],
        "3/4/2026",
        4,
        ["dates like 3/4/2026 are read day first, as 25/12/2026 shows"],
    ),
    "only texts that are not dates": (
        ["45/12/2026", "12/45/2026", "13/14/2026", "0/5/2026", "3/4/2026"],
        "3/4/2026",
        3,
        ["dates like 3/4/2026 are read month first; --day-first reads them day first"],
    ),
    "a year of two digits": (
        ["3/4/26", "25/12/26"],
        "3/4/26",
        4,
        ["dates like 3/4/26 are read day first, as 25/12/26 shows"],
    ),
    "another separator shows nothing": (
        ["3/4/2026", "25-12-2026"],
        "3/4/2026",
        3,
        ["dates like 3/4/2026 are read month first; --day-first reads them day first"],
    ),
}


@pytest.mark.parametrize(("texts", "text", "month", "expected"), ORDERS.values(), ids=ORDERS)
def test_the_dates_of_a_table_show_their_order(
    texts: list[str], text: str, month: int, expected: list[str]
) -> None:
    order, sentences = choose_order(texts, day_first=False)
    day = parse_parts(text, order).day
    assert day
    assert (day.month, sentences) == (month, expected)


def test_the_caller_can_set_the_order() -> None:
    order, sentences = choose_order(["3/4/2026", "12/25/2026"], day_first=True)
    assert (order, sentences) == (DAY_FIRST, [])


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        *(("1:30", 90), ("0:05", 5), ("26:00", 1560), ("90 minutes", 90), ("1 hour 30 min", 90)),
        *(("1.5 hours", 90), ("2 days", 2880), ("1h, 5m", 65)),
    ],
)
def test_a_duration_is_read(text: str, minutes: int) -> None:
    assert parse_duration_text(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "long", "90", "1:30 hours", "1 fortnight", "9" * 400 + " days"]
)
def test_a_text_that_is_not_a_duration_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="it is"):
        parse_duration_text(text)
