"""`double-booked-spark`: which events of a table conflict, with Apache Spark.

Runs by itself, with `python -m double_booked.commands.spark`, and under spark-submit.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import structlog

from double_booked.commands import params
from double_booked.commands.errors import Failure
from double_booked.commands.group import GuardedCommand
from double_booked.runtime import logs
from double_booked.spark.errors import ChangedInputError, InvalidTableError
from double_booked.spark.tables import Table, parse_table, read_table, write_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from double_booked.spark import Conflicts

NO_CONFLICT = 0
CONFLICTS = 1


@dataclass(frozen=True, slots=True)
class Job:
    """A search from table to table.

    Attributes:
        source: The table of events.
        output: Where the parts of the answer go.
        capacity_table: The table of capacities; None if `options` has them.
        carry: The carry table of the run before; None without one.
        carry_output: Where the carry table of this run goes; None if no run follows.
        options: The options of `find_conflicts`.
    """

    source: Table
    output: Table
    capacity_table: Table | None
    carry: Table | None
    carry_output: Table | None
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a search found: the numbers of events, members and groups."""

    events: int
    members: int
    groups: int


def run(job: Job) -> Summary:
    """Find the conflicts of a table, and write them.

    Raises:
        Failure: The input is invalid, or Spark cannot read, compute or write.
    """
    begin = time.monotonic()
    with _failures():
        session = _session()
        conflicts = _search(session, job)
        members, groups = _write(conflicts, job.output)
        if job.carry_output and conflicts.carry is not None:
            _write_table(conflicts.carry, job.carry_output)
    plan = conflicts.plan
    structlog.get_logger().info(
        "searched table",
        input=job.source.name,
        output=job.output.name,
        events=plan.events,
        rejected=plan.rejected,
        members=members,
        groups=groups,
        large_resources=len(plan.large_resources),
        ranges=plan.ranges,
        tasks=plan.tasks,
        seconds=round(time.monotonic() - begin, 1),
    )
    return Summary(plan.events, members, groups)


def exit_code(summary: Summary, fail_on: str) -> int:
    """Return NO_CONFLICT or CONFLICTS, as `fail_on` of `params.FAIL_ON` says."""
    is_empty = fail_on == "empty" and not summary.events
    # After an earlier run, all new members may be in groups that it has counted.
    return CONFLICTS if is_empty or (summary.members and fail_on != "none") else NO_CONFLICT


def _session() -> "SparkSession":
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.WARNING)  # it logs each connection
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else a python3 without this package
    return SparkSession.builder.appName("double-booked").getOrCreate()


def _search(session: "SparkSession", job: Job) -> "Conflicts":
    from double_booked.spark import find_conflicts

    options = dict(job.options)
    if job.capacity_table:
        options["capacity"] = read_table(session, job.capacity_table)
    if job.carry:
        options["carry"] = read_table(session, job.carry)
    elif job.carry_output:
        options["carry"] = "first"
    conflicts = find_conflicts(read_table(session, job.source), **options)
    plan = conflicts.plan
    structlog.get_logger().info(
        "planned search", events=plan.events, ranges=plan.ranges, tasks=plan.tasks
    )
    return conflicts


