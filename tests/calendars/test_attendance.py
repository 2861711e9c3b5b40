"""Events occupy the time of the people who take part."""

import pytest

from calendars.ics_cases import calendar_of, read, times_of, vevent
from double_booked.calendars.attendance import People, owner_is_absent

HOUR = "DTSTART:20260302T090000Z | DTEND:20260302T100000Z"
BUSY = {
    "CONFIRMED": "STATUS:CONFIRMED",
    "TENTATIVE": "STATUS:TENTATIVE",
    "OPAQUE": "TRANSP:OPAQUE",
    "Microsoft's busy": "X-MICROSOFT-CDO-BUSYSTATUS:BUSY",
    "Microsoft's out of office": "X-MICROSOFT-CDO-BUSYSTATUS:OOF",
    "a busy status, whatever the organizer intends": (
        "X-MICROSOFT-CDO-BUSYSTATUS:BUSY | X-MICROSOFT-CDO-INTENDEDSTATUS:FREE"
    ),
    "its only attendee delegated to someone who is not listed": (
        "ATTENDEE;PARTSTAT=DELEGATED:mailto:a@b.c"
    ),
    "its only attendee is only informed": ("ATTENDEE;ROLE=NON-PARTICIPANT:mailto:a@b.c"),
    "one of two has declined": "ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.c | ATTENDEE:mailto:d@b.c",
}
FREE = {
    "CANCELLED": "STATUS:CANCELLED",
    "TRANSPARENT": "TRANSP:TRANSPARENT",
    "Microsoft's free": "X-MICROSOFT-CDO-BUSYSTATUS:FREE",
    "Microsoft's working elsewhere": "X-MICROSOFT-CDO-BUSYSTATUS:WorkingElsewhere",
    "free as the organizer intends, without a status": ("X-MICROSOFT-CDO-INTENDEDSTATUS:FREE"),
    "one declined and the others are only informed": (
        "ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.c | ATTENDEE;ROLE=NON-PARTICIPANT:mailto:d@b.c"
    ),
    "the delegate declined": (
        "ATTENDEE;PARTSTAT=DELEGATED:mailto:a@b.c | ATTENDEE;PARTSTAT=DECLINED:mailto:d@b.c"
    ),
    "all have declined": "ATTENDEE;PARTSTAT=DECLINED:mailto:a@example.org",
}


@pytest.mark.parametrize("event", BUSY.values(), ids=BUSY)
def test_an_event_occupies_time(event: str) -> None:
    """Sections 3.8.1.11 and 3.8.2.7, and Microsoft's properties (MS-OXCICAL)."""
    assert len(times_of(f"{HOUR} | {event}")) == 1


@pytest.mark.parametrize("event", FREE.values(), ids=FREE)
def test_a_free_or_cancelled_event_occupies_no_time(event: str) -> None:
    assert times_of(f"{HOUR} | {event}") == []


@pytest.mark.parametrize(
    "tentative",
    [
        "STATUS:TENTATIVE",
        "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",
        "X-MICROSOFT-CDO-INTENDEDSTATUS:TENTATIVE",
    ],
)
def test_a_tentative_event_occupies_no_time_if_it_is_not_counted(tentative: str) -> None:
    assert times_of(f"{HOUR} | {tentative}", count_tentative=False) == []
    [event] = read(calendar_of(vevent(f"{HOUR} | {tentative}"))).occurrences
    assert event.info.is_tentative


@pytest.mark.parametrize(
    "event",
    [
        "DTSTART;VALUE=DATE:20260302",
        "DTSTART;VALUE=DATE:20260302 | DTEND;VALUE=DATE:20260305 | RRULE:FREQ=YEARLY;COUNT=1",
        "DTSTART:20260302T000000Z | DURATION:PT24H | X-MICROSOFT-CDO-ALLDAYEVENT:TRUE",
    ],
    ids=["a day", "a series of days", "from midnight to midnight, as Exchange writes a day"],
)
def test_an_all_day_event_occupies_no_time_if_it_is_not_counted(event: str) -> None:
    assert times_of(event, count_all_day=False) == []
    assert len(times_of(event)) == 1


def test_a_timed_event_counts_where_all_day_events_do_not() -> None:
    event = f"{HOUR} | X-MICROSOFT-CDO-ALLDAYEVENT:FALSE"
    assert len(times_of(event, count_all_day=False)) == 1


def people(*lines: str, **options: bool) -> People:
    event = vevent(" | ".join((HOUR, *lines)))
    [occurrence] = read(calendar_of(event), **options).occurrences
    return occurrence.info.people


ANNA = "anna@example.org"
BRUNO = "ATTENDEE:mailto:bruno@example.org"
ABSENT = {
    "an attendee who declined": "PARTSTAT=DECLINED",
    "an attendee who declined, in lower case": "PARTSTAT=declined",
    "an attendee who declined, in quotes": 'PARTSTAT="DECLINED"',
    "an attendee who delegated": "PARTSTAT=DELEGATED;DELEGATED-TO=bruno@example.org",
    "an attendee who is only informed (3.2.16)": "ROLE=NON-PARTICIPANT",
    "an informed attendee who accepted": "ROLE=NON-PARTICIPANT;PARTSTAT=ACCEPTED",
}
PRESENT = {
    "an attendee who accepted": "PARTSTAT=ACCEPTED",
    "an attendee who has not answered": "PARTSTAT=NEEDS-ACTION",
    "an attendee without an answer (3.2.12)": "CN=Anna",
    "a tentative attendee": "PARTSTAT=TENTATIVE",
    "an optional attendee": "ROLE=OPT-PARTICIPANT",
    "a room": "CUTYPE=ROOM",
}


