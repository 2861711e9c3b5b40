"""Lines that violate RFC 5545 but have only one meaning are read."""

import pytest

from calendars.ics_cases import calendar_of, read, spans, times, times_of, vevent
from double_booked.calendars.odd_lines import is_left_over, is_nesting, split_loosely
from double_booked.calendars.parsed_calendars import EventInfo

HOUR = "DTSTART:20260302T090000Z | DTEND:20260302T100000Z"
NINE = "2026-03-02 09:00/10:00"
DAY = "DTSTART;VALUE=DATE:20260302"
DAY_SPAN = "2026-03-01 23:00/2026-03-02 23:00"


def event_of(content: bytes) -> EventInfo:
    [event] = read(content).occurrences
    return event.info


NOTED = {
    "DTEND takes precedence over DURATION": (
        f"{HOUR} | DURATION:PT0S",
        "DURATION beside DTEND is ignored",
    ),
    "an empty DTEND": (f"{HOUR} | DURATION:", "DURATION without a value is ignored"),
    "an empty RRULE": (f"{HOUR} | RRULE:", "RRULE without a value is ignored"),
    "an empty RECURRENCE-ID": (
        f"{HOUR} | RECURRENCE-ID:",
        "RECURRENCE-ID without a value is ignored",
    ),
    "blanks around a value": (
        f"{HOUR} | STATUS: CONFIRMED ",
        "blanks around a value are ignored",
    ),
    "a description that is not folded": (
        f"{HOUR} | DESCRIPTION:Dear all, | we meet at nine",
        "a line that is not NAME:VALUE is ignored",
    ),
    "quotes within quotes": (
        f'{HOUR} | ATTENDEE;CN="Bob "Bobby" Smith";PARTSTAT=ACCEPTED:mailto:bob@example.org',
        "odd parameters or characters of a line are read as they stand",
    ),
    "a parameter without a value": (
        f"{HOUR} | ATTENDEE;RSVP:mailto:bob@example.org",
        "odd parameters or characters of a line are read as they stand",
    ),
}


@pytest.mark.parametrize(("event", "note"), NOTED.values(), ids=NOTED)
def test_an_oddity_is_read_and_noted(event: str, note: str) -> None:
    content = calendar_of(vevent(event))
    assert times(content) == spans(NINE)
    line = content.decode().count("\n") - 1
    assert read(content).notes == (f"line {line}: {note}",)


READ = {
    "an empty DTEND is ignored": ("DTSTART:20260302T090000Z | DTEND:", "2026-03-02 09:00"),
    "blanks around times": (
        "DTSTART: 20260302T090000Z | DTEND:20260302T100000Z  ",
        NINE,
    ),
    "lower case": ("dtstart:20260302t090000z | dtend:20260302t100000z", NINE),
    "a midnight that is named a date": (
        "DTSTART;VALUE=DATE:20260302T000000 | DTEND;VALUE=DATE:20260303T000000",
        DAY_SPAN,
    ),
    "a date with a Z": ("DTSTART;VALUE=DATE:20260302Z", DAY_SPAN),
    "a duration in lower case": ("DTSTART:20260302T090000Z | duration:pt1h", NINE),
    "24 hours for a day": (f"{DAY} | DURATION:PT86400S", DAY_SPAN),
    "48 hours for two days": (f"{DAY} | DURATION:PT48H", "2026-03-01 23:00/2026-03-03 23:00"),
    "blanks in a list": (
        "DTSTART:20260302T090000Z | RDATE:20260303T090000Z, 20260304T090000Z",
        "2026-03-02 09:00, 2026-03-03 09:00, 2026-03-04 09:00",
    ),
    "a text that looks like the end of a component": (
        f"{HOUR} | DESCRIPTION:Plan: | End: 10:00 | Begin: about nine",
        NINE,
    ),
    "a text with a blank line": (f"{HOUR} | DESCRIPTION:Dear all, |  | see you", NINE),
    "a component with blanks": (f"{HOUR} | BEGIN: VALARM | END:VALARM ", NINE),
}


@pytest.mark.parametrize(("event", "expected"), READ.values(), ids=READ)
def test_an_oddity_is_read(event: str, expected: str) -> None:
    assert times_of(event) == spans(expected)


def test_an_address_after_nested_quotes_is_read() -> None:
    line = 'ATTENDEE;CN="Bob "Bobby" Smith";PARTSTAT=ACCEPTED:mailto:bob@example.org'
    assert event_of(calendar_of(vevent(f"{HOUR} | {line}"))).people.present == ("bob@example.org",)


def test_texts_without_a_value_need_no_note() -> None:
    assert read(calendar_of(vevent(f"{HOUR} | LOCATION: | DESCRIPTION:"))).notes == ()


def test_blank_lines_do_not_end_a_line() -> None:
    content = calendar_of(vevent(f"{HOUR} | SUMMARY:longer")).replace(b"long", b"long\r\n ")
    parsed = read(content.replace(b"\r\n", b"\r\n\r\n"))
    assert [event.info.title for event in parsed.occurrences] == ["longer"]
    assert parsed.notes == ()


