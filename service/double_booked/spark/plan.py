"""How a search is divided into tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

from double_booked.spark.range_columns import LargeResource

MIN_EVENTS_PER_TASK = 20_000
"""Starting a task costs about as much as sweeping this many events."""

TASKS_OF_LARGE_RESOURCES = 4_000
"""The maximum number of tasks for ranges; with more ranges, a task sweeps several."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search found about its input, for logs.

    Attributes:
        events: The number of events.
        rejected: The number of rows that were set aside.
        occurrences: The number of events of all resources: an event counts for each of its own.
        large_resources: The resources that were cut into ranges, with the number of ranges.
        ranges: The number of all ranges.
        tasks: The number of tasks of the sweep.
    """

    events: int
    rejected: int
    occurrences: int
    large_resources: dict[str, int]
    ranges: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What the first scan found.

    Attributes:
        rows: The number of rows of the table.
        rejected: The number of those that are invalid.
        occurrences: The number of events of all resources.
        latest_start: In nanoseconds since 1970; None without a valid event.
    """

    rows: int
    rejected: int
    occurrences: int
    latest_start: int | None


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of a sweep: first those of ranges, then those of resources that fit a task."""

    of_ranges: int
    of_resources: int

    @property
    def count(self) -> int:
        """The number of all tasks."""
        return self.of_ranges + self.of_resources


def divide_tasks(occurrences: int, ranges: int, size: int, parallelism: int) -> Tasks:
    """Return how many tasks to use.

    Args:
        occurrences: The number of events of all resources.
        ranges: The number of ranges of large resources.
        size: The number of events that a task should hold at most.
        parallelism: How many tasks can run at once.
    """
    useful = -(-occurrences // MIN_EVENTS_PER_TASK)
    # Resources are dealt by a hash, so tasks are uneven: half of `size` on average.
    of_resources = max(-(-2 * occurrences // size), parallelism)
    of_ranges = min(ranges, TASKS_OF_LARGE_RESOURCES, max(useful, parallelism))
    return Tasks(of_ranges, max(1, min(of_resources, max(useful, 1))))


def make_plan(counts: Counts, resources: Sequence[LargeResource], tasks: Tasks) -> Plan:
    """Return the plan of a sweep of large resources and others."""
    large = {each.resource: len(each.ranges) for each in resources}
    return Plan(
        counts.rows - counts.rejected,
        counts.rejected,
        counts.occurrences,
        large,
        sum(large.values()),
        tasks.count,
    )
