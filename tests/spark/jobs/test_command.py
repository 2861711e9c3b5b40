"""`double-booked-spark` on this machine: from files to files."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from double_booked.commands.spark import main

EVENTS = {
    "id": ["a", "b", "c", "d"],
    "begin": [0, 5, 0, 20],
    "finish": [10, 15, 10, 30],
    "room": [["red"], ["red", "blue"], ["blue"], ["red"]],
    "title": ["Stand-up", "Dentist", "Review", "Lunch"],
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Write a table in which a and b conflict in the red room, and b and c in the blue one."""
    (tmp_path / "events").mkdir()
    pq.write_table(pa.table(EVENTS), tmp_path / "events/0.parquet")
    return tmp_path / "events"


def run(table: Path, *options: str) -> Result:
    columns = ("--key=id", "--start=begin", "--end=finish", "--resource=room", "--unit=s")
    output = table.with_name("conflicts")
    places = (f"--input={table}", f"--output={output}")
    return CliRunner().invoke(main, [*places, *columns, *options])


def rows(table: Path, part: str) -> list[dict[str, Any]]:
    return sorted(pq.read_table(table.with_name("conflicts") / part).to_pylist(), key=str)


def summary(result: Result) -> dict[str, Any]:
    return dict(json.loads(result.stderr.splitlines()[-1]))


@pytest.mark.usefixtures("spark")
def test_members_are_written_and_the_exit_code_is_1(table: Path) -> None:
    result = run(table, "--columns=title")
    assert result.exit_code == 1, result.stderr
    assert rows(table, "members") == [
        {"resource": "blue", "key": "b", "group": "c", "title": "Dentist"},
        {"resource": "blue", "key": "c", "group": "c", "title": "Review"},
        {"resource": "red", "key": "a", "group": "a", "title": "Stand-up"},
        {"resource": "red", "key": "b", "group": "a", "title": "Dentist"},
    ]


@pytest.mark.usefixtures("spark")
def test_groups_and_overlaps_are_written(table: Path) -> None:
    assert run(table, "--explain=members").exit_code == 1
    assert rows(table, "groups") == [
        {"resource": "blue", "group": "c", "start": 0, "end": 15, "size": 2, "depth": 2},
        {"resource": "red", "group": "a", "start": 0, "end": 15, "size": 2, "depth": 2},
    ]
    assert rows(table, "overlaps") == [
        {"resource": "blue", "group": "c", "start": 5, "end": 10, "depth": 2, "keys": ["c", "b"]},
        {"resource": "red", "group": "a", "start": 5, "end": 10, "depth": 2, "keys": ["a", "b"]},
    ]


@pytest.mark.usefixtures("spark")
def test_the_last_line_of_the_log_has_numbers_and_no_text_of_events(table: Path) -> None:
    result = run(table, "--columns=title", "--exit-zero")
    assert result.exit_code == 0
    line = summary(result)
    counts = {name: line[name] for name in ("event", "events", "members", "groups")}
    assert counts == {"event": "searched table", "events": 4, "members": 4, "groups": 2}
    assert "Dentist" not in result.stderr


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize("capacity", ["--capacity=2", "--capacity-table={}"])
def test_a_capacity_of_2_leaves_no_conflict(table: Path, tmp_path: Path, capacity: str) -> None:
    capacities = pa.table({"resource": ["red", "blue"], "capacity": [2, 2]})
    pq.write_table(capacities, tmp_path / "capacities.parquet")
    result = run(table, capacity.format(tmp_path / "capacities.parquet"))
    assert result.exit_code == 0, result.stderr
    assert rows(table, "members") == []


@pytest.mark.usefixtures("spark")
def test_a_later_run_writes_what_is_new(table: Path, tmp_path: Path) -> None:
    later = {"id": ["e"], "begin": [25], "finish": [26], "room": [["red"]], "title": ["Back"]}
    (tmp_path / "later").mkdir()
    pq.write_table(pa.table(later), tmp_path / "later/0.parquet")
    carry = tmp_path / "carry"
    run(table, f"--carry-output={carry}")
    result = run(table, f"--input={tmp_path / 'later'}", f"--carry={carry}")
    assert result.exit_code == 1, result.stderr
    assert rows(table, "members") == [
        {"resource": "red", "key": "d", "group": "d"},
        {"resource": "red", "key": "e", "group": "d"},
    ]


@pytest.mark.usefixtures("spark")
def test_rows_at_fault_are_written_with_the_reason(table: Path) -> None:
    wrong = {"id": ["e"], "begin": [9], "finish": [1], "room": [["red"]], "title": ["Back"]}
    pq.write_table(pa.table(wrong), table / "1.parquet")
    result = run(table, "--errors=split")
    assert result.exit_code == 1, result.stderr
    assert [row["reason"] for row in rows(table, "rejected")] == ["finish is before begin"]
    assert summary(result)["rejected"] == 1


@pytest.mark.usefixtures("spark")
@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--end=until", "the table has no column 'until'; it has id, begin"),
        ("--input=/nowhere/events", "Path does not exist: file:/nowhere/events"),
        ("--input=iceberg:lake.bookings.events", "lake"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_one_line(
    table: Path, option: str, sentence: str
) -> None:
    result = run(table, option)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
