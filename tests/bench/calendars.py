"""Measure a year of many people's calendars, from files to a report, step by step."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from zoneinfo import ZoneInfo

from rich.console import Console
from tables import show

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.folders import find_files
from double_booked.calendars.ics_lines import parse_components
from double_booked.calendars.merging import merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import ReadOptions
from double_booked.conflicts import kernel
from double_booked.recurrence.calendar_times import Window
from double_booked.report import text
from double_booked.view.conflict_report import SourceLocation, build_report
from double_booked.view.coverage import Coverage

PEOPLE = 200
SERIES = 18
SINGLES = 64
ZONE = ZoneInfo("Europe/Berlin")
YEAR = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
FIRST_DAY = date(2026, 1, 5)  # a Monday


def make_calendar(person: int) -> str:
    """Return an iCalendar with weekly series that never overlap, and random single events."""
    chance = random.Random(person)  # noqa: S311 - of a sample
    slots = chance.sample([(day, half) for day in range(5) for half in range(18)], SERIES)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//double-booked//bench//EN"]
    for day, half in slots:
        lines += make_event(f"series-{person}-{day}-{half}", FIRST_DAY + timedelta(day), half)
        lines[-1:] = ["RRULE:FREQ=WEEKLY", "END:VEVENT"]
    for number in range(SINGLES):
        day = FIRST_DAY + timedelta(chance.randrange(355))
        lines += make_event(f"single-{person}-{number}", day, chance.randrange(18))
    return "\r\n".join([*lines, "END:VCALENDAR"])


def make_event(uid: str, day: date, half: int) -> list[str]:
    """Return the lines of a 25-minute event in a half hour of a working day."""
    return [
        "BEGIN:VEVENT",
        f"UID:{uid}@example.org",
        "DTSTAMP:20260101T000000Z",
        f"DTSTART;TZID=Europe/Berlin:{day:%Y%m%d}T{9 + half // 2:02}{half % 2 * 30:02}00",
        "DURATION:PT25M",
        f"SUMMARY:{uid}",
        "ATTENDEE;CN=Anna;PARTSTAT=ACCEPTED:mailto:anna@example.org",
        "END:VEVENT",
    ]


def measure(people: int = PEOPLE) -> None:
    """Print the seconds of each step."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        begin = perf_counter()
        yield
        seconds[step] = perf_counter() - begin

    with TemporaryDirectory() as folder:
        for person in range(people):
            Path(folder, f"{person:03}.ics").write_text(make_calendar(person), newline="")
        files = find_files(folder)
        with timed("reading"):
            for file in files:
                parse_components(Path(file).read_bytes())
        with timed("expanding"):
            reading = ReadOptions(CalendarOptions(YEAR, ZONE))
            sources = [read_file(file, Path(file).stem, reading) for file in files]
    seconds["expanding"] -= seconds["reading"]  # expanding includes reading
    with timed("finding"):
        merged = merge_files(sources, ConflictOptions(explain=True))
        answer = kernel.get_conflicts(merged.request.SerializeToString())
    with timed("writing"):
        conflicts = ConflictList.FromString(answer.content)
        report = build_report(
            conflicts, merged.request, lambda position: SourceLocation(*merged.location(position))
        )
        coverage = Coverage("check", 0, ZONE, [])
        console = Console(file=StringIO(), highlight=False)
        text.write(console, report, coverage, all_overlaps=False, all_conflicts=True)
    show(
        f"A year of {people} people: {len(merged.request.events):,} events of series,"
        f" {len(conflicts.conflicts):,} groups",
        ["step", "s"],
        [
            *((step, f"{time:.1f}") for step, time in seconds.items()),
            ("all", f"{sum(seconds.values()):.1f}"),
        ],
    )
