"""`check` and `free` read Parquet and Arrow files as CSV."""

import csv
import json
import re
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from calendars.arrow_tables import TIMES, WRITERS, arrow_file, arrow_stream, parquet
from double_booked.commands import main

NAMES = ("id", "title", "start", "end", "room")

ROWS = [
    ("1", "Plan", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z", "Blue"),
    ("2", "Talk", "2026-03-02T09:30:00.000000001Z", "2026-03-02T10:30:00Z", "Blue"),
    ("3", "Lunch", "2026-03-02T09:30:00Z", "2026-03-02T10:30:00Z", "Red"),
    ("4", "Walk", "2026-03-02T10:30:00Z", "2026-03-02T10:30:00Z", "Red"),
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--timezone", "Europe/Berlin"])


def table() -> pa.Table:
    columns = dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))
    times = {
        name: pa.array(columns[name]).cast(pa.timestamp("ns", "UTC")) for name in ("start", "end")
    }
    return pa.table({**columns, **times})


def write_csv(path: Path) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([NAMES, *ROWS])


def comparable(report: str) -> list[str]:
    """Return the words of a report of rooms.csv or rooms.arrow, without the places in the file."""
    text = re.sub(r"\n (?! )", "", report).replace("rooms.csv", "rooms.arrow")
    text = re.sub(r"(: row |: line |:|,line=)\d+(?=$|\)| *$)", " ", text, flags=re.MULTILINE)
    return [word for word in text.split() if not word.startswith(("DTSTAMP", "━", "█"))]


@pytest.mark.parametrize("output", ["json", "text", "ics", "github"])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_table_gives_the_report_of_csv(tmp_path: Path, kind: str, output: str) -> None:
    write_csv(tmp_path / "rooms.csv")
    (tmp_path / "rooms.arrow").write_bytes(WRITERS[kind](table()))
    ours = run("check", str(tmp_path / "rooms.arrow"), "--format", output)
    theirs = run("check", str(tmp_path / "rooms.csv"), "--format", output)
    assert ours.exit_code == theirs.exit_code == 1
    if output == "github":
        assert ours.stdout.count("Talk") == theirs.stdout.count("Talk") > 0
    else:
        assert comparable(ours.stdout) == comparable(theirs.stdout)


def test_text_names_the_row(tmp_path: Path) -> None:
    path = tmp_path / "rooms.parquet"
    path.write_bytes(parquet(table()))
    printed = run("check", str(path)).stdout
    assert f"{path}: row 1" in printed
    assert f"{path}: row 2" in printed
    assert "1 group of conflicting events, 2 of 4 events" in printed


def test_a_folder_is_read_with_its_tables(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(parquet(pa.table(TIMES).slice(0, 1)))
    (tmp_path / "b.feather").write_bytes(arrow_file(pa.table(TIMES).slice(1)))
    (tmp_path / "c.arrows").write_bytes(arrow_stream(pa.table(TIMES)))
    (tmp_path / "_SUCCESS").write_bytes(b"")
    answer = json.loads(run("check", str(tmp_path), "--format", "json").stdout)
    [group] = answer["conflicts"]
    assert len(group["conflictGroup"]) == 4


def test_faults_are_reported_with_their_row(tmp_path: Path) -> None:
    path = tmp_path / "rooms.parquet"
    end = pa.array([3_600, 0, None], pa.timestamp("s", "UTC"))
    start = pa.array([0, 1_800, 7_200], pa.timestamp("s", "UTC"))
    path.write_bytes(parquet(pa.table({"start": start, "end": end, "title": ["a", "b", "c"]})))
    ran = run("check", str(path))
    assert ran.exit_code == 2
    assert f"{path}: row 3: end: '' is not a time like" in ran.stderr
    assert f'{path}: row 2: end: the end is before the start (event "b", ' in ran.stderr
    assert "No conflicts among 1 event" in ran.stdout


def test_a_file_that_is_cut_off_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "rooms.parquet"
    path.write_bytes(parquet(table())[:-10])
    ran = run("check", str(path))
    assert ran.exit_code == 2
    assert f"Error: {path}: the Parquet file is damaged or was cut off: " in ran.stderr


def test_a_name_of_parquet_with_other_content_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "rooms.parquet"
    path.write_bytes(b"\x00\x01\x02\n")
    ran = run("check", str(path))
    assert ran.exit_code == 2
    assert f"{path}: it is neither a Parquet file nor an Arrow file or stream" in ran.stderr


def test_content_counts_more_than_the_name(tmp_path: Path) -> None:
    path = tmp_path / "rooms.parquet"
    write_csv(path)
    assert run("check", str(path)).exit_code == 1
    path.write_bytes(arrow_stream(table()))
    assert run("check", str(path)).exit_code == 1


def test_free_reads_tables(tmp_path: Path) -> None:
    path = tmp_path / "rooms.parquet"
    path.write_bytes(parquet(table()))
    options = ["--length", "1h", "--from", "2026-03-02T10:00", "--to", "2026-03-02", "--count", "1"]
    ran = run("free", str(path), *options, "--format", "json")
    [found] = json.loads(ran.stdout)["free"]
    assert found["start"] == "2026-03-02T10:45:00Z"


def test_pyarrow_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rooms.parquet"
    path.write_bytes(parquet(table()))
    for name in [name for name in sys.modules if name.startswith("double_booked.calendars.arrow")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("double_booked.calendars.arrow_events", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = run("check", str(path))
    assert ran.exit_code == 2
    assert "pip install double-booked[arrow]" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
