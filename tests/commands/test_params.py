"""Options as people write them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOM = {"resources": ["room-a"]}
EVENTS = {
    "events": [
        {"title": title, "start": f"2026-11-23T{start}:00Z", "end": f"2026-11-23T{end}:00Z"} | ROOM
        for title, start, end in [
            ("Stand-up", "09:00", "10:00"),
            ("Review", "09:30", "11:00"),
            ("Call", "09:45", "09:50"),
            ("Lunch", "11:05", "12:00"),
        ]
    ]
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "room.json"
    path.write_text(json.dumps(EVENTS))
    return path


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "double_booked", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def groups(*arguments: str | Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(check("--format=json", *arguments).stdout).get(
        "conflicts", []
    )
    return found


def titles(*arguments: str | Path) -> list[list[str]]:
    return [[event["title"] for event in group["conflictGroup"]] for group in groups(*arguments)]  # type: ignore[attr-defined] # JSON


def test_a_capacity_lets_as_many_overlap(file: Path) -> None:
    assert titles("--capacity=room-a=2", file) == [["Stand-up", "Review", "Call"]]
    assert titles("--capacity=room-a=3", file) == []
    assert titles("--capacity=room-b=3", "--capacity==3", file) == [["Stand-up", "Review", "Call"]]


@pytest.mark.parametrize("gap", ["6m", "1h", "360s", "0h6m", "1d"])
def test_a_gap_keeps_events_apart(file: Path, gap: str) -> None:
    assert titles("--min-gap", gap, file) == [["Stand-up", "Review", "Call", "Lunch"]]


def test_a_gap_that_is_kept_is_no_conflict(file: Path) -> None:
    assert titles("--min-gap=5m", file) == [["Stand-up", "Review", "Call"]]


def test_explain_tells_who_overlaps_when(file: Path) -> None:
    said = check("--explain", file).stdout
    assert "room-a: 3 events, double-booked for 30m" in said
    assert "09:45-09:50  5m, 3 at once: Stand-up, Review, Call" in said


def test_only_what_is_over_the_capacity_is_double_booked(file: Path) -> None:
    assert "3 events, double-booked for 5m\n" in check("--capacity=room-a=2", file).stdout


def test_options_in_a_file_hold(file: Path) -> None:
    file.write_text(json.dumps(EVENTS | {"options": {"capacity": {"room-a": 3}}}))
    assert titles(file) == []
    assert titles("--capacity=room-a=2", file) == [["Stand-up", "Review", "Call"]]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--min-gap=soon", "'soon' is not a duration like 1h30m, 15m or 90s."),
        ("--min-gap=-5m", "'-5m' is not a duration"),
        ("--min-gap=3652060d", "options.min_gap: the gap is over 9999 years"),
        ("--min-gap=9999999999d", "is not a duration"),
        ("--capacity=room-a", "'room-a' is not RESOURCE=NUMBER"),
        ("--capacity=room-a=0", "with a number from 1, like room-a=2."),
        ("--capacity=room-a=4294967296", "is not RESOURCE=NUMBER"),
    ],
)
def test_an_option_that_makes_no_sense_is_an_error_of_usage(
    file: Path, option: str, said: str
) -> None:
    refused = check(option, file)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
