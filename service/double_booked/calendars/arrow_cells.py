"""The cells of Arrow columns as texts, in the forms that CSV has too. Needs pyarrow."""

from collections.abc import Iterator
from datetime import timedelta, tzinfo

import pyarrow as pa
from pyarrow import types

from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.json_people import cell_text
from double_booked.conflicts.instants import EPOCH

UNITS = ("s", "ms", "us", "ns")
"""The units of times that are integers, in the metadata `unit` of their column."""

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""How many of each unit are a second."""


def is_readable(type_: pa.DataType) -> bool:
    """Return whether the cells of a type can be read as texts or times."""
    if types.is_dictionary(type_) or is_list(type_):
        return _is_text(type_.value_type)
    return _is_text(type_) or _is_time(type_)


def is_list(type_: pa.DataType) -> bool:
    """Return whether a type is a list of any length."""
    return bool(types.is_list(type_) or types.is_large_list(type_))


def _is_text(type_: pa.DataType) -> bool:
    is_string = (
        types.is_string(type_) or types.is_large_string(type_) or types.is_string_view(type_)
    )
    is_number = types.is_integer(type_) or types.is_floating(type_) or types.is_boolean(type_)
    return bool(is_string or is_number or types.is_null(type_))


def _is_time(type_: pa.DataType) -> bool:
    is_day_or_clock = types.is_date(type_) or types.is_time(type_)
    return bool(types.is_timestamp(type_) or is_day_or_clock or _is_instant(type_))


def _is_instant(type_: pa.DataType) -> bool:
    """Return whether a type is a struct of the integers seconds and nanos."""
    return bool(
        types.is_struct(type_)
        and {field.name for field in type_} == {"seconds", "nanos"}
        and all(types.is_integer(field.type) for field in type_)
    )


def cell_texts(column: pa.ChunkedArray, zone: tzinfo | None = None) -> list[str]:
    """Return the cells of a column as texts; null is "".

    Timestamps with a zone, and structs of seconds and nanos, are RFC 3339 in UTC; timestamps
    without a zone have none. Dates and times of day are like 2026-11-23 and 09:00:00.

    Args:
        column: Its type is readable.
        zone: The zone in which timestamps with a zone are written, for events of whole days; None
            for UTC.
    """
    type_ = column.type
    if _is_instant(type_):
        return _instant_texts(column)
    if types.is_timestamp(type_) and type_.tz and zone:
        return list(_local_texts(column, zone))
    if types.is_timestamp(type_):
        # Without its zone, a timestamp is written in UTC, and no database of zones is needed.
        texts = column.cast(pa.int64()).cast(pa.timestamp(type_.unit)).cast(pa.string())
        mark = "Z" if type_.tz else ""
        return [f"{text.replace(' ', 'T')}{mark}" if text else "" for text in texts.to_pylist()]
    if types.is_date(type_) or types.is_time(type_):
        column = column.cast(pa.string())
    return [cell_text(value) for value in column.to_pylist()]


def _instant_texts(column: pa.ChunkedArray) -> list[str]:
    # Flattened, a field is also null where its struct is null.
    parts = dict(zip((field.name for field in column.type), column.flatten(), strict=True))
    seconds = parts["seconds"].cast(pa.int64()).cast(pa.timestamp("s")).cast(pa.string())
    return [
        "" if text is None or nano is None else f"{text.replace(' ', 'T')}.{nano:09}Z"
        for text, nano in zip(seconds.to_pylist(), parts["nanos"].to_pylist(), strict=True)
    ]


def _local_texts(column: pa.ChunkedArray, zone: tzinfo) -> Iterator[str]:
    """Yield timestamps as times in a zone, with the offset."""
    per_second = PER_SECOND[column.type.unit]
    digits = len(str(per_second)) - 1
    for count, text in zip(column.cast(pa.int64()).to_pylist(), cell_texts(column), strict=True):
        if count is None:
            yield ""
            continue
        seconds, fraction = divmod(count, per_second)
        try:
            local = (EPOCH + timedelta(seconds=seconds)).astimezone(zone)
        except OverflowError:
            yield text  # in UTC, of which the reader says what is wrong
            continue
        time, offset = local.isoformat()[:19], local.isoformat()[19:]
        yield f"{time}.{fraction:0{digits}}{offset}" if digits else f"{time}{offset}"


def to_timestamps(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    """Return a column of times that are integers as timestamps; others as they are.

    Args:
        column: The column.
        field: Its field in the schema, whose metadata has the unit of integers.

    Raises:
        InvalidCalendarError: Its type is not that of times, or no unit of integers is known.
    """
    type_ = column.type
    if types.is_integer(type_):
        unit = (field.metadata or {}).get(b"unit", b"").decode(errors="replace")
        if unit not in UNITS:
            raise InvalidCalendarError([_describe_integers(field)])
        return column.cast(pa.int64()).cast(pa.timestamp(unit, "UTC"))
    is_number = types.is_floating(type_) or types.is_boolean(type_)
    if is_number or is_list(type_):
        fault = f"the column {field.name} is of type {type_}; store timestamps"
        raise InvalidCalendarError([fault])
    return column


def _describe_integers(field: pa.Field) -> str:
    units = f"{', '.join(UNITS[:-1])} or {UNITS[-1]}"
    return (
        f"the column {field.name} is of type {field.type}, and its metadata has no unit ({units});"
        " store timestamps, or set the unit"
    )
