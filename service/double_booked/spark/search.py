"""Find the conflicts of a table with Spark."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pyarrow as pa
from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from pyspark.sql import types as T  # noqa: N812 - its usual name

from double_booked.columns.finding import gap_nanoseconds
from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.conflicts.options import parse_duration
from double_booked.spark.capacities import read_capacities
from double_booked.spark.carry import CARRIED_COLUMNS, add_carried, read_latest_start
from double_booked.spark.cells import Cut, cut
from double_booked.spark.conflicts import Conflicts, Explain
from double_booked.spark.errors import MAX_ROWS, InvalidTableError
from double_booked.spark.events import (
    REASON,
    EventColumns,
    check_columns,
    occurrences,
    read_events,
    rejected_rows,
)
from double_booked.spark.large_resources import sweep_large_resources
from double_booked.spark.overlaps import Found
from double_booked.spark.plan import Counts, divide_tasks, make_plan
from double_booked.spark.sample import sample_share, starts_by, take_sample
from double_booked.spark.sweep import LATEST, MEMBER, TIMES, Sweep
from double_booked.spark.sweeping import MEMBER_COLUMNS, Search, keep, sweep_in_tasks

_ROWS_IN_MESSAGE = 5


def find_conflicts(
    df: DataFrame,
    *,
    key: str,
    start: str,
    end: str,
    resource: str | None = None,
    capacity: int | Mapping[str, int] | DataFrame = 1,
    min_gap: str | timedelta = "0s",
    explain: Explain = None,
    columns: Sequence[str] = (),
    max_events_per_range: int = 2_000_000,
    work_dir: str | None = None,
    errors: Literal["raise", "split"] = "raise",
    unit: str = "ns",
    zone: str | None = None,
    carry: DataFrame | Literal["first"] | None = None,
) -> Conflicts:
    """Find the events that conflict, as `conflicts/definition.py` defines it.

    Args:
        df: The events. It must have the same rows whenever it is read.
        key: The column that identifies an event, of any ordered type. Ties in the start are
            in the order of the key.
        start: The column of starts: TIMESTAMP, TIMESTAMP_NTZ, an integer, or a struct of seconds
            and nanos.
        end: The column of ends, which the events do not contain.
        resource: The column of resources, a string or an array of strings; an event without one
            occupies the unnamed resource "".
        capacity: How many events may be present at once: a number for all resources, a mapping by
            resource (1 for others), or a DataFrame with the columns resource and capacity.
        min_gap: How long an event occupies its resources after its end, like "15m".
        explain: "depth" for the overlaps, "members" for the overlaps with the keys of their events.
        columns: Columns of `df` to add to the members.
        max_events_per_range: How many events a task may sweep together. A resource with more is
            cut into ranges.
        work_dir: A directory for the answer of the sweep of large resources, which survives the
            loss of executors; by default it is kept on their disks.
        errors: What to do with a row whose key or time is null or whose times are invalid:
            "raise", or "split" it off.
        unit: The unit of integers: "s", "ms", "us" or "ns".
        zone: The time zone of TIMESTAMP_NTZ, by its name in the IANA database.
        carry: The carry table of the run before, if `df` has only the events that start after all
            of its events; "first" for the first of such runs.

    Raises:
        InvalidTableError: An option, a column or a row is invalid.
        ChangedInputError: `df` has changed between two reads.
    """
    _check_frame(df, "the table")
    written = check_columns(
        df, key=key, start=start, end=end, resource=resource, unit=unit, zone=zone
    )
    _check_options(df, columns, max_events_per_range, errors)
    _check_explain(explain, is_incremental=carry is not None)
    sweep = Sweep(
        read_capacities(capacity), _nanoseconds(min_gap), is_incremental=carry is not None
    )
    earlier, latest_start = _read_carry(carry, df.schema[key].dataType, sweep)
    written = replace(written, after=latest_start)
    events = read_events(df, written)
    sample, counts = _sample(events, max_events_per_range)
    if counts.rejected and errors == "raise":
        raise _invalid_rows(df, written, counts)
    search = Search(
        occurrences(events),
        sample.schema.field("key").type,
        sweep,
        max_events_per_range,
        work_dir,
        earlier,
    )
    found = _sweep(search, _cut_resources(sample, counts, max_events_per_range), counts)
    return Conflicts(
        _add_columns(found, df, key, columns),
        rejected_rows(df, written) if errors == "split" else None,
        make_plan(counts, found.resources, found.tasks),
        found,
        written,
        explain,
        counts.latest_start if counts.latest_start is not None else written.after,
    )


def _check_frame(table: object, what: str) -> None:
    if isinstance(table, DataFrame):
        return
    found = f"{type(table).__module__}.{type(table).__qualname__}"
    raise InvalidTableError(
        f"{what} is a {found}; use a DataFrame of Spark, such as spark.createDataFrame returns."
    )


def _check_options(
    df: DataFrame, columns: Sequence[str], max_events_per_range: int, errors: str
) -> None:
    if errors not in {"raise", "split"}:
        raise InvalidTableError(f"errors is {errors!r}; use 'raise' or 'split'.")
    if errors == "split" and REASON in df.columns:
        raise InvalidTableError(f"the table has a column {REASON!r}; rename it to split rows off.")
    if max_events_per_range < 1:
        raise InvalidTableError(f"max_events_per_range is {max_events_per_range}; use at least 1.")
    if isinstance(columns, str):
        raise InvalidTableError(f"columns is {columns!r}; use a list of column names.")
    for name in columns:
        if name not in df.columns:
            raise InvalidTableError(f"columns: the table has no column {name!r}.")
        if name in MEMBER_COLUMNS:
            raise InvalidTableError(f"columns: members have a column {name!r} already; rename it.")


def _read_carry(
    carry: DataFrame | Literal["first"] | None, key_type: T.DataType, sweep: Sweep
) -> tuple[DataFrame | None, int | None]:
    """Return the carried events, and the latest start of earlier runs; None if there is none."""
    if isinstance(carry, str) and carry != "first":
        raise InvalidTableError(f"carry is {carry!r}; use a carry table, 'first' or None.")
    if carry is None or isinstance(carry, str):
        return None, None
    _check_frame(carry, "carry")
    latest_start = read_latest_start(carry, key_type, sweep)
    return carry.where(F.col("key").isNotNull()), latest_start


def _check_explain(explain: Explain, *, is_incremental: bool) -> None:
    if explain not in {None, "depth", "members"}:
        raise InvalidTableError(f"explain is {explain!r}; use None, 'depth' or 'members'.")
    if explain is not None and is_incremental:
        raise InvalidTableError(
            "explain needs all events that are present, and a carry table has only some of them. "
            "Run without carry, over all days of interest."
        )


def _nanoseconds(min_gap: object) -> int:
    """Return a gap in nanoseconds.

    Raises:
        InvalidTableError: It is no duration, negative, or longer than 9999 years.
    """
    try:
        if isinstance(min_gap, timedelta):
            return gap_nanoseconds(min_gap)
        if isinstance(min_gap, str):
            return gap_nanoseconds(parse_duration(min_gap) * NANOS_PER_SECOND)
    except ValueError as error:
        raise InvalidTableError(f"min_gap: {error}") from None
    raise InvalidTableError(f"min_gap is {min_gap!r}; use a text like '15m', or a timedelta.")


def _sample(events: DataFrame, size: int) -> tuple[pa.Table, Counts]:
    """Return some occurrences, and the counts of the table, in one scan."""
    valid_resources = F.when(F.col(REASON).isNull(), F.size("resources"))
    start = F.when(F.col(REASON).isNull(), F.struct("start_seconds", "start_nanos"))
    observation = Observation()
    observed = events.observe(
        observation,
        F.count(F.lit(1)).alias("rows"),
        F.count(REASON).alias("rejected"),
        F.coalesce(F.sum(valid_resources), F.lit(0)).alias("occurrences"),
        F.max(start["start_seconds"]).alias("seconds"),
        F.max_by(start["start_nanos"], start).alias("nanos"),
    )
    rows = occurrences(observed).select("resource", "start_seconds", "start_nanos", "key")
    sample = take_sample(rows, size, seed=1)
    found = observation.get
    seconds, nanos = found.pop("seconds"), found.pop("nanos")
    latest_start = None if seconds is None else seconds * NANOS_PER_SECOND + nanos
    return sample, Counts(**found, latest_start=latest_start)


def _invalid_rows(df: DataFrame, written: EventColumns, counts: Counts) -> InvalidTableError:
    found = rejected_rows(df, written).select(written.key, REASON).limit(MAX_ROWS).collect()
    rows = tuple((row[0], row[1]) for row in found)
    listed = "; ".join(f"key {key!r}: {reason}" for key, reason in rows[:_ROWS_IN_MESSAGE])
    return InvalidTableError(
        f"{counts.rejected} of {counts.rows} rows are invalid: {listed}"
        f"{'; ...' if counts.rejected > _ROWS_IN_MESSAGE else ''}. "
        "Correct them, or set them aside with errors='split'.",
        rows,
        counts.rejected,
    )


def _cut_resources(sample: pa.Table, counts: Counts, size: int) -> dict[str, Cut]:
    """Return the cuts of the resources with more events than a range holds."""
    if counts.occurrences <= size:
        return {}
    share = sample_share(size)
    return {
        resource: cut(starts, share)
        for resource, starts in starts_by(sample, "resource").items()
        if len(starts) > share
    }


def _sweep(search: Search, cuts: dict[str, Cut], counts: Counts) -> Found:
    parallelism = search.occurrences.sparkSession.sparkContext.defaultParallelism
    if cuts:
        return sweep_large_resources(search, cuts, counts, parallelism)
    tasks = divide_tasks(counts.occurrences, 0, search.size, parallelism)
    if not search.sweep.is_incremental:
        swept = sweep_in_tasks(search, search.occurrences, tasks)
        return Found(swept.select(*MEMBER_COLUMNS, *TIMES), search, [], tasks)
    rows = add_carried(search.occurrences, search.carry, ())
    swept = keep(sweep_in_tasks(search, rows, tasks), search.work_dir)
    of_kind = {kind: swept.where(F.col("kind") == kind) for kind in (MEMBER, LATEST)}
    members = of_kind[MEMBER].select(*MEMBER_COLUMNS, *TIMES)
    return Found(members, search, [], tasks, of_kind[LATEST].select(*CARRIED_COLUMNS), swept)


def _add_columns(found: Found, df: DataFrame, key: str, columns: Sequence[str]) -> DataFrame:
    """Return the members with columns of the table, null for events of earlier runs."""
    members = found.members.select(*MEMBER_COLUMNS)
    if not columns:
        return members
    added = df.select(F.col(key).alias("key"), *columns)
    how = "inner" if found.search.carry is None else "left"
    return members.join(added, "key", how).select(*MEMBER_COLUMNS, *columns)
