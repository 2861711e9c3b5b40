"""The search when a resource has more events than a task may hold: scan, sweep, resolve.

The scan finds which ends each range carries into later ones, the sweep finds the groups of each
range, and the driver resolves which groups of neighbouring ranges are one (see `ranges`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyspark
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked.spark import ranges
from double_booked.spark.carry import (
    CARRIED_COLUMNS,
    add_carried,
    carried_event,
    collect_states,
    event_frame,
    event_row,
    instant_of,
)
from double_booked.spark.cells import Cut, cut, replace_ranges
from double_booked.spark.errors import ChangedInputError, InvalidTableError
from double_booked.spark.events import padded_end
from double_booked.spark.overlaps import Found
from double_booked.spark.plan import Counts, divide_tasks
from double_booked.spark.range_columns import (
    LargeResource,
    add_range,
    number_resources,
    to_frame,
)
from double_booked.spark.ranges import Carried, ResolvedRange, State, SweptRange
from double_booked.spark.sample import sample_share, starts_by, take_sample
from double_booked.spark.sweep import LATEST, MEMBER, NO_RANGE, SUMMARY, TIMES
from double_booked.spark.sweeping import MEMBER_COLUMNS, Search, keep, sweep_in_tasks

MAX_RECUTS = 3
"""How often ranges that turn out too large are cut again."""

_K_LATEST_SINCE = (4, 2)  # the Spark that has max_by with a number of values


@dataclass(frozen=True, slots=True)
class RangeScan:
    """What the scan found in a range: its events, and those that end latest."""

    events: int
    latest: State


@dataclass(frozen=True, slots=True)
class RangeReport:
    """What the sweep of a range reported."""

    events: int
    swept: SweptRange


def sweep_large_resources(
    search: Search, cuts: Mapping[str, Cut], counts: Counts, parallelism: int
) -> Found:
    """Return the members with their times.

    Raises:
        ChangedInputError: The sweep had other events than the scan before it.
        InvalidTableError: Two events of a resource have the same key.
    """
    resources, rows, scans = _scan(search, cuts)
    _check_keys(rows, search.carry)
    tasks = divide_tasks(counts.occurrences, len(scans), search.size, parallelism)
    before = collect_states(search.carry, set(cuts), search.sweep.min_gap)
    sweep = replace(search.sweep, carried=dict(_carry_ends(search, resources, scans, before)))
    if sweep.is_incremental:
        rows = add_carried(rows, search.carry, set(cuts))
    swept = keep(sweep_in_tasks(replace(search, sweep=sweep), rows, tasks), search.work_dir)
    is_of_range = (F.col("kind") != MEMBER) & (F.col("range") != NO_RANGE)
    reports = _read_reports(swept.where(is_of_range).toArrow(), sweep.min_gap)
    _check_counts(scans, reports)
    resolved = list(_resolve(search, resources, reports, before))
    members = _name_members(swept.where(F.col("kind") == MEMBER), resolved, search)
    states = before | {resource: result.carried for resource, _, result in resolved}
    return Found(members, search, resources, tasks, _latest_events(swept, states, search), swept)


def _latest_events(swept: DataFrame, states: Mapping[str, State], search: Search) -> DataFrame:
    """Return the events that later runs may have to know."""
    is_light = (F.col("kind") == LATEST) & (F.col("range") == NO_RANGE)
    rows = [
        event_row(resource, event.group, event)
        for resource, state in states.items()
        for event in state
    ]
    added = event_frame(swept, rows, search.key_type)
    return swept.where(is_light).select(*CARRIED_COLUMNS).unionAll(added)


def _scan(
    search: Search, cuts: Mapping[str, Cut]
) -> tuple[list[LargeResource], DataFrame, dict[int, RangeScan]]:
    """Return the resources, the occurrences with ranges, and a scan of each range.

    A range with more than twice the events that it should hold is cut again.
    """
    resources, rows, scans = _scan_cuts(search, cuts)
    for attempt in range(MAX_RECUTS):
        large = [number for number, scan in scans.items() if scan.events > 2 * search.size]
        if not large:
            break
        again = _cut_again(search, resources, rows.where(F.col("range").isin(large)), attempt)
        resources, rows, scans = _scan_cuts(search, again)
    return resources, rows.drop("reaches"), scans


def _scan_cuts(
    search: Search, cuts: Mapping[str, Cut]
) -> tuple[list[LargeResource], DataFrame, dict[int, RangeScan]]:
    resources = number_resources(cuts)
    rows = add_range(search.occurrences, resources, search.key_type, search.sweep.min_gap)
    return resources, rows, _scan_ranges(search, resources, rows)


def _cut_again(
    search: Search, resources: Sequence[LargeResource], rows: DataFrame, attempt: int
) -> dict[str, Cut]:
    """Return the cuts of the resources with the ranges of some rows cut again."""
    sample = take_sample(
        rows.select("range", "start_seconds", "start_nanos", "key"), search.size, seed=2 + attempt
    )
    share = sample_share(search.size)
    again = {number: cut(starts, share) for number, starts in starts_by(sample, "range").items()}
    return {each.resource: replace_ranges(each.cut, each.first, again) for each in resources}


def _scan_ranges(
    search: Search, resources: Sequence[LargeResource], rows: DataFrame
) -> dict[int, RangeScan]:
    """Count the events of each range, and collect those that a later range may have to know."""
    capacity = max(search.sweep.capacities.of(each.resource) for each in resources)
    seconds, nanos = padded_end(search.sweep.min_gap)
    order = F.struct(
        seconds.alias("until_seconds"), nanos.alias("until_nanos"), *TIMES[:2], "key", *TIMES[2:]
    )
    has_k = tuple(map(int, pyspark.__version__.split(".")[:2])) >= _K_LATEST_SINCE
    scanned = (
        rows.where(F.col("range") >= 0)
        .groupBy("range")
        .agg(
            F.count(F.lit(1)).alias("events"),
            k_latest(F.when(F.col("reaches"), order), capacity, has_k=has_k).alias("latest"),
        )
        .toArrow()
    )
    return {
        row["range"]: RangeScan(
            row["events"],
            tuple(carried_event(event, search.sweep.min_gap) for event in row["latest"] or ()),
        )
        for row in scanned.to_pylist()
    }


def k_latest(order: Column, k: int, *, has_k: bool) -> Column:
    """Return the aggregate of the `k` largest values; nulls do not count.

    Args:
        order: The values.
        k: At least 1.
        has_k: Whether Spark's max_by takes `k`. Without it, a task collects all the values.
    """
    if has_k:
        return F.max_by(order, order, k)
    return F.slice(F.sort_array(F.collect_list(order), asc=False), 1, k)


def _carry_ends(
    search: Search,
    resources: Sequence[LargeResource],
    scans: Mapping[int, RangeScan],
    before: Mapping[str, State],
) -> Iterator[tuple[int, State]]:
    """Yield each range with the events that are carried into it."""
    for each in resources:
        capacity = search.sweep.capacities.of(each.resource)
        numbers = [number for number in each.ranges if number in scans]
        by_range = [scans[number].latest for number in numbers]
        carried = ranges.carry_ends(before.get(each.resource, ()), by_range, capacity)
        yield from zip(numbers, carried, strict=True)


def _read_reports(rows: pa.Table, min_gap: int) -> dict[int, RangeReport]:
    """Return the report of each range."""
    latest: dict[int, list[Carried]] = {}
    summaries = []
    for row in rows.to_pylist():
        if row["kind"] == SUMMARY:
            summaries.append(row)
        else:
            latest.setdefault(row["range"], []).append(carried_event(row, min_gap))
    return {row["range"]: _report(row, latest[row["range"]]) for row in summaries}


def _report(summary: Mapping[str, Any], latest: Sequence[Carried]) -> RangeReport:
    if summary["start_seconds"] is None:
        return RangeReport(summary["events"], SweptRange(tuple(latest)))
    first_member = (instant_of(summary, "start"), summary["key"])
    return RangeReport(
        summary["events"], SweptRange(tuple(latest), instant_of(summary, "end"), first_member)
    )


def _check_counts(scans: Mapping[int, RangeScan], reports: Mapping[int, RangeReport]) -> None:
    for number in scans.keys() | reports.keys():
        before = scans[number].events if number in scans else 0
        after = reports[number].events if number in reports else 0
        if before != after:
            raise ChangedInputError(
                f"range {number} had {before} events in the first scan and {after} in the second. "
                "Read a snapshot of the table, and no rand() or current_timestamp()."
            )


def _check_keys(rows: DataFrame, carry: DataFrame | None) -> None:
    """Raise if two events of a large resource have the same key; one of them may be carried.

    Raises:
        InvalidTableError: Names the resource and the key.
    """
    keys = rows.where(F.col("range") >= 0).select("resource", "key")
    if carry is not None:  # each event once, so another resource's add nothing
        keys = keys.unionAll(carry.select("resource", "key"))
    counted = keys.groupBy("resource", "key").count()
    twice = counted.where(F.col("count") > 1).limit(1).collect()
    for resource, key, count in twice:
        raise InvalidTableError(
            f"{count} events of resource {resource!r} have the key {key!r}; a key must be unique."
        )


def _resolve(
    search: Search,
    resources: Sequence[LargeResource],
    reports: Mapping[int, RangeReport],
    before: Mapping[str, State],
) -> Iterator[tuple[str, int, ResolvedRange]]:
    """Yield the resource, the number and what its first group is, for each range."""
    for each in resources:
        capacity = search.sweep.capacities.of(each.resource)
        numbers = [number for number in each.ranges if number in reports]
        swept = [reports[number].swept for number in numbers]
        resolved = ranges.resolve(before.get(each.resource, ()), swept, capacity)
        for number, result in zip(numbers, resolved, strict=True):
            yield each.resource, number, result


def _name_members(
    members: DataFrame, resolved: Sequence[tuple[str, int, ResolvedRange]], search: Search
) -> DataFrame:
    """Return the members with the names of their groups, and the carried ones that joined."""
    spark, key_type = members.sparkSession, search.key_type
    names = [
        {"range": number, "name": result.group}
        for _, number, result in resolved
        if result.group is not None
    ]
    joined = [
        event_row(resource, result.group, event)
        for resource, _, result in resolved
        for event in result.joined
    ]
    table = to_frame(spark, names, pa.schema([("range", pa.int32()), ("name", key_type)]))
    group = F.when(F.col("is_first"), F.col("name")).otherwise(F.col("group"))
    named = members.join(F.broadcast(table), "range", "left").withColumn("group", group)
    added = event_frame(members, joined, key_type)
    columns = (*MEMBER_COLUMNS, *TIMES)
    return named.select(*columns).unionAll(added.select(*columns))
