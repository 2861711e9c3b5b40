"""Faults of a calendar are reported with their line, and hostile files are rejected quickly."""

import pytest

from calendars.ics_cases import ALL, calendar_of, read, vevent
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.ics_lines import MAX_LINE_BYTES

START = "DTSTART:20260302T090000Z"
HOURS, SIXTY = (",".join(map(str, range(count))) for count in (24, 60))
# A year of it has too many candidates, which is known before the first of them is made.
EVERY_SECOND = (
    f"RRULE:FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={HOURS};BYMINUTE={SIXTY};BYSECOND={SIXTY}"
)


def faults(content: bytes) -> tuple[str, ...]:
    try:
        return tuple(part.fault for part in read(content, ALL).skipped)
    except InvalidCalendarError as refused:
        return refused.faults


# An event begins on line 4, its UID is on line 5.
REFUSED = {
    "no start": ("SUMMARY:x", "line 4: an event without DTSTART"),
    "an end before the start": (
        f"{START} | DTEND:20260302T080000Z",
        "line 7: DTEND: the end is before the start",
    ),
    "a day's end before its start": (
        "DTSTART;VALUE=DATE:20260302 | DTEND;VALUE=DATE:20260301",
        "line 7: DTEND: the end is before the start",
    ),
    "a time as start and a date as end": (
        f"{START} | DTEND;VALUE=DATE:20260303",
        "line 7: DTEND: start and end must both be dates, or both be times",
    ),
    "a negative duration": (
        f"{START} | DURATION:-PT1H",
        "line 7: DURATION: the duration -PT1H is negative",
    ),
    "an invalid duration": (
        f"{START} | DURATION:1 hour",
        "line 7: DURATION: '1 hour' is not a duration like PT1H30M or P1D",
    ),
    "a duration without numbers": (
        f"{START} | DURATION:PT",
        "line 7: DURATION: 'PT' is not a duration like PT1H30M or P1D",
    ),
    "a duration of hours for a day": (
        "DTSTART;VALUE=DATE:20260302 | DURATION:PT1H",
        "line 7: DURATION: a whole day lasts days, not hours",
    ),
    "an invalid time": (
        "DTSTART:tomorrow",
        "line 6: DTSTART: 'tomorrow' is not a time like 20261123T090000 or 20261123",
    ),
    "a time that is not in the calendar": (
        "DTSTART:20260230T090000Z",
        "line 6: DTSTART: '20260230T090000Z' is not in the calendar",
    ),
    "an unknown zone": (
        "DTSTART;TZID=Middle/Earth:20260302T090000",
        (
            "line 6: DTSTART: the time zone 'Middle/Earth' is unknown: it is not a name of"
            " IANA or Windows, and the file does not define it"
        ),
    ),
    "a zone that is a path": (
        "DTSTART;TZID=../../etc/passwd:20260302T090000",
        (
            "line 6: DTSTART: the time zone '../../etc/passwd' is unknown: it is not a name of"
            " IANA or Windows, and the file does not define it"
        ),
    ),
    "a rule without FREQ": (f"{START} | RRULE:COUNT=2", "line 7: RRULE: it has no FREQ"),
    "a duration as UNTIL": (
        f"{START} | RRULE:FREQ=DAILY;UNTIL=P1D",
        "line 7: RRULE: UNTIL: 'P1D' is not a time like 20261123T090000 or 20261123",
    ),
    "a time of day as UNTIL": (
        f"{START} | RRULE:FREQ=DAILY;UNTIL=T090000",
        "line 7: RRULE: UNTIL: 'T090000' is not a time like 20261123T090000 or 20261123",
    ),
    "another calendar scale (RFC 7529)": (
        f"{START} | RRULE:RSCALE=CHINESE;FREQ=YEARLY",
        "line 7: RRULE: RSCALE=CHINESE is not supported, only GREGORIAN is",
    ),
    "an invalid SKIP": (
        f"{START} | RRULE:RSCALE=GREGORIAN;SKIP=AHEAD;FREQ=YEARLY",
        "line 7: RRULE: SKIP=AHEAD is not one of OMIT, BACKWARD, FORWARD",
    ),
    "a SKIP with BYSETPOS": (
        f"{START} | RRULE:RSCALE=GREGORIAN;SKIP=FORWARD;FREQ=YEARLY;BYMONTHDAY=31;BYSETPOS=1",
        "line 7: RRULE: SKIP=FORWARD is not supported with BYSETPOS, BYWEEKNO or BYYEARDAY",
    ),
    "an interval of 0": (
        f"{START} | RRULE:FREQ=DAILY;INTERVAL=0",
        "line 7: RRULE: INTERVAL is not a number from 1",
    ),
    "an invalid month": (
        f"{START} | RRULE:FREQ=DAILY;BYMONTH=13",
        "line 7: RRULE: BYMONTH=13 is out of range",
    ),
    "BYWEEKNO of a month": (
        f"{START} | RRULE:FREQ=MONTHLY;BYWEEKNO=3",
        "line 7: RRULE: BYWEEKNO cannot be used with FREQ=MONTHLY",
    ),
    "BYSETPOS alone": (
        f"{START} | RRULE:FREQ=DAILY;BYSETPOS=1",
        "line 7: RRULE: BYSETPOS needs another BY part",
    ),
    "a numbered weekday in a week": (
        f"{START} | RRULE:FREQ=WEEKLY;BYDAY=2MO",
        "line 7: RRULE: BYDAY with a number needs FREQ=MONTHLY, or YEARLY without BYWEEKNO",
    ),
    "days that repeat hourly": (
        "DTSTART;VALUE=DATE:20260302 | RRULE:FREQ=HOURLY",
        "line 7: RRULE: whole days cannot repeat HOURLY",
    ),
    "a repeated part of a rule": (
        f"{START} | RRULE:FREQ=DAILY;BYDAY=MO;freq=WEEKLY",
        "line 7: RRULE: FREQ occurs twice",
    ),
    "a rule with two ends": (
        f"{START} | RRULE:FREQ=DAILY;UNTIL=20260401T000000Z,20260501T000000Z",
        "line 7: RRULE: UNTIL has more than one value",
    ),
    "an invalid EXDATE": (
        f"{START} | EXDATE:never",
        "line 7: EXDATE: 'never' is not a time like 20261123T090000 or 20261123",
    ),
    "a line that is not NAME:VALUE": (
        f"{START} | DTEND 20260302T100000Z",
        "line 7: not NAME:VALUE, as lines of a calendar are",
    ),
    "an END of another component": (
        f"{START} | END:VTODO",
        "line 7: END:VTODO ends BEGIN:VEVENT of line 4",
    ),
    "a time before year 1": (
        "DTSTART;TZID=Asia/Tokyo:00010101T000000 | DURATION:P1D",
        "line 4: a time is not in years 1 to 9999",
    ),
    "a rule of every second for fifty years": (
        "DTSTART:19900101T000000Z | RRULE:FREQ=SECONDLY",
        "line 4: its rule takes more than 250,000 steps to follow",
    ),
    "a daily rule of every second of the day": (
        f"{START} | RRULE:FREQ=DAILY;BYHOUR={HOURS};BYMINUTE={SIXTY};BYSECOND={SIXTY}",
        "line 4: its rule takes more than 250,000 steps to follow",
    ),
}