def _write(conflicts: "Conflicts", output: Table) -> tuple[int, int]:
    """Write the parts of an answer; return the numbers of members and groups."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    counts = Observation()
    # The key of a group is that of its first member, so each group has one such row.
    is_first = (F.col("key") == F.col("group")).cast("long")
    members = conflicts.members.observe(
        counts,
        F.count(F.lit(1)).alias("members"),
        F.coalesce(F.sum(is_first), F.lit(0)).alias("groups"),
    )
    _write_table(members, output.part("members"))
    _write_table(conflicts.groups, output.part("groups"))
    for name, part in (("overlaps", conflicts.overlaps), ("rejected", conflicts.rejected)):
        if part is not None:
            _write_table(part, output.part(name))
    return counts.get["members"], counts.get["groups"]


def _write_table(rows: "DataFrame", output: Table) -> None:
    write_table(rows, output)
    structlog.get_logger().info("wrote table", output=output.name)


@contextmanager
def _failures() -> Iterator[None]:
    """Turn errors of the search and of Spark into a Failure of one line."""
    try:
        yield
    except (InvalidTableError, ChangedInputError, ImportError) as error:
        raise Failure(str(error)) from error
    except Exception as error:
        if not type(error).__module__.startswith(("pyspark.", "py4j.")):
            raise
        raise Failure(f"Spark: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    """Return what is wrong in one line, without the stacks of Java and Python."""
    exception = getattr(error, "java_exception", None)
    text = str(error) if exception is None else exception.toString()
    _, _, python = text.partition("Traceback (most recent call last):\n")
    raised = [line for line in python.splitlines() if line and not line[0].isspace()]
    return raised[0] if raised else text.strip().partition("\n")[0]


class TableType(click.ParamType[Table]):
    """A path of Parquet files, or the name of a table of Iceberg or BigQuery."""

    name = "table"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Table:
        """Return the table."""
        try:
            return parse_table(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _capacity(
    ctx: click.Context, param: click.Parameter, values: Sequence[str]
) -> int | dict[str, int]:
    """Return the capacity of all resources, or those of some by name."""
    if len(values) == 1 and values[0].isdecimal():
        _, count = params.CapacityType().convert(f"={values[0]}", param, ctx)
        return count
    return dict(params.CapacityType().convert(value, param, ctx) for value in values)


def _names(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in value.split(","))))


@click.command(
    cls=GuardedCommand,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--input",
    "source",
    metavar="TABLE",
    type=TableType(),
    required=True,
    help="Table of events: a folder of Parquet files, iceberg:CATALOG.DB.TABLE or"
    " bigquery:PROJECT.DATASET.TABLE.",
)
@click.option(
    "--output",
    metavar="TABLE",
    type=TableType(),
    required=True,
    help="Where to write the conflicts, in place of earlier ones: a folder, which gets the"
    " subfolders members and groups (with --explain also overlaps, with --errors split also"
    " rejected), or the beginning of the names of tables, as in"
    " iceberg:lake.bookings.conflicts for lake.bookings.conflicts_members.",
)
@click.option("--key", metavar="COLUMN", required=True, help="Column that identifies an event.")
@click.option("--start", metavar="COLUMN", required=True, help="Column with the start.")
@click.option("--end", metavar="COLUMN", required=True, help="Column with the end.")
@click.option(
    "--resource",
    metavar="COLUMN",
    help="Column with what an event occupies: a name, or a list of names. Without it, all events"
    " occupy one resource.",
)
@click.option(
    "--capacity",
    metavar="[RESOURCE=]NUMBER",
    multiple=True,
    callback=_capacity,
    help="How many events may overlap on a resource; =NUMBER is for events that name none, and"
    " NUMBER alone for all resources.",
)
@click.option(
    "--capacity-table",
    metavar="TABLE",
    type=TableType(),
    help="Table of capacities with the columns resource and capacity.",
)
@click.option(
    "--carry",
    metavar="TABLE",
    type=TableType(),
    help="Carry table of the run before. All events of the input must start after those of earlier"
    " runs, and only new members are written.",
)
@click.option(
    "--carry-output",
    metavar="TABLE",
    type=TableType(),
    help="Where to write the carry table for a run over later events.",
)
@params.gap_option
@click.option(
    "--unit",
    type=click.Choice(["s", "ms", "us", "ns"]),
    default="ns",
    show_default=True,
    help="Unit of times that are integers.",
)
@click.option(
    "--timezone",
    "--zone",
    "zone",
    metavar="ZONE",
    type=params.ZoneType(),
    help="Time zone of times without a zone, like Europe/Berlin.",
)
@click.option(
    "--explain",
    type=click.Choice(["depth", "members"]),
    help="Write every overlap too: how many events are in it (depth), or also which (members).",
)
@click.option(
    "--columns",
    metavar="COLUMNS",
    default="",
    callback=_names,
    help="More columns of the input to write with each member, like title,owner.",
)
@click.option(
    "--max-events-per-range",
    metavar="NUMBER",
    type=click.IntRange(1),
    default=2_000_000,
    show_default=True,
    help="How many events a task holds; a resource with more is cut into ranges.",
)
@click.option(
    "--work-dir",
    metavar="PATH",
    help="Folder for intermediate tables, which then survive the loss of executors.",
)
@click.option(
    "--errors",
    type=click.Choice(["raise", "split"]),
    default="raise",
    show_default=True,
    help="What to do with rows without a key or a valid time: end with an error, or write them to"
    " the part rejected.",
)
@params.fail_on_options
def main(  # noqa: PLR0917 - click passes them by name
    source: Table,
    output: Table,
    capacity: int | dict[str, int],
    capacity_table: Table | None,
    carry: Table | None,
    carry_output: Table | None,
    min_gap: int,
    zone: ZoneInfo | None,
    fail_on: str,
    **columns: Any,  # noqa: ANN401 - the options that find_conflicts takes as they are
) -> None:
    """Find the events of a table that conflict, with Apache Spark.

    The exit code is 0 without a conflict, 1 with one, and 2 after an error. --fail-on
    empty makes it 1 without any event too.
    """
    if capacity_table and capacity:
        raise click.UsageError("--capacity and --capacity-table exclude each other.")
    if output == source:
        raise click.UsageError("--output is the same as --input; name another table.")
    if carry_output and carry_output in {carry, source, output}:
        raise click.UsageError("--carry-output names another table of this run; choose a new one.")
    logs.configure("info", "auto")
    options = columns | {
        "capacity": capacity or 1,
        "min_gap": f"{min_gap}s",
        "zone": zone and zone.key,
    }
    job = Job(source, output, capacity_table, carry, carry_output, options)
    sys.exit(exit_code(run(job), fail_on))


if __name__ == "__main__":
    main()
