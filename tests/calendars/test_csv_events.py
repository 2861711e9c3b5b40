"""CSV with a header is read; faults are reported with their line."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from calendars.ics_cases import BERLIN
from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.csv_events import is_csv, parse
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.row_events import ParsedTable
from double_booked.calendars.rows import TableOptions

READING = TableOptions(BERLIN)


def read(text: str) -> Sequence[tuple[int, Event]]:
    table = parse(text.encode(), READING)
    assert not table.skipped
    return table.events


def faults(content: bytes) -> tuple[str, ...]:
    try:
        return tuple(row.fault for row in parse(content, READING).skipped)
    except InvalidCalendarError as refused:
        return refused.faults


def times(start: str, end: str) -> list[str]:
    [(_, event)] = read(f"start,end\n{start},{end}")
    return [event.start.ToJsonString(), event.end.ToJsonString()]


def test_columns_are_read_in_any_order() -> None:
    text = (
        "End,START,resources,id,title,description,owner\r\n"
        '2026-03-02T10:00:00Z,2026-03-02T09:00:00Z,"a; b|c",1,"Plan, then\ndo",text,Anna\r\n'
        "2026-03-02T10:00:00Z,2026-03-02T09:00:00Z,,2,,,\r\n"
    )
    (first, event), (second, other) = read(text)
    assert (first, second) == (2, 4)
    assert (event.id, event.title, event.description) == ("1", "Plan, then\ndo", "text")
    assert (list(event.resources), list(other.resources)) == (["a", "b", "c"], [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_determines_the_separator(delimiter: str) -> None:
    rows = ["title,start,end", "a,2026-03-02,2026-03-03"]
    [(_, event)] = read("\n".join(rows).replace(",", delimiter))
    assert event.title == "a"


def test_times_with_an_offset_keep_their_nanoseconds() -> None:
    assert times("2026-03-02T09:00:00.123456789+01:00", "2026-03-02T09:00:00Z") == [
        "2026-03-02T08:00:00.123456789Z",
        "2026-03-02T09:00:00Z",
    ]


def test_times_without_an_offset_are_in_the_zone() -> None:
    assert times("2026-03-02 09:00", "2026-03-02T10:30:15") == [
        "2026-03-02T08:00:00Z",
        "2026-03-02T09:30:15Z",
    ]


def test_an_end_date_is_part_of_the_event() -> None:
    for first, last in (("2026-03-28", "2026-03-29"), ("20260328", "20260329")):
        assert times(first, last) == ["2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z"]


def test_blank_lines_and_missing_last_columns_are_accepted() -> None:
    events = read("start,end,title\n\n2026-03-02,2026-03-02\n\n")
    assert [line for line, _ in events] == [3]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("start,end", True),
        ("Title; Start; End", True),
        ("title,when", False),
        ("Dear all,", False),
        ("", False),
        ('"start', False),
        ("start,end\rmore", False),
    ],
)
def test_a_csv_header_names_a_start_and_an_end(line: str, *, expected: bool) -> None:
    assert is_csv(line) == expected


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            b"start,end\nsoon,2026-03-02",
            "line 2: start: 'soon' is not a time like 2026-03-23T09:00:00+01:00, 2026-11-23 09:00",
        ),
        (b"start,end\n2026-03-02,", "line 2: end: '' is not a time"),
        (b"start,end\n2026-02-30,2026-03-02", "line 2: start: '2026-02-30' is not a time"),
        (b"start,end\n2026-03-02,9999-12-31", "line 2: end: '9999-12-31' is not a time"),
        (b"start,end\n1,2,3", "line 2: 3 values, but the header names 2 columns"),
        (b"start,title\n", "line 1: the table has no column end; it has start, title; --columns"),
        (b"start,end,END\n", "line 1: the table has the column end twice"),
        (b'start,end\n"a"b,c', "line 2: not CSV"),
        (b'start,end\n"a,b', "line 2: not CSV"),
    ],
)
def test_an_unusable_header_is_rejected(content: bytes, fault: str) -> None:
    assert faults(content)[0].startswith(fault.replace("2026-03-23T", "2026-11-23T"))


GOOD_ROW = "2026-03-02,2026-03-02,Fair\n"


@pytest.mark.parametrize("bad", ["soon,2026-03-02,Lunch", "2026-03-02,2026-03-02,Lunch,more"])
def test_an_unusable_row_is_skipped_alone(bad: str) -> None:
    table = parse(f"start,end,title\n{GOOD_ROW}{bad}\n{GOOD_ROW}".encode(), READING)
    assert [line for line, _ in table.events] == [2, 4]
    [skipped] = table.skipped
    assert (skipped.line, skipped.title, skipped.date) == (3, "Lunch", bad.partition(",")[0])


def test_text_that_is_not_utf_8_is_read_as_windows_1252() -> None:
    """Outlook exports in Windows-1252; UTF-8 stays as it is."""
    row = "2026-03-02,2026-03-02,Café € {}\n"
    foreign = row.format("Zoë").encode("cp1252") + row.format("Žižek").encode()
    table = parse(b"start,end,title\n" + foreign, READING)
    assert [event.title for _, event in table.events] == ["Café € Zoë", "Café € Žižek"]
    assert table.assumptions[0] == "line 2: the text is not UTF-8, so it is read as Windows-1252"


def test_an_unclosed_quote_ends_the_table() -> None:
    table = parse(
        f'start,end,title\n{GOOD_ROW}2026-03-02,"2026-03-02\n{GOOD_ROW}'.encode(), READING
    )
    assert [line for line, _ in table.events] == [2]
    [skipped] = table.skipped
    assert skipped.reason.endswith("this line and those after it are skipped")


def test_every_fault_is_reported() -> None:
    assert len(faults(b"start,end\n" + b"a,b\n" * 300)) == 300


OUTLOOK = """\
"Subject","Start Date","Start Time","End Date","End Time","All day event","Location","Show time as"
"Talk","12/2/2026","9:00:00 AM","12/2/2026","10:30:00 AM","False","Blue","2"
"Fair","12/2/2026","12:00:00 AM","12/3/2026","12:00:00 AM","True","","2"
"Hold","12/2/2026","9:00:00 AM","12/2/2026","10:00:00 AM","False","","1"
"Gone","12/2/2026","9:00:00 AM","12/2/2026","10:00:00 AM","False","","3"
"""


def spans(table: ParsedTable) -> list[str]:
    return [
        f"{event.title} {event.start.ToJsonString()}/{event.end.ToJsonString()}"
        for _, event in table.events
    ]


def test_an_export_of_outlook_is_one_calendar() -> None:
    table = parse(OUTLOOK.encode(), READING)
    assert spans(table) == [
        "Talk 2026-12-02T08:00:00Z/2026-12-02T09:30:00Z",
        "Fair 2026-12-01T23:00:00Z/2026-12-02T23:00:00Z",
        "Hold 2026-12-02T08:00:00Z/2026-12-02T09:00:00Z",
    ]
    assert table.is_calendar
    assert [list(event.resources) for _, event in table.events] == [[], [], []]
    assumption = "dates like 12/2/2026 are read month first; --day-first reads them day first"
    assert table.assumptions == [assumption]


def test_counting_options_exclude_rows() -> None:
    counting = CountingRules(count_tentative=False, count_all_day=False)
    assert [
        span[:4] for span in spans(parse(OUTLOOK.encode(), replace(READING, counting=counting)))
    ] == ["Talk"]


def test_the_caller_can_put_the_day_first() -> None:
    table = parse(OUTLOOK.encode(), replace(READING, day_first=True))
    assert spans(table)[0] == "Talk 2026-02-12T08:00:00Z/2026-02-12T09:30:00Z"
    assert not table.assumptions


@pytest.mark.parametrize(
    "options",
    [replace(READING, by="location"), replace(READING, columns={"resources": "location"})],
    ids=["by location", "a column of resources"],
)
def test_an_export_of_one_calendar_names_resources_if_chosen(options: TableOptions) -> None:
    table = parse(OUTLOOK.encode(), options)
    assert not table.is_calendar
    assert [list(event.resources) for _, event in table.events] == [["Blue"], [], []]


def test_a_table_with_rooms_occupies_its_rooms() -> None:
    text = "title,start,end,room\na,2026-12-02 09:00,2026-12-02 10:00,Blue\n"
    table = parse(text.encode(), READING)
    assert [list(event.resources) for _, event in table.events] == [["Blue"]]
    assert not table.assumptions


def test_a_table_without_the_chosen_property_is_rejected() -> None:
    with pytest.raises(InvalidCalendarError, match="it does not name any attendee; try --by file"):
        parse(b"start,end,room\n", replace(READING, by="attendee"))


def test_columns_can_be_chosen() -> None:
    text = "Was;Von;Bis;Wo\na;2.12.2026 9:00;2.12.2026 10:00;Blau\n"
    chosen = {"title": "Was", "start": "Von", "end": "Bis", "resources": "Wo"}
    [(_, event)] = parse(text.encode(), replace(READING, columns=chosen)).events
    assert (event.title, event.start.ToJsonString()) == ("a", "2026-12-02T08:00:00Z")
    assert list(event.resources) == ["Blau"]


@pytest.mark.parametrize(
    ("by", "expected"), [("attendee", "Carl"), ("resource", "Blau"), (None, "Blau")]
)
def test_attendees_and_resources_can_both_be_chosen(by: str | None, expected: str) -> None:
    text = "start,end,Wer,Raum\n2026-12-02 09:00,2026-12-02 10:00,Carl,Blau\n"
    chosen = {"attendee": "Wer", "resources": "Raum"}
    table = parse(text.encode(), replace(READING, columns=chosen, by=by))
    assert [list(event.resources) for _, event in table.events] == [[expected]]
    assert not table.assumptions


def test_a_date_without_a_time_is_skipped_beside_a_time_column() -> None:
    text = (
        "date,start,end,who\n2026-12-04,9:00,10:00,Carl\n"
        "2026-12-05,,,Carl\n2026-12-06,,10:00,Carl\n2026-12-07\n"
    )
    table = parse(text.encode(), READING)
    assert [line for line, _ in table.events] == [2]
    assert [row.fault for row in table.skipped] == [
        f"line {line}: start: the cell is empty" for line in (3, 4, 5)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Subject,Start Date,Start Time,All day event\na,12/5/2026,,TRUE\n",
        "date,who\n2026-12-05,Carl\n",
        "start,end\n2026-12-05,2026-12-05\n",
    ],
    ids=["all day", "only dates", "dates as starts"],
)
def test_a_date_is_a_whole_day_without_a_time_column(text: str) -> None:
    [(_, event)] = read(text)
    assert event.start.ToJsonString() == "2026-12-04T23:00:00Z"
    assert event.end.ToJsonString() == "2026-12-05T23:00:00Z"


@pytest.mark.parametrize("name", ["Organizer", "Meeting Organizer"])
@pytest.mark.parametrize(
    ("by", "expected"), [("attendee", ["Carl", "Dora", "Anna"]), (None, ["Carl", "Dora"])]
)
def test_the_organizer_counts_as_an_attendee_by_attendee(
    name: str, by: str | None, expected: list[str]
) -> None:
    text = f"start,end,{name},Required Attendees\n2026-12-02,2026-12-02,Anna,Carl;Dora\n"
    table = parse(text.encode(), replace(READING, by=by))
    assert [list(event.resources) for _, event in table.events] == [expected]


def test_an_organizer_among_the_attendees_counts_once() -> None:
    text = "start,end,organizer,attendees\n2026-12-02,2026-12-02,Anna,Carl;Anna\n"
    table = parse(text.encode(), replace(READING, by="attendee"))
    assert [list(event.resources) for _, event in table.events] == [["Carl", "Anna"]]


def test_a_table_can_have_only_organizers() -> None:
    text = "Subject,Start Date,Meeting Organizer\na,12/15/2026,Anna\nb,12/16/2026,\n"
    table = parse(text.encode(), replace(READING, by="attendee"))
    assert [list(event.resources) for _, event in table.events] == [["Anna"], []]


def test_a_skipped_row_is_named_by_its_date() -> None:
    table = parse(b"Date,Start,End,Employee\n2026-12-05,9:00,25:00,Carl\n", READING)
    assert [row.date for row in table.skipped] == ["2026-12-05"]


def test_a_declined_row_occupies_no_time() -> None:
    table = parse(b"start,end,status\n2026-12-05 9:00,2026-12-05 10:00,Declined\n", READING)
    assert not table.events
    assert not table.skipped


def test_times_without_an_offset_keep_their_nanoseconds() -> None:
    assert times("2026-03-02T09:00:00.123456789", "2026-03-02 10:00:00.1234567") == [
        "2026-03-02T08:00:00.123456789Z",
        "2026-03-02T09:00:00.123456700Z",
    ]
