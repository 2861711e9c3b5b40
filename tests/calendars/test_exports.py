"""Files of calendar programs are read; each is shortened to what is special about it."""

from calendars.ics_cases import calendar_of, read, spans, times, vevent
from recurrence.test_zones import OUTLOOK

GOOGLE = b"""BEGIN:VCALENDAR\r
PRODID:-//Google Inc//Google Calendar 70.9054//EN\r
VERSION:2.0\r
CALSCALE:GREGORIAN\r
METHOD:PUBLISH\r
X-WR-CALNAME:Anna\r
X-WR-TIMEZONE:Europe/Berlin\r
BEGIN:VEVENT\r
DTSTART;TZID=Europe/Berlin:20260302T090000\r
DTEND;TZID=Europe/Berlin:20260302T093000\r
RRULE:FREQ=WEEKLY;WKST=MO;UNTIL=20260315T225959Z;BYDAY=MO\r
EXDATE;TZID=Europe/Berlin:20260309T090000\r
DTSTAMP:20260301T120000Z\r
ORGANIZER;CN=Anna:mailto:anna@example.org\r
UID:1@google.com\r
ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;CN=Anna;X-N\r
 UM-GUESTS=0:mailto:anna@example.org\r
X-GOOGLE-CONFERENCE:https://meet.example.org/a\r
CREATED:20260101T120000Z\r
DESCRIPTION:-::~:~::~:~\\nJoin: https://meet.example.org/a\\n\r
LAST-MODIFIED:20260301T120000Z\r
SEQUENCE:0\r
STATUS:CONFIRMED\r
SUMMARY:Stand-up\r
TRANSP:OPAQUE\r
BEGIN:VALARM\r
ACTION:DISPLAY\r
DESCRIPTION:This is an event reminder\r
TRIGGER:-P0DT0H10M0S\r
END:VALARM\r
END:VEVENT\r
BEGIN:VEVENT\r
DTSTART;VALUE=DATE:20260305\r
DTEND;VALUE=DATE:20260306\r
UID:2@google.com\r
SUMMARY:Birthday\r
TRANSP:TRANSPARENT\r
END:VEVENT\r
END:VCALENDAR\r
"""


def test_a_google_export_is_read() -> None:
    calendar = read(GOOGLE)
    assert calendar.name == "Anna"
    assert times(GOOGLE) == spans("2026-03-02 08:00/08:30")
    assert calendar.occurrences[0].info.people.present == ("anna@example.org",)


def test_an_outlook_export_is_read_with_its_own_zone() -> None:
    event = vevent(
        "CLASS:PUBLIC | DTSTART;TZID=Custom:20260701T090000 | DTEND;TZID=Custom:20260701T100000"
        " | SUMMARY;LANGUAGE=en-us: | PRIORITY:5 | X-MICROSOFT-CDO-BUSYSTATUS:BUSY"
        " | X-ALT-DESC;FMTTYPE=text/html:<p>a\\n</p> | X-MICROSOFT-DISALLOW-COUNTER:FALSE"
        ' | ATTENDEE;CN="Room; big";RSVP=TRUE:mailto:room@example.org'
    )
    free = vevent(
        "UID:2 | DTSTART;TZID=Custom:20260702T090000 | DURATION:PT1H"
        " | X-MICROSOFT-CDO-BUSYSTATUS:FREE"
    )
    content = calendar_of("X-MS-OLK-FORCEINSPECTOROPEN:TRUE", OUTLOOK, event, free)
    assert times(content) == spans("2026-07-01 07:00/08:00")
    assert read(content).occurrences[0].info.people.present == ("room@example.org",)


def test_an_exchange_export_is_read_with_windows_zones() -> None:
    event = vevent(
        "DTSTART;TZID=W. Europe Standard Time:20260302T090000"
        " | DTEND;TZID=W. Europe Standard Time:20260302T100000"
        " | X-MICROSOFT-CDO-INTENDEDSTATUS:BUSY | X-MICROSOFT-CDO-ALLDAYEVENT:FALSE"
    )
    assert times(calendar_of(event)) == spans("2026-03-02 08:00/09:00")


def test_an_apple_export_is_read() -> None:
    event = vevent(
        "DTSTART;TZID=Europe/Berlin:20260302T090000 | DTEND;TZID=Europe/Berlin:20260302T100000"
        ' | X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-ADDRESS="Street 1\\, City";X-TITLE=Cafe:geo:1,2'
        " | X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC | TRANSP:OPAQUE"
    )
    content = calendar_of("CALSCALE:GREGORIAN", "X-APPLE-CALENDAR-COLOR:#63DA38", event)
    assert times(content) == spans("2026-03-02 08:00/09:00")


def test_a_thunderbird_export_is_read_with_a_zone_of_listed_changes() -> None:
    zone = """BEGIN:VTIMEZONE
TZID:/freeassociation.sourceforge.net/Custom
X-LIC-LOCATION:Europe/Berlin
BEGIN:STANDARD
TZNAME:CET
DTSTART:20251026T030000
RDATE:20261025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
TZNAME:CEST
DTSTART:20260329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE"""
    event = vevent(
        "DTSTART;TZID=/freeassociation.sourceforge.net/Custom:20260701T090000"
        " | X-MOZ-GENERATION:1 | DURATION:PT1H"
    )
    winter = vevent(
        "UID:2 | DTSTART;TZID=/freeassociation.sourceforge.net/Custom:20261201T090000"
        " | DURATION:PT1H"
    )
    assert times(calendar_of(zone, event, winter)) == spans(
        "2026-07-01 07:00/08:00, 2026-12-01 08:00/09:00"
    )


def test_a_nextcloud_export_is_read_with_an_override() -> None:
    weekly = vevent(
        "DTSTART;TZID=Europe/Berlin:20260302T090000 | DTEND;TZID=Europe/Berlin:20260302T100000"
        " | RRULE:FREQ=WEEKLY;COUNT=2 | SEQUENCE:3"
    )
    moved = vevent(
        "RECURRENCE-ID;TZID=Europe/Berlin:20260309T090000 | SEQUENCE:4"
        " | DTSTART;TZID=Europe/Berlin:20260309T140000 | DTEND;TZID=Europe/Berlin:20260309T150000"
    )
    content = calendar_of("PRODID:-//IDN nextcloud.com//Calendar app//EN", weekly, moved)
    assert times(content) == spans("2026-03-02 08:00/09:00, 2026-03-09 13:00/14:00")
