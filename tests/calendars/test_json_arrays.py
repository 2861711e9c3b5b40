"""JSON arrays of events are read as FullCalendar, calendar APIs and scripts write them."""

from dataclasses import replace

import pytest

from calendars.ics_cases import BERLIN
from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.json_arrays import parse
from double_booked.calendars.row_events import ParsedTable
from double_booked.calendars.rows import TableOptions

READING = TableOptions(BERLIN)
HOUR = {"start": "2026-12-02T09:00:00Z", "end": "2026-12-02T10:00:00Z"}


def spans(array: ParsedTable) -> list[str]:
    return [f"{event.start.ToJsonString()}/{event.end.ToJsonString()}" for _, event in array.events]


def span(**fields: object) -> str:
    array = parse([fields], READING)
    assert not array.skipped
    [only] = spans(array)
    return only


def resources(**fields: object) -> list[str]:
    [(_, event)] = parse([HOUR | fields], READING).events
    return list(event.resources)


def test_the_properties_of_an_event_are_read() -> None:
    fields = {"id": 7, "title": "Talk", "color": "red", "extendedProps": {"description": "Long"}}
    [(index, event)] = parse([HOUR | fields], READING).events
    assert (index, event.id, event.title, event.description) == (0, "7", "Talk", "Long")
    assert event.start.ToJsonString() == HOUR["start"]


TIMES = {
    "with an offset": (
        {"start": "2026-12-02T09:00:00+01:00", "end": "2026-12-02T09:00:00Z"},
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
    "in the zone": (
        {"start": "2026-12-02T09:00:00", "end": "2026-12-02 10:00"},
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
    "milliseconds": (
        {"start": 1796202000000, "end": 1796205600000},
        "2026-12-02T09:00:00Z/2026-12-02T10:00:00Z",
    ),
    "seconds": (
        {"start": 1796202000, "end": 1796205600.5},
        "2026-12-02T09:00:00Z/2026-12-02T10:00:00.500Z",
    ),
    "the end of whole days is exclusive": (
        {"start": "2026-12-02", "end": "2026-12-04", "allDay": True},
        "2026-12-01T23:00:00Z/2026-12-03T23:00:00Z",
    ),
    "dates are whole days": (
        {"start": "2026-12-02", "end": "2026-12-04"},
        "2026-12-01T23:00:00Z/2026-12-03T23:00:00Z",
    ),
    "a date without an end": (
        {"start": "2026-12-02", "end": None},
        "2026-12-01T23:00:00Z/2026-12-02T23:00:00Z",
    ),
    "a time without an end": (
        {"start": "2026-12-02T09:00:00Z"},
        "2026-12-02T09:00:00Z/2026-12-02T10:00:00Z",
    ),
    "Google's form": (
        {
            "start": {"dateTime": "2026-12-02T09:00:00+01:00", "timeZone": "Europe/Berlin"},
            "end": {"dateTime": "2026-12-02T10:00:00+01:00"},
        },
        "2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ),
    "Google's whole days": (
        {"start": {"date": "2026-12-02"}, "end": {"date": "2026-12-03"}},
        "2026-12-01T23:00:00Z/2026-12-02T23:00:00Z",
    ),
    "Microsoft Graph's form": (
        {
            "start": {"dateTime": "2026-12-02T09:00:00.0000000", "timeZone": "UTC"},
            "end": {
                "dateTime": "2026-12-02T13:00:00.0000000",
                "timeZone": "Eastern Standard Time",
            },
        },
        "2026-12-02T09:00:00Z/2026-12-02T18:00:00Z",
    ),
}


@pytest.mark.parametrize(("fields", "expected"), TIMES.values(), ids=TIMES)
def test_times_are_read(fields: dict[str, object], expected: str) -> None:
    assert span(**fields) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"resourceId": "a"}, ["a"]),
        ({"resourceIds": ["a", "b"]}, ["a", "b"]),
        ({"resources": ["a"], "room": "b"}, ["a"]),
        ({"extendedProps": {"room": "Blue"}}, ["Blue"]),
        ({"location": {"displayName": "Blue"}}, ["Blue"]),
        (
            {"attendees": [{"emailAddress": {"address": "a@b.c"}}, {"email": "d@e.f"}]},
            ["a@b.c", "d@e.f"],
        ),
        ({}, []),
    ],
)
def test_an_event_occupies_the_resources_that_it_names(
    fields: dict[str, object], expected: list[str]
) -> None:
    assert resources(**fields) == expected


