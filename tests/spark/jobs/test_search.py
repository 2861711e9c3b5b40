"""The job finds what the definition does."""

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark import TaskContext
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from tests.spark.cases import random_cases
from tests.spark.jobs.tables import COLUMNS, Table, rows_of

from double_booked import columns
from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark import ChangedInputError, InvalidTableError, find_conflicts

EVENTS: dict[str, Any] = {"key": "id", "start": "start", "end": "end", "resource": "room"}


@pytest.mark.parametrize(
    ("count", "size", "gap", "name"),
    [
        (2_000, 3, 0, int),
        (200, 1, 1, str),
        (200, 2, 0, str),
        (200, 5, 1, int),
        (200, 1_000_000, 0, int),
    ],
)
def test_find_conflicts_equals_definition(
    spark: SparkSession, count: int, size: int, gap: int, name: type
) -> None:
    cases = random_cases(count, seed=size, min_gap=gap * NANOS_PER_SECOND)
    table = Table(list(cases), name)

    conflicts = find_conflicts(
        table.frame(spark),
        **COLUMNS,
        capacity=table.capacities,
        min_gap=f"{gap}s",
        max_events_per_range=size,
    )

    assert rows_of(conflicts.members) == table.members()
    assert bool(conflicts.plan.ranges) == (size < 1_000_000)