@pytest.mark.parametrize(
    "rule", ["FREQ=SOMETIMES", "FREQ=DAILY;BYDAY=XX", "FREQ=DAILY;COUNT=x", "x", ";"]
)
def test_an_invalid_rule_is_reported_with_its_line(rule: str) -> None:
    [fault] = faults(calendar_of(vevent(f"{START} | RRULE:{rule}")))
    assert fault.startswith("line 7: ")


def zone_from(start: str, offset: str, rule: str = "FREQ=YEARLY") -> str:
    lines = ["BEGIN:VTIMEZONE", "TZID:X", "BEGIN:STANDARD", f"DTSTART:{start}"]
    lines += ["TZOFFSETFROM:+0100", f"TZOFFSETTO:{offset}", f"RRULE:{rule}", "END:STANDARD"]
    lines += ["BEGIN:DAYLIGHT", "DTSTART:19700101T000000", "TZOFFSETFROM:+0100"]
    return "\n".join([*lines, "TZOFFSETTO:+0100", "END:DAYLIGHT", "END:VTIMEZONE"])


@pytest.mark.parametrize(
    ("zone", "fault"),
    [
        (zone_from("19700101T000000", "+2400"), "its offsets are not shorter than a day"),
        (
            zone_from("19700101T000000", "+0200", "FREQ=SECONDLY"),
            "its rule takes more than 20,000 steps to follow",
        ),
    ],
)
def test_an_invalid_zone_is_reported_with_its_line(zone: str, fault: str) -> None:
    event = vevent("DTSTART;TZID=X:20260302T090000")
    reported = f"line 20: DTSTART: the time zone 'X' cannot be used: line 6: STANDARD: {fault}"
    assert faults(calendar_of(zone, event)) == (reported,)


