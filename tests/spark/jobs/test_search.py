"""The job finds what the definition does."""

from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from tests.spark.cases import Case, expected_groups, random_cases

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark import find_conflicts

TIME = "struct<seconds: long, nanos: int>"
COLUMNS = {"key": "id", "start": "start", "end": "end", "resource": "rooms"}


def instant(time: int) -> tuple[int, int]:
    return divmod(time, NANOS_PER_SECOND)


def resources_of(cases: list[Case], keys: type) -> tuple[list[tuple], set[tuple], dict[str, int]]:
    """Return rows with a resource for each case, the expected members, and the capacities."""
    rows, members, capacities = [], set(), {}
    for number, case in enumerate(cases):
        room = f"room-{number}"
        capacities[room] = case.capacity
        # Keys in the order of positions, as strings too.
        names = [keys(number * 100 + position + 1_000_000) for position in range(len(case.events))]
        rooms = [room, room] if number % 7 == 0 else [room]
        for name, (start, end) in zip(names, case.events, strict=True):
            rows.append((name, instant(start), instant(end), rooms))
        for first, positions in expected_groups(case).items():
            members |= {(room, names[position], names[first]) for position in positions}
    return rows, members, capacities


def frame(spark: SparkSession, rows: list[tuple], key: str) -> DataFrame:
    Random(4).shuffle(rows)  # noqa: S311 - the same order each time
    return spark.createDataFrame(rows, f"id {key}, start {TIME}, end {TIME}, rooms array<string>")


def members_of(conflicts: Any) -> set[tuple]:
    found = [tuple(row) for row in conflicts.members.collect()]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    ("count", "size", "min_gap", "key"),
    [
        (2_000, 3, "0s", "long"),
        (200, 1, "1s", "string"),
        (200, 2, "0s", "string"),
        (200, 5, "1s", "long"),
        (200, 1_000_000, "0s", "long"),
    ],
)
def test_find_conflicts_equals_definition(
    spark: SparkSession, count: int, size: int, min_gap: str, key: str
) -> None:
    gap = int(min_gap[0]) * NANOS_PER_SECOND
    cases = list(random_cases(count, seed=size, min_gap=gap))
    rows, expected, capacities = resources_of(cases, int if key == "long" else str)
    table = frame(spark, rows, key)

    conflicts = find_conflicts(
        table, **COLUMNS, capacity=capacities, min_gap=min_gap, max_events_per_range=size
    )

    assert members_of(conflicts) == expected
    assert bool(conflicts.plan.ranges) == (size < 1_000_000)