def test_lines_after_the_end_are_ignored() -> None:
    content = calendar_of(vevent(HOUR)) + b"\r\nX-COMMENT:cached\r\n<!-- 12 ms -->\r\n"
    assert times(content) == spans(NINE)
    assert read(content).notes == (
        "line 10: a line after END:VCALENDAR is ignored",
        "line 11: a line that is not NAME:VALUE is ignored",
    )


@pytest.mark.parametrize("end", [b"\r", b"\r\r\n", b"\n"], ids=["old Mac", "CR CR LF", "LF"])
def test_every_kind_of_line_end_is_read(end: bytes) -> None:
    content = calendar_of(vevent(f"{HOUR} | SUMMARY:longer")).replace(b"long", b"long\r\n ")
    parsed = read(content.replace(b"\r\n", end))
    assert [(event.start, event.end) for event in parsed.occurrences] == spans(NINE)
    assert parsed.occurrences[0].info.title == "longer"
    assert parsed.occurrences[0].info.line == 4


def test_a_title_in_windows_1252_is_decoded() -> None:
    content = calendar_of(vevent(f"{HOUR} | SUMMARY:x")).replace(
        b"SUMMARY:x", b"SUMMARY:Gr\xfc\xdfe \x80"
    )
    assert event_of(content).title == "Grüße €"
    assert read(content).notes == ("line 8: a text that is not UTF-8 is read as Windows-1252",)


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("SUMMARY;ENCODING=QUOTED-PRINTABLE:Gr=C3=BC=C3=9Fe", "Grüße"),
        ("SUMMARY;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Gr=FC=DFe", "Grüße"),
        ("SUMMARY;QUOTED-PRINTABLE;CHARSET=no-such:Gr=FC=DFe", "Grüße"),
        ("SUMMARY;encoding=quoted-printable:one=0D=0Atwo", "one\ntwo"),
        ("SUMMARY;ENCODING=QUOTED-PRINTABLE:first=\nsecond=\nthird", "firstsecondthird"),
    ],
)
def test_a_quoted_printable_title_is_decoded(line: str, title: str) -> None:
    content = calendar_of(vevent(HOUR).replace("END:VEVENT", f"{line}\nEND:VEVENT"))
    assert event_of(content).title == title


def test_a_picture_that_ends_with_an_equals_sign_does_not_continue() -> None:
    event = vevent(f"{HOUR} | ATTACH;ENCODING=BASE64;VALUE=BINARY:aGk= | SUMMARY:x")
    assert event_of(calendar_of(event)).title == "x"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A:b", ("A", {}, "b")),
        ("a;b:c", ("A", {"B": ""}, "c")),
        ("A;B=:c", ("A", {"B": ""}, "c")),
        ('A;B="c:d":e:f', ("A", {"B": "c:d"}, "e:f")),
        ('A;B="c","d;e":f', ("A", {"B": "c,d;e"}, "f")),
        ('A;B=say "hi":c', ("A", {"B": 'say "hi"'}, "c")),
        ('A;B="open;C=d:e', ("A", {"B": '"open', "C": "d"}, "e")),
    ],
)
def test_odd_parameters_are_split(line: str, expected: tuple[str, dict[str, str], str]) -> None:
    assert split_loosely(line) == expected


@pytest.mark.parametrize("line", ["", "lunch", "A;B=c", "we meet: at nine"])
def test_a_line_that_is_not_name_value_is_rejected(line: str) -> None:
    with pytest.raises(ValueError, match="not NAME:VALUE"):
        split_loosely(line)


@pytest.mark.parametrize("part", [';B="x', ';B="', ";B", ';"', ',"x', ';B="x",'])
def test_megabytes_of_odd_parameters_are_read_in_one_pass(part: str) -> None:
    _, parameters, value = split_loosely("A;C=" + part * 300_000 + ":value")
    assert parameters
    assert value == "value"


@pytest.mark.parametrize("line", ["DTSTART 20260302", "RRULE FREQ=DAILY", "END", "BEGIN=VEVENT"])
def test_a_line_with_a_known_name_is_not_left_over(line: str) -> None:
    assert not is_left_over(line)


@pytest.mark.parametrize("line", ["lunch", "END of the meeting", "Status unknown", "12:00", "-"])
def test_another_line_is_left_over_from_a_text(line: str) -> None:
    assert is_left_over(line)


def test_a_component_name_begins_or_ends_a_component() -> None:
    assert all(map(is_nesting, ["VEVENT", "vevent ", " VEVENT", "X-Ours", "STANDARD"]))
    assert not any(map(is_nesting, [" 10:00", "10:00", " late", "", "the meeting", "VEVENT 2"]))


def test_events_outside_of_a_calendar_are_read_with_their_zone() -> None:
    zone = "BEGIN:VTIMEZONE\nTZID:Own\nBEGIN:STANDARD\nDTSTART:19700101T000000\n"
    zone += "TZOFFSETFROM:+0300\nTZOFFSETTO:+0300\nEND:STANDARD\nEND:VTIMEZONE\n"
    own = vevent("DTSTART;TZID=Own:20260302T120000 | DURATION:PT1H")
    content = (zone + own).encode()
    assert times(content) == spans(NINE)
    assert list(read(content).notes) == [
        "line 1: what is outside of BEGIN:VCALENDAR is read as a calendar"
    ]
