"""CSV with a header in, events out (RFC 4180)."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

from double_booked.calendars.columns import Columns, check_times, find_columns
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.row_events import ParsedTable, Row, read_rows
from double_booked.calendars.row_times import TimeStyle
from double_booked.calendars.rows import TableOptions
from double_booked.calendars.skipped import Skipped

if TYPE_CHECKING:
    from _csv import Reader

_DELIMITERS = ",;\t"
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def is_csv(line: str) -> bool:
    """Return whether the first line of a file is a header with a start and an end."""
    try:
        columns = find_columns(_split(line))
    except (csv.Error, InvalidCalendarError):
        return False
    return columns.has_start and columns.has_end


def parse(content: bytes, options: TableOptions) -> ParsedTable:
    """Return the events of a table.

    The header names the columns, in any order; `columns.NAMES` lists the known names. Values are
    separated by commas, semicolons or tabs, resources by semicolons or "|".

    Args:
        content: The file, in UTF-8 or Windows-1252.
        options: How it is read.

    Raises:
        InvalidCalendarError: The header cannot be used.
    """
    text, assumptions = _decode(content)
    skipped: list[Skipped] = []
    columns, rows = _read(text, options.columns, skipped)
    style, is_calendar = TimeStyle(options.zone), columns.is_calendar
    table = read_rows(rows, columns, style, options, _skip, is_calendar=is_calendar)
    skipped += table.skipped
    assumptions += table.assumptions
    return replace(table, skipped=skipped, assumptions=assumptions)


def _decode(content: bytes) -> tuple[str, list[str]]:
    """Return the text, and a sentence about its encoding if that was assumed.

    Bytes that are not UTF-8 are read as Windows-1252, in which Outlook exports.
    """
    text = content.decode("utf-8-sig", "surrogateescape")
    foreign = _NOT_UTF8.search(text)
    if not foreign:
        return text, []
    line = text.count("\n", 0, foreign.start()) + 1
    assumption = f"line {line}: the text is not UTF-8, so it is read as Windows-1252"
    return _NOT_UTF8.sub(_from_windows, text), [assumption]


def _from_windows(escaped: re.Match[str]) -> str:
    return bytes([ord(escaped[0]) & 0xFF]).decode("cp1252", "replace")


def _read(
    text: str, chosen: Mapping[str, str], skipped: list[Skipped]
) -> tuple[Columns, list[Row]]:
    header = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(header), strict=True)
    try:
        columns = find_columns(_next(reader, skipped) or [], chosen)
        check_times(columns)
    except InvalidCalendarError as error:
        raise InvalidCalendarError([f"line 1: {fault}" for fault in error.faults]) from error
    return columns, list(_rows(reader, columns, skipped))


def _rows(reader: "Reader", columns: Columns, skipped: list[Skipped]) -> Iterator[Row]:
    width = len(columns.header)
    line = reader.line_num + 1
    while (values := _next(reader, skipped)) is not None:
        row = Row(line, columns, values)
        if any(values[width:]):
            reason = f"{len(values)} values, but the header names {width} columns"
            skipped.append(_skip(row, reason))
        elif any(values):
            yield row
        line = reader.line_num + 1


def _next(reader: "Reader", skipped: list[Skipped]) -> list[str] | None:
    """Return the next row; None at the end.

    A fault of quoting ends the table, because it hides where the rows after it begin.
    """
    try:
        return next(reader, None)
    except csv.Error as error:
        reason = f"not CSV: {error}; this line and those after it are skipped"
        skipped.append(Skipped(reader.line_num, reason))
        return None


def _split(line: str) -> list[str]:
    return next(csv.reader([line], delimiter=_delimiter(line)), [])


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _skip(row: Row, reason: str) -> Skipped:
    texts = row.texts
    date = texts.get("start date") or texts.get("start", "")
    return Skipped(row.position, reason, texts.get("title", ""), date)
