"""CSV with a header in, messages out."""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from io import StringIO

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendar

COLUMNS = ("id", "title", "description", "start", "end", "resources")
_DELIMITERS = ",;\t"
_NEEDED = ("start", "end")


def is_csv(line: str) -> bool:
    """Whether a first line is a header that names a start and an end."""
    try:
        header = next(csv.reader([line], delimiter=_delimiter(line)), [])
    except csv.Error:
        return False
    return {*_NEEDED} <= {*_names(header)}


def parse(content: bytes, zone: tzinfo) -> Iterator[tuple[int, Event]]:
    """Yields the events, and the line that each begins on, from 1.

    The header names columns of COLUMNS, in any order; others are for people. Values are
    separated by commas, semicolons or tabs, resources by semicolons or "|".

    Args:
        content: UTF-8, as RFC 4180 has it.
        zone: Where times without an offset are.

    Raises:
        InvalidCalendar: The text is none, or a row cannot be used; each fault names its line.
    """
    text = _decode(content)
    faults = []
    for line, row in _rows(text):
        try:
            yield line, _event(row, zone)
        except ValueError as error:
            faults.append(f"line {line}: {error}")
        if len(faults) == MAX_FAULTS:
            break
    if faults:
        raise InvalidCalendar(faults)


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidCalendar([f"line {line}: the text is not UTF-8"]) from error


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    header = text.partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(header), strict=True)
    try:
        names = _names(next(reader, []))
        _check_header(names)
        line = reader.line_num + 1
        for row in reader:
            if len(row) > len(names):
                raise InvalidCalendar(
                    [f"line {line}: {len(row)} values, but the header names {len(names)} columns"]
                )
            if any(row):
                yield line, dict(zip(names, row, strict=False))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidCalendar([f"line {reader.line_num}: not CSV: {error}"]) from error


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
