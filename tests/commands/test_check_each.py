"""Repeated conflicts, which `check` shows once, and with `--each` one by one."""

import json
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
    assert lines[-1].startswith("17 conflicts among 34 of 34 events")


def test_each_option_lists_repeated_conflicts_one_by_one(calendar: Path) -> None:
    output = run(calendar, "--each")
    assert output.count("at once") == 17
    assert "every Monday" not in output


def test_page_has_repeated_conflicts_once(calendar: Path) -> None:
    page = run(calendar, "--format=html")
    assert page.count(f'"text":"{EVERY}"') == 1
    assert page.count('"overlaps":') == 1
    assert run(calendar, "--format=html", "--each").count('"overlaps":') == 17


def test_annotations_and_feed_have_repeated_conflicts_once(calendar: Path) -> None:
    assert run(calendar, "--format=github").count(EVERY) == 2
    assert run(calendar, "--format=github", "--each").count("::error") == 34
    assert run(calendar, "--format=ics").count("BEGIN:VEVENT") == 2  # in winter, and in summer
    assert run(calendar, "--format=ics", "--each").count("BEGIN:VEVENT") == 17


@pytest.mark.parametrize("form", ["json", "report"])
def test_formats_for_programs_have_every_repeat(calendar: Path, form: str) -> None:
    assert run(calendar, f"--format={form}").count("Standup") >= 17


def test_suggestions_for_repeated_conflicts_are_free_every_time(calendar: Path) -> None:
    blocked = "DTSTART:20261214T083000Z\nDURATION:PT30M\nSUMMARY:Visit\n"
    text = calendar.read_text().replace("END:VCALENDAR", "")
    visit = f"BEGIN:VEVENT\nUID:visit\n{blocked}END:VEVENT\nEND:VCALENDAR\n"
    calendar.write_text(text + visit)
    [repeat] = json.loads(run(calendar, "--format=report", "--suggest=1"))["repeats"]
    [suggestion] = repeat["suggestions"]
    assert suggestion["spans"] == [{"start": "2026-12-07T07:30:00Z", "end": "2026-12-07T08:00:00Z"}]
