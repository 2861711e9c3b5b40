"""Check that no event of a damaged calendar is silently dropped.

The bytes choose the contents of a valid calendar with a few events, and which lines are then
damaged. Each event must be in the result, listed as skipped, or counted as outside the window.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from calendars.ics_cases import BERLIN
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions
from fuzz.targets.calendars import MONTH, ZONE

STARTS = (
    "DTSTART:20260302T090000Z",
    "DTSTART:20260302T090000",
    "DTSTART;TZID=Europe/Berlin:20260329T013000",
    "DTSTART;TZID=Own:20260315T220000",
    "DTSTART;VALUE=DATE:20260310",
    "DTSTART:20250101T120000Z",
)
LENGTHS = ("DURATION:PT1H", "DURATION:P1D", "DTEND:20260331T090000Z", "DTEND;VALUE=DATE:20260331")
OTHERS = (
    "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=9",
    "RRULE:FREQ=DAILY;UNTIL=20260320T090000Z",
    "RRULE:FREQ=MONTHLY;BYDAY=-1FR",
    "RDATE:20260303T090000Z,20260304T090000Z",
    "EXDATE:20260304T090000Z",
    "EXDATE;VALUE=DATE:20260311",
    "ATTENDEE;CN=Anna:mailto:anna@example.com",
    "LOCATION:Room 1\\; Room 2",
    "DESCRIPTION:long text\r\n  that goes on",
    "SEQUENCE:2",
)
SEEDS = (
    b"",
    *(bytes([number, number + 1, number + 2, 1, 0, 7 * number, number]) * 5 for number in range(9)),
)


class Choices:
    """Decisions taken from the bytes in turn; 0 once the bytes are used up."""

    def __init__(self, data: bytes) -> None:
        self._left = iter(data)

    def number(self, below: int) -> int:
        """Return a number from 0 to `below` - 1."""
        return next(self._left, 0) % below

    def one_of(self, texts: Sequence[str]) -> str:
        """Return one of some texts."""
        return texts[self.number(len(texts))]


def valid_lines(choices: Choices) -> list[str]:
    """Return the lines of a valid calendar."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *ZONE.splitlines()]
    for number in range(choices.number(6) + 1):
        others = [choices.one_of(OTHERS) for _ in range(choices.number(4))]
        start, length = choices.one_of(STARTS), choices.one_of(LENGTHS)
        event = [f"UID:{number}", f"SUMMARY:event {number}", start, length, *others]
        lines += ["BEGIN:VEVENT", *event, "END:VEVENT"]
    return [*lines, "END:VCALENDAR"]


def without(lines: list[str], at: int, _: Choices) -> list[str]:
    """Leave a line out."""
    return lines[:at] + lines[at + 1 :]


def twice(lines: list[str], at: int, _: Choices) -> list[str]:
    """Write a line twice."""
    return [*lines[:at], lines[at], *lines[at:]]


def cut_off(lines: list[str], at: int, _: Choices) -> list[str]:
    """Leave out all lines from one on."""
    return lines[:at]


def with_a_character(lines: list[str], at: int, choices: Choices) -> list[str]:
    """Replace a character of a line."""
    line, character = lines[at], chr(choices.number(256))
    place = choices.number(len(line) + 1)
    return [*lines[:at], line[:place] + character + line[place + 1 :], *lines[at + 1 :]]


def cut_short(lines: list[str], at: int, choices: Choices) -> list[str]:
    """Leave out the end of a line."""
    return [*lines[:at], lines[at][: choices.number(len(lines[at]) + 1)], *lines[at + 1 :]]


DAMAGES: tuple[Callable[[list[str], int, Choices], list[str]], ...] = (
    with_a_character, without, twice, cut_off, cut_short,
)  # fmt: skip


def check(data: bytes) -> None:
    """Check that every event of a damaged calendar is accounted for."""
    choices = Choices(data)
    lines = valid_lines(choices)
    for _ in range(choices.number(4)):
        damage = DAMAGES[choices.number(len(DAMAGES))]
        # Never the first line: without it the file is not a calendar, and is rejected as a whole.
        at = 1 + choices.number(max(len(lines) - 1, 1))
        lines = damage(lines, at, choices) if at < len(lines) else lines
    content = "\r\n".join(lines).encode()
    with NamedTemporaryFile(suffix=".ics") as file:
        Path(file.name).write_bytes(content)
        try:
            source = read_file(file.name, "file", ReadOptions(CalendarOptions(MONTH, BERLIN)))
        except InvalidCalendarError as error:
            assert any(error.faults)
            return
    missing = passed_over(content, source)
    outside = source.outside.events if source.outside else 0
    assert len(missing) <= outside, f"silently dropped the events of lines {missing}"


def passed_over(content: bytes, source: ParsedFile) -> list[int]:
    """Return the lines of the events that are neither parsed nor skipped."""
    lines = [line.rstrip(b"\r") for line in content.split(b"\n")]
    begins = [number for number, line in enumerate(lines, start=1) if line == b"BEGIN:VEVENT"]
    accounted = {event.line for event in source.events}
    for skipped in source.skipped:
        index = bisect_right(begins, skipped.line or 0)
        accounted.update(begins[index - 1 : index] if index else ())
    return [line for line in begins if line not in accounted]
