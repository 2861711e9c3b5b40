"""`check` and `free` read Parquet and Arrow files as CSV."""

import csv
import json
import random
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
    assert "1 conflict among 2 of 4 events" in printed


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
    monkeypatch.delattr("double_booked.calendars.arrow_files", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = run("check", str(path))
    assert ran.exit_code == 2
    assert "pip install double-booked[arrow]" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def in_conflict_rarely(size: int, zone: str | None = "UTC", unit: str = "us") -> pa.Table:
    """Return events of 5 rooms, in a random order, of which few overlap, some in odd ways."""
    chance = random.Random(size)  # noqa: S311 - a sample
    rows = []
    for number in range(size):
        start = 1_772_400_000 + number // 5 * 3_600
        end = start + chance.choice([0, 1_800, 3_000, 3_600, 3_600, 3_700, 9_000])
        rows.append((f"e{number}", start, end, f"room {number % 5}"))
    chance.shuffle(rows)
    ids, starts, ends, rooms = zip(*rows, strict=True)
    times = {
        name: pa.array(column, pa.timestamp("s", zone)).cast(pa.timestamp(unit, zone))
        for name, column in (("start", starts), ("end", ends))
    }
    return pa.table({"id": ids, **times, "room": rooms, "title": ids})


def both_ways(folder: Path, *arguments: str) -> tuple[Result, Result]:
    """Return the check of the tables of a folder, and that beside a calendar without events.

    Beside a file that is no table, all rows are read as events.
    """
    other = folder / "none.json"
    other.unlink(missing_ok=True)
    screened = run("check", str(folder), *arguments)
    other.write_text('{"events": []}')
    return screened, run("check", str(folder), *arguments)


def write_tables(folder: Path, *tables: pa.Table) -> None:
    for number, each in enumerate(tables):
        (folder / f"{number}.parquet").write_bytes(parquet(each))


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "json"],
        ["--format", "json", "--explain"],
        ["--format", "ics"],
        ["--format", "github"],
        ["--format", "text", "--all"],
        ["--format", "text", "--explain"],
        ["--min-gap", "10m"],
        ["--capacity", "ROOM 1=2", "--capacity", "room 2=3", "--format", "json"],
        ["--from", "2026-03-02", "--to", "2026-03-03"],
        ["--from", "2027-03-02"],
        ["--merge", "--capacity", "all files=6"],
        ["--fail-on", "empty", "--format", "json"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("zone", "unit"), [("UTC", "us"), (None, "ns"), ("Asia/Tokyo", "s"), (None, "s")]
)
def test_events_without_a_conflict_change_only_the_count(
    tmp_path: Path, options: list[str], zone: str | None, unit: str
) -> None:
    whole = in_conflict_rarely(300, zone, unit)
    write_tables(tmp_path, whole.slice(0, 120), whole.slice(120))
    screened, plain = both_ways(tmp_path, *options)
    assert screened.exit_code == plain.exit_code
    assert screened.stderr == plain.stderr

    def stamped(text: str) -> str:
        return re.sub(r"DTSTAMP.*", "", text)

    if "No events" not in plain.stdout:  # that sentence counts the files
        assert stamped(screened.stdout) == stamped(plain.stdout)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", "b", "b"]).dictionary_encode(),
        pa.array([["a"], ["b", "a"], ["b"]]),
        pa.array([["a"], [], []]),
        pa.array([["a"], None, ["b"]]),
        pa.array(["a", None, ""]),
        pa.array(["a", "A", "b"]),
        pa.array(["a;b", "b", "c"]),
        pa.array([" a", "a", "c"]),
        pa.array([7, 7, 8]),
        pa.nulls(3),
    ],
    ids=str,
)
def test_resources_of_every_kind_are_compared(tmp_path: Path, column: pa.Array) -> None:
    start = pa.array([0, 1_800, 1_900], pa.timestamp("s", "UTC"))
    end = pa.array([3_600, 5_400, 5_500], pa.timestamp("s", "UTC"))
    write_tables(tmp_path, pa.table({"start": start, "end": end, "room": column}))
    screened, plain = both_ways(tmp_path)
    assert (screened.stdout, screened.stderr) == (plain.stdout, plain.stderr)


@pytest.mark.parametrize(
    "others",
    [
        {"status": ["cancelled", None, None]},
        {"all day": [True, False, False]},
        {"area": ["x", "y", "y"], "room": ["a", "a", "a"]},
    ],
    ids=str,
)
def test_columns_that_say_more_of_an_event_count(
    tmp_path: Path, others: dict[str, list[object]]
) -> None:
    start = pa.array([36_000, 1_800, 1_900], pa.timestamp("s", "UTC"))
    end = pa.array([37_000, 5_400, 5_500], pa.timestamp("s", "UTC"))
    write_tables(tmp_path, pa.table({"start": start, "end": end, **others}))
    screened, plain = both_ways(tmp_path)
    assert screened.stdout == plain.stdout


