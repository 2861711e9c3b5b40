"""The range of each event, in Spark SQL: look a start up in the cells of a cut."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark.cells import (
    Cut,
    NumberedCut,
    TimeCut,
    count_ranges,
    number_cuts,
)
from double_booked.spark.sweep import NO_RANGE

_CHILDREN = pa.list_(pa.struct([("node", pa.int32()), ("until", pa.int64())]))
_CELLS = pa.schema(
    [
        ("cut", pa.int32()),
        ("low_seconds", pa.int64()),
        ("low_nanos", pa.int32()),
        ("high_seconds", pa.int64()),
        ("per_second", pa.int64()),
        ("width", pa.int64()),
        ("children", _CHILDREN),
    ]
)
_ROOTS = pa.schema([("resource", pa.string()), ("root", pa.int32())])


@dataclass(frozen=True, slots=True)
class LargeResource:
    """A resource with more events than a range holds.

    Attributes:
        resource: The name.
        cut: Its ranges.
        first: The number of its first range.
    """

    resource: str
    cut: Cut
    first: int

    @property
    def ranges(self) -> range:
        """The numbers of its ranges."""
        return range(self.first, self.first + count_ranges(self.cut))


def number_resources(cuts: Mapping[str, Cut]) -> list[LargeResource]:
    """Return the resources in the order of their names, with consecutive ranges."""
    resources: list[LargeResource] = []
    for name in sorted(cuts):
        first = resources[-1].ranges.stop if resources else 0
        resources.append(LargeResource(name, cuts[name], first))
    return resources


def add_range(
    rows: DataFrame, resources: Sequence[LargeResource], key_type: pa.DataType, min_gap: int
) -> DataFrame:
    """Add the columns `range` and `reaches` to the occurrences of events.

    `range` is NO_RANGE if the resource fits a task. `reaches` is false only if the event ends
    before the next range starts.
    """
    last = F.col("end_seconds") + F.lit(min_gap // NANOS_PER_SECOND + 2)
    reaches = F.coalesce(last > F.col("until"), F.lit(False))  # noqa: FBT003 - a literal of SQL
    located = add_node(rows, resources, key_type)
    return located.select(*rows.columns, F.col("node").alias("range"), reaches.alias("reaches"))


def add_node(
    rows: DataFrame, resources: Sequence[LargeResource], key_type: pa.DataType
) -> DataFrame:
    """Add the columns `node`, the range or NO_RANGE, and `until`, as `cells.Child` has them.

    Args:
        rows: They have the columns resource, start_seconds and start_nanos; also key if an instant
            is cut by the key.
        resources: The resources that are cut.
        key_type: The Arrow type of the key.
    """
    roots, cuts = _number_all(resources)
    located = _join_roots(rows, roots).withColumn("until", F.lit(None).cast("long"))
    for table in _level_tables(rows.sparkSession, cuts, key_type):
        located = _descend(located, table)
    return located


def _number_all(resources: Sequence[LargeResource]) -> tuple[dict[str, int], list[NumberedCut]]:
    """Return the number of each resource's root, and all cuts."""
    roots, cuts = dict[str, int](), list[NumberedCut]()
    for resource in resources:
        numbered = number_cuts(resource.cut, resource.first, NO_RANGE - 1 - len(cuts))
        roots[resource.resource] = numbered[0].node
        cuts += numbered
    return roots, cuts


def _join_roots(rows: DataFrame, roots: Mapping[str, int]) -> DataFrame:
    pairs = [{"resource": name, "root": node} for name, node in roots.items()]
    table = to_frame(rows.sparkSession, pairs, _ROOTS)
    node = F.coalesce("root", F.lit(NO_RANGE)).alias("node")
    return rows.join(F.broadcast(table), "resource", "left").select(*rows.columns, node)


def _level_tables(
    spark: SparkSession, cuts: Sequence[NumberedCut], key_type: pa.DataType
) -> list[DataFrame]:
    """Return the cuts of each level by time, and those by key, which have no cuts below them."""
    levels: dict[int, list[dict[str, Any]]] = {}
    for each in cuts:
        if isinstance(each.cut, TimeCut):
            levels.setdefault(each.level, []).append(_cells_row(each, each.cut))
    by_key = [_bounds_row(each) for each in cuts if not isinstance(each.cut, TimeCut)]
    tables = [to_frame(spark, levels[level], _CELLS) for level in sorted(levels)]
    if by_key:
        bounds = [("cut", pa.int32()), ("bounds", pa.list_(key_type)), ("children", _CHILDREN)]
        tables.append(to_frame(spark, by_key, pa.schema(bounds)))
    return tables


def _descend(rows: DataFrame, table: DataFrame) -> DataFrame:
    """Replace the node of each row by its child where the node is a cut of the table."""
    index = _bound_index() if "bounds" in table.columns else _cell_index()
    child = F.get("children", index)
    joined = rows.join(F.broadcast(table), F.col("node") == F.col("cut"), "left")
    kept = [name for name in rows.columns if name not in {"node", "until"}]
    is_cut = F.col("cut").isNotNull()
    return joined.select(
        *kept,
        F.when(is_cut, child["node"]).otherwise(F.col("node")).alias("node"),
        F.when(is_cut, child["until"]).otherwise(F.col("until")).alias("until"),
    )


def _cell_index() -> Column:
    """Return the position of the cell; seconds outside the cells are clamped to fit 64 bits."""
    low, per_second = F.col("low_seconds"), F.col("per_second")
    seconds = F.greatest(low - 1, F.least(F.col("high_seconds"), F.col("start_seconds"))) - low
    in_nanos = seconds * NANOS_PER_SECOND + F.col("start_nanos") - F.col("low_nanos")
    offset = F.when(per_second == 1, seconds).otherwise(in_nanos)
    cell = F.call_function("div", offset, F.col("width")) + 1
    last = F.size("children") - 1
    return F.when(offset < 0, F.lit(0)).otherwise(F.least(last, cell)).cast("int")


def _bound_index() -> Column:
    return F.size(F.filter("bounds", lambda bound: bound <= F.col("key")))


def _cells_row(numbered: NumberedCut, cut: TimeCut) -> dict[str, Any]:
    cells = len(cut.child_of_cell) - 2
    is_whole = cut.low % NANOS_PER_SECOND == cut.width % NANOS_PER_SECOND == 0
    return {
        "cut": numbered.node,
        "low_seconds": cut.low // NANOS_PER_SECOND,
        "low_nanos": cut.low % NANOS_PER_SECOND,
        "high_seconds": (cut.low + cells * cut.width) // NANOS_PER_SECOND + 2,
        "per_second": 1 if is_whole else NANOS_PER_SECOND,
        "width": cut.width // NANOS_PER_SECOND if is_whole else cut.width,
        "children": _children(numbered),
    }


def _bounds_row(numbered: NumberedCut) -> dict[str, Any]:
    bounds = getattr(numbered.cut, "bounds", ())
    return {"cut": numbered.node, "bounds": list(bounds), "children": _children(numbered)}


def _children(numbered: NumberedCut) -> list[dict[str, int | None]]:
    return [{"node": child.node, "until": child.until} for child in numbered.children]


def to_frame(
    spark: SparkSession, rows: Sequence[Mapping[str, Any]], schema: pa.Schema
) -> DataFrame:
    """Return a small table that the driver has made."""
    return spark.createDataFrame(pa.Table.from_pylist(list(rows), schema))
