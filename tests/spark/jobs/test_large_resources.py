"""A bad cut of a large resource is repaired."""

from pyspark.sql import SparkSession

from double_booked.spark.capacities import Capacities
from double_booked.spark.cells import Range, TimeCut
from double_booked.spark.events import check_columns, occurrences, read_events
from double_booked.spark.large_resources import sweep_large_resources
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

    found = sweep_large_resources(search, {"": uneven}, Counts(3_000, 0, 3_000), 2)

    assert len(found.resources[0].ranges) >= 5
    assert {row["group"] for row in found.members.collect()} == {0}
    assert found.members.count() == 3_000
