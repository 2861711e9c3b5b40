"""The tables that a job reads and writes: Parquet, Iceberg and BigQuery."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PARTS = {"iceberg": "CATALOG.DB.TABLE", "bigquery": "PROJECT.DATASET.TABLE"}
"""The formats that have names instead of paths, and the form of these names."""


@dataclass(frozen=True, slots=True)
class Table:
    """Where a table is.

    Attributes:
        format: "parquet", "iceberg" or "bigquery".
        name: The path of a folder for Parquet, the full name of the table otherwise.
    """

    format: str
    name: str

    def part(self, part: str) -> "Table":
        """Return the table for a part of an answer: a subfolder, or a name with a suffix."""
        separator = "/" if self.format == "parquet" else "_"
        return replace(self, name=f"{self.name.rstrip('/')}{separator}{part}")


def parse_table(text: str) -> Table:
    """Return the table that a text like iceberg:lake.bookings.events or gs://bucket/events names.

    Raises:
        ValueError: The name is empty, or has not three parts.
    """
    prefix, _, name = text.partition(":")
    if prefix not in _PARTS:
        prefix, name = "parquet", text
    elif name.count(".") < 2 or not all(name.split(".")):  # noqa: PLR2004 - of three parts
        raise ValueError(f"'{text}' is not {prefix}:{_PARTS[prefix]}.")
    if not name:
        raise ValueError("the path is empty.")
    return Table(prefix, name)


def read_table(session: "SparkSession", table: Table) -> "DataFrame":
    """Return the rows of a table."""
    if table.format == "iceberg":
        return session.table(table.name)
    return session.read.format(table.format).load(table.name)


def write_table(rows: "DataFrame", table: Table) -> None:
    """Write rows to a table, in place of what is there."""
    if table.format == "iceberg":
        rows.writeTo(table.name).using("iceberg").createOrReplace()
        return
    writer = rows.write.format(table.format).mode("overwrite")
    if table.format == "bigquery":  # through its API, without a bucket for temporary files
        writer = writer.option("writeMethod", "direct")
    writer.save(table.name)
