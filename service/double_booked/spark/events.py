"""The events of a table: one row for each resource that an event occupies."""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from pyspark.sql import types as T  # noqa: N812 - its usual name

from double_booked.conflicts.instants import NANOS_PER_SECOND, timestamp
from double_booked.conflicts.validation import MAX_NANOS, MAX_SECONDS, MIN_SECONDS
from double_booked.spark.errors import InvalidTableError
from double_booked.spark.times import TimeType, time_type

REASON = "reason"
"""The column of rejected rows that says what is wrong with them."""

_UNORDERED = (T.FloatType, T.DoubleType, T.ArrayType, T.MapType, T.StructType, T.VariantType)


@dataclass(frozen=True, slots=True)
class EventColumns:
    """The columns of a table that hold its events.

    Attributes:
        key: Identifies an event; of any ordered type.
        start: The first instant.
        end: The instant after the last one.
        resource: A string, or an array of strings; None if all events occupy one resource.
        start_type: How the starts are written.
        end_type: How the ends are written.
        after: The latest start of earlier runs, in nanoseconds since 1970: an event that starts
            then or before is late. None if there was no earlier run.
    """

    key: str
    start: str
    end: str
    resource: str | None
    start_type: TimeType
    end_type: TimeType
    after: int | None = None


def check_columns(
    table: DataFrame,
    *,
    key: str,
    start: str,
    end: str,
    resource: str | None,
    unit: str,
    zone: str | None,
) -> EventColumns:
    """Return the columns, checked against the schema of the table.

    Raises:
        InvalidTableError: A column is missing, or has a type that the search does not know.
    """
    key_type = _type_of(table, key)
    if isinstance(key_type, _UNORDERED):
        raise InvalidTableError(
            f"column {key!r} has {key_type.simpleString()}; a key needs an exact order: use an "
            "integer, a string or a date."
        )
    if resource is not None:
        _check_resource(resource, _type_of(table, resource))
    start_type = time_type(start, _type_of(table, start), unit, zone)
    return EventColumns(
        key, start, end, resource, start_type, time_type(end, _type_of(table, end), unit, zone)
    )


def _type_of(table: DataFrame, name: str) -> T.DataType:
    if name not in table.columns:
        raise InvalidTableError(
            f"the table has no column {name!r}; it has {', '.join(table.columns)}."
        )
    return table.schema[name].dataType


def _check_resource(name: str, found: T.DataType) -> None:
    element = found.elementType if isinstance(found, T.ArrayType) else found
    if not isinstance(element, T.StringType):
        raise InvalidTableError(
            f"column {name!r} has {found.simpleString()}; use a string or an array of strings."
        )


def read_events(table: DataFrame, columns: EventColumns) -> DataFrame:
    """Return a row for each event: key, times, resources, and its fault if it has one."""
    start, end = _time(columns.start, columns.start_type), _time(columns.end, columns.end_type)
    return table.select(
        F.col(columns.key).alias("key"),
        start[0].alias("start_seconds"),
        start[1].alias("start_nanos"),
        end[0].alias("end_seconds"),
        end[1].alias("end_nanos"),
        _resources(table, columns).alias("resources"),
        _fault(table, columns).alias(REASON),
    )


def rejected_rows(table: DataFrame, columns: EventColumns) -> DataFrame:
    """Return the rows of the table that have a fault, with the reason."""
    return table.withColumn(REASON, _fault(table, columns)).where(F.col(REASON).isNotNull())


def occurrences(events: DataFrame) -> DataFrame:
    """Return a row for each resource that a valid event occupies."""
    times = ("start_seconds", "start_nanos", "end_seconds", "end_nanos")
    valid = events.where(F.col(REASON).isNull())
    return valid.select(F.explode("resources").alias("resource"), "key", *times)


def padded_end(min_gap: int) -> tuple[Column, Column]:
    """Return seconds and nanoseconds of the padded end, as `ranges.carry_event` computes it."""
    seconds, nanos = F.col("end_seconds"), F.col("end_nanos")
    if min_gap == 0:
        is_instant = (seconds == F.col("start_seconds")) & (nanos == F.col("start_nanos"))
        nanos = nanos + is_instant.cast("int")
    nanos = nanos + F.lit(min_gap % NANOS_PER_SECOND)
    carry = (nanos >= NANOS_PER_SECOND).cast("long")
    padded = seconds + F.lit(min_gap // NANOS_PER_SECOND).cast("long") + carry
    return padded, F.pmod(nanos, F.lit(NANOS_PER_SECOND)).cast("int")


def _time(name: str, written: TimeType) -> tuple[Column, Column]:
    return written.split(F.col(name))


def _resources(table: DataFrame, columns: EventColumns) -> Column:
    unnamed = F.array(F.lit(""))
    if columns.resource is None:
        return unnamed
    resource = F.col(columns.resource)
    if isinstance(table.schema[columns.resource].dataType, T.ArrayType):
        return F.when(F.size(resource) > 0, F.array_distinct(resource)).otherwise(unnamed)
    return F.array(F.coalesce(resource, F.lit("")))


def _fault(table: DataFrame, columns: EventColumns) -> Column:
    """Return what is wrong with a row, null if nothing is."""
    start, end = _time(columns.start, columns.start_type), _time(columns.end, columns.end_type)
    before = (end[0] < start[0]) | ((end[0] == start[0]) & (end[1] < start[1]))
    faults = [
        (F.col(columns.key).isNull(), f"{columns.key} is null"),
        *_time_faults(columns.start, start),
        *_time_faults(columns.end, end),
        *_skipped_fault(columns, before),
        (before, f"{columns.end} is before {columns.start}"),
    ]
    resource = columns.resource
    if resource and isinstance(table.schema[resource].dataType, T.ArrayType):
        has_null = F.exists(resource, lambda name: name.isNull())
        faults.append((has_null, f"{resource} has a null"))
    if columns.after is not None:
        faults.append(_late_fault(columns.start, start, columns.after))
    return F.coalesce(*(F.when(wrong, F.lit(text)) for wrong, text in faults))


def _skipped_fault(columns: EventColumns, before: Column) -> list[tuple[Column, str]]:
    """Return the fault of local times in order whose instants are not: the start is skipped."""
    types = (columns.start_type, columns.end_type)
    if not all(isinstance(each.type, T.TimestampNTZType) for each in types):
        return []
    is_in_order = F.col(columns.end) >= F.col(columns.start)
    reason = (
        f"{columns.start} is a time that the clocks of {columns.start_type.zone} skip; read with "
        f"the offset before the skip, it is after {columns.end}"
    )
    return [(before & is_in_order, reason)]


def _late_fault(name: str, start: tuple[Column, Column], after: int) -> tuple[Column, str]:
    seconds, nanos = divmod(after, NANOS_PER_SECOND)
    is_late = (start[0] < seconds) | ((start[0] == seconds) & (start[1] <= nanos))
    return is_late, (
        f"{name} is not after {timestamp(after).ToJsonString()}, the latest start of earlier runs: "
        "run again from the day of this event on"
    )


def _time_faults(name: str, time: tuple[Column, Column]) -> list[tuple[Column, str]]:
    seconds, nanos = time
    return [
        (seconds.isNull() | nanos.isNull(), f"{name} is null"),
        (~seconds.between(MIN_SECONDS, MAX_SECONDS), f"{name} is outside the years 1 to 9999"),
        (~nanos.between(0, MAX_NANOS), f"the nanos of {name} are not from 0 to 999999999"),
    ]
