"""The events of a calendar file are read at their times; each case is named after its rule."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from calendars.ics_cases import ALL, BERLIN, at, calendar_of, read, spans, times, times_of, vevent
from double_booked.calendars import ics_files
from double_booked.calendars.attendance import People
from double_booked.calendars.parsed_calendars import CalendarOptions, EventInfo
from double_booked.conflicts.instants import to_instant
from double_booked.recurrence.calendar_times import Window
from double_booked.view.coverage import Outside

B = "TZID=Europe/Berlin:"
NINE = f"DTSTART;{B}20260302T090000"
HOUR = f"{NINE} | DURATION:PT1H"
WEEKLY = f"{HOUR} | RRULE:FREQ=WEEKLY;COUNT=4"  # 2, 9 and 16 March at 8 UTC; 23 March too

CASES = {
    # Times, and ends (3.3.4, 3.3.5, 3.6.1)
    "a time in UTC": (
        "DTSTART:20260302T090000Z | DTEND:20260302T100000Z",
        "2026-03-02 09:00/10:00",
    ),
    "a time in a zone": (f"{NINE} | DTEND;{B}20260302T100000", "2026-03-02 08:00/09:00"),
    "a floating time": (
        "DTSTART:20260302T090000 | DTEND:20260302T100000",
        "2026-03-02 08:00/09:00",
    ),
    "an end in another zone": (
        f"{NINE} | DTEND;TZID=Europe/London:20260302T100000",
        "2026-03-02 08:00/10:00",
    ),
    "a time without an end is an instant": (NINE, "2026-03-02 08:00"),
    "an end at the start is an instant": (f"{NINE} | DTEND;{B}20260302T090000", "2026-03-02 08:00"),
    "a duration of zero is an instant": (f"{NINE} | DURATION:PT0S", "2026-03-02 08:00"),
    "a date without an end is a day": (
        "DTSTART;VALUE=DATE:20260302",
        "2026-03-01 23:00/2026-03-02 23:00",
    ),
    "the end of a date is exclusive": (
        "DTSTART;VALUE=DATE:20260302 | DTEND;VALUE=DATE:20260304",
        "2026-03-01 23:00/2026-03-03 23:00",
    ),
    "a date that ends on itself is that day": (
        "DTSTART;VALUE=DATE:20260302 | DTEND;VALUE=DATE:20260302",
        "2026-03-01 23:00/2026-03-02 23:00",
    ),
    "a date with a duration in days": (
        "DTSTART;VALUE=DATE:20260302 | DURATION:P2D",
        "2026-03-01 23:00/2026-03-03 23:00",
    ),
    "a date with a duration in weeks": (
        "DTSTART;VALUE=DATE:20260302 | DURATION:P1W",
        "2026-03-01 23:00/2026-03-08 23:00",
    ),
    "a date without VALUE=DATE": ("DTSTART:20260302", "2026-03-01 23:00/2026-03-02 23:00"),
    "a day on which clocks go forward has 23 hours": (
        "DTSTART;VALUE=DATE:20260329",
        "2026-03-28 23:00/2026-03-29 22:00",
    ),
    "a day on which clocks go back has 25 hours": (
        "DTSTART;VALUE=DATE:20261025",
        "2026-10-24 22:00/2026-10-25 23:00",
    ),
    "a duration of hours, minutes and seconds": (
        f"{NINE} | DURATION:PT1H30M15S",
        "2026-03-02 08:00/09:30:15",
    ),
    "a duration in days and hours": (
        f"{NINE} | DURATION:P1DT2H",
        "2026-03-02 08:00/2026-03-03 10:00",
    ),
    "a duration with a plus": (f"{NINE} | DURATION:+PT1H", "2026-03-02 08:00/09:00"),
    # Gaps and folds (3.3.5)
    "a time in a gap has the offset before it": (
        f"DTSTART;{B}20260329T023000 | DURATION:PT1H",
        "2026-03-29 01:30/02:30",
    ),
    "a time in a fold is the first": (
        f"DTSTART;{B}20261025T023000 | DURATION:PT1H",
        "2026-10-25 00:30/01:30",
    ),
    "a duration of a day over a gap is a calendar day": (
        f"DTSTART;{B}20260328T120000 | DURATION:P1D",
        "2026-03-28 11:00/2026-03-29 10:00",
    ),
    "24 hours over a gap are 24 hours": (
        f"DTSTART;{B}20260328T120000 | DURATION:PT24H",
        "2026-03-28 11:00/2026-03-29 11:00",
    ),
    "a duration of a day over a fold is a calendar day": (
        f"DTSTART;{B}20261024T120000 | DURATION:P1D",
        "2026-10-24 10:00/2026-10-25 11:00",
    ),
    "24 hours over a fold are 24 hours": (
        f"DTSTART;{B}20261024T120000 | DURATION:PT24H",
        "2026-10-24 10:00/2026-10-25 10:00",
    ),
    "a DTEND over a gap keeps its local time": (
        f"DTSTART;{B}20260329T010000 | DTEND;{B}20260329T040000",
        "2026-03-29 00:00/02:00",
    ),
    "a series keeps its local time through a gap": (
        f"DTSTART;{B}20260328T090000 | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=2",
        "2026-03-28 08:00/09:00, 2026-03-29 07:00/08:00",
    ),
    "an instance in a gap is not dropped": (
        f"DTSTART;{B}20260328T023000 | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=3",
        "2026-03-28 01:30/02:30, 2026-03-29 01:30/02:30, 2026-03-30 00:30/01:30",
    ),
    "an instance in a fold is the first": (
        f"DTSTART;{B}20261024T023000 | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=2",
        "2026-10-24 00:30/01:30, 2026-10-25 00:30/01:30",
    ),
    "DTEND in the zone of DTSTART keeps its time of day over a gap": (
        f"DTSTART;{B}20260321T230000 | DTEND;{B}20260322T050000 | RRULE:FREQ=WEEKLY;COUNT=2",
        "2026-03-21 22:00/2026-03-22 04:00, 2026-03-28 22:00/2026-03-29 03:00",
    ),
    "DTEND in the zone of DTSTART keeps its time of day over a fold": (
        f"DTSTART;{B}20261017T230000 | DTEND;{B}20261018T050000 | RRULE:FREQ=WEEKLY;COUNT=2",
        "2026-10-17 21:00/2026-10-18 03:00, 2026-10-24 21:00/2026-10-25 04:00",
    ),
    "a floating DTEND keeps its time of day": (
        "DTSTART:20260321T230000 | DTEND:20260322T050000 | RRULE:FREQ=WEEKLY;COUNT=2",
        "2026-03-21 22:00/2026-03-22 04:00, 2026-03-28 22:00/2026-03-29 03:00",
    ),
    "DTEND in UTC repeats the exact duration over a gap (3.8.5.3)": (
        f"DTSTART;{B}20260321T230000 | DTEND:20260322T040000Z | RRULE:FREQ=WEEKLY;COUNT=2",
        "2026-03-21 22:00/2026-03-22 04:00, 2026-03-28 22:00/2026-03-29 04:00",
    ),
    "DTEND in another zone repeats the exact duration over a gap (3.8.5.3)": (
        (
            f"DTSTART;{B}20260321T230000 | DTEND;TZID=Europe/London:20260322T040000"
            " | RRULE:FREQ=WEEKLY;COUNT=2"
        ),
        "2026-03-21 22:00/2026-03-22 04:00, 2026-03-28 22:00/2026-03-29 04:00",
    ),
    "an event that starts in a gap keeps its duration": (
        f"DTSTART;{B}20260329T023000 | DTEND;{B}20260329T030000",
        "2026-03-29 01:30/02:00",
    ),
    "DURATION in days repeats as calendar days (3.8.5.3)": (
        f"DTSTART;{B}20260321T230000 | DURATION:P1D | RRULE:FREQ=WEEKLY;COUNT=2",
        "2026-03-21 22:00/2026-03-22 22:00, 2026-03-28 22:00/2026-03-29 21:00",
    ),
    "a series of days starts at midnight": (
        "DTSTART;VALUE=DATE:20260328 | RRULE:FREQ=DAILY;COUNT=2",
        "2026-03-27 23:00/2026-03-28 23:00, 2026-03-28 23:00/2026-03-29 22:00",
    ),
    # Rules (3.3.10)
    "the start counts even if the rule does not fire then": (
        f"{HOUR} | RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=3",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00, 2026-03-10 08:00/09:00",
    ),
    "UNTIL in UTC is inclusive": (
        f"{HOUR} | RRULE:FREQ=DAILY;UNTIL=20260303T080000Z",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "UNTIL in UTC excludes the next second": (
        f"{HOUR} | RRULE:FREQ=DAILY;UNTIL=20260303T075959Z",
        "2026-03-02 08:00/09:00",
    ),
    "UNTIL as a date includes that day": (
        f"{HOUR} | RRULE:FREQ=DAILY;UNTIL=20260303",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "UNTIL as a local time is in the zone of the series": (
        f"{HOUR} | RRULE:FREQ=DAILY;UNTIL=20260303T090000",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "UNTIL of a series of days": (
        "DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=DAILY;UNTIL=20260303",
        "2026-03-01 23:00/2026-03-02 23:00, 2026-03-02 23:00/2026-03-03 23:00",
    ),
    "UNTIL as a time of a series of days": (
        "DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=DAILY;UNTIL=20260303T000000Z",
        "2026-03-01 23:00/2026-03-02 23:00, 2026-03-02 23:00/2026-03-03 23:00",
    ),
    "UNTIL before the start leaves nothing": (
        f"{HOUR} | RRULE:FREQ=DAILY;UNTIL=20260301T000000Z",
        "",
    ),
    "UNTIL before the start leaves RDATE": (
        f"{HOUR} | RRULE:FREQ=DAILY;UNTIL=20260301 | RDATE;{B}20260304T090000",
        "2026-03-04 08:00/09:00",
    ),
    "UNTIL before the start of one rule leaves the other rule": (
        f"{HOUR} | RRULE:FREQ=DAILY;UNTIL=20260301 | RRULE:FREQ=WEEKLY;COUNT=2",
        "2026-03-02 08:00/09:00, 2026-03-09 08:00/09:00",
    ),
    "COUNT ends a series before UNTIL": (
        f"{HOUR} | RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260310",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "UNTIL ends a series before COUNT": (
        f"{HOUR} | RRULE:FREQ=DAILY;COUNT=9;UNTIL=20260303T230000Z",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "COUNT=-1 is ignored": (
        f"{HOUR} | RRULE:FREQ=DAILY;COUNT=-1;UNTIL=20260303T230000Z",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "blanks and an X- part of a rule are ignored": (
        f"{HOUR} | RRULE:FREQ=WEEKLY; BYDAY=MO, TU ;X-EVOLUTION-ENDDATE=20260303;COUNT=2",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "SKIP=BACKWARD uses the last day of a shorter month (RFC 7529)": (
        "DTSTART:20260131T090000Z | RRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=BACKWARD;COUNT=4",
        "2026-01-31 09:00, 2026-02-28 09:00, 2026-03-31 09:00, 2026-04-30 09:00",
    ),
    "SKIP=FORWARD uses the first day of the next month (RFC 7529)": (
        "DTSTART:20260131T090000Z | RRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=FORWARD;COUNT=4",
        "2026-01-31 09:00, 2026-03-01 09:00, 2026-03-31 09:00, 2026-05-01 09:00",
    ),
    "the second 60 is the first of the next minute (3.3.12)": (
        "DTSTART:20260302T090000Z | DTEND:20260302T235960Z",
        "2026-03-02 09:00/2026-03-03 00:00",
    ),
    "COUNT=1 is only the start": (f"{HOUR} | RRULE:FREQ=DAILY;COUNT=1", "2026-03-02 08:00/09:00"),
    "a month without that day is skipped": (
        f"DTSTART;{B}20260131T090000 | DURATION:PT1H | RRULE:FREQ=MONTHLY;COUNT=2",
        "2026-01-31 08:00/09:00, 2026-03-31 07:00/08:00",
    ),
    "29 February comes every four years": (
        "DTSTART:20240229T090000Z | DURATION:PT1H | RRULE:FREQ=YEARLY;COUNT=2",
        "2024-02-29 09:00/10:00, 2028-02-29 09:00/10:00",
    ),
    "BYHOUR gives several events a day": (
        f"{HOUR} | RRULE:FREQ=DAILY;BYHOUR=9,17;COUNT=3",
        "2026-03-02 08:00/09:00, 2026-03-02 16:00/17:00, 2026-03-03 08:00/09:00",
    ),
    "BYHOUR is ignored for days": (
        "DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=DAILY;BYHOUR=9;COUNT=1",
        "2026-03-01 23:00/2026-03-02 23:00",
    ),
    "a day named twice counts once": (
        f"{HOUR} | RRULE:FREQ=WEEKLY;BYDAY=MO,MO;COUNT=3",
        "2026-03-02 08:00/09:00, 2026-03-09 08:00/09:00, 2026-03-16 08:00/09:00",
    ),
    "BYSETPOS from the end": (
        f"{HOUR} | RRULE:FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1;COUNT=2",
        "2026-03-02 08:00/09:00, 2026-03-31 07:00/08:00",
    ),
    "BYYEARDAY from the end": (
        "DTSTART:20261231T090000Z | DURATION:PT1H | RRULE:FREQ=YEARLY;BYYEARDAY=-1;COUNT=2",
        "2026-12-31 09:00/10:00, 2027-12-31 09:00/10:00",
    ),
    "BYWEEKNO from the end": (
        "DTSTART:20261228T090000Z | DURATION:PT1H | RRULE:FREQ=YEARLY;BYWEEKNO=-1;BYDAY=MO;COUNT=2",
        "2026-12-28 09:00/10:00, 2027-12-27 09:00/10:00",
    ),
    "two rules are combined": (
        f"{HOUR} | RRULE:FREQ=DAILY;COUNT=2 | RRULE:FREQ=WEEKLY;COUNT=2",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00, 2026-03-09 08:00/09:00",
    ),
    "lower case": (
        f"{HOUR} | RRULE:freq=daily;count=2",
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    # RDATE, EXDATE, EXRULE (3.8.5.1, 3.8.5.2)
    "RDATE adds times": (
        f"{HOUR} | RDATE;{B}20260304T090000,20260305T100000",
        "2026-03-02 08:00/09:00, 2026-03-04 08:00/09:00, 2026-03-05 09:00/10:00",
    ),
    "RDATE in UTC": (
        f"{HOUR} | RDATE:20260304T090000Z",
        "2026-03-02 08:00/09:00, 2026-03-04 09:00/10:00",
    ),
    "RDATE at a time of the rule is one event": (
        f"{WEEKLY} | RDATE:20260309T080000Z",
        (
            "2026-03-02 08:00/09:00, 2026-03-09 08:00/09:00, 2026-03-16 08:00/09:00,"
            " 2026-03-23 08:00/09:00"
        ),
    ),
    "RDATE as a period with its own end": (
        f"{HOUR} | RDATE;VALUE=PERIOD:20260304T090000Z/20260304T120000Z",
        "2026-03-02 08:00/09:00, 2026-03-04 09:00/12:00",
    ),
    "RDATE as a period with its own duration": (
        f"{HOUR} | RDATE;VALUE=PERIOD:20260304T090000Z/PT30M",
        "2026-03-02 08:00/09:00, 2026-03-04 09:00/09:30",
    ),
    "RDATE of days": (
        "DTSTART;VALUE=DATE:20260302 | RDATE;VALUE=DATE:20260305",
        "2026-03-01 23:00/2026-03-02 23:00, 2026-03-04 23:00/2026-03-05 23:00",
    ),
    "EXDATE removes times": (
        f"{WEEKLY} | EXDATE;{B}20260309T090000,20260316T090000",
        "2026-03-02 08:00/09:00, 2026-03-23 08:00/09:00",
    ),
    "EXDATE in UTC": (
        f"{WEEKLY} | EXDATE:20260309T080000Z | EXDATE:20260316T080000Z",
        "2026-03-02 08:00/09:00, 2026-03-23 08:00/09:00",
    ),
    "EXDATE at another time removes nothing": (
        f"{HOUR} | RRULE:FREQ=WEEKLY;COUNT=1 | EXDATE:20260302T090000Z",
        "2026-03-02 08:00/09:00",
    ),
    "EXDATE as a date removes that day": (
        f"{WEEKLY} | EXDATE;VALUE=DATE:20260309,20260316",
        "2026-03-02 08:00/09:00, 2026-03-23 08:00/09:00",
    ),
    "EXDATE of the start": (
        f"{HOUR} | RRULE:FREQ=DAILY;COUNT=2 | EXDATE;{B}20260302T090000",
        "2026-03-03 08:00/09:00",
    ),
    "EXDATE takes precedence over RDATE": (
        f"{HOUR} | RDATE;{B}20260304T090000 | EXDATE;{B}20260304T090000",
        "2026-03-02 08:00/09:00",
    ),
    "EXDATE still counts for COUNT": (
        f"{HOUR} | RRULE:FREQ=DAILY;COUNT=2 | EXDATE;{B}20260303T090000",
        "2026-03-02 08:00/09:00",
    ),
    "EXRULE removes times": (
        f"{HOUR} | RRULE:FREQ=DAILY;COUNT=4 | EXRULE:FREQ=DAILY;INTERVAL=3",
        "2026-03-03 08:00/09:00, 2026-03-04 08:00/09:00",
    ),
}


@pytest.mark.parametrize(("event", "expected"), CASES.values(), ids=CASES)
def test_an_event_is_read_at_its_times(event: str, expected: str) -> None:
    assert times_of(event) == spans(expected)


MOVED = f"RECURRENCE-ID;{B}20260309T090000 | DTSTART;{B}20260310T140000 | DURATION:PT2H"
LATER = f"RECURRENCE-ID;RANGE=THISANDFUTURE;{B}20260309T090000"
LATER_IN_UTC = "RECURRENCE-ID;RANGE=THISANDFUTURE:20260309T080000Z"
LATER_BY_DATE = "RECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20260309"
OVERRIDES = {
    "an override moves one event (3.8.4.4)": (
        [WEEKLY, MOVED],
        (
            "2026-03-02 08:00/09:00, 2026-03-10 13:00/15:00, 2026-03-16 08:00/09:00,"
            " 2026-03-23 08:00/09:00"
        ),
    ),
    "an override before its series": (
        [MOVED, WEEKLY],
        (
            "2026-03-02 08:00/09:00, 2026-03-10 13:00/15:00, 2026-03-16 08:00/09:00,"
            " 2026-03-23 08:00/09:00"
        ),
    ),
    "an override named in UTC": (
        [WEEKLY, f"RECURRENCE-ID:20260309T080000Z | DTSTART;{B}20260310T140000 | DURATION:PT2H"],
        (
            "2026-03-02 08:00/09:00, 2026-03-10 13:00/15:00, 2026-03-16 08:00/09:00,"
            " 2026-03-23 08:00/09:00"
        ),
    ),
    "an override named by a date": (
        [WEEKLY, "RECURRENCE-ID;VALUE=DATE:20260309 | DTSTART:20260310T130000Z | DURATION:PT2H"],
        (
            "2026-03-02 08:00/09:00, 2026-03-10 13:00/15:00, 2026-03-16 08:00/09:00,"
            " 2026-03-23 08:00/09:00"
        ),
    ),
    "an override that is cancelled": (
        [WEEKLY, f"{MOVED} | STATUS:CANCELLED"],
        "2026-03-02 08:00/09:00, 2026-03-16 08:00/09:00, 2026-03-23 08:00/09:00",
    ),
    "a transparent override": (
        [WEEKLY, f"{MOVED} | TRANSP:TRANSPARENT"],
        "2026-03-02 08:00/09:00, 2026-03-16 08:00/09:00, 2026-03-23 08:00/09:00",
    ),
    "an override of a time outside of the series is an event": (
        [
            f"{HOUR} | RRULE:FREQ=WEEKLY;COUNT=1",
            f"RECURRENCE-ID;{B}20260401T090000 | DTSTART:20260401T120000Z | DURATION:PT1H",
        ],
        "2026-03-02 08:00/09:00, 2026-04-01 12:00/13:00",
    ),
    "an override without its series is an event": ([MOVED], "2026-03-10 13:00/15:00"),
    "a later SEQUENCE replaces an earlier one": (
        [f"{HOUR} | SEQUENCE:2", f"DTSTART;{B}20260303T090000 | SEQUENCE:1"],
        "2026-03-02 08:00/09:00",
    ),
    "the last copy counts at equal SEQUENCE and start": (
        [f"{NINE} | DURATION:PT1H", f"{NINE} | DURATION:PT2H"],
        "2026-03-02 08:00/10:00",
    ),
    "the later DTSTAMP counts at equal SEQUENCE": (
        [
            f"DTSTART;{B}20260303T090000 | DURATION:PT1H | DTSTAMP:20260202T000000Z",
            f"{NINE} | DURATION:PT1H | DTSTAMP:20260201T000000Z",
        ],
        "2026-03-03 08:00/09:00",
    ),
    "the later LAST-MODIFIED counts at equal DTSTAMP": (
        [
            f"DTSTART;{B}20260303T090000 | DURATION:PT1H | LAST-MODIFIED:20260202T000000Z",
            f"{NINE} | DURATION:PT1H | LAST-MODIFIED:20260201T000000Z",
        ],
        "2026-03-03 08:00/09:00",
    ),
    "copies with other starts are other events": (
        [f"{NINE} | DURATION:PT1H", f"DTSTART;{B}20260303T090000 | DURATION:PT1H"],
        "2026-03-02 08:00/09:00, 2026-03-03 08:00/09:00",
    ),
    "this and future are moved": (
        [WEEKLY, f"{LATER} | DTSTART;{B}20260310T100000 | DURATION:PT2H"],
        (
            "2026-03-02 08:00/09:00, 2026-03-10 09:00/11:00, 2026-03-17 09:00/11:00,"
            " 2026-03-24 09:00/11:00"
        ),
    ),
    "this and future are moved to earlier": (
        [WEEKLY, f"{LATER} | DTSTART;{B}20260308T080000 | DURATION:PT1H"],
        (
            "2026-03-02 08:00/09:00, 2026-03-08 07:00/08:00, 2026-03-15 07:00/08:00,"
            " 2026-03-22 07:00/08:00"
        ),
    ),
    "this and future are cancelled": (
        [WEEKLY, f"{LATER} | DTSTART;{B}20260309T090000 | STATUS:CANCELLED"],
        "2026-03-02 08:00/09:00",
    ),
    "a future override counts until the next one": (
        [
            WEEKLY,
            f"{LATER} | DTSTART;{B}20260309T100000 | DURATION:PT1H",
            (
                f"RECURRENCE-ID;RANGE=THISANDFUTURE;{B}20260323T090000 | DTSTART;{B}20260323T110000"
                " | DURATION:PT1H"
            ),
        ],
        (
            "2026-03-02 08:00/09:00, 2026-03-09 09:00/10:00, 2026-03-16 09:00/10:00,"
            " 2026-03-23 10:00/11:00"
        ),
    ),
    "a single override takes precedence over future ones": (
        [
            WEEKLY,
            f"{LATER} | DTSTART;{B}20260309T100000 | DURATION:PT1H",
            f"RECURRENCE-ID;{B}20260316T090000 | DTSTART;{B}20260316T200000 | DURATION:PT1H",
        ],
        (
            "2026-03-02 08:00/09:00, 2026-03-09 09:00/10:00, 2026-03-16 19:00/20:00,"
            " 2026-03-23 09:00/10:00"
        ),
    ),
    "a future override identified in UTC moves in local time": (
        [WEEKLY, f"{LATER_IN_UTC} | DTSTART;{B}20260309T100000 | DURATION:PT1H"],
        (
            "2026-03-02 08:00/09:00, 2026-03-09 09:00/10:00, 2026-03-16 09:00/10:00,"
            " 2026-03-23 09:00/10:00"
        ),
    ),
    "a future override in UTC keeps the local time of its series": (
        [
            f"{HOUR} | RRULE:FREQ=WEEKLY;COUNT=5",
            f"{LATER_IN_UTC} | DTSTART:20260309T090000Z | DURATION:PT1H",
        ],
        (
            "2026-03-02 08:00/09:00, 2026-03-09 09:00/10:00, 2026-03-16 09:00/10:00,"
            " 2026-03-23 09:00/10:00, 2026-03-30 08:00/09:00"
        ),
    ),
    "a future override identified by a date moves from the time of day": (
        [
            WEEKLY,
            f"{LATER_BY_DATE} | DTSTART;{B}20260309T100000 | DURATION:PT1H",
        ],
        (
            "2026-03-02 08:00/09:00, 2026-03-09 09:00/10:00, 2026-03-16 09:00/10:00,"
            " 2026-03-23 09:00/10:00"
        ),
    ),
    "two series are separate": (
        [f"UID:a | {HOUR}", f"UID:b | {HOUR}"],
        "2026-03-02 08:00/09:00, 2026-03-02 08:00/09:00",
    ),
}


@pytest.mark.parametrize(("events", "expected"), OVERRIDES.values(), ids=OVERRIDES)
def test_an_override_replaces_its_event(events: list[str], expected: str) -> None:
    assert times_of(*events) == spans(expected)


DAY = Window(at("2026-03-09 00:00"), at("2026-03-10 00:00"))
WINDOWS = {
    "an event within": ("DTSTART:20260309T090000Z | DURATION:PT1H", True),
    "an event that ends at the beginning": ("DTSTART:20260308T230000Z | DURATION:PT1H", False),
    "an event that reaches into it": ("DTSTART:20260308T233000Z | DURATION:PT1H", True),
    "an event that starts at the end": ("DTSTART:20260310T000000Z | DURATION:PT1H", False),
    "an event that lasts through": ("DTSTART:20260101T000000Z | DURATION:P365D", True),
    "an instant at the beginning": ("DTSTART:20260309T000000Z", True),
    "an instant at the end": ("DTSTART:20260310T000000Z", False),
    "an event of an infinite series": (
        "DTSTART:20000101T090000Z | DURATION:PT1H | RRULE:FREQ=DAILY",
        True,
    ),
    "a long event of an earlier series": (
        "DTSTART:20260302T000000Z | DURATION:P8D | RRULE:FREQ=MONTHLY",
        True,
    ),
    "a finished series": (
        "DTSTART:20260301T090000Z | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=3",
        False,
    ),
    "a series with COUNT that reaches the window": (
        "DTSTART:20260301T090000Z | DURATION:PT1H | RRULE:FREQ=DAILY;COUNT=9",
        True,
    ),
    "a series every hour since 1970": (
        "DTSTART:19700101T000000Z | DURATION:PT0S | RRULE:FREQ=SECONDLY;INTERVAL=3601",
        True,
    ),
}


@pytest.mark.parametrize(("event", "is_in"), WINDOWS.values(), ids=WINDOWS)
def test_an_event_partly_in_the_window_is_read(event: str, *, is_in: bool) -> None:
    calendar = read(calendar_of(vevent(event)), DAY)
    assert bool(calendar.occurrences) == is_in
    assert (calendar.outside is None) == is_in


def test_events_outside_of_the_window_are_counted_with_their_starts() -> None:
    before, after = "UID:a | DTSTART:20260201T090000Z", "UID:b | DTSTART:20260401T090000Z"
    calendar = read(calendar_of(vevent(before), vevent(after)), DAY)
    first, last = (to_instant(datetime(2026, month, 1, 9, tzinfo=UTC)) for month in (2, 4))
    assert calendar.outside == Outside(2, first, last)


def test_vfreebusy_is_read() -> None:
    busy = """BEGIN:VFREEBUSY
