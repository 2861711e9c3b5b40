"""Check that every file gives either events or faults."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from calendars.ics_cases import BERLIN, calendar_of, vevent
from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.merging import merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import BY, ReadOptions
from double_booked.commands.engine import find_conflicts
from double_booked.commands.errors import Failure
from double_booked.conflicts.validation import InvalidRequestError
from double_booked.recurrence.calendar_times import Window

EXAMPLES = Path(__file__).parents[3] / "examples"
MONTH = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
MEETING = "DTSTART;TZID=Europe/Berlin:20260302T090000 | DURATION:PT1H"
SERIES = (
    "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=9 | EXDATE;TZID=Europe/Berlin:20260304T090000",
    "RRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20270101T000000Z | RDATE:20260303T090000Z",
    "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=-1;BYSETPOS=1;INTERVAL=2;WKST=SU",
    "RRULE:FREQ=DAILY;BYHOUR=9,10;BYMINUTE=30;COUNT=5",
)
ZONE = """BEGIN:VTIMEZONE
TZID:Own
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE"""
_CONTENTS = (
    *(path.read_bytes() for path in sorted((EXAMPLES / "team").iterdir())),
    *(calendar_of(vevent(f"{MEETING} | {series}")) for series in SERIES),
    calendar_of(ZONE, vevent("DTSTART;TZID=Own:20260302T090000 | DTEND;TZID=Own:20260302T100000")),
    calendar_of(vevent("DTSTART;VALUE=DATE:20260302 | ATTENDEE;PARTSTAT=DECLINED:mailto:a@b.c")),
    calendar_of("BEGIN:VFREEBUSY\nUID:f\nFREEBUSY:20260302T090000Z/PT1H\nEND:VFREEBUSY"),
    b"id,start,end,resources\n1,2026-03-02T09:00:00Z,2026-03-02 10:00,a;b\n",
    (
        b"Subject,Start Date,Start Time,End Date,End Time,All day event\n"
        b"A,3/2/2026,9:00 AM,3/2/2026,10:00 AM,FALSE\nB,25/3/2026,,25/3/2026,,TRUE\n"
    ),
    b'[{"title": "A", "start": "2026-03-02", "allDay": true, "resourceIds": ["a"]}]',
    (
        b'[{"summary": "A", "start": {"dateTime": "2026-03-02T09:00:00+01:00"},'
        b' "end": {"dateTime": "2026-03-02T10:00:00+01:00"}, "attendees": [{"email": "a@b.c"}]}]'
    ),
    (
        b'["vcalendar", [], [["vevent", [["uid", {}, "text", "1"],'
        b' ["dtstart", {}, "date-time", "2026-03-02T09:00:00Z"]], []]]]'
    ),
    (EXAMPLES / "week.json").read_bytes(),
    b'{"id": "1", "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T10:00:00Z"}\n',
)
SEEDS = tuple(bytes([number % len(BY)]) + content for number, content in enumerate(_CONTENTS))
WORDS = (
    *("BEGIN:VEVENT\\x0d\\x0a", "END:VEVENT\\x0d\\x0a", "BEGIN:VTIMEZONE\\x0d\\x0a", "VTODO"),
    *("DTSTART", "DTEND", "DURATION:", "RRULE:", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"),
    *(";VALUE=DATE", ";VALUE=PERIOD", ";TZID=Europe/Berlin", ";RANGE=THISANDFUTURE", "UID:1"),
    *("FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=HOURLY", "FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY"),
    *("FREQ=YEARLY", ";BYDAY=", ";BYMONTH=", ";BYMONTHDAY=", ";BYYEARDAY=", ";BYWEEKNO="),
    *(";BYHOUR=", ";BYMINUTE=", ";BYSECOND=", ";BYSETPOS=", ";COUNT=", ";UNTIL=", ";INTERVAL="),
    *("00010101T000000Z", "99991231T235959Z", "20260329T023000", "P99999999D", "-PT1S", "-1SU"),
)


def check(data: bytes) -> None:
    """Check a byte that chooses the resources of events, followed by the content of a file."""
    by = BY[sum(data[:1]) % len(BY)]
    with NamedTemporaryFile() as file:
        file.write(data[1:])
        file.flush()
        try:
            source = read_file(
                file.name, "file", ReadOptions(CalendarOptions(MONTH, BERLIN), by=by)
            )
            find_conflicts(merge_files([source], ConflictOptions()).request)
        except InvalidCalendarError as error:
            assert error.faults
            assert all(error.faults)
        except (InvalidRequestError, Failure) as error:
            assert str(error)
