"""The steps of the search of a large resource."""

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked.spark import find_conflicts
from double_booked.spark.capacities import Capacities
from double_booked.spark.cells import Range, TimeCut
from double_booked.spark.events import check_columns, occurrences, read_events
from double_booked.spark.large_resources import k_latest, sweep_large_resources
from double_booked.spark.plan import Counts
from double_booked.spark.sample import take_sample
from double_booked.spark.sweep import Sweep
from double_booked.spark.sweeping import Search


def test_range_that_is_too_large_is_cut_again(spark: SparkSession) -> None:
    table = spark.range(3_000).selectExpr("id", "id * 10 as start", "id * 10 + 11 as end")
    written = check_columns(
        table, key="id", start="start", end="end", resource=None, unit="ns", zone=None
    )
    rows = occurrences(read_events(table, written))
    key_type = take_sample(rows.limit(1), 1, seed=1).schema.field("key").type
    search = Search(rows, key_type, Sweep(Capacities(), 0), 500, None, None)
    uneven = TimeCut(0, 100, (0, 0, 1), (Range(), Range()))  # ten events, and all others

    found = sweep_large_resources(search, {"": uneven}, Counts(3_000, 0, 3_000, 29_990), 2)

    assert len(found.resources[0].ranges) >= 5
    assert {row["group"] for row in found.members.collect()} == {0}
    assert found.members.count() == 3_000


@pytest.mark.parametrize("has_k", [True, False])
def test_k_latest_returns_largest_values_of_each_group(spark: SparkSession, *, has_k: bool) -> None:
    table = spark.sql(
        "select * from values (1, 5), (1, 9), (1, null), (1, 7), (2, 3), (2, null), (3, null) "
        "as t(range, value)"
    )
    order = F.when(F.col("value").isNotNull(), F.struct("value"))

    found = table.groupBy("range").agg(k_latest(order, 2, has_k=has_k).alias("latest")).collect()

    latest = {row["range"]: [value for (value,) in row["latest"] or ()] for row in found}
    assert latest == {1: [9, 7], 2: [3], 3: []}


def test_close_frees_answer_of_sweep(spark: SparkSession) -> None:
    table = spark.range(100).selectExpr("id", "id as start", "id + 2 as end")
    conflicts = find_conflicts(table, key="id", start="start", end="end", max_events_per_range=20)
    persisted = spark.sparkContext._jsc.getPersistentRDDs  # noqa: SLF001 - not in Python

    before = len(persisted())
    conflicts.close()

    assert len(persisted()) == before - 1
    assert conflicts.members.count() == 100