GOOD = [vevent(f"UID:{name} | {START} | SUMMARY:{name}") for name in ("first", "last")]


def titles(content: bytes) -> list[str]:
    return [event.info.title for event in read(content, ALL).occurrences]


@pytest.mark.parametrize(("event", "fault"), REFUSED.values(), ids=REFUSED)
def test_an_unusable_event_is_skipped_alone(event: str, fault: str) -> None:
    content = calendar_of(vevent(f"UID:bad | {event}"), *GOOD)
    assert titles(content) == ["first", "last"]
    assert faults(content) == (fault,)


def test_a_skipped_event_is_named_by_title_and_date() -> None:
    bad = vevent("DTSTART:20260302T0900 | SUMMARY:Dentist\\, late")
    [skipped] = read(calendar_of(bad, *GOOD)).skipped
    assert (skipped.title, skipped.date) == ("Dentist, late", "20260302T0900")


def test_an_unusable_line_of_an_alarm_skips_nothing() -> None:
    alarm = "BEGIN:VALARM | TRIGGER | END:VALARM"
    assert titles(calendar_of(vevent(f"{START} | SUMMARY:x | {alarm}"))) == ["x"]


def test_an_unusable_line_of_a_calendar_skips_no_event() -> None:
    content = calendar_of("DTEND 20260302", *GOOD)
    assert titles(content) == ["first", "last"]
    assert faults(content) == ("line 4: not NAME:VALUE, as lines of a calendar are",)


def test_the_complete_events_of_a_truncated_file_are_read() -> None:
    whole = calendar_of(*GOOD, vevent(f"UID:x | {START} | SUMMARY:x | DTEND:20260302T100000Z"))
    content = whole[: whole.index(b"DTEND:") + 12]
    assert titles(content) == ["first", "last"]
    assert faults(content) == (
        "line 1: BEGIN:VCALENDAR has no END; the file may be cut off",
        "line 14: BEGIN:VEVENT has no END",
    )


def test_the_calendar_after_a_truncated_one_is_read() -> None:
    cut = calendar_of(GOOD[0]).replace(b"END:VCALENDAR", b"BEGIN:VEVENT")
    content = cut + b"\r\n" + calendar_of(GOOD[1])
    assert titles(content) == ["first", "last"]
    assert len(faults(content)) == 2


def test_an_event_without_end_is_skipped_alone() -> None:
    cut = GOOD[0].removesuffix("\nEND:VEVENT").replace("first", "cut")
    content = calendar_of(cut, *GOOD)
    assert titles(content) == ["first", "last"]
    assert faults(content) == ("line 4: BEGIN:VEVENT has no END",)


