"""`check --format report`: what the protobuf JSON of a ConflictList lacks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CALENDAR = """BEGIN:VCALENDAR
BEGIN:VEVENT
UID:standup
SUMMARY:Standup
DTSTART:20261207T090000Z
DTEND:20261207T093000Z
RRULE:FREQ=WEEKLY;COUNT=3
END:VEVENT
BEGIN:VEVENT
UID:review
SUMMARY:Review
DTSTART:20261207T090000Z
DTEND:20261207T100000Z
RRULE:FREQ=WEEKLY;COUNT=3
END:VEVENT
BEGIN:VEVENT
UID:leave
SUMMARY:Leave
DTSTART;VALUE=DATE:20261210
END:VEVENT
END:VCALENDAR
"""
TABLE = "title,start,end,resources\nFair,2026-12-08,2026-12-08,hall\n"


def run(folder: Path, *arguments: str, code: int = 1) -> Any:
    (folder / "anna.ics").write_text(CALENDAR)
    (folder / "hall.csv").write_text(TABLE)
    files = [str(folder / name) for name in ("anna.ics", "hall.csv")]
    window = ("--timezone=UTC", "--from=2026-12-01", "--to=2026-12-31")
    command = [sys.executable, "-m", "double_booked", "check", *files, "--format=report", *window]
    ran = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout)


def test_events_have_file_line_series_and_all_day(tmp_path: Path) -> None:
    output = run(tmp_path)
    events = {
        event["title"]: (
            Path(event["file"]).name,
            event["line"],
            event["series"],
            event["all_day"],
        )
        for event in output["events"]
    }
    assert events == {
        "Standup": ("anna.ics", 2, "standup", False),
        "Review": ("anna.ics", 9, "review", False),
        "Leave": ("anna.ics", 16, None, True),
        "Fair": ("hall.csv", 2, None, True),
    }
    assert output["timezone"] == "UTC"


def test_conflicts_have_overlaps_and_repeats(tmp_path: Path) -> None:
    output = run(tmp_path)
    assert [group["overlaps"][0]["start"] for group in output["conflicts"]] == [
        "2026-12-07T09:00:00Z",
        "2026-12-14T09:00:00Z",
        "2026-12-21T09:00:00Z",
    ]
    [repeat] = output["repeats"]
    assert repeat["conflicts"] == [0, 1, 2]
    assert repeat["text"] == "every Monday 09:00-09:30 from 7 Dec to 21 Dec 2026, 3 times"
    assert run(tmp_path, "--each")["repeats"] == []


def test_suggestions_are_included_on_request(tmp_path: Path) -> None:
    assert {event["suggestions"] for event in run(tmp_path)["events"]} == {None}
    output = run(tmp_path, "--suggest=1")
    [first, *_] = [event for event in output["events"] if event["suggestions"]]
    assert first["title"] == "Review"
    assert first["suggestions"] == [
        {"start": "2026-12-07T09:30:00Z", "end": "2026-12-07T10:30:00Z"}
    ]


def test_report_has_the_exit_codes_of_check(tmp_path: Path) -> None:
    assert run(tmp_path, "--exit-zero", code=0)["conflicts"]
    assert run(tmp_path, "--from=2026-12-08", "--to=2026-12-08", code=0)["conflicts"] == []
