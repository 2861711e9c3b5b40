"""Options of what a conflict is, as people write them."""

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
    result: list[dict[str, object]] = json.loads(check("--format=json", *arguments).stdout).get(
        "conflicts", []
    )
    return result


def titles(*arguments: str | Path) -> list[list[str]]:
    return [[event["title"] for event in group["conflictGroup"]] for group in groups(*arguments)]  # type: ignore[attr-defined] # JSON


def test_capacity_lets_as_many_events_overlap(file: Path) -> None:
    assert titles("--capacity=room-a=2", file) == [["Stand-up", "Review", "Call"]]
    assert titles("--capacity=room-a=3", file) == []
    assert titles("--capacity=room-b=3", "--capacity==3", file) == [["Stand-up", "Review", "Call"]]


@pytest.mark.parametrize("gap", ["6m", "1h", "360s", "0h6m", "1d"])
def test_events_closer_than_the_gap_conflict(file: Path, gap: str) -> None:
    assert titles("--min-gap", gap, file) == [["Stand-up", "Review", "Call", "Lunch"]]


def test_events_with_the_gap_between_them_do_not_conflict(file: Path) -> None:
    assert titles("--min-gap=5m", file) == [["Stand-up", "Review", "Call"]]


def test_explain_lists_overlaps_with_their_events(file: Path) -> None:
    output = check("--explain", file).stdout
    assert "room-a: 3 events, double-booked for 30m" in output
    assert "09:45-09:50  5m, 3 at once: Stand-up, Review, Call" in output


def test_duration_counts_only_time_over_the_capacity(file: Path) -> None:
    assert "3 events, double-booked for 5m\n" in check("--capacity=room-a=2", file).stdout


def test_options_of_a_file_apply_unless_overridden(file: Path) -> None:
    file.write_text(json.dumps(EVENTS | {"options": {"capacity": {"room-a": 3}}}))
    assert titles(file) == []
    assert titles("--capacity=room-a=2", file) == [["Stand-up", "Review", "Call"]]


@pytest.mark.parametrize(
    ("option", "message"),
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
def test_invalid_conflict_option_is_a_usage_error(file: Path, option: str, message: str) -> None:
    ran = check(option, file)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
