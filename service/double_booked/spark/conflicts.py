"""What a search returns."""

from dataclasses import dataclass
from typing import Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked.conflicts.validation import MAX_NANOS, MAX_SECONDS
from double_booked.spark.carry import carry_table
from double_booked.spark.events import EventColumns
from double_booked.spark.overlaps import Found, groups_of, overlaps_of, overlaps_with_keys
from double_booked.spark.plan import Plan

Explain = Literal["depth", "members"] | None
"""What `overlaps` has: nothing, how many events are present, or also their keys."""


@dataclass(frozen=True)
class Conflicts:
    """The conflicts of a table. Spark computes each DataFrame when it is used.

    Attributes:
        members: A row for each event of a group: resource, key, group, and the columns that were
            asked for. `group` is the key of the group's first member.
        rejected: The rows that were set aside with their `reason`; None with errors="raise".
        plan: How the search was divided.
    """

    members: DataFrame
    rejected: DataFrame | None
    plan: Plan
    _found: Found
    _written: EventColumns
    _explain: Explain
    _latest_start: int | None

    @property
    def carry(self) -> DataFrame | None:
        """The carry table for the run of the next day; None unless `carry` was given."""
        search = self._found.search
        if self._found.latest is None or not search.sweep.is_incremental:
            return None
        return carry_table(self._found.latest, search.sweep, self._latest_start)

    @property
    def groups(self) -> DataFrame:
        """A row for each group: resource, group, start, end, size and depth.

        They are the start of the first member, the latest end of a member (without the gap), the
        number of members, and how many are present at once at most. An incremental run has them
        for the members that are new, and its depth is null.
        """
        groups = groups_of(self._found)
        start = self._written.start_type.join(groups["start.seconds"], groups["start.nanos"])
        end = self._written.end_type.join(groups["end.seconds"], groups["end.nanos"])
        return groups.select(
            "resource", "group", start.alias("start"), end.alias("end"), "size", "depth"
        )

    @property
    def overlaps(self) -> DataFrame | None:
        """The spans in which more events are present than the capacity; None without explain.

        The columns are resource, group, start, end and depth; with explain="members" also keys,
        those of the events that are present, by start.

        Raises:
            InvalidTableError: With explain="members", the keys are too many.
        """
        if self._explain is None:
            return None
        has_keys = self._explain == "members"
        overlaps = overlaps_with_keys(self._found) if has_keys else overlaps_of(self._found)
        start = self._written.start_type.join(*_clamped("start"))
        end = self._written.end_type.join(*_clamped("end"))
        names = ("depth", "keys") if has_keys else ("depth",)
        return overlaps.select("resource", "group", start.alias("start"), end.alias("end"), *names)

    def close(self) -> None:
        """Free the disks of executors, once the results have been read or written.

        A result that is read later is computed again.
        """
        if self._found.kept is not None:
            self._found.kept.unpersist()


def _clamped(name: str) -> tuple[Column, Column]:
    """Return a time, at most the last instant of the year 9999: a gap can reach beyond it."""
    seconds, nanos = F.col(f"{name}_seconds"), F.col(f"{name}_nanos")
    is_after = seconds > MAX_SECONDS
    return (
        F.when(is_after, F.lit(MAX_SECONDS)).otherwise(seconds),
        F.when(is_after, F.lit(MAX_NANOS)).otherwise(nanos),
    )
