"""What a run of one day leaves to the run of the next: the carry table.

It has the `capacity` events of each resource that end latest, and the group of those that are
members. Later events can conflict with nothing else (lemmas 1 and 2 of `ranges`), so a day costs
only its own events.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark import ranges
from double_booked.spark.errors import InvalidTableError
from double_booked.spark.range_columns import to_frame
from double_booked.spark.ranges import Carried, Key, State
from double_booked.spark.sweep import TIMES

CARRIED_COLUMNS = ("resource", "key", "group", *TIMES)
"""The columns of the carry table, before the latest start."""

_LATEST = ("latest_seconds", "latest_nanos")


def check_order(occurrences: DataFrame, carry: DataFrame) -> None:
    """Raise if an event does not start after all events of earlier runs.

    Raises:
        InvalidTableError: The table has a late event, or `carry` is no carry table.
    """
    missing = {*CARRIED_COLUMNS, *_LATEST} - set(carry.columns)
    if missing:
        raise InvalidTableError(f"carry has no column {min(missing)!r}; use the `carry` of a run.")
    first = occurrences.agg(F.min(F.struct("start_seconds", "start_nanos"))).collect()[0][0]
    latest = carry.agg(F.max(F.struct(*_LATEST))).collect()[0][0]
    if first is not None and latest is not None and tuple(first) <= tuple(latest):
        raise InvalidTableError(
            f"an event starts {first[0]} s after 1970, which is not after the latest start of "
            f"earlier runs ({latest[0]} s). Run again from the day of that event."
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


def carry_table(events: DataFrame, occurrences: DataFrame, earlier: DataFrame | None) -> DataFrame:
    """Return the carry table of a run.

    Args:
        events: The events that end latest, with `CARRIED_COLUMNS`.
        occurrences: The occurrences of this run.
        earlier: The carry table of the run before.
    """
    latest = occurrences.agg(F.max(F.struct("start_seconds", "start_nanos"))).collect()[0][0]
    if latest is None and earlier is not None:
        latest = earlier.agg(F.max(F.struct(*_LATEST))).collect()[0][0]
    seconds, nanos = latest or (None, None)
    columns = {
        _LATEST[0]: F.lit(seconds).cast("long"),
        _LATEST[1]: F.lit(nanos).cast("int"),
    }
    return events.select(*CARRIED_COLUMNS).withColumns(columns)
