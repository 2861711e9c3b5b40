"""Tables of Parquet and Arrow files in, events out. Needs pyarrow."""

from dataclasses import replace
from typing import TYPE_CHECKING

from double_booked.calendars.allowance import Allowance
from double_booked.calendars.arrow_cells import cell_texts, to_timestamps
from double_booked.calendars.arrow_files import ArrowTable, read_table
from double_booked.calendars.row_events import ParsedTable, Row, read_rows
from double_booked.calendars.row_times import TimeStyle
from double_booked.calendars.rows import TableOptions
from double_booked.calendars.skipped import Skipped

if TYPE_CHECKING:
    import pyarrow as pa

_TIMES = ("start", "start date", "end", "end date")
"""The fields whose columns have instants or days."""


def parse(content: bytes, options: TableOptions, allowance: Allowance) -> ParsedTable:
    """Return the events of a Parquet file, or of an Arrow IPC file or stream.

    Args:
        content: The file.
        options: How it is read.
        allowance: Pays for the bytes of the columns in memory.

    Raises:
        InvalidCalendarError: The file is damaged, or its columns cannot be used.
        TooLargeError: The allowance is used up.
    """
    return to_events(read_table(content, options.columns, allowance), options)


def to_events(
    table: ArrowTable,
    options: TableOptions,
    rows: "pa.Array | None" = None,
    *,
    others_unnamed: int = 0,
) -> ParsedTable:
    """Return the events of a table, each with the number of its row, from 1.

    The columns have the names, and cells the meaning, that they have in CSV.

    Args:
        table: The table.
        options: How it is read.
        rows: The rows to read, from 0 and in order; None for all.
        others_unnamed: How many of the other rows name no resource.

    Raises:
        InvalidCalendarError: Columns have a type that cannot be used.
    """
    numbers = range(table.content.num_rows) if rows is None else rows.to_pylist()
    if rows is not None:
        table = replace(table, content=table.content.take(rows))
    cells = _columns_of_cells(table, options)
    found = [
        Row(number + 1, table.columns, values)
        for number, values in zip(numbers, zip(*cells, strict=True), strict=True)
    ]
    parsed = read_rows(
        found,
        table.columns,
        TimeStyle(options.zone),
        options,
        _skip,
        is_calendar=table.columns.is_calendar,
        others_unnamed=others_unnamed,
    )
    notes = [
        f"the column {name} is of type {type_}, which is not read"
        for name, type_ in table.unread.items()
    ]
    return replace(parsed, assumptions=[*parsed.assumptions, *notes])


def _columns_of_cells(table: ArrowTable, options: TableOptions) -> list[list[str]]:
    """Return the texts of each column."""
    times = {position for field in _TIMES for position in table.columns.by_field.get(field, ())}
    zone = options.zone if "all day" in table.columns.by_field else None
    columns: list[list[str]] = []
    for position, field in enumerate(table.content.schema):
        column = table.content.column(position)
        if position in times:
            column = to_timestamps(column, field)
        columns.append(cell_texts(column, zone))
    return columns


def _skip(row: Row, reason: str) -> Skipped:
    texts = row.texts
    date = texts.get("start date") or texts.get("start", "")
    return Skipped(None, f"row {row.position}: {reason}", texts.get("title", ""), date)
