"""Rows name resources, and may occupy no time."""

import pytest

from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.columns import find_columns
from double_booked.calendars.rows import (
    occupies_time,
    resource_assumptions,
    resource_field,
    resources_of,
)


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("Show time as", "2", True),
        ("Show time as", "3", False),
        ("Show time as", "Free", False),
        ("Show time as", "Working Elsewhere", False),
        ("Show time as", "4", True),
        ("BusyStatus", "0", False),
        ("BusyStatus", "3", True),
        ("status", "CANCELLED", False),
        ("status", "Canceled", False),
        ("status", "confirmed", True),
        ("status", "", True),
        ("transparency", "transparent", False),
        ("isCancelled", "true", False),
        ("isCancelled", "false", True),
        ("Confirmation status", "Tentative", True),
    ],
)
def test_a_free_or_cancelled_row_occupies_no_time(
    header: str, value: str, *, expected: bool
) -> None:
    columns = find_columns(["start", "end", header])
    assert occupies_time(columns, ["", "", value], CountingRules()) == expected


@pytest.mark.parametrize(
    ("header", "value"),
    [("Show time as", "1"), ("Show as", "tentative"), ("Confirmation status", "Tentative")],
)
def test_a_tentative_row_occupies_no_time_if_it_is_not_counted(header: str, value: str) -> None:
    columns = find_columns(["start", "end", header])
    assert not occupies_time(columns, ["", "", value], CountingRules(count_tentative=False))


def test_every_status_column_counts_even_in_a_short_row() -> None:
    columns = find_columns(["status", "transparency"])
    assert not occupies_time(columns, ["confirmed", "transparent"], CountingRules())
    assert occupies_time(columns, [], CountingRules())


@pytest.mark.parametrize(
    ("header", "by", "expected"),
    [
        ("room,resource", None, "resources"),
        ("attendees,room", None, "location"),
        ("attendees,calendar", None, "calendar"),
        ("title", None, None),
        ("room,attendees", "attendee", "attendee"),
        ("room,attendees", "location", "location"),
        ("room,resource", "resource", "resources"),
        ("room,attendees", "resource", "location"),
        ("attendees", "resource", None),
        ("organizer", "attendee", "organizer"),
        ("organizer", None, None),
        ("room", "attendee", None),
        ("room", "file", None),
    ],
)
def test_the_columns_determine_the_resource_field(
    header: str, by: str | None, expected: str | None
) -> None:
    assert resource_field(find_columns(header.split(",")), by) == expected


@pytest.mark.parametrize(
    ("texts", "chosen", "expected"),
    [
        ({"location": " Blue ;Red| Green;"}, "location", ["Blue", "Red", "Green"]),
        ({"location": "Blue", "area": "North"}, "location", ["North / Blue"]),
        ({"location": "", "area": "North"}, "location", []),
        ({"resources": "Blue", "area": "North"}, "resources", ["Blue"]),
        ({"resources": "Blue"}, None, []),
    ],
)
def test_a_row_occupies_the_resources_of_its_column(
    texts: dict[str, str], chosen: str | None, expected: list[str]
) -> None:
    assert resources_of(texts, chosen) == expected


@pytest.mark.parametrize(
    ("header", "chosen", "unnamed", "expected"),
    [
        ("Room", "location", 0, []),
        (
            "Title",
            None,
            1,
            [
                (
                    "no column names resources, so all events are taken as one resource;"
                    " --columns resources=NAME chooses a column"
                )
            ],
        ),
        (
            "Room,Staff",
            "location",
            0,
            [
                (
                    'events take what the column "Room" names, not Staff;'
                    " --columns resources=NAME chooses another"
                )
            ],
        ),
        (
            "Room",
            "location",
            2,
            ['2 events without a value in the column "Room" are taken as one unnamed resource'],
        ),
        (
            "Room",
            "location",
            1,
            ['1 event without a value in the column "Room" is taken as one unnamed resource'],
        ),
    ],
)
def test_assumptions_about_resources_are_reported(
    header: str, chosen: str | None, unnamed: int, expected: list[str]
) -> None:
    assert resource_assumptions(find_columns(header.split(",")), chosen, unnamed) == expected