def test_the_events_after_a_broken_begin_are_read() -> None:
    broken = GOOD[0].replace("BEGIN:VEVENT", "BEGIN:VEV").replace("first", "lost")
    content = calendar_of(broken, *GOOD)
    assert titles(content) == ["first", "last"]
    assert faults(content) == ("line 4: BEGIN:VEV has no END",)


def test_an_alarm_without_end_skips_its_event() -> None:
    content = calendar_of(vevent(f"{START} | BEGIN:VALARM | DTEND:20260302T100000Z"), *GOOD)
    assert titles(content) == ["first", "last"]
    assert faults(content) == ("line 7: BEGIN:VALARM has no END",)


def test_the_calendars_beside_another_component_are_read() -> None:
    content = b"BEGIN:VCARD\nFN:Anna\nEND:VCARD\n" + calendar_of(*GOOD)
    assert titles(content) == ["first", "last"]
    assert faults(content) == ("line 1: BEGIN:VCARD: a calendar is what BEGIN:VCALENDAR begins",)


DAYS = "UID:s | DTSTART:20260302T090000Z | RRULE:FREQ=DAILY;COUNT=3"


def test_an_unusable_override_leaves_a_gap_in_its_series() -> None:
    moved = vevent("UID:s | RECURRENCE-ID:20260303T090000Z | DTSTART:2026 | SUMMARY:moved")
    calendar = read(calendar_of(vevent(DAYS), moved))
    assert [event.start.day for event in calendar.occurrences] == [2, 4]
    assert [part.title for part in calendar.skipped] == ["moved"]


def test_an_unusable_future_override_ends_its_series() -> None:
    moved = vevent("UID:s | RECURRENCE-ID;RANGE=THISANDFUTURE:20260303T090000Z | SUMMARY:moved")
    assert [event.start.day for event in read(calendar_of(vevent(DAYS), moved)).occurrences] == [2]


def test_the_overrides_of_an_unusable_series_are_read() -> None:
    series = vevent(DAYS.replace("DAILY", "NEVER"))
    moved = vevent("UID:s | RECURRENCE-ID:20260303T090000Z | DTSTART:20260305T090000Z")
    assert [event.start.day for event in read(calendar_of(series, moved)).occurrences] == [5]


def test_an_unusable_revision_still_replaces_the_older_one() -> None:
    older = vevent(f"UID:r | SEQUENCE:1 | {START}")
    newer = vevent("UID:r | SEQUENCE:2 | DTSTART:2026")
    assert titles(calendar_of(older, newer, *GOOD)) == ["first", "last"]


def test_a_rule_with_too_many_steps_leaves_budget_for_others() -> None:
    endless = vevent(f"UID:e | DTSTART:19900101T000000Z | {EVERY_SECOND} | SUMMARY:endless")
    calendar = read(calendar_of(endless, vevent(DAYS)))
    assert len(calendar.occurrences) == 3
    assert [part.title for part in calendar.skipped] == ["endless"]


def test_all_rules_of_a_file_share_a_budget() -> None:
    endless = [
        vevent(f"UID:{number} | DTSTART:19900101T000000Z | {EVERY_SECOND}") for number in range(5)
    ]
    last = faults(calendar_of(*endless))[-1]
    assert last.endswith("the rules of the file take more than 1,000,000 steps to follow")


def test_an_unusable_period_is_skipped_alone() -> None:
    periods = "FREEBUSY:20260302T090000Z/PT1H\nFREEBUSY:2026/PT1H\nFREEBUSY:20260304T090000Z/PT1H"
    content = calendar_of(f"BEGIN:VFREEBUSY\nUID:f\n{periods}\nEND:VFREEBUSY")
    assert titles(content) == ["busy", "busy"]
    [fault] = faults(content)
    assert fault.startswith("line 7: FREEBUSY: '2026' is not a time")