@pytest.mark.parametrize("parameters", ABSENT.values(), ids=ABSENT)
def test_an_attendee_who_does_not_take_part_is_absent(parameters: str) -> None:
    parsed = people(f"ATTENDEE;{parameters}:mailto:{ANNA}", BRUNO)
    assert parsed == People(("bruno@example.org",), (ANNA,))


@pytest.mark.parametrize("parameters", PRESENT.values(), ids=PRESENT)
def test_an_attendee_who_takes_part_is_present(parameters: str) -> None:
    assert people(f"ATTENDEE;{parameters}:mailto:{ANNA}") == People((ANNA,))


def test_a_tentative_attendee_is_absent_if_tentative_is_not_counted() -> None:
    maybe = f"ATTENDEE;PARTSTAT=TENTATIVE:mailto:{ANNA}"
    assert people(maybe, BRUNO, count_tentative=False).absent == (ANNA,)


def test_a_repeated_attendee_is_present_once() -> None:
    twice = (f"ATTENDEE;PARTSTAT=DECLINED:mailto:{ANNA}", "ATTENDEE:MAILTO:Anna@Example.org")
    assert people(*twice) == People((ANNA,))


def test_an_organizer_outside_of_the_attendees_takes_part() -> None:
    """Exchange and Outlook do not list the organizer as an attendee."""
    assert people("ORGANIZER;CN=Anna:MAILTO:Anna@Example.org", BRUNO).present == (
        "bruno@example.org",
        ANNA,
    )
    assert people(f"ORGANIZER:mailto:{ANNA}") == People((ANNA,))


@pytest.mark.parametrize("parameters", ABSENT.values(), ids=ABSENT)
def test_an_organizer_among_the_attendees_has_the_answer_given_there(parameters: str) -> None:
    organizer = f"ORGANIZER:mailto:{ANNA}"
    listed = f"ATTENDEE;{parameters}:mailto:Anna@example.org"
    assert people(organizer, listed, BRUNO) == People(("bruno@example.org",), (ANNA,))


@pytest.mark.parametrize(
    "organizer",
    [
        "unknownorganizer@calendar.google.com",
        "team@group.calendar.google.com",
        "holidays@group.v.calendar.google.com",
        "x@import.calendar.google.com",
    ],
)
def test_a_google_calendar_as_organizer_is_not_a_person(organizer: str) -> None:
    assert people(f"ORGANIZER:mailto:{organizer}", BRUNO).present == ("bruno@example.org",)


@pytest.mark.parametrize("name", ["ATTENDEE", "ORGANIZER"])
@pytest.mark.parametrize("value", ["invalid:nomail", "Invalid:NoMail", "mailto:", "", "none"])
def test_an_attendee_without_an_address_is_ignored(name: str, value: str) -> None:
    assert people(f"{name};CN=Bob:{value}") == People()


@pytest.mark.parametrize("value", ["invalid:nomail", "/aMTQ/principal/", "mailto:2_X@imip.me.com"])
def test_the_email_parameter_takes_precedence_over_the_value(value: str) -> None:
    """RFC 7986, section 6.2; Apple writes it beside values that are not addresses of people."""
    assert people(f"ATTENDEE;EMAIL=Anna@example.org:{value}") == People((ANNA,))


def test_a_vfreebusy_without_an_address_has_no_people() -> None:
    lines = ("BEGIN:VFREEBUSY", "ATTENDEE:invalid:nomail", "FREEBUSY:20260302T090000Z/PT1H")
    [busy] = read(calendar_of(*lines, "END:VFREEBUSY")).occurrences
    assert busy.info.people == People()


def test_an_owner_who_declined_is_absent_from_their_calendar() -> None:
    declined = People(("bruno@example.org",), (ANNA,))
    assert owner_is_absent(declined, {"Team", ANNA}, ())
    assert owner_is_absent(declined, (), {ANNA})
    assert not owner_is_absent(declined, {"Team"}, {"carla@example.org"})


def test_a_declined_event_occupies_only_the_organizer() -> None:
    parsed = people("ATTENDEE;PARTSTAT=DECLINED:mailto:b@example.org", f"ORGANIZER:mailto:{ANNA}")
    assert parsed.present == (ANNA,)
    assert owner_is_absent(parsed, (), ())
    assert not owner_is_absent(parsed, (), {ANNA})
    assert not owner_is_absent(parsed, {ANNA}, ())


def test_an_owner_is_present_if_one_of_their_addresses_is() -> None:
    both = {ANNA, "anna@home.example"}
    assert not owner_is_absent(People(("anna@home.example",), (ANNA,)), (), both)
    assert owner_is_absent(People((), (ANNA, "anna@home.example")), (), both)