UID:1
ATTENDEE:mailto:Anna@Example.org
FREEBUSY:20260302T080000Z/20260302T090000Z,20260303T080000Z/PT30M
FREEBUSY;FBTYPE=FREE:20260304T080000Z/PT1H
FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260305T080000Z/PT1H
FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260306T080000Z/PT1H
END:VFREEBUSY"""
    content = calendar_of(busy)
    certain = "2026-03-02 08:00/09:00, 2026-03-03 08:00/08:30"
    assert times(content, count_tentative=False) == spans(f"{certain}, 2026-03-06 08:00/09:00")
    assert len(times(content)) == 4
    assert read(content).occurrences[0].info.people.present == ("anna@example.org",)


def test_tasks_are_ignored() -> None:
    todo = "BEGIN:VTODO\nUID:1\nDTSTART:20260302T090000Z\nEND:VTODO"
    assert times(calendar_of(todo)) == []


def test_several_calendars_of_a_file_are_read() -> None:
    calendar = calendar_of(vevent(HOUR))
    assert len(times(calendar + b"\r\n" + calendar)) == 2


def test_a_calendar_without_events_is_accepted() -> None:
    assert times(calendar_of()) == []


def test_whole_days_are_in_the_calendars_own_zone() -> None:
    content = calendar_of("X-WR-TIMEZONE:America/New_York", vevent("DTSTART;VALUE=DATE:20260302"))
    assert times(content) == spans("2026-03-02 05:00/2026-03-03 05:00")


def test_floating_times_are_in_the_calendars_own_zone() -> None:
    content = calendar_of("X-WR-TIMEZONE:America/New_York", vevent("DTSTART:20260302T090000"))
    assert times(content) == spans("2026-03-02 14:00")


def test_an_unknown_x_wr_timezone_is_noted_and_ignored() -> None:
    calendar = read(calendar_of("X-WR-TIMEZONE:Here", vevent("DTSTART:20260302T090000")))
    assert [event.start for event in calendar.occurrences] == [at("2026-03-02 08:00")]
    [note] = calendar.notes
    assert note.startswith("line 4: X-WR-TIMEZONE is not used: the time zone 'Here' is unknown")


def test_floating_times_are_in_the_zone_of_the_options() -> None:
    options = CalendarOptions(ALL, ZoneInfo("Asia/Tokyo"))
    [event] = ics_files.parse(calendar_of(vevent("DTSTART:20260302T090000")), options).occurrences
    assert event.start == at("2026-03-02 00:00")


def test_the_properties_of_an_event_are_read() -> None:
    event = vevent(
        f"{HOUR} | UID:7@x | SUMMARY:Plan\\, then do\\; it | DESCRIPTION:a\\nb | LOCATION: Room 1 "
        "| RESOURCES:Beamer,Easel | CREATED:20260101T000000Z"
        ' | ATTENDEE;CN="Doe, Anna":MAILTO:Anna@example.org | ATTENDEE:urn:uuid:1'
        " | ATTENDEE;PARTSTAT=DECLINED:mailto:b@example.org"
    )
    calendar = read(calendar_of("X-WR-CALNAME:Team", event))
    assert calendar.name == "Team"
    [parsed] = calendar.occurrences
    assert parsed.info == EventInfo(
        "7@x",
        "Plan, then do; it",
        "a\nb",
        ("Room 1",),
        ("Beamer", "Easel"),
        People(("anna@example.org", "urn:uuid:1"), ("b@example.org",)),
        5,
        "20260101T000000Z",
        recurs=False,
    )


def test_a_text_is_equal_after_a_quoted_parameter() -> None:
    """Such a line is split by icalendar, which must leave the escapes for us."""
    plain, quoted = (
        f"SUMMARY{x}:C:\\\\new | LOCATION{x}:a\\, b | RESOURCES{x}:Room 1\\, East,Beamer"
        for x in ("", ';ALTREP="http://x/y"')
    )
    infos = [
        read(calendar_of(vevent(f"{HOUR} | {texts}"))).occurrences[0].info
        for texts in (plain, quoted)
    ]
    assert infos[0] == infos[1]
    assert infos[0].title == "C:\\new"
    assert infos[0].resources == ("Room 1, East", "Beamer")


def test_an_override_keeps_the_time_of_its_series() -> None:
    events = read(calendar_of(vevent(WEEKLY), vevent(MOVED))).occurrences
    [moved] = [event for event in events if event.start == at("2026-03-10 13:00")]
    assert moved.series_time.local == datetime(2026, 3, 9, 9)  # noqa: DTZ001 - as its clock shows
    assert moved.info.recurs


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    folded = vevent(f"{HOUR} | SUMMARY:longer").replace("longer", "long\n er")
    events = read(calendar_of(folded, vevent(f"UID:2 | {HOUR}"))).occurrences
    assert [event.info.line for event in events] == [4, 11]


def test_a_fold_can_split_a_character() -> None:
    content = calendar_of(vevent(f"{HOUR} | SUMMARY:Käse")).replace(b"\xc3\xa4", b"\xc3\r\n \xa4")
    assert read(content).occurrences[0].info.title == "Käse"


def test_unix_line_ends_and_a_byte_order_mark_are_read() -> None:
    content = b"\xef\xbb\xbf" + calendar_of(vevent(HOUR)).replace(b"\r\n", b"\n")
    assert times(content) == spans("2026-03-02 08:00/09:00")


def test_a_time_in_utc_ignores_the_zone_of_the_options() -> None:
    assert BERLIN.utcoffset(datetime(2026, 3, 2, tzinfo=UTC))
    assert times_of("DTSTART:20260302T090000Z") == spans("2026-03-02 09:00")


def test_thousands_of_series_with_a_count_of_years_are_read() -> None:
    december = Window(datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    rules = ["DAILY;COUNT=3650", "WEEKLY;COUNT=520", "WEEKLY;BYDAY=MO,WE;COUNT=1040"]
    rules += ["MONTHLY;BYDAY=-1FR;COUNT=120", "MONTHLY;COUNT=120", "YEARLY;COUNT=10"]
    events = [
        f"UID:{number}-{rule} | DTSTART:20170113T090000Z | RRULE:FREQ={rule}"
        for rule in rules
        for number in range(350)
    ]
    # Daily; the 4 Fridays; 4 Mondays and 4 Wednesdays; none, as the start counts; one; none.
    assert len(times_of(*events, window=december)) == 350 * (31 + 4 + 8 + 0 + 1 + 0)


def test_tasks_and_journals_are_noted() -> None:
    task = "BEGIN:VTODO\nUID:{0}\nDTSTART:20260302T090000Z\nDUE:20260302T100000Z\nEND:VTODO"
    journal = "BEGIN:VJOURNAL\nUID:j\nDTSTART:20260302T090000Z\nEND:VJOURNAL"
    calendar = read(calendar_of(task.format("a"), task.format("b"), journal))
    assert not calendar.occurrences
    assert calendar.notes == (
        "line 4 and 1 more line: VTODO takes no time",
        "line 14: VJOURNAL takes no time",
    )
