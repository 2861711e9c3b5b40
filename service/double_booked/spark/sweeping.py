"""The shuffle and the sweep of a search."""

from dataclasses import dataclass
from uuid import uuid4

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked.spark.plan import Tasks
from double_booked.spark.sweep import NO_RANGE, Sweep, schema

MEMBER_COLUMNS = ("resource", "key", "group")
"""The columns of members, without times."""


@dataclass(frozen=True, slots=True)
class Search:
    """The events of a search, and its options.

    Attributes:
        occurrences: A row for each resource that an event occupies.
        key_type: The Arrow type of the key.
        sweep: What tasks do with events.
        size: How many events a range holds.
        work_dir: Where an answer that is read several times is kept; None for the executors' disks.
        carry: The carry table of the run before, if there was one.
    """

    occurrences: DataFrame
    key_type: pa.DataType
    sweep: Sweep
    size: int
    work_dir: str | None
    carry: DataFrame | None


def sweep_in_tasks(search: Search, rows: DataFrame, tasks: Tasks) -> DataFrame:
    """Shuffle the events to their tasks once, and sweep each task's events together.

    Args:
        search: The search.
        rows: Its occurrences; with a column `range` if resources are cut.
        tasks: How many tasks to use.
    """
    if "range" not in rows.columns:
        rows = rows.withColumn("range", F.lit(NO_RANGE))
    key_type = rows.schema["key"].dataType.simpleString()
    return deal(rows, tasks).mapInArrow(search.sweep, schema(key_type))


def keep(swept: DataFrame, work_dir: str | None) -> DataFrame:
    """Keep the answer of the sweep, which is read several times."""
    if work_dir is None:
        return swept.persist(StorageLevel.DISK_ONLY)
    path = f"{work_dir.rstrip('/')}/double-booked-{uuid4()}"
    swept.write.parquet(path)
    return swept.sparkSession.read.parquet(path)


def deal(rows: DataFrame, tasks: Tasks) -> DataFrame:
    """Shuffle rows to the task of their range, or of their resource if it is not cut."""
    of_resource = F.pmod(F.hash("resource"), F.lit(tasks.of_resources)) + tasks.of_ranges
    of_range = F.col("range") % F.lit(max(1, tasks.of_ranges))
    task = F.when(F.col("range") >= 0, of_range).otherwise(of_resource)
    return rows.repartitionById(tasks.count, task.cast("int"))
