"""`free`, as people run it."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from icalendar import Calendar

TEAM = Path(__file__).parents[2] / "examples" / "team"
COMMAND = [sys.executable, "-m", "double_booked", "free", "--timezone=Europe/Berlin"]
MONDAY = ("--from=2026-11-16", "--to=2026-11-16")


def run(*arguments: str | Path, code: int = 0, read: str = "") -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        input=read,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    return ran


def table(*rows: str) -> str:
    return "\n".join(["title,start,end,resources", *rows]) + "\n"


def test_next_times_at_which_all_calendars_are_free() -> None:
    output = run(TEAM, "--length=1h", "--hours=9-18", "--count=2", "--from=2026-11-16").stdout
    assert output == (
        "Mon 16 Nov 2026, 11:30-12:30 (CET)\n"
        "Mon 16 Nov 2026, 12:30-13:30 (CET)\n"
        "2 free times of 1h for anna, bruno, chen and 2 more.\n"
    )


def test_day_without_room_has_exit_code_1() -> None:
    rows = table("Fair,2026-11-16,2026-11-16,hall")
    assert run("--length=15m", *MONDAY, code=1, read=rows).stdout == (
        "No free time of 15m for hall from 2026-11-16 00:00 to 2026-11-17 00:00.\n"
    )


def test_free_has_the_input_options_of_check() -> None:
    ran = run(TEAM, "--length=1h", "--by=attendee", "--format=json", "--from=2026-11-16")
    assert json.loads(ran.stdout)["resources"][0] == "anna@example.org"


def test_gap_after_the_window_counts_in_the_last_year_too() -> None:
    rows = table(
        "A,9999-06-09T00:00Z,9999-06-09T22:00Z,x", "B,9999-06-10T00:10Z,9999-06-10T09:00Z,x"
    )
    span = ("--from=9999-06-09T21:00Z", "--to=9999-06-10T00:00Z")
    run("--length=1h30m", "--min-gap=30m", *span, code=1, read=rows)


def test_capacity_and_gap_count() -> None:
    rows = table("A,2026-11-16 00:00,2026-11-16 09:00,room")
    full = "A,2026-11-16 00:00,2026-11-16 09:00,room"
    output = run("--length=1h", "--min-gap=30m", *MONDAY, read=rows).stdout
    assert output.startswith("Mon 16 Nov 2026, 09:30-10:30")
    with_room = run("--length=1h", "--capacity=room=2", *MONDAY, read=rows).stdout
    assert with_room.startswith("Mon 16 Nov 2026, 00:00-01:00")
    twice = run("--length=1h", "--capacity=room=2", *MONDAY, read=table(full, full)).stdout
    assert twice.startswith("Mon 16 Nov 2026, 09:00-10:00")


def test_gap_reaches_into_the_window_from_outside() -> None:
    rows = table(
        "Before,2026-11-16 08:00,2026-11-16 09:00,room",
        "After,2026-11-16 12:00,2026-11-16 13:00,room",
    )
    window = ("--from=2026-11-16T09:00", "--to=2026-11-16T12:00")
    output = run("--length=1h", "--min-gap=1h", *window, "--format=json", read=rows).stdout
    assert json.loads(output)["free"] == [
        {"start": "2026-11-16T09:00:00Z", "end": "2026-11-16T10:00:00Z"}
    ]


def test_free_times_start_from_now_by_default() -> None:
    before = datetime.now(UTC)
    output = json.loads(run("--length=1h", "--format=json", "--count=1", read=table()).stdout)
    start = datetime.fromisoformat(output["free"][0]["start"])
    assert before - timedelta(seconds=1) <= start <= datetime.now(UTC) + timedelta(minutes=15)


def test_ics_has_an_event_for_each_free_time() -> None:
    output = run(TEAM, "--length=2h", "--count=3", "--from=2026-11-16", "--format=ics").stdout
    assert len(Calendar.from_ical(output).walk("VEVENT")) == 3


@pytest.mark.parametrize("length", ["90", "1h30m", "90m", "5400s"])
def test_length_is_a_duration_or_a_number_of_minutes(length: str) -> None:
    output = run(f"--length={length}", *MONDAY, "--count=1", read=table()).stdout
    assert output.startswith("Mon 16 Nov 2026, 00:00-01:30")


def test_day_in_a_length_has_24_hours() -> None:
    output = run("--length=2d", "--from=2026-11-16", "--count=1", read=table()).stdout
    assert output.startswith("Mon 16 Nov 2026, 00:00-Tue 17 Nov 24:00")


@pytest.mark.parametrize("length", ["0", "0m", "soon", "-5m", "1.5h", "٣"])
def test_invalid_length_is_rejected(length: str) -> None:
    error = run(f"--length={length}", code=2, read=table()).stderr
    assert f"'{length}' is not a length like 30m, 1h30m, 90 (minutes) or 2d." in error


def test_length_over_the_hours_of_a_day_is_rejected() -> None:
    error = run("--length=9h1m", "--hours=9-18", code=2, read=table()).stderr
    assert error == "Error: --length is more than the 9 hours of --hours 9-18\n"


def test_length_beyond_the_window_has_no_free_time() -> None:
    run("--length=999999999d", code=1, read=table())
    run("--length=1h", "--min-gap=999999999d", *MONDAY, code=2, read=table())


def test_unreadable_event_is_reported_with_its_place() -> None:
    error = run(
        "--length=1h", code=2, read='{"events": [{"start": "2026-11-16T09:00:00Z"}]}'
    ).stderr
    assert error.startswith("Error: standard input: events[0].end: ")


def test_invalid_events_are_reported_and_the_others_used() -> None:
    rows = table("A,2026-11-16 00:00,2026-11-16 09:00,room", "Lunch,soon,2026-11-16,room")
    ran = run("--length=1h", *MONDAY, code=2, read=rows)
    assert ran.stdout.startswith("Mon 16 Nov 2026, 09:00-10:00")
    assert '(event "Lunch", soon); skipped' in ran.stderr
    run("--length=1h", *MONDAY, "--skip-unreadable", read=rows)
    assert run("--length=1h", *MONDAY, "--strict", code=2, read=rows).stdout == ""
