"""What a search returns."""

from dataclasses import dataclass

from pyspark.sql import DataFrame

from double_booked.spark.plan import Plan


@dataclass(frozen=True, slots=True)
class Conflicts:
    """The conflicts of a table.

    Attributes:
        members: A row for each event of a group: resource, key, group, and the columns that were
            asked for. `group` is the key of the group's first member.
        rejected: The rows that were set aside with their `reason`; None with errors="raise".
        plan: How the search was divided.
    """

    members: DataFrame
    rejected: DataFrame | None
    plan: Plan
