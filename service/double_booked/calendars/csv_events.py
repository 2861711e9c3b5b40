"""CSV with a header in, messages out."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from io import StringIO
from typing import TYPE_CHECKING

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.errors import InvalidCalendar
from double_booked.calendars.skipped import Skipped

if TYPE_CHECKING:
    from _csv import Reader

COLUMNS = ("id", "title", "description", "start", "end", "resources")
_DELIMITERS = ",;\t"
_HALF = re.compile("[\ud800-\udfff]")
_NEEDED = ("start", "end")


def is_csv(line: str) -> bool:
    """Whether a first line is a header that names a start and an end."""
    try:
        header = next(csv.reader([line], delimiter=_delimiter(line)), [])
    except csv.Error:
        return False
    return {*_NEEDED} <= {*_names(header)}


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file.

    Attributes:
        rows: The events, each with the line it begins on, from 1.
        skipped: The rows that cannot be used.
    """

    rows: list[tuple[int, Event]]
    skipped: list[Skipped]


def parse(content: bytes, zone: tzinfo) -> Table:
    """Return the events of a table.

    The header names columns of COLUMNS, in any order; others are for people. Values are
    separated by commas, semicolons or tabs, resources by semicolons or "|".

    Args:
        content: UTF-8, as RFC 4180 has it.
        zone: Where times without an offset are.

    Raises:
        InvalidCalendar: The header cannot be used.
    """
    table = Table([], [])
    # Bytes that are no UTF-8 become halves of characters, and cost their row alone.
    for line, row in _rows(content.decode("utf-8-sig", "surrogateescape"), table.skipped):
        try:
            table.rows.append((line, _event(row, zone)))
        except ValueError as error:
            table.skipped.append(_skip(line, str(error), row))
    return table


def _skip(line: int, reason: str, row: Mapping[str, str]) -> Skipped:
    return Skipped(line, reason, row.get("title", ""), row.get("start", ""))


def _rows(text: str, skipped: list[Skipped]) -> Iterator[tuple[int, dict[str, str]]]:
    header = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(header), strict=True)
    names = _names(_next(reader, skipped) or [])
    _check_header(names)
    line = reader.line_num + 1
    while (row := _next(reader, skipped)) is not None:
        named = dict(zip(names, row, strict=False))
        if len(row) > len(names):
            reason = f"{len(row)} values, but the header names {len(names)} columns"
            skipped.append(_skip(line, reason, named))
        elif any(row):
            yield line, named
        line = reader.line_num + 1


def _next(reader: "Reader", skipped: list[Skipped]) -> list[str] | None:
    """The next row; None at the end, and where quotes hide how the rest is divided."""
    try:
        return next(reader, None)
    except csv.Error as error:
        reason = f"not CSV: {error}; this line and those after it are skipped"
        skipped.append(Skipped(reader.line_num, reason))
        return None


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _names(header: list[str]) -> list[str]:
    return [name.strip().lower() for name in header]


def _check_header(names: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise InvalidCalendar(
            [f"line 1: the header has no column {missing[0]}; the columns are {', '.join(COLUMNS)}"]
        )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise InvalidCalendar([f"line 1: the header names {twice[0]} twice"])


def _event(row: Mapping[str, str], zone: tzinfo) -> Event:
    if any(not text.isascii() and _HALF.search(text) for text in row.values()):
        raise ValueError("the text is not UTF-8")
    resources = row.get("resources", "").replace("|", ";").split(";")
    return Event(
        id=row.get("id", ""),
        title=row.get("title", ""),
        description=row.get("description", ""),
        start=_time(row, "start", zone),
        end=_time(row, "end", zone),
        resources=[name.strip() for name in resources if name.strip()],
    )


def _time(row: Mapping[str, str], column: str, zone: tzinfo) -> Timestamp:
    """RFC 3339, or a local time; a date is its first moment, and as an end that of the next day."""
    text = row.get(column, "").strip()
    found = Timestamp()
    try:
        found.FromJsonString(text)
    except ValueError:
        found.FromDatetime(_local(text, column, zone))
    return found


def _local(text: str, column: str, zone: tzinfo) -> datetime:
    try:
        day = _date(text)
        if day:
            day += timedelta(column == "end")
            return datetime.combine(day, time(), zone).astimezone(UTC)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{column}: '{text}' is no time like 2026-11-23T09:00:00+01:00, 2026-11-23 09:00"
            " or 2026-11-23"
        ) from None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
