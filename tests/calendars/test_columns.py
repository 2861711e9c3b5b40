"""Columns are known by the names that common programs give them."""

import pytest

from double_booked.calendars.columns import find_columns, normalize
from double_booked.calendars.errors import InvalidCalendarError

OUTLOOK = (
    "Subject,Start Date,Start Time,End Date,End Time,All day event,Reminder on/off,Meeting"
    " Organizer,Required Attendees,Categories,Description,Location,Private,Show time as"
)
GOOGLE = "Subject,Start Date,Start Time,End Date,End Time,All Day Event,Description,Location"
MRBS = (
    "Brief description,Area,Room,Start time,End time,Duration,Full Description,Type,Created by,"
    "Confirmation status,Last updated"
)
LIBRE_BOOKING = "Resource,Title,Description,Begin,End,Duration,Reference Number,User"
KNOWN = {
    "Outlook": (
        OUTLOOK,
        {
            "title": "Subject",
            "start date": "Start Date",
            "start time": "Start Time",
            "end date": "End Date",
            "end time": "End Time",
            "all day": "All day event",
            "attendee": "Required Attendees",
            "organizer": "Meeting Organizer",
            "description": "Description",
            "location": "Location",
            "status": "Show time as",
        },
    ),
    "Google": (
        GOOGLE,
        {
            "title": "Subject",
            "start date": "Start Date",
            "start time": "Start Time",
            "end date": "End Date",
            "end time": "End Time",
            "all day": "All Day Event",
            "description": "Description",
            "location": "Location",
        },
    ),
    "MRBS": (
        MRBS,
        {
            "title": "Brief description",
            "area": "Area",
            "location": "Room",
            "start": "Start time",
            "end": "End time",
            "duration": "Duration",
            "description": "Full Description",
            "status": "Confirmation status",
        },
    ),
    "LibreBooking": (
        LIBRE_BOOKING,
        {
            "resources": "Resource",
            "title": "Title",
            "description": "Description",
            "start": "Begin",
            "end": "End",
            "duration": "Duration",
            "id": "Reference Number",
            "attendee": "User",
        },
    ),
    "a rota": (
        "Date,Start,End,Employee",
        {"start date": "Date", "start": "Start", "end": "End", "attendee": "Employee"},
    ),
}


@pytest.mark.parametrize(("header", "names"), KNOWN.values(), ids=KNOWN)
def test_the_headers_of_common_programs_are_known(header: str, names: dict[str, str]) -> None:
    assert find_columns(header.split(",")).names == names


@pytest.mark.parametrize(
    "name", ["Start Date", "start_date", " startDate ", "START-DATE", "\ufeffstart date"]
)
def test_a_name_is_equal_in_every_notation(name: str) -> None:
    assert normalize(name) == "start date"


@pytest.mark.parametrize(
    ("header", "is_calendar"), [(OUTLOOK, True), (GOOGLE, True), (MRBS, False)]
)
def test_an_export_of_one_calendar_is_detected_by_its_header(
    header: str, *, is_calendar: bool
) -> None:
    assert find_columns(header.split(",")).is_calendar == is_calendar


def test_the_first_of_several_names_counts() -> None:
    columns = find_columns(["person", "room", "resource", "start", "end"])
    assert columns.resource_fields == ["resources", "location", "attendee"]


def test_a_chosen_column_takes_precedence_over_known_names() -> None:
    header = ["Title", "Start Date", "Start Time", "Begin (local)", "End", "Room", "Vehicle"]
    chosen = {"start": "begin (LOCAL)", "resources": "Vehicle"}
    assert find_columns(header, chosen).names == {
        "title": "Title",
        "start": "Begin (local)",
        "end": "End",
        "resources": "Vehicle",
    }


@pytest.mark.parametrize("order", [1, -1])
def test_attendees_and_resources_can_both_be_chosen(order: int) -> None:
    chosen = dict([("attendee", "Wer"), ("resources", "Raum")][::order])
    columns = find_columns(["Von", "Bis", "Wer", "Raum"], chosen)
    assert columns.names == {"attendee": "Wer", "resources": "Raum"}


def test_a_known_attendee_column_stays_beside_chosen_resources() -> None:
    columns = find_columns(["start", "end", "attendees", "Raum"], {"resources": "Raum"})
    assert columns.resource_fields == ["resources", "attendee"]


def test_a_missing_chosen_column_is_rejected() -> None:
    with pytest.raises(InvalidCalendarError) as refused:
        find_columns(["Von", " Bis"], {"start": "Beginn"})
    assert refused.value.faults == ("the table has no column Beginn; it has Von, Bis",)


def test_a_repeated_name_is_rejected() -> None:
    with pytest.raises(InvalidCalendarError, match="the table has the column end twice"):
        find_columns(["start", "end", "END"])


def test_a_repeated_name_that_is_not_read_is_accepted() -> None:
    assert find_columns(["start", "end", "x", "x"]).has_end


@pytest.mark.parametrize(
    ("header", "has_start", "has_end"),
    [
        ("start,end", True, True),
        ("start", True, False),
        ("end", False, True),
        ("start date", True, True),
        ("start,duration", True, True),
        ("start time,end time", True, True),
        ("title", False, False),
    ],
)
def test_a_table_has_columns_for_start_and_end(
    header: str, *, has_start: bool, has_end: bool
) -> None:
    columns = find_columns(header.split(","))
    assert (columns.has_start, columns.has_end) == (has_start, has_end)