@pytest.fixture(scope="module")
def events(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 40,000 events: half on one resource, with one that never ends, in eight files."""
    number = F.col("id")
    start = F.pmod(F.xxhash64(number), F.lit(4_000_000)).alias("start")
    length = F.pmod(F.xxhash64(number + 1), F.lit(150))
    end = F.when(number == 0, 10_000_000).otherwise(start + length).alias("end")
    other = F.concat(F.lit("room-"), F.pmod(F.xxhash64(number + 2), F.lit(500)))
    room = F.when(number % 2 == 0, "giant").otherwise(other).alias("room")
    path = tmp_path_factory.mktemp("events") / "events"
    spark.range(40_000).repartition(8).select("id", start, end, room).write.parquet(str(path))
    return path


def columns_members(table: DataFrame, capacity: int) -> set[tuple[Any, ...]]:
    """Return the members that `columns` finds in one process."""
    rows = table.orderBy("id").toArrow()
    groups = columns.find_groups(rows["start"], rows["end"], rows["room"], capacity=capacity)
    members = rows.append_column("group", rows["id"].take(pa.array(groups.first)))
    return {(row["room"], row["id"], row["group"]) for row in members.drop_null().to_pylist()}


@pytest.mark.parametrize(("size", "capacity"), [(1_000_000, 1), (2_000, 3), (450, 2)])
def test_find_conflicts_equals_columns(
    spark: SparkSession, events: Path, size: int, capacity: int
) -> None:
    table = spark.read.parquet(str(events))

    conflicts = find_conflicts(table, **EVENTS, capacity=capacity, max_events_per_range=size)

    assert rows_of(conflicts.members) == columns_members(table, capacity)
    assert ("giant" in conflicts.plan.large_resources) == (size < 1_000_000)


def exit_in_first_attempt(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches; the process of the first attempt of a task exits after one."""
    context = TaskContext.get()
    for batch in batches:
        yield batch
        if context is not None and context.attemptNumber() == 0:
            os._exit(1)


@pytest.mark.parametrize("size", [1_000_000, 2_000])
def test_answer_is_same_after_failed_tasks(spark: SparkSession, events: Path, size: int) -> None:
    table = spark.read.parquet(str(events))
    failing = table.mapInArrow(exit_in_first_attempt, table.schema)

    members = find_conflicts(failing, **EVENTS, max_events_per_range=size).members
    failing_members = members.mapInArrow(exit_in_first_attempt, members.schema)

    assert rows_of(failing_members) == columns_members(table, 1)


def test_answer_is_same_with_files_in_another_order(
    spark: SparkSession, events: Path, tmp_path: Path
) -> None:
    files = sorted(map(str, events.glob("*.parquet")), reverse=True)
    table = spark.read.parquet(*files)

    conflicts = find_conflicts(table, **EVENTS, max_events_per_range=2_000, work_dir=str(tmp_path))

    assert rows_of(conflicts.members) == columns_members(table, 1)
    assert list(tmp_path.glob("double-booked-*/*.parquet"))


def test_plan_of_many_resources_has_one_shuffle(
    spark: SparkSession, events: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    conflicts = find_conflicts(spark.read.parquet(str(events)), **EVENTS)

    conflicts.members.explain()

    plan = capfd.readouterr().out
    assert plan.count("Exchange") == 1
    assert plan.count("MapInArrow") == 1
    assert "Window" not in plan
    assert "Sort" not in plan
    assert "FlatMapGroups" not in plan


def test_instant_with_more_events_than_range_is_cut_by_key(spark: SparkSession) -> None:
    keys = spark.range(600).selectExpr("concat('k', lpad(id, 4, '0')) as id")
    table = keys.selectExpr("id", "1000 as start", "1000 + length(id) as end", "'a' as room")

    conflicts = find_conflicts(table, **EVENTS, capacity=2, max_events_per_range=50)

    assert conflicts.plan.ranges >= 12
    assert rows_of(conflicts.members) == {("a", f"k{number:04}", "k0000") for number in range(600)}


def test_columns_are_added_to_members(spark: SparkSession) -> None:
    table = spark.sql(
        "select * from values (1, 0, 5, 'x'), (2, 3, 9, 'y') as t(id, start, end, title)"
    )

    conflicts = find_conflicts(table, key="id", start="start", end="end", columns=["title"])

    assert rows_of(conflicts.members) == {("", 1, 1, "x"), ("", 2, 1, "y")}


def test_empty_table_has_no_conflicts(spark: SparkSession) -> None:
    table = spark.createDataFrame([], "id long, start timestamp, end timestamp")

    conflicts = find_conflicts(table, key="id", start="start", end="end", explain="depth")

    assert rows_of(conflicts.members) == rows_of(conflicts.groups) == set()
    assert conflicts.plan.events == 0


def test_capacities_are_read_from_table(spark: SparkSession) -> None:
    table = spark.sql(
        "select * from values (1, 0, 5, 'a'), (2, 3, 9, 'a'), (3, 0, 5, 'b'), (4, 3, 9, 'b') "
        "as t(id, start, end, room)"
    )
    capacities = spark.sql("select 'a' as resource, 2 as capacity")

    conflicts = find_conflicts(table, **EVENTS, capacity=capacities)

    assert rows_of(conflicts.members) == {("b", 3, 3), ("b", 4, 3)}


BAD_ROWS = """select id, {} from values
    (1, 0, 9), (2, null, 9), (3, 0, null), (4, 5, 4), (null, 0, 9), (6, -62135596801, 0)
    as t(id, start, end)"""


def test_invalid_rows_are_refused(spark: SparkSession) -> None:
    table = spark.sql(BAD_ROWS.format("start, end"))

    with pytest.raises(InvalidTableError, match=r"5 of 6 rows are invalid: key") as error:
        find_conflicts(table, key="id", start="start", end="end", unit="s")

    assert error.value.count == 5
    assert set(error.value.rows) == {
        (2, "start is null"),
        (3, "end is null"),
        (4, "end is before start"),
        (None, "id is null"),
        (6, "start is outside the years 1 to 9999"),
    }


def test_invalid_rows_are_split_off(spark: SparkSession) -> None:
    table = spark.sql(BAD_ROWS.format("start, end"))

    conflicts = find_conflicts(table, key="id", start="start", end="end", unit="s", errors="split")

    assert conflicts.rejected is not None
    assert conflicts.rejected.columns == ["id", "start", "end", "reason"]
    assert conflicts.rejected.count() == conflicts.plan.rejected == 5
    assert rows_of(conflicts.members) == set()


def test_equal_keys_in_task_are_refused(spark: SparkSession) -> None:
    table = spark.sql("select * from values (7, 0, 1), (7, 5, 6) as t(id, start, end)")

    with pytest.raises(PythonException, match=r"2 events of resource '' have the key 7"):
        find_conflicts(table, key="id", start="start", end="end").members.collect()


def test_equal_keys_in_different_ranges_are_refused(spark: SparkSession) -> None:
    table = spark.range(100).selectExpr("id % 99 as id", "id as start", "id as end", "'a' as room")

    with pytest.raises(InvalidTableError, match=r"2 events of resource 'a' have the key 0"):
        find_conflicts(table, **EVENTS, max_events_per_range=10)


def drop_rows_once(
    batches: Iterable[pa.RecordBatch], reads: Path, at: int
) -> Iterator[pa.RecordBatch]:
    """Leave the first rows out of one read of the table, counted from 0 in a folder."""
    read = len(list(reads.iterdir()))
    (reads / str(read)).touch()
    for batch in batches:
        yield batch.slice(1_000 if read == at else 0)


@pytest.mark.parametrize(
    ("at", "message"),
    [(1, r"had 0 events in the first scan and \d+ in the second"), (3, "scan and 0 in the second")],
)
def test_changing_table_is_refused(
    spark: SparkSession, tmp_path: Path, at: int, message: str
) -> None:
    table = spark.range(0, 5_000, 1, 1).selectExpr(
        "id", "id as start", "id + 1 as end", "'a' as room"
    )
    changing = table.mapInArrow(partial(drop_rows_once, reads=tmp_path, at=at), table.schema)

    with pytest.raises(ChangedInputError, match=message):
        find_conflicts(changing, **EVENTS, max_events_per_range=500)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": "nothing"}, "the table has no column 'nothing'; it has id, start, end, room"),
        ({"key": "ratio"}, "column 'ratio' has double; a key needs an exact order"),
        ({"start": "room"}, "column 'room' has string; use TIMESTAMP"),
        ({"resource": "id"}, "column 'id' has bigint; use a string or an array of strings"),
        ({"start": "local"}, "column 'local' has TIMESTAMP_NTZ, local times: name their zone"),
        ({"unit": "h"}, "unit is 'h'; use one of s, ms, us, ns"),
        ({"zone": "Mars/Base"}, "zone is 'Mars/Base', which is no time zone"),
        ({"capacity": 0}, "capacity is 0; use an integer from 1 to 4294967295, a mapping by"),
        ({"capacity": "2"}, "capacity is '2'; use an integer from 1"),
        ({"capacity": 1.5}, "capacity is 1.5; use an integer from 1"),
        ({"capacity": True}, "capacity is True; use an integer from 1"),
        ({"capacity": {"a": -1}}, "the capacity of resource 'a' is -1"),
        ({"capacity": {"a": None}}, "the capacity of resource 'a' is null; use an integer from 1"),
        ({"min_gap": "soon"}, "min_gap: 'soon' is not a duration"),
        ({"min_gap": 15}, "min_gap is 15; use a text like '15m', or a timedelta"),
        ({"carry": 1}, "carry is a builtins.int; use a DataFrame of Spark"),
        ({"errors": "drop"}, "errors is 'drop'; use 'raise' or 'split'"),
        ({"explain": "all"}, "explain is 'all'; use None, 'depth' or 'members'"),
        ({"max_events_per_range": 0}, "max_events_per_range is 0; use at least 1"),
        ({"columns": ["title"]}, "columns: the table has no column 'title'"),
        ({"columns": "title"}, "columns is 'title'; use a list of column names"),
    ],
)
def test_invalid_option_is_refused(
    spark: SparkSession, options: dict[str, Any], message: str
) -> None:
    table = spark.range(1).selectExpr(
        "id",
        "id as start",
        "id as end",
        "'a' as room",
        "0.5D as ratio",
        "localtimestamp() as local",
    )

    with pytest.raises(InvalidTableError, match=message):
        find_conflicts(table, **EVENTS | options)


def test_table_of_another_library_is_refused() -> None:
    table = pa.table({"id": [1], "start": [0], "end": [1], "room": ["a"]})

    with pytest.raises(InvalidTableError, match=r"table is a pyarrow.lib.Table; use a DataFrame"):
        find_conflicts(table, **EVENTS)
