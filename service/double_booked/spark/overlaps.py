"""The overlaps and the groups of a search, from its members."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked import columns
from double_booked.spark.arrow_tables import BATCH_ROWS, collect_batches
from double_booked.spark.capacities import Capacities
from double_booked.spark.cells import without_key_cuts
from double_booked.spark.depths import POINT, Depth, DepthSweep, carry_depths
from double_booked.spark.errors import InvalidTableError
from double_booked.spark.events import padded_end
from double_booked.spark.plan import Tasks
from double_booked.spark.range_columns import LargeResource, add_node, number_resources
from double_booked.spark.sweep import NO_RANGE, times_of
from double_booked.spark.sweeping import Search, deal

MAX_EXPLAINED_MEMBERS = 50_000_000
"""How many members the overlaps of a task may list, each in every overlap of its own."""

_TIMES = "start_seconds long, start_nanos int, end_seconds long, end_nanos int"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and how it was divided.

    Attributes:
        members: The members, with their times.
        search: The search.
        resources: The resources that were cut into ranges.
        tasks: The tasks of the sweep.
        latest: The events that later runs may have to know; None if the run is not incremental
            and no resource was cut.
        kept: The answer of the sweep on the disks of executors; None if it is not kept there.
    """

    members: DataFrame
    search: Search
    resources: Sequence[LargeResource]
    tasks: Tasks
    latest: DataFrame | None = None
    kept: DataFrame | None = None


def overlaps_of(found: Found) -> DataFrame:
    """Return the spans in which more events are present than the capacity: how many are.

    The columns are resource, group, the times, and depth.
    """
    points = _points(found)
    carried = dict(_carried_depths(points, found.resources)) if found.resources else {}
    sweep = DepthSweep(found.search.sweep.capacities, carried)
    key_type = found.members.schema["key"].dataType.simpleString()
    return deal(points, found.tasks).mapInArrow(
        sweep, f"resource string, group {key_type}, {_TIMES}, depth long"
    )


def _points(found: Found) -> DataFrame:
    """Return the points at which members start and end, as `depths.POINT` has them."""
    seconds, nanos = padded_end(found.search.sweep.min_gap)
    is_instant = F.lit(found.search.sweep.min_gap == 0) & (
        F.struct("start_seconds", "start_nanos") == F.struct("end_seconds", "end_nanos")
    )
    no_group = F.lit(None).cast(found.members.schema["group"].dataType)
    start = _point(F.col("start_seconds"), F.col("start_nanos"), 1, 0, F.col("group"))
    instant = _point(F.col("start_seconds"), F.col("start_nanos"), 0, 1, F.col("group"))
    end = _point(seconds, nanos, -1, 0, no_group)
    exploded = F.explode(F.when(is_instant, F.array(instant)).otherwise(F.array(start, end)))
    points = found.members.select("resource", exploded.alias("point")).select("resource", "point.*")
    if not found.resources:
        return points.withColumn("range", F.lit(NO_RANGE)).select(*POINT)
    cuts = {each.resource: without_key_cuts(each.cut) for each in found.resources}
    located = add_node(points, number_resources(cuts), found.search.key_type)
    return located.withColumnRenamed("node", "range").select(*POINT)


def _point(seconds: Column, nanos: Column, delta: int, instants: int, group: Column) -> Column:
    return F.struct(
        seconds.alias("start_seconds"),
        nanos.alias("start_nanos"),
        F.lit(delta).alias("delta"),
        F.lit(instants).alias("instants"),
        group.alias("group"),
    )


def _carried_depths(
    points: DataFrame, resources: Sequence[LargeResource]
) -> Iterator[tuple[int, Depth | None]]:
    """Yield each range with what is carried into it."""
    time = F.struct(F.col("start_seconds").alias("seconds"), F.col("start_nanos").alias("nanos"))
    started = F.when(F.col("group").isNotNull(), time)
    scanned = (
        points.where(F.col("range") >= 0)
        .groupBy("range")
        .agg(
            F.sum("delta").alias("delta"),
            F.max(time).alias("last"),
            F.max_by("group", started).alias("group"),
        )
        .toArrow()
    )
    rows = {row["range"]: row for row in scanned.to_pylist()}
    cuts = {each.resource: without_key_cuts(each.cut) for each in resources}
    for each in number_resources(cuts):
        numbers = [number for number in each.ranges if number in rows]
        values = (
            (row["delta"], row["last"]["seconds"], row["last"]["nanos"], row["group"])
            for row in (rows[number] for number in numbers)
        )
        yield from zip(numbers, carry_depths(values), strict=True)


