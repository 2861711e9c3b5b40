"""Pages of `double-booked check` and of bookings, for tests in a browser."""

import random
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

import click.testing

from double_booked.commands import main

TEAM = Path(__file__).parents[2] / "examples" / "team"

TITLES = (
    "Weekly platform sync",
    "1:1 with Priya",
    "Quarterly roadmap review",
    "Interview: backend engineer",
    "Design critique",
    "Incident review",
    "Customer call Northwind",
    "Stand-up",
    "Focus time",
    "Budget planning 2027",
    "Lunch",
    "Release go/no-go",
    "Security training",
    "Onboarding",
    "Architecture forum",
)


def check(*arguments: str | Path) -> str:
    """Return the page that `check` writes for arguments, in the zone Europe/Berlin."""
    options = ["check", "--format=html", "--timezone=Europe/Berlin", "--exit-zero"]
    done = click.testing.CliRunner().invoke(main, [*options, *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.stdout


def check_rows(folder: Path, rows: Iterable[str], *options: str) -> str:
    """Return the page for the lines of a CSV file."""
    file = folder / "events.csv"
    file.write_text("\n".join(["title,start,end,resources", *rows]) + "\n", "utf-8")
    return check(file, *options)


def check_series(folder: Path, series: Iterable[tuple[str, str, str]], *options: str) -> str:
    """Return the page for series of a summary, a start and a rule; each takes an hour."""
    components = (
        f"BEGIN:VEVENT\r\nUID:{title}\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:{title}\r\n"
        f"DTSTART;TZID=Europe/Berlin:{start}\r\nDURATION:PT1H\r\nRRULE:{rule}\r\nEND:VEVENT\r\n"
        for title, start, rule in series
    )
    file = folder / "anna.ics"
    text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n"
    file.write_text(text + "".join(components) + "END:VCALENDAR\r\n", "utf-8")
    return check(file, *options)


@cache
def check_team(suggestions: int = 0) -> str:
    files = sorted(TEAM.glob("*.ics"))
    return check(*files, "--from=2026-11-16", "--to=2026-11-21", f"--suggest={suggestions}")


def weekly(folder: Path) -> str:
    rule = "FREQ=WEEKLY;COUNT=52"
    series = [
        ("Team meeting", "20260105T090000", rule),
        ("Piano lesson", "20260105T093000", rule),
        ("Review", "20260106T090000", rule),
    ]
    return check_series(folder, series, "--from=2026-01-01", "--to=2026-12-31", "--suggest=3")


def rows_of_people(people: int, events: int) -> list[str]:
    """Return events of people over a quarter, on working days."""
    numbers = random.Random(7)  # noqa: S311 - the same events each time
    days = [date(2026, 10, 1) + timedelta(number) for number in range(92)]
    working = [day for day in days if day.weekday() < 5]
    rows = []
    for number in range(events):
        day = numbers.choice(working)
        hour, minute = numbers.randrange(8, 18), numbers.choice((0, 0, 15, 30, 30, 45))
        start = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - local
        end = start + timedelta(minutes=numbers.choice((30, 30, 30, 45, 60, 60, 90)))
        person = f"person {number % people:02}"
        times = f"{start:%Y-%m-%d %H:%M},{end:%Y-%m-%d %H:%M}"
        rows.append(f"{numbers.choice(TITLES)},{times},{person}")
    return rows


def rows_of_rooms(rooms: int) -> list[str]:
    """Return eight events of each room in a week."""
    numbers = random.Random(7)  # noqa: S311 - the same events each time
    rows = []
    for number in range(rooms * 8):
        day, hour = numbers.randrange(16, 21), numbers.randrange(8, 18)
        first, last = numbers.choice(("00", "30")), numbers.choice(("00", "30"))
        times = f"2026-11-{day} {hour:02}:{first},2026-11-{day} {hour + 1:02}:{last}"
        room = f"Building {number % rooms // 20 + 1} / Room {number % rooms:03}"
        rows.append(f"{numbers.choice(TITLES)},{times},{room}")
    return rows


def rows_of_twelve() -> list[str]:
    """Return twelve events that are present at once."""
    return [
        f"Twelve-fold {number}: {title},2026-10-24 10:{5 * number:02},2026-10-24 13:30,room"
        for number, title in enumerate(TITLES[:12])
    ]


def rows_with_long_names() -> list[str]:
    """Return events whose names find no room beside their bars, and whole days."""
    return [
        "Night shift of the team that watches the machines,2026-11-16 08:30,2026-11-16 18:30,a",
        "Fair with a name that goes on and on and on,2026-11-16,2026-11-19,a",
        "Call about nothing in particular on this day,2026-11-16 11:00,2026-11-16 16:00,a",
        "Workshop with an even longer name for everybody,2026-11-16 07:00,2026-11-16 19:00,b",
        f"{'長い名前の会議' * 5},2026-11-16 12:30,2026-11-16 13:30,b",
        "Day off,2026-11-17,2026-11-18,b",
    ]
