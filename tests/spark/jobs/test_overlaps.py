"""Overlaps and groups are those of the definition."""

import pytest
from pyspark.sql import SparkSession
from tests.spark.cases import random_cases
from tests.spark.jobs.tables import COLUMNS, Table, instant, rows_of

from double_booked.spark import find_conflicts


@pytest.mark.parametrize(("size", "gap"), [(3, "0s"), (1_000_000, "1s")])
def test_overlaps_equal_definition(spark: SparkSession, size: int, gap: str) -> None:
    table = Table(list(random_cases(100, seed=size, min_gap=int(gap[0]) * 10**9)))

    conflicts = find_conflicts(
        table.frame(spark),
        **COLUMNS,
        capacity=table.capacities,
        min_gap=gap,
        explain="members",
        max_events_per_range=size,
    )

    overlaps = [
        (room, first, instant(overlap.start), instant(overlap.end), overlap.depth, keys)
        for room, first, names, group, _ in table.groups()
        for overlap in group.overlaps
        for keys in [[names[group.members.index(member)] for member in overlap.members]]
    ]
    assert conflicts.overlaps is not None
    found = [
        (room, group, tuple(start), tuple(end), depth, keys)
        for room, group, start, end, depth, keys in conflicts.overlaps.collect()
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, overlaps))


@pytest.mark.parametrize(("size", "gap"), [(3, "0s"), (1_000_000, "1s")])
def test_depths_equal_definition(spark: SparkSession, size: int, gap: str) -> None:
    table = Table(list(random_cases(100, seed=size + 1, min_gap=int(gap[0]) * 10**9)))

    conflicts = find_conflicts(
        table.frame(spark),
        **COLUMNS,
        capacity=table.capacities,
        min_gap=gap,
        explain="depth",
        max_events_per_range=size,
    )

    assert rows_of(conflicts.overlaps) == {
        (room, first, instant(overlap.start), instant(overlap.end), overlap.depth)
        for room, first, _, group, _ in table.groups()
        for overlap in group.overlaps
    }
    assert rows_of(conflicts.groups) == {
        (
            room,
            first,
            instant(case.events[group.members[0]][0]),
            instant(max(case.events[member][1] for member in group.members)),
            len(group.members),
            max(overlap.depth for overlap in group.overlaps),
        )
        for room, first, _, group, case in table.groups()
    }


def test_overlaps_need_explain(spark: SparkSession) -> None:
    table = Table(list(random_cases(1, seed=1)))

    assert find_conflicts(table.frame(spark), **COLUMNS).overlaps is None
