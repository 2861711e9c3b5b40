"""Runs of one day after the other give the answer of a run over all days."""

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from tests.spark.cases import random_cases
from tests.spark.jobs.tables import COLUMNS, Table, rows_of

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark import InvalidTableError, find_conflicts


def days_of(table: Table, frame: DataFrame, count: int) -> list[DataFrame]:
    """Return the events in parts, each with the events that start after those before it."""
    starts = sorted({start for case in table.cases for start, _ in case.events})
    bounds = [divmod(starts[len(starts) * day // count], NANOS_PER_SECOND) for day in range(count)]
    start = F.struct(F.col("start.seconds").alias("seconds"), F.col("start.nanos").alias("nanos"))
    lows = [
        start >= F.struct(F.lit(low).alias("seconds"), F.lit(n).alias("nanos")) for low, n in bounds
    ]
    nothing = F.lit(0) > 0
    return [
        frame.where(low & ~after) for low, after in zip(lows, [*lows[1:], nothing], strict=True)
    ]


@pytest.mark.parametrize(("size", "gap", "name"), [(1_000_000, 1, int), (4, 0, str)])
def test_days_equal_definition(spark: SparkSession, size: int, gap: int, name: type) -> None:
    table = Table(list(random_cases(100, seed=size, min_gap=gap * NANOS_PER_SECOND)), name)
    found: list[tuple[Any, ...]] = []
    carry: Any = "first"

    for day in days_of(table, table.frame(spark), 3):
        conflicts = find_conflicts(
            day,
            **COLUMNS,
            capacity=table.capacities,
            min_gap=f"{gap}s",
            max_events_per_range=size,
            carry=carry,
        )
        found += rows_of(conflicts.members)
        assert conflicts.carry is not None
        carry = conflicts.carry.localCheckpoint()

    assert len(found) == len(set(found))
    assert set(found) == table.members()


def test_late_event_is_refused(spark: SparkSession) -> None:
    table = spark.sql("select * from values (1, 100, 200), (2, 150, 160) as t(id, start, end)")
    columns: dict[str, Any] = {"key": "id", "start": "start", "end": "end", "unit": "s"}
    carry = find_conflicts(table, **columns, carry="first").carry

    with pytest.raises(InvalidTableError, match="an event starts 150 s after 1970, which is not"):
        find_conflicts(table.where("id = 2"), **columns, carry=carry)


def test_groups_need_all_days(spark: SparkSession) -> None:
    table = spark.sql("select 1 as id, 100 as start, 200 as end")
    conflicts = find_conflicts(table, key="id", start="start", end="end", carry="first")

    with pytest.raises(InvalidTableError, match="only the new members of a group"):
        _ = conflicts.groups


def test_other_table_is_no_carry(spark: SparkSession) -> None:
    table = spark.sql("select 1 as id, 100 as start, 200 as end")

    with pytest.raises(InvalidTableError, match="carry has no column 'end_nanos'"):
        find_conflicts(table, key="id", start="start", end="end", carry=table)