def overlaps_with_keys(found: Found) -> DataFrame:
    """Return the overlaps with the keys of the events that are present, by start.

    Raises:
        InvalidTableError: A task would list more than `MAX_EXPLAINED_MEMBERS` keys.
    """
    task = F.pmod(F.hash("resource", "group"), F.lit(found.tasks.count))
    listed = overlaps_of(found).groupBy(task).agg(F.sum("depth").alias("keys"))
    most = listed.agg(F.coalesce(F.max("keys"), F.lit(0))).collect()[0][0]
    if most > MAX_EXPLAINED_MEMBERS:
        raise InvalidTableError(
            f"the overlaps of a task have {most} keys, more than {MAX_EXPLAINED_MEMBERS}. "
            "Use explain='depth', or look at a shorter time."
        )
    key_type = found.members.schema["key"].dataType.simpleString()
    sweep = KeySweep(found.search.sweep.capacities, found.search.sweep.min_gap)
    names = f"resource string, group {key_type}, {_TIMES}, depth long, keys array<{key_type}>"
    return found.members.repartitionById(found.tasks.count, task).mapInArrow(sweep, names)


@dataclass(frozen=True, slots=True)
class KeySweep:
    """What a task that lists the keys of overlaps has to know."""

    capacities: Capacities
    min_gap: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the overlaps of the groups of a partition."""
        table = collect_batches(batches)
        if table is None:
            return
        table = table.sort_by("key").combine_chunks()  # ties in the start are in this order
        codes = group_codes(table)
        found = columns.find_overlaps(
            times_of(table, "start"),
            times_of(table, "end"),
            codes,
            capacity=self._capacities(table, codes),
            min_gap=self.min_gap,
        )
        yield from _with_keys(table, pa.table(found)).to_batches(max_chunksize=BATCH_ROWS)

    def _capacities(self, table: pa.Table, codes: pa.DictionaryArray) -> pa.Array:
        """Return the capacity of each group's resource."""
        row_of_code = pc.index_in(codes.dictionary, codes.cast(pa.string()))
        names = table["resource"].take(row_of_code).to_pylist()
        return pa.array([self.capacities.of(name) for name in names])


def group_codes(table: pa.Table) -> pa.DictionaryArray:
    """Return a code for each (resource, group) of a table."""
    resources = table["resource"].dictionary_encode().combine_chunks().indices
    groups = table["group"].dictionary_encode().combine_chunks()
    pairs = pc.multiply(resources.cast(pa.int64()), len(groups.dictionary))
    return pc.add(pairs, groups.indices.cast(pa.int64())).cast(pa.string()).dictionary_encode()


def _with_keys(table: pa.Table, found: pa.Table) -> pa.Table:
    members = found["members"].combine_chunks()
    first = members.flatten().take(members.offsets.slice(0, len(members)))
    keys = pa.ListArray.from_arrays(
        members.offsets.cast(pa.int32()), table["key"].combine_chunks().take(members.values)
    )
    start, end = (found[name].combine_chunks() for name in ("start", "end"))
    return pa.table(
        {
            "resource": table["resource"].take(first),
            "group": table["group"].take(first),
            "start_seconds": start.field("seconds"),
            "start_nanos": start.field("nanos"),
            "end_seconds": end.field("seconds"),
            "end_nanos": end.field("nanos"),
            "depth": found["depth"],
            "keys": keys,
        }
    )


def groups_of(found: Found) -> DataFrame:
    """Return a row for each group: when its members are, how many, and the greatest depth.

    The depth of an incremental run is null, since it needs all that is present.
    """
    start = F.struct(F.col("start_seconds").alias("seconds"), F.col("start_nanos").alias("nanos"))
    end = F.struct(F.col("end_seconds").alias("seconds"), F.col("end_nanos").alias("nanos"))
    members = found.members.select(
        "resource",
        "group",
        start.alias("start"),
        end.alias("end"),
        F.lit(None).cast("long").alias("depth"),
    )
    if found.search.sweep.is_incremental:
        return _aggregate_groups(members)
    depths = overlaps_of(found).select(
        "resource",
        "group",
        F.lit(None).cast(members.schema["start"].dataType).alias("start"),
        F.lit(None).cast(members.schema["end"].dataType).alias("end"),
        "depth",
    )
    return _aggregate_groups(members.unionAll(depths))


def _aggregate_groups(rows: DataFrame) -> DataFrame:
    return rows.groupBy("resource", "group").agg(
        F.min("start").alias("start"),
        F.max("end").alias("end"),
        F.count("start").alias("size"),
        F.max("depth").alias("depth"),
    )