def test_an_event_occupies_its_organizer_too(tmp_path: Path) -> None:
    people = {"attendee": ["x", "y", "x"], "organizer": ["y", "y", "y"]}
    times = {"start": [0, 1_800, 5_000], "end": [3_600, 5_400, 6_000]}
    columns = {name: pa.array(column, pa.timestamp("s", "UTC")) for name, column in times.items()}
    write_tables(tmp_path, pa.table({**columns, **people}))
    assert "3 of 3 events" in run("check", str(tmp_path), "--by", "attendee").stdout


def test_nanoseconds_of_times_without_a_zone_decide(tmp_path: Path) -> None:
    def table_of(first_end: int) -> pa.Table:
        start = pa.array([0, 10**10 + 1], pa.timestamp("ns"))
        return pa.table({"start": start, "end": pa.array([first_end, 2 * 10**10], start.type)})

    write_tables(tmp_path, table_of(10**10 + 1))
    assert run("check", str(tmp_path)).exit_code == 0
    write_tables(tmp_path, table_of(10**10 + 2))
    assert run("check", str(tmp_path)).exit_code == 1


def test_events_that_start_together_keep_the_order_of_rows(tmp_path: Path) -> None:
    rooms = [["b"], ["a", "b"], ["a"]]
    times = {
        name: pa.array([moment] * 3, pa.timestamp("s", "UTC"))
        for name, moment in (("start", 0), ("end", 9))
    }
    write_tables(tmp_path, pa.table({**times, "room": rooms, "id": ["0", "1", "2"]}))
    answer = json.loads(run("check", str(tmp_path), "--format", "json").stdout)
    found = [[event["id"] for event in group["conflictGroup"]] for group in answer["conflicts"]]
    assert found == [["1", "2"], ["0", "1"]]


def test_a_window_has_the_events_that_other_formats_have_in_it(tmp_path: Path) -> None:
    first, last = 1_772_406_000, 1_772_492_400  # a day in Berlin
    edges = [
        *((first - 9, first), (first - 9, first + 0.5), (first - 9, first + 1)),
        *((first, first), (first + 0.5, first + 0.5), (last - 0.5, last), (last, last)),
    ]
    for unit, per_second in (("ms", 10**3), ("ns", 10**9)):
        start, end = (
            pa.array([int(moment * per_second) for moment in column], pa.timestamp(unit, "UTC"))
            for column in zip(*edges, strict=True)
        )
        write_tables(tmp_path, pa.table({"start": start, "end": end, "room": [*"abcdefg"]}))
        screened, plain = both_ways(tmp_path, "--from", "2026-03-02", "--to", "2026-03-02")
        assert (screened.stdout, screened.stderr) == (plain.stdout, plain.stderr)
        assert "among 4 events" in screened.stdout
        assert "3 events or series are outside" in screened.stderr


def test_faulty_rows_of_a_screened_table_are_reported(tmp_path: Path) -> None:
    start = pa.array([0, 1_800, None, 9_000, 10**12, 20_000], pa.timestamp("s", "UTC"))
    end = pa.array([3_600, 5_400, 8_000, 8_000, 10**12, 30_000], pa.timestamp("s", "UTC"))
    write_tables(tmp_path, pa.table({"start": start, "end": end}))
    screened, plain = both_ways(tmp_path)
    assert screened.exit_code == plain.exit_code == 2
    assert (screened.stdout, screened.stderr) == (plain.stdout, plain.stderr)
    assert "2 of 3 events" in screened.stdout
    assert [word in screened.stderr for word in ("row 3:", "row 4:", "row 5:")] == [True] * 3


def test_tables_of_different_types_are_compared(tmp_path: Path) -> None:
    whole = in_conflict_rarely(40)
    structs = pa.array([{"seconds": 1_772_400_000, "nanos": 1}])
    other = pa.table({"start": structs, "end": structs, "room": ["room 0"]})
    write_tables(tmp_path, whole, other, in_conflict_rarely(40, unit="ms"))
    screened, plain = both_ways(tmp_path, "--format", "json")
    assert screened.stdout == plain.stdout


def test_formats_that_list_all_events_have_them(tmp_path: Path) -> None:
    write_tables(tmp_path, in_conflict_rarely(40))
    listed = json.loads(run("check", str(tmp_path), "--format", "report").stdout)
    assert len(listed["events"]) == 40


def test_a_table_without_a_conflict_is_not_empty(tmp_path: Path) -> None:
    write_tables(tmp_path, pa.table(TIMES).slice(1))
    ran = run("check", str(tmp_path), "--fail-on", "empty")
    assert ran.exit_code == 0
    assert "No conflicts among 1 event" in ran.stdout


def test_a_table_whose_columns_cannot_be_used_is_reported(tmp_path: Path) -> None:
    write_tables(tmp_path, pa.table({"start": [0], "end": [1]}), pa.table(TIMES))
    ran = run("check", str(tmp_path))
    assert ran.exit_code == 2
    assert "0.parquet: the column start is of type int64" in ran.stderr
    assert "2 of 2 events" in ran.stdout


def test_an_option_out_of_range_is_reported(tmp_path: Path) -> None:
    write_tables(tmp_path, pa.table(TIMES))
    ran = run("check", str(tmp_path), "--min-gap", "99999999h")
    assert ran.exit_code == 2
    assert "Error: options.min_gap: the gap is not a Duration" in ran.stderr
