"""What a run of one day leaves to the run of the next: the carry table.

Of the events that are present at the latest start, it has the `capacity` ones of each resource that
end latest, and the group of those that are members. Later events can conflict with nothing else
(lemmas 1 and 2 of `ranges`), so a day costs only its own events. They start later: with an equal
start, the first member of a group could come after the group has its name.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from pyspark.sql import types as T  # noqa: N812 - its usual name

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark import ranges
from double_booked.spark.capacities import Capacities
from double_booked.spark.errors import InvalidTableError
from double_booked.spark.events import padded_end
from double_booked.spark.range_columns import to_frame
from double_booked.spark.ranges import Carried, Key, State
from double_booked.spark.sweep import TIMES, Sweep

CARRIED_COLUMNS = ("resource", "key", "group", *TIMES)
"""The columns of the carry table that have an event."""

_OF_RUN = ("latest_seconds", "latest_nanos", "min_gap")
"""Its columns that are the same in each row: the latest start, and the gap in nanoseconds."""

_CAPACITIES = pa.schema([("resource", pa.string()), ("capacity", pa.int64())])


def read_latest_start(carry: DataFrame, key_type: T.DataType, sweep: Sweep) -> int | None:
    """Return the latest start of earlier runs, in nanoseconds since 1970; None without an event.

    Args:
        carry: The carry table of the run before.
        key_type: The type of the key in this run.
        sweep: The capacities and the gap of this run.

    Raises:
        InvalidTableError: `carry` is no carry table of one run, or that run had other options.
    """
    _check_columns(carry, key_type.simpleString())
    runs = carry.select("latest_seconds", "latest_nanos", "min_gap").distinct().limit(2).collect()
    if len(runs) != 1:
        has = "is of several runs" if runs else "has no rows"
        raise InvalidTableError(f"carry {has}; use the `carry` of the last run, alone.")
    seconds, nanos, min_gap = runs[0]
    if min_gap != sweep.min_gap:
        raise InvalidTableError(
            f"carry is of a run with a min_gap of {min_gap} ns, and this run has {sweep.min_gap} "
            "ns. Use the same, or run over all days."
        )
    _check_capacities(carry, sweep.capacities)
    return None if seconds is None else seconds * NANOS_PER_SECOND + nanos


def _check_columns(carry: DataFrame, key_type: str) -> None:
    found = {field.name: field.dataType.simpleString() for field in carry.schema}
    for name, expected in _types(key_type).items():
        if name not in found:
            raise InvalidTableError(f"carry has no column {name!r}; use the `carry` of a run.")
        if found[name] != expected:
            raise InvalidTableError(
                f"the column {name!r} of carry has {found[name]}, and this run has {expected}. Use "
                "the type of the run before."
            )


def _check_capacities(carry: DataFrame, capacities: Capacities) -> None:
    before = carry.select("resource", F.col("capacity").alias("before"))
    changed = _add_capacity(before, capacities).where(F.col("before") != F.col("capacity"))
    for resource, had, has in changed.select("resource", "before", "capacity").limit(1).collect():
        raise InvalidTableError(
            f"resource {resource!r} had the capacity {had} in the run before, and has {has} in "
            "this one. Use the same, or run over all days."
        )


def add_carried(rows: DataFrame, carry: DataFrame | None, cut: Collection[str]) -> DataFrame:
    """Return occurrences with the events of earlier runs, and the columns `earlier` and `prior`.

    Args:
        rows: The occurrences of this run, with a column `range` if resources are cut.
        carry: The carry table; None in the first run.
        cut: The resources that are cut: the driver reads their carried events.
    """
    group_type = rows.schema["key"].dataType
    is_earlier, is_not = F.lit(True), F.lit(False)  # noqa: FBT003 - literals of SQL
    rows = rows.withColumns({"earlier": is_not, "prior": F.lit(None).cast(group_type)})
    if carry is None:
        return rows
    added = carry.where(~F.col("resource").isin(*cut)) if cut else carry
    added = added.withColumns({"earlier": is_earlier, "prior": F.col("group")})
    if "range" in rows.columns:
        added = added.withColumn("range", F.lit(-1))
    return rows.unionByName(added.select(*rows.columns))


def collect_states(carry: DataFrame | None, cut: Collection[str], min_gap: int) -> dict[str, State]:
    """Return what is carried into this run, for the resources that are cut."""
    states: dict[str, list[Carried]] = {}
    if carry is None or not cut:
        return {}
    for row in carry.where(F.col("resource").isin(*cut)).toArrow().to_pylist():
        states.setdefault(row["resource"], []).append(carried_event(row, min_gap))
    return {resource: tuple(events) for resource, events in states.items()}


def carried_event(row: Mapping[str, Any], min_gap: int) -> Carried:
    """Return the event of a row with times and, if it is a member, its group."""
    start, end = instant_of(row, "start"), instant_of(row, "end")
    return ranges.carry_event(start, end, row["key"], min_gap, row.get("group"))


def instant_of(row: Mapping[str, Any], name: str) -> int:
    """Return a time of a row, in nanoseconds since 1970."""
    return int(row[f"{name}_seconds"]) * NANOS_PER_SECOND + int(row[f"{name}_nanos"])


def event_row(resource: str, group: Key | None, event: Carried) -> dict[str, Any]:
    """Return a row with `CARRIED_COLUMNS`."""
    start, end = divmod(event.start, NANOS_PER_SECOND), divmod(event.end, NANOS_PER_SECOND)
    times = dict(zip(TIMES, (*start, *end), strict=True))
    return {"resource": resource, "key": event.key, "group": group, **times}


def event_frame(like: DataFrame, rows: list[dict[str, Any]], key_type: pa.DataType) -> DataFrame:
    """Return rows of `event_row` as a DataFrame."""
    times = [(name, pa.int64() if name.endswith("seconds") else pa.int32()) for name in TIMES]
    schema = pa.schema([("resource", pa.string()), ("key", key_type), ("group", key_type), *times])
    return to_frame(like.sparkSession, rows, schema)


def carry_table(events: DataFrame, sweep: Sweep, latest_start: int | None) -> DataFrame:
    """Return the carry table of a run.

    An event that ends by the latest start meets no later one, so it is left out. A row without an
    event is always there.

    Args:
        events: The events that end latest, with `CARRIED_COLUMNS`.
        sweep: The capacities and the gap of the run.
        latest_start: That of this run and of earlier ones, in nanoseconds since 1970; None without
            an event.
    """
    types = _types(events.schema["key"].dataType.simpleString())
    time = (None, None) if latest_start is None else divmod(latest_start, NANOS_PER_SECOND)
    values = dict(zip(_OF_RUN, (*time, sweep.min_gap), strict=True))
    of_run = {name: F.lit(value).cast(types[name]) for name, value in values.items()}
    no_event = {name: F.lit(None).cast(kind) for name, kind in types.items()}
    mark = events.sparkSession.range(1).select(
        *(column.alias(name) for name, column in (no_event | of_run).items())
    )
    present = F.struct(*padded_end(sweep.min_gap)) > F.struct(*list(of_run.values())[:2])
    rows = _add_capacity(events.where(present), sweep.capacities).withColumns(of_run)
    return rows.select(*types).unionAll(mark)


def _types(key_type: str) -> dict[str, str]:
    """Return the columns of a carry table with their types."""
    times = {name: "bigint" if name.endswith("seconds") else "int" for name in TIMES}
    events = {"resource": "string", "key": key_type, "group": key_type, **times}
    of_run = zip(_OF_RUN, ("bigint", "int", "bigint"), strict=True)
    return {**events, "capacity": "bigint", **dict(of_run)}


def _add_capacity(rows: DataFrame, capacities: Capacities) -> DataFrame:
    default = F.lit(capacities.default).cast("long")
    if not capacities.by_resource:
        return rows.withColumn("capacity", default)
    pairs = [{"resource": name, "capacity": own} for name, own in capacities.by_resource.items()]
    table = to_frame(rows.sparkSession, pairs, _CAPACITIES)
    joined = rows.join(F.broadcast(table), "resource", "left")
    return joined.withColumn("capacity", F.coalesce("capacity", default))
