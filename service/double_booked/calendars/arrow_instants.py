"""The start and the end of all rows of a table as instants. Needs pyarrow."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from double_booked.calendars.arrow_cells import PER_SECOND, to_timestamps
from double_booked.calendars.arrow_files import ArrowTable
from double_booked.calendars.local_times import DateTimeParts
from double_booked.conflicts.instants import NANOS_PER_SECOND, to_seconds
from double_booked.conflicts.validation import MAX_SECONDS, MIN_SECONDS
from double_booked.recurrence.calendar_times import Window
from double_booked.view.coverage import Outside

_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of times without a zone
_MIN_INT64, _MAX_INT64 = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Instants:
    """The start and the end of each row.

    Attributes:
        start: Timestamps in UTC.
        end: Timestamps in UTC, of the same unit.
        usable: Whether a row has both, in order and in the years 1 to 9999.
        inside: The usable rows in the window, from 0.
        faulty: The other rows that are not usable.
        outside: The usable rows outside of the window.
    """

    start: pa.ChunkedArray
    end: pa.ChunkedArray
    usable: pa.ChunkedArray
    inside: pa.Array
    faulty: pa.Array
    outside: Outside | None


def read_instants(table: ArrowTable, zone: tzinfo, window: Window | None) -> Instants | None:
    """Return the start and the end of each row; None if they are no timestamps of one unit.

    Args:
        table: A table with the columns start and end.
        zone: The zone of timestamps without one.
        window: The time to which the rows are restricted; None for no limits.

    Raises:
        InvalidCalendarError: Integers have no unit.
    """
    columns = []
    for side in ("start", "end"):
        position = table.columns.by_field[side][0]
        column = to_timestamps(table.content.column(position), table.content.schema.field(position))
        if not types.is_timestamp(column.type):
            return None
        columns.append(column if column.type.tz else _to_utc(column, zone))
    start, end = (column.cast(pa.int64()) for column in columns)
    unit = columns[0].type.unit
    if unit != columns[1].type.unit:
        return None
    usable = _find_usable(start, end, PER_SECOND[unit])
    inside = usable if window is None else pc.and_(usable, _is_within(start, end, window, unit))
    outside = start.filter(pc.and_not(usable, inside))
    type_ = pa.timestamp(unit, "UTC")
    return Instants(
        start.cast(type_),
        end.cast(type_),
        usable,
        _rows(inside),
        _rows(pc.invert(usable)),
        _describe(outside, NANOS_PER_SECOND // PER_SECOND[unit]),
    )


def _rows(mask: pa.ChunkedArray) -> pa.Array:
    return pc.indices_nonzero(mask).cast(pa.int64())


def _find_usable(start: pa.ChunkedArray, end: pa.ChunkedArray, per_second: int) -> pa.ChunkedArray:
    first = max(MIN_SECONDS * per_second, _MIN_INT64)
    last = min((MAX_SECONDS + 1) * per_second - 1, _MAX_INT64)
    in_order = pc.and_(pc.less_equal(start, end), pc.greater_equal(start, first))
    return pc.fill_null(pc.and_(in_order, pc.less_equal(end, last)), fill_value=False)


def _is_within(
    start: pa.ChunkedArray, end: pa.ChunkedArray, window: Window, unit: str
) -> pa.ChunkedArray:
    """Return whether events are in a window, by whole seconds as those of other formats."""
    per_second = PER_SECOND[unit]
    first, second, last = (
        min(max(seconds * per_second, _MIN_INT64), _MAX_INT64)
        for seconds in (
            to_seconds(window.start),
            to_seconds(window.start) + 1,
            to_seconds(window.end),
        )
    )
    is_at_start = pc.and_(pc.greater_equal(start, first), pc.less(end, second))
    reaches = pc.or_(pc.greater_equal(end, second), is_at_start)
    return pc.fill_null(pc.and_(pc.less(start, last), reaches), fill_value=False)


def _describe(starts: pa.ChunkedArray, scale: int) -> Outside | None:
    if not len(starts):
        return None
    ends = pc.min_max(starts).as_py()
    return Outside(len(starts), ends["min"] * scale, ends["max"] * scale)


def _to_utc(column: pa.ChunkedArray, zone: tzinfo) -> pa.ChunkedArray:
    """Return times of a zone as instants; null where there is none."""
    unit = column.type.unit
    whole = pc.floor_temporal(column, unit="second")
    fraction = pc.subtract(column.cast(pa.int64()), whole.cast(pa.int64()))
    seconds = pc.divide(whole.cast(pa.int64()), PER_SECOND[unit])
    each = pc.unique(seconds)
    instants = pa.array([_utc_seconds(local, zone) for local in each.to_pylist()], pa.int64())
    utc = instants.take(pc.index_in(seconds, value_set=each))
    return pc.add(pc.multiply(utc, PER_SECOND[unit]), fraction).cast(pa.timestamp(unit, "UTC"))


def _utc_seconds(local: int | None, zone: tzinfo) -> int | None:
    if local is None:
        return None
    try:
        moment = _LOCAL_EPOCH + timedelta(seconds=local)
        clock = moment - datetime.combine(moment.date(), datetime.min.time())
        return to_seconds(DateTimeParts(moment.date(), clock).to_utc(zone))
    except (ValueError, OverflowError):
        return None
