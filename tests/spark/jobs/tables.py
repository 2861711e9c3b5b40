"""Tables of random cases, and what the definition finds in them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from tests.spark.cases import Case, find_case_groups

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND

TIME = "struct<seconds: long, nanos: int>"
COLUMNS: dict[str, Any] = {"key": "id", "start": "start", "end": "end", "resource": "rooms"}


@dataclass(frozen=True, slots=True)
class Table:
    """A resource for each case, which has its capacity."""

    cases: list[Case]
    name: Callable[[int], Any] = int

    def key(self, number: int, position: int) -> Any:
        """Return the key of an event; keys are in the order of positions, as strings too."""
        return self.name(number * 100 + position + 1_000_000)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the events in a random order; some name their resource twice."""
        rows = [
            (self.key(number, position), instant(start), instant(end), rooms(number, position))
            for number, case in enumerate(self.cases)
            for position, (start, end) in enumerate(case.events)
        ]
        Random(4).shuffle(rows)  # noqa: S311 - the same order each time
        return rows

    def frame(self, spark: SparkSession) -> DataFrame:
        """Return the events as a DataFrame."""
        key = "long" if self.name is int else "string"
        schema = f"id {key}, start {TIME}, end {TIME}, rooms array<string>"
        return spark.createDataFrame(self.rows(), schema)

    @property
    def capacities(self) -> dict[str, int]:
        """The capacity of each resource."""
        return {f"room-{number}": case.capacity for number, case in enumerate(self.cases)}

    def groups(self) -> Iterator[tuple[str, Any, list[Any], Group, Case]]:
        """Yield resource, first key, keys of members, group and case, by the definition."""
        for number, case in enumerate(self.cases):
            for group in find_case_groups(case):
                keys = [self.key(number, position) for position in group.members]
                yield f"room-{number}", keys[0], keys, group, case

    def members(self) -> set[tuple[Any, ...]]:
        """Return what `Conflicts.members` must have."""
        return {(room, key, first) for room, first, keys, *_ in self.groups() for key in keys}


def instant(time: int) -> tuple[int, int]:
    """Return seconds and nanoseconds; a gap can reach beyond the last instant."""
    return divmod(min(time, LAST_INSTANT), NANOS_PER_SECOND)


def rooms(number: int, position: int) -> list[str]:
    return [f"room-{number}"] * (1 + (number + position) % 2)


def rows_of(frame: DataFrame | None) -> set[tuple[Any, ...]]:
    """Return the rows of a DataFrame, which has each once."""
    assert frame is not None
    found = [tuple(row) for row in frame.collect()]
    assert len(found) == len(set(found))
    return set(found)