@pytest.mark.parametrize("method", ["REPLY", "CANCEL", "refresh"])
def test_a_message_about_an_event_needs_no_start(method: str) -> None:
    content = calendar_of(f"METHOD:{method}", vevent("UID:m")) + b"\n" + calendar_of(*GOOD)
    assert titles(content) == ["first", "last"]
    assert not faults(content)


def test_a_published_event_needs_a_start() -> None:
    content = calendar_of("METHOD:PUBLISH", vevent("UID:m"))
    assert faults(content) == ("line 5: an event without DTSTART",)


def test_thousands_of_ends_in_deep_nesting_are_read_quickly() -> None:
    deep = ["BEGIN:X-A"] * 20_000 + ["END:X-B"] * 20_000 + ["END:X-A"] * 20_000
    assert titles(calendar_of("\n".join(deep), *GOOD)) == ["first", "last"]


def test_every_fault_is_reported() -> None:
    bad = [vevent(f"UID:{number} | SUMMARY:x") for number in range(3)]
    assert len(faults(calendar_of(*bad))) == 3


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is empty: a calendar is what BEGIN:VCALENDAR begins"),
        (
            b"BEGIN:VCARD\nEND:VCARD",
            "line 1: BEGIN:VCARD: a calendar is what BEGIN:VCALENDAR begins",
        ),
        (
            b"BEGIN:VCALENDAR\nBEGIN:VEVENT",
            "line 1: BEGIN:VCALENDAR has no END; the file may be cut off",
        ),
        (b"END:VCALENDAR", "line 1: END:VCALENDAR ends nothing"),
        (b"SUMMARY:x", "line 1: SUMMARY is outside of BEGIN:VCALENDAR and END:VCALENDAR"),
        (b"BEGIN:VCALENDAR\nX-A:\xff\0\nEND:VCALENDAR", "line 2: the text is not UTF-8"),
    ],
)
def test_a_file_without_a_calendar_is_rejected(content: bytes, fault: str) -> None:
    assert faults(content)[0] == fault


def test_a_file_in_utf_16_is_rejected() -> None:
    assert "not UTF-8" in faults(calendar_of(vevent(START)).decode().encode("utf-16"))[0]


def test_a_hundred_megabytes_in_one_folded_line_are_rejected() -> None:
    content = b"BEGIN:VCALENDAR\r\nX-A:" + b"a" * 73 + b"\r\n " * 1 + b"a" * (100 * 2**20)
    assert faults(content) == (f"line 2: longer than {MAX_LINE_BYTES} bytes",)


def test_a_hundred_megabytes_in_many_folds_are_rejected() -> None:
    content = b"BEGIN:VCALENDAR\r\nX-A:" + (b"\r\n " + b"a" * 1_000) * 100_000
    assert faults(content) == (f"line 2: longer than {MAX_LINE_BYTES} bytes",)


def test_components_can_nest_deeply() -> None:
    depth = 20_000
    nested = "\n".join(["BEGIN:X-A"] * depth + ["END:X-A"] * depth)
    assert read(calendar_of(nested, vevent(START))).occurrences


def test_a_rule_that_never_fires_leaves_the_start() -> None:
    never = "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2"
    assert len(read(calendar_of(vevent(f"{START} | {never}"))).occurrences) == 1


def test_ten_thousand_overrides_are_read() -> None:
    overrides = [
        vevent(
            f"RECURRENCE-ID:{year}0{month}{day:02}T090000Z | DTSTART:{year}0{month}{day:02}T100000Z"
        )
        for year in range(2000, 2040)
        for month in range(1, 10)
        for day in range(1, 29)
    ]
    assert len(overrides) > 10_000
    content = calendar_of(vevent("DTSTART:20000101T090000Z | RRULE:FREQ=DAILY"), *overrides)
    assert len(read(content).occurrences) == 14_610
