"""Repeated conflicts, which `check` shows once, and with `--each` one by one."""

import subprocess
import sys
from pathlib import Path

import pytest

SERIES = """BEGIN:VEVENT
UID:{0}
SUMMARY:{0}
DTSTART;TZID=Europe/Berlin:20261207T090000
DURATION:PT30M
RRULE:FREQ=WEEKLY;COUNT=17
END:VEVENT
"""
EVERY = "every Monday 09:00-09:30 from 7 Dec 2026 to 29 Mar 2027, 17 times"


@pytest.fixture
def calendar(tmp_path: Path) -> Path:
    file = tmp_path / "anna.ics"
    text = SERIES.format("Standup") + SERIES.format("Review")
    file.write_text(f"BEGIN:VCALENDAR\n{text}END:VCALENDAR\n")
    return file


def run(calendar: Path, *arguments: str) -> str:
    window = ("--timezone=Europe/Berlin", "--from=2026-12-01", "--to=2027-12-31")
    command = [sys.executable, "-m", "double_booked", "check", str(calendar), *window, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1, ran.stderr
    return ran.stdout


def test_text_has_repeated_conflicts_once(calendar: Path) -> None:
    lines = run(calendar).splitlines()
    assert f"  {EVERY}" in lines
    assert sum("at once" in line for line in lines) == 1
    assert lines[-1].startswith("17 groups of conflicting events, 34 of 34 events")


def test_each_option_lists_repeated_conflicts_one_by_one(calendar: Path) -> None:
    output = run(calendar, "--each")
    assert output.count("at once") == 17
    assert "every Monday" not in output


def test_page_draws_all_repeats_and_its_table_has_one(calendar: Path) -> None:
    page = run(calendar, "--format=html")
    assert page.count(f'"every":["{EVERY}"]') == 1
    assert page.count('"repeated":true') == 16
    assert '"repeated":true' not in run(calendar, "--format=html", "--each")


@pytest.mark.parametrize("form", ["json", "github", "ics"])
def test_formats_for_programs_have_every_repeat(calendar: Path, form: str) -> None:
    assert run(calendar, f"--format={form}").count("Standup") >= 17