def test_events_without_resources_are_noted() -> None:
    assumption = "no key names resources, so all events are taken as one resource"
    assert parse([HOUR], READING).assumptions[0].startswith(assumption)
    assert not parse([HOUR | {"room": "Blue"}], READING).assumptions
    assert not parse([HOUR], replace(READING, by="file")).assumptions
    assert not parse([], READING).assumptions


def test_events_without_an_end_are_noted() -> None:
    [*_, assumption] = parse(
        [{"start": "2026-12-02", "room": "a"}, HOUR | {"room": "a"}], READING
    ).assumptions
    assert assumption.startswith("1 event has no end: a time lasts an hour, and a date is that day")


def test_one_persons_calendar_occupies_the_file() -> None:
    google = {"start": {"date": "2026-12-02"}, "end": {"date": "2026-12-03"}, "location": "Blue"}
    assert parse([google], READING).is_calendar
    assert not parse([google], replace(READING, by="location")).is_calendar
    assert not parse([HOUR], READING).is_calendar


@pytest.mark.parametrize(
    "free",
    [
        {"status": "cancelled"},
        {"transparency": "transparent"},
        {"showAs": "free"},
        {"isCancelled": True},
        {"display": "background"},
        {"display": "inverse-background"},
    ],
)
def test_a_free_or_cancelled_event_occupies_no_time(free: dict[str, object]) -> None:
    array = parse([HOUR | free], READING)
    assert (array.events, array.skipped) == ([], [])


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (5, "[1]: not an object"),
        ({"id": 1, "title": "Talk"}, "[1]: it has no start; it has id, title"),
        ({}, "[1]: it has no start; it has no keys"),
        ({"start": None, "title": "Talk"}, "[1]: it has no start; it has title"),
        ({"start": "soon"}, "[1].start: 'soon' is not a time like"),
        ({"start": True}, "[1].start: 'true' is not a time like"),
        ({"start": 10**400}, "[1].start: '1000"),
        ({"start": 1e300}, "[1].start: '1e+300' is not a time like"),
        ({"start": "2026-12-02", "end": "soon"}, "[1].end: 'soon' is not a time like"),
        (
            {"daysOfWeek": [1], "startTime": "09:00"},
            "[1]: it recurs by daysOfWeek, which is read from .ics files only",
        ),
        (HOUR | {"rrule": {"freq": "weekly"}}, "[1]: it recurs by rrule, which is read from"),
    ],
)
def test_an_unusable_event_is_skipped_alone(event: object, fault: str) -> None:
    array = parse([HOUR, event, HOUR], READING)
    assert [index for index, _ in array.events] == [0, 2]
    [skipped] = array.skipped
    assert skipped.fault.startswith(fault)


def test_a_skipped_event_is_named() -> None:
    [skipped] = parse([{"title": "Talk", "start": "soon"}], READING).skipped
    assert (skipped.title, skipped.date) == ("Talk", "soon")


def test_keys_can_be_chosen() -> None:
    chosen = replace(READING, columns={"start": "from_ts", "resources": "vehicle"})
    [(_, event)] = parse([{"from_ts": "2026-12-02", "vehicle": "Van"}], chosen).events
    assert list(event.resources) == ["Van"]


def test_an_array_without_the_chosen_property_is_rejected() -> None:
    with pytest.raises(InvalidCalendarError, match="it does not name any attendee; try --by file"):
        parse([HOUR], replace(READING, by="attendee"))


