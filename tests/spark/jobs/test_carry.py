"""Runs of one day after the other give the answer of a run over all days."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from tests.spark.cases import Case
from tests.spark.jobs.tables import COLUMNS, Table, instant, rows_of

from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND
from double_booked.spark import Conflicts, InvalidTableError, find_conflicts

EVENTS: dict[str, Any] = {"key": "id", "start": "start", "end": "end"}
HALVES = 60
"""All random events start in so many halves of a second, so that each border cuts each case."""


def random_table(count: int, seed: int, gap: int, name: type) -> Table:
    random = Random(seed)  # noqa: S311 - the same cases each time
    return Table([random_case(random, gap * NANOS_PER_SECOND) for _ in range(count)], name)


def random_case(random: Random, min_gap: int) -> Case:
    """Return a case with ties, zero-length events and, sometimes, one that never ends."""
    half, events = NANOS_PER_SECOND // 2, []
    for _ in range(random.randrange(30)):
        start = random.randrange(HALVES) * half
        length = random.choice([0, 0, 1, 3, 9, random.randrange(HALVES), 2 * HALVES]) * half
        events.append((start, start + length))
    if events and random.random() < 0.1:
        events[0] = (events[0][0], LAST_INSTANT)
    return Case(events, min_gap, random.choice([1, 1, 2, 3, 4]))


def run_days(table: DataFrame, borders: Sequence[int], **options: Any) -> Iterator[Conflicts]:
    """Find the conflicts of each day on its own; days begin at the borders, in halves."""
    carry: Any = "first"
    half = F.col("start.seconds") * 2 + (F.col("start.nanos") >= NANOS_PER_SECOND // 2).cast("int")
    for begin, end in zip([0, *borders], [*borders, HALVES], strict=True):
        day = table.where((half >= begin) & (half < end))
        conflicts = find_conflicts(day, **COLUMNS, **options, carry=carry)
        assert conflicts.carry is not None
        carry = conflicts.carry.localCheckpoint()
        yield conflicts


@pytest.mark.parametrize(
    ("borders", "size", "gap"), [([12, 31, 32], 1_000_000, 1), ([17, 40], 4, 0)]
)
def test_days_equal_definition(
    spark: SparkSession, borders: list[int], size: int, gap: int
) -> None:
    table = random_table(120, size, gap, int if gap else str)
    options = {"capacity": table.capacities, "min_gap": f"{gap}s", "max_events_per_range": size}

    days = run_days(table.frame(spark), borders, **options)
    found = [tuple(row) for day in days for row in day.members.collect()]

    assert len(found) == len(set(found))
    assert set(found) == table.members()


def test_groups_of_days_add_up(spark: SparkSession) -> None:
    table = random_table(60, 8, 0, int)

    first, second = run_days(table.frame(spark), [20], capacity=table.capacities)

    days = first.groups.unionAll(second.groups).groupBy("resource", "group")
    summed = days.agg(F.min("start"), F.max("end"), F.sum("size"), F.max("depth"))
    assert rows_of(summed) == {
        (
            room,
            first_key,
            instant(case.events[group.members[0]][0]),
            instant(max(case.events[member][1] for member in group.members)),
            len(group.members),
            None,
        )
        for room, first_key, _, group, case in table.groups()
    }


def carry_of(table: DataFrame, **options: Any) -> DataFrame:
    carry = find_conflicts(table, **EVENTS, **{"carry": "first"} | options).carry
    assert carry is not None
    return carry


def test_carry_has_capacity_latest_ends_of_what_is_present(spark: SparkSession) -> None:
    table = spark.sql(
        "select * from values ('a', 1, 0, 9), ('a', 2, 1, 8), ('a', 3, 2, 7), ('b', 4, 0, 2)"
        " as t(room, id, start, end)"
    )

    carry = carry_of(table, resource="room", capacity=2).where("key is not null")

    assert rows_of(carry.select("resource", "key", "group")) == {("a", 1, 1), ("a", 2, 1)}


def test_day_without_events_keeps_carry(spark: SparkSession) -> None:
    day = spark.sql("select 1 as id, 3 as start, 9 as end")
    nothing = day.limit(0)

    empty = carry_of(nothing)
    before = carry_of(day, carry=empty)
    after = carry_of(nothing, carry=before)

    assert rows_of(empty.select("key", "latest_nanos", "min_gap")) == {(None, None, 0)}
    assert rows_of(before.select("key", "latest_nanos")) == {(1, 3), (None, 3)}
    assert rows_of(after) == rows_of(before)


def test_columns_are_null_for_events_of_earlier_days(spark: SparkSession) -> None:
    carry = carry_of(spark.sql("select 1 as id, 0 as start, 9 as end, 'x' as title"))
    day = spark.sql("select 2 as id, 5 as start, 6 as end, 'y' as title")

    conflicts = find_conflicts(day, **EVENTS, columns=["title"], carry=carry)

    assert rows_of(conflicts.members) == {("", 1, 1, None), ("", 2, 1, "y")}


def test_late_events_are_refused(spark: SparkSession) -> None:
    carry = carry_of(spark.sql("select 1 as id, 5 as start, 9 as end"))
    day = spark.sql("select * from values (2, 4, 9), (3, 5, 9), (4, 6, 9) as t(id, start, end)")

    with pytest.raises(InvalidTableError, match=r"2 of 3 rows are invalid: key ") as error:
        find_conflicts(day, **EVENTS, carry=carry)
    split = find_conflicts(day, **EVENTS, carry=carry, errors="split")

    assert dict(error.value.rows) == dict.fromkeys(
        (2, 3),
        "start is not after 1970-01-01T00:00:00.000000005Z, the latest start of earlier runs: "
        "run again from the day of this event on",
    )
    assert split.rejected is not None
    assert {row.id for row in split.rejected.collect()} == {2, 3}
    assert rows_of(split.members) == {("", 1, 1), ("", 4, 1)}


@pytest.mark.parametrize(("size", "error"), [(1_000_000, PythonException), (10, InvalidTableError)])
def test_key_of_carried_event_is_refused(
    spark: SparkSession, size: int, error: type[Exception]
) -> None:
    carry = carry_of(spark.sql("select 7L as id, 0 as start, 90 as end"))
    day = spark.range(50).selectExpr("id", "id + 1 as start", "id + 2 as end")

    with pytest.raises(error, match=r"2 events of resource '' have the key 7"):
        find_conflicts(day, **EVENTS, carry=carry, max_events_per_range=size).members.collect()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_gap": "1s"}, "a min_gap of 0 ns, and this run has 1000000000 ns"),
        ({"capacity": 2}, "resource '' had the capacity 1 in the run before, and has 2"),
        ({"key": "name"}, "the column 'key' of carry has bigint, and this run has string"),
        ({"explain": "depth"}, "explain needs all events that are present"),
    ],
)
def test_other_options_are_refused(
    spark: SparkSession, options: dict[str, Any], message: str
) -> None:
    day = spark.range(3).selectExpr("id", "'a' || id as name", "id as start", "id + 9 as end")
    carry = carry_of(day).localCheckpoint()

    with pytest.raises(InvalidTableError, match=message):
        find_conflicts(day, **EVENTS | options, carry=carry)


def test_other_table_is_no_carry(spark: SparkSession) -> None:
    day = spark.range(3).selectExpr("id", "id as start", "id + 9 as end")
    carry = carry_of(day).localCheckpoint()

    for table, message in [
        (day, "carry has no column 'resource'"),
        (carry.limit(0), "carry has no rows"),
        (carry.unionAll(carry_of(day.where("id < 2"))), "carry is of several runs"),
    ]:
        with pytest.raises(InvalidTableError, match=message):
            find_conflicts(day, **EVENTS, carry=table)
