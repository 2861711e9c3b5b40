"""A LOCATION names rooms, and their names are compared."""

import pytest

from double_booked.api.scheduling_pb2 import Event, EventList
from double_booked.calendars.rooms import rooms_of, unify_spelling

ROOMS = {
    "one": ("Room 1", ("Room 1",)),
    "none": ("", ()),
    "blanks": ("  ", ()),
    "blanks around it": (" Room 1 ", ("Room 1",)),
    "several": ("Room 1; Room 2;Room 3", ("Room 1", "Room 2", "Room 3")),
    "nothing between semicolons": (";Room 1;; ;Room 2;", ("Room 1", "Room 2")),
    "a repeated room": ("Room 1; room 1", ("Room 1",)),
    "an address": ("Main St 5, Berlin", ("Main St 5, Berlin",)),
    "a number": ("101", ("101",)),
    "a room and a program": ("Room 1; Microsoft Teams Meeting", ("Room 1",)),
    "a program and a room": ("Zoom; Room 1", ("Room 1",)),
    "a room and a link": ("Room 1 https://zoom.us/j/123?pwd=x", ("Room 1",)),
    "a link and a room": ("https://meet.google.com/a-b; Room 1", ("Room 1",)),
    "a room of one letter and a number beside a link": ("A3 (https://zoom.us/j/1)", ("A3",)),
    "a room named after a program": ("Zoom Room", ("Zoom Room",)),
    "a room with the equipment for a program": (
        "Microsoft Teams Room 2",
        ("Microsoft Teams Room 2",),
    ),
    "a room with a word of a program": ("Team Room", ("Team Room",)),
    "a place to meet": ("Meet at the entrance", ("Meet at the entrance",)),
    "a room with a meeting": ("Meeting 3", ("Meeting 3",)),
}


@pytest.mark.parametrize(("location", "rooms"), ROOMS.values(), ids=ROOMS)
def test_a_location_names_rooms(location: str, rooms: tuple[str, ...]) -> None:
    assert rooms_of(location) == rooms


@pytest.mark.parametrize(
    "location",
    [
        "Microsoft Teams Meeting",
        "Microsoft Teams-Besprechung",
        "R\u00e9union Microsoft Teams",
        "Microsoft Teams \u4f1a\u8bae",
        "Teams",
        "MS Teams",
        "via Teams",
        "Zoom",
        "ZOOM Meeting",
        "Zoom (ID 123 456 789)",
        "Google Meet",
        "Google Meet (Video call)",
        "Cisco Webex",
        "Webex Meeting",
        "Skype for Business",
        "Online",
        "online / Zoom",
        "https://zoom.us/j/123456789?pwd=abc",
        "https://us02web.zoom.us/j/1 (Zoom)",
        "Join: https://example.org/meeting/1",
        "zoom.us/j/123",
        "company.webex.com/meet/anna",
        "meet.google.com/abc-defg-hij",
        "HTTPS://TEAMS.MICROSOFT.COM/l/meetup-join/x",
        "msteams://l/meetup-join/x",
        "https://example.org",
    ],
)
def test_an_online_meeting_occupies_no_room(location: str) -> None:
    assert rooms_of(location) == ()


def test_names_that_differ_in_case_or_blanks_get_the_first_spelling() -> None:
    request = EventList(
        events=[
            Event(resources=["Room 1", "Lab"]),
            Event(resources=["room 1 "]),
            Event(resources=["LAB", "lab", "Room 2"]),
        ]
    )
    unify_spelling(request)
    assert [list(event.resources) for event in request.events] == [
        ["Room 1", "Lab"],
        ["Room 1"],
        ["Lab", "Room 2"],
    ]


def test_a_capacity_gets_the_spelling_of_events() -> None:
    request = EventList(events=[Event(resources=["Room 1"])])
    request.options.capacity.update({"room 1": 2, "LAB": 3})
    unify_spelling(request)
    assert dict(request.options.capacity) == {"Room 1": 2, "LAB": 3}


def test_a_long_location_is_read_in_one_pass() -> None:
    """A search for a link that starts at every letter would take minutes."""
    assert rooms_of("a" * 1_000_000) == ("a" * 1_000_000,)