def google(email: str, answer: str) -> dict[str, object]:
    return {"email": email, "responseStatus": answer}


def graph(address: str, answer: str) -> dict[str, object]:
    return {"emailAddress": {"name": "A", "address": address}, "status": {"response": answer}}


ANNA, BRUNO, CARLA = "anna@example.org", "bruno@example.org", "carla@example.org"
BY_ATTENDEE = replace(READING, by="attendee")
CERTAIN = CountingRules(count_tentative=False)
ANSWERS = {
    "Google": (
        {
            "attendees": [google(ANNA, "accepted"), google(BRUNO, "declined")],
            "organizer": {"email": CARLA},
        },
        [ANNA, CARLA],
    ),
    "Graph": (
        {
            "attendees": [graph(ANNA, "none"), graph(BRUNO, "declined")],
            "organizer": {"emailAddress": {"address": CARLA}},
        },
        [ANNA, CARLA],
    ),
    "an organizer who declined": (
        {
            "attendees": [google(ANNA, "accepted"), google(CARLA, "declined")],
            "organizer": {"email": CARLA.upper()},
        },
        [ANNA],
    ),
    "an organizer among the attendees": (
        {"attendees": [google(ANNA, "accepted")], "organizer": {"email": ANNA}},
        [ANNA],
    ),
    "an organizer without attendees": ({"organizer": {"email": ANNA}}, [ANNA]),
    "a calendar of Google as the organizer": (
        {"attendees": [ANNA], "organizer": {"email": "x@group.calendar.google.com"}},
        [ANNA],
    ),
}


@pytest.mark.parametrize(("fields", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_attendee_who_declined_is_absent(fields: dict[str, object], expected: list[str]) -> None:
    [(_, event)] = parse([HOUR | fields], BY_ATTENDEE).events
    assert list(event.resources) == expected


@pytest.mark.parametrize(
    "attendee", [google(BRUNO, "tentative"), graph(BRUNO, "tentativelyAccepted")]
)
def test_a_tentative_attendee_is_present_unless_not_counted(
    attendee: dict[str, object],
) -> None:
    event = HOUR | {"attendees": [ANNA, attendee]}
    [(_, parsed)] = parse([event], BY_ATTENDEE).events
    assert list(parsed.resources) == [ANNA, BRUNO]
    [(_, parsed)] = parse([event], replace(BY_ATTENDEE, counting=CERTAIN)).events
    assert list(parsed.resources) == [ANNA]


def test_an_event_that_all_declined_occupies_no_time() -> None:
    array = parse([HOUR | {"attendees": [google(ANNA, "declined")]}], READING)
    assert (array.events, array.skipped) == ([], [])


MINE = {"attendees": [google(ANNA, "accepted"), google(BRUNO, "declined")]}


@pytest.mark.parametrize(
    ("fields", "me", "is_taken"),
    [
        (MINE, {BRUNO}, False),
        (MINE, {ANNA}, True),
        (MINE, {ANNA, BRUNO}, True),
        (MINE, set(), True),
        ({"responseStatus": {"response": "declined"}}, set(), False),
        ({"responseStatus": {"response": "declined"}}, {BRUNO}, False),
        (MINE | {"responseStatus": {"response": "declined"}}, {ANNA}, True),
        ({"responseStatus": {"response": "organizer"}}, set(), True),
    ],
)
def test_an_event_that_the_owner_declined_is_absent_from_their_calendar(
    fields: dict[str, object], me: set[str], *, is_taken: bool
) -> None:
    array = parse([HOUR | fields], replace(READING, by="file", me=frozenset(me)))
    assert bool(array.events) == is_taken


def test_an_event_that_the_owner_declined_occupies_others() -> None:
    event = HOUR | MINE | {"responseStatus": {"response": "declined"}}
    [(_, parsed)] = parse([event], replace(BY_ATTENDEE, me=frozenset({BRUNO}))).events
    assert list(parsed.resources) == [ANNA]
