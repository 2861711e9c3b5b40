"""Parquet and Arrow files in, the columns of events out. Needs pyarrow."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from double_booked.calendars.allowance import Allowance
from double_booked.calendars.arrow_cells import is_readable
from double_booked.calendars.columns import Columns, check_times, find_columns, normalize
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.formats import IPC_FILE, IPC_STREAM, PARQUET


@dataclass(frozen=True, slots=True)
class ArrowTable:
    """The columns of a file that say something about events.

    Attributes:
        content: The columns, a `pyarrow.Table`.
        columns: Their meaning; the positions are those of `content`.
        unread: The names and types of columns that have a known name and no readable type.
    """

    content: pa.Table
    columns: Columns
    unread: Mapping[str, str]


def read_table(content: bytes, chosen: Mapping[str, str], allowance: Allowance) -> ArrowTable:
    """Return the columns of a Parquet file, or of an Arrow IPC file or stream, that are known.

    Args:
        content: The file.
        chosen: The name of the column to read, by field of `columns.FIELDS`.
        allowance: Pays for the bytes of the columns in memory.

    Raises:
        InvalidCalendarError: The file is damaged, or its columns cannot be used.
        TooLargeError: The allowance is used up.
    """
    try:
        if content.startswith(PARQUET):
            return _read_parquet(content, chosen, allowance)
        if content.startswith((IPC_FILE, IPC_STREAM)):
            return _read_ipc(content, chosen, allowance)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        kind = "Parquet" if content.startswith(PARQUET) else "Arrow"
        reason = str(error).strip().splitlines()[0].rstrip(".")
        fault = f"the {kind} file is damaged or was cut off: {reason}"
        raise InvalidCalendarError([fault]) from error
    raise InvalidCalendarError(["it is neither a Parquet file nor an Arrow file or stream"])


def _read_parquet(content: bytes, chosen: Mapping[str, str], allowance: Allowance) -> ArrowTable:
    file = pq.ParquetFile(pa.BufferReader(content))
    columns, unread = _choose(file.schema_arrow, chosen)
    batches = file.iter_batches(columns=list(columns.header))
    return ArrowTable(_collect(batches, file.schema_arrow, columns, allowance), columns, unread)


def _read_ipc(content: bytes, chosen: Mapping[str, str], allowance: Allowance) -> ArrowTable:
    source = pa.BufferReader(content)
    if content.startswith(IPC_STREAM):
        reader = pa.ipc.open_stream(source)
        batches = iter(reader)
    else:
        reader = pa.ipc.open_file(source)
        batches = map(reader.get_batch, range(reader.num_record_batches))
    columns, unread = _choose(reader.schema, chosen)
    return ArrowTable(_collect(batches, reader.schema, columns, allowance), columns, unread)


def _choose(schema: pa.Schema, chosen: Mapping[str, str]) -> tuple[Columns, dict[str, str]]:
    """Return the known columns of a readable type, and the types of the other known ones.

    Raises:
        InvalidCalendarError: A column is missing, is there twice, or has a type that is not read.
    """
    for field in schema:
        getattr(field.type, "tz", None)  # fails here if the name of a damaged zone is not UTF-8
    readable = [field.name for field in schema if is_readable(field.type)]
    types = {field.name: str(field.type) for field in schema if not is_readable(field.type)}
    for name in chosen.values():
        _check_type(name, types)
    found = find_columns(readable, chosen)
    named = find_columns([*dict.fromkeys(schema.names)])
    unread = {name: types[name] for name in named.names.values() if name in types}
    if not (found.has_start and found.has_end):
        for side in ("start", "end"):
            _check_type(named.names.get(side, ""), types)
    check_times(found)
    known = sorted({position for several in found.by_field.values() for position in several})
    header = [readable[position] for position in known]
    return find_columns(header, chosen), unread


def _check_type(name: str, types: Mapping[str, str]) -> None:
    """Reject a column of a type that cannot be read.

    Raises:
        InvalidCalendarError: It has such a type.
    """
    for other, type_ in types.items():
        if normalize(other) == normalize(name):
            raise InvalidCalendarError(
                [f"the column {other} is of type {type_}, which is not read"]
            )


def _collect(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, columns: Columns, allowance: Allowance
) -> pa.Table:
    """Return the columns of all batches, in the order of the header."""
    parts = []
    for batch in batches:
        part = batch.select([batch.schema.get_field_index(name) for name in columns.header])
        part.validate(full=True)  # offsets and codes of a damaged file lead outside of it
        allowance.take(part.nbytes)
        parts.append(part)
    fields = [schema.field(schema.get_field_index(name)) for name in columns.header]
    return pa.Table.from_batches(parts, pa.schema(fields))
