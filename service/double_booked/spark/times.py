"""Times of a table as whole seconds and nanoseconds since 1970, in Spark SQL.

Exact for the years 1 to 9999, also before 1970: `div` truncates toward zero, and `/` is a double,
so neither splits a negative number. Spark's types in nanoseconds cannot reach Python, hence two
columns.
"""

from dataclasses import dataclass
from zoneinfo import available_timezones

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - its usual name
from pyspark.sql import types as T  # noqa: N812 - its usual name

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark.errors import InvalidTableError

UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": NANOS_PER_SECOND}
"""How many of each unit a second has."""

_INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_MAX_LONG = 2**63 - 1
_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class TimeType:
    """How the times of a table are written.

    Attributes:
        type: The type of the column.
        unit: The unit of integers, one of `UNITS`.
        zone: The time zone of a TIMESTAMP_NTZ, by its name in the IANA database.
    """

    type: T.DataType
    unit: str
    zone: str | None

    def split(self, time: Column) -> tuple[Column, Column]:
        """Return the seconds (long) since 1970, and the nanoseconds (int) above them."""
        if isinstance(self.type, T.StructType):
            return time["seconds"].cast("long"), time["nanos"].cast("int")
        if isinstance(self.type, T.TimestampType):
            micros = F.pmod(F.unix_micros(time), F.lit(1_000_000))
            return F.unix_seconds(time), (micros * 1_000).cast("int")
        if isinstance(self.type, T.TimestampNTZType):
            return _split_local(F.convert_timezone(F.lit(self.zone), F.lit("UTC"), time))
        return _split_integer(time.cast("long"), UNITS[self.unit])

    def join(self, seconds: Column, nanos: Column) -> Column:
        """Return the time in the type of the column; integers become long."""
        if isinstance(self.type, T.StructType):
            return F.struct(seconds.alias("seconds"), nanos.alias("nanos"))
        micros = seconds * 1_000_000 + _div(nanos, 1_000)
        if isinstance(self.type, T.TimestampType):
            return F.timestamp_micros(micros)
        if isinstance(self.type, T.TimestampNTZType):
            return F.convert_timezone(F.lit("UTC"), F.lit(self.zone), _join_local(seconds, nanos))
        return _join_integer(seconds, nanos, UNITS[self.unit])


def time_type(name: str, data_type: T.DataType, unit: str, zone: str | None) -> TimeType:
    """Return how the times of a column are written.

    Raises:
        InvalidTableError: The column has no such type, or its zone is not given.
    """
    if unit not in UNITS:
        raise InvalidTableError(f"unit is {unit!r}; use one of {', '.join(UNITS)}.")
    if isinstance(data_type, T.TimestampNTZType) and zone is None:
        raise InvalidTableError(
            f"column {name!r} has TIMESTAMP_NTZ, local times: name their zone, like "
            "zone='Europe/Berlin' or zone='UTC'."
        )
    if zone is not None and zone not in available_timezones():
        raise InvalidTableError(f"zone is {zone!r}, which is no time zone like Europe/Berlin.")
    known = (T.TimestampType, T.TimestampNTZType, *_INTEGERS)
    if not isinstance(data_type, known) and not _has_seconds_and_nanos(data_type):
        raise InvalidTableError(
            f"column {name!r} has {data_type.simpleString()}; use TIMESTAMP, TIMESTAMP_NTZ, an "
            "integer with unit=, or a struct of seconds and nanos."
        )
    return TimeType(data_type, unit, zone)


def _has_seconds_and_nanos(data_type: T.DataType) -> bool:
    return (
        isinstance(data_type, T.StructType)
        and data_type.names == ["seconds", "nanos"]
        and all(isinstance(field.dataType, _INTEGERS) for field in data_type.fields)
    )


def _div(dividend: Column, divisor: int) -> Column:
    """Return the quotient of integers, exact where it does not fall below zero."""
    return F.call_function("div", dividend, F.lit(divisor))


def _split_integer(time: Column, per_second: int) -> tuple[Column, Column]:
    rest = F.pmod(time, F.lit(per_second))
    below = (time % per_second < 0).cast("long")
    return _div(time, per_second) - below, (rest * (NANOS_PER_SECOND // per_second)).cast("int")


def _join_integer(seconds: Column, nanos: Column, per_second: int) -> Column:
    """Return an integer of the unit; the last one for what a gap puts after it.

    Before 1970 it counts down from the next second, since the first second of nanoseconds that
    64 bits hold begins below them.
    """
    units = _div(nanos, NANOS_PER_SECOND // per_second)
    return (
        F.when(seconds >= _MAX_LONG // per_second, F.lit(_MAX_LONG))
        .when(seconds < 0, (seconds + 1) * per_second - (per_second - units))
        .otherwise(seconds * per_second + units)
    )


def _split_local(time: Column) -> tuple[Column, Column]:
    """Return seconds and nanoseconds of a TIMESTAMP_NTZ in UTC, whatever the session's zone."""
    decimal = F.extract(F.lit("SECOND"), time)
    seconds = F.floor(decimal).cast("long")  # workers need a long, and floor leaves a decimal
    days = F.unix_date(time.cast("date")).cast("long")
    whole = days * _SECONDS_PER_DAY + F.hour(time) * 3_600 + F.minute(time) * 60 + seconds
    return whole, ((decimal - seconds) * NANOS_PER_SECOND).cast("int")


def _join_local(seconds: Column, nanos: Column) -> Column:
    rest = F.pmod(seconds, F.lit(_SECONDS_PER_DAY))
    days = _div(seconds - rest, _SECONDS_PER_DAY).cast("int")
    part = rest.cast("decimal(18,6)") + (_div(nanos, 1_000) / F.lit(1_000_000)).cast(
        "decimal(18,6)"
    )
    epoch = F.lit("1970-01-01").cast("timestamp_ntz")
    return epoch + F.make_dt_interval(days, F.lit(0), F.lit(0), part.cast("decimal(18,6)"))
