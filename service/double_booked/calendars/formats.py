"""Detect the format of a file."""

import codecs
from collections.abc import Mapping
from pathlib import Path

from double_booked.calendars.csv_events import is_csv
from double_booked.calendars.errors import InvalidCalendarError

FORMATS = ("ics", "json", "csv", "parquet", "arrow")

PARQUET = b"PAR1"
"""The first bytes of a Parquet file."""

IPC_FILE = b"ARROW1"
"""The first bytes of an Arrow IPC file, of which Feather is the older name."""

IPC_STREAM = b"\xff\xff\xff\xff"
"""The first bytes of an Arrow IPC stream."""

SUFFIXES = {
    ".ics": "ics",
    ".ical": "ics",
    ".icalendar": "ics",
    ".ifb": "ics",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jcal": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
}
"""The format of the files that are read with their folder, by suffix."""

TABLES = {"csv", "parquet", "arrow"}
"""The formats of tables, whose readers say what is missing."""

_NO_FORMAT = (
    "neither a calendar, which begins with BEGIN:VCALENDAR, nor JSON, which begins with { or [,"
    " nor CSV, whose first line names the columns start and end, nor Parquet or Arrow;"
    " --input-format chooses one, and --columns the columns"
)


def suffix_of(path: str) -> str:
    """Return the suffix of a path in lower case."""
    return Path(path).suffix.lower()


def detect_format(head: bytes, path: str, columns: Mapping[str, str]) -> str:
    """Return the format of a file.

    Args:
        head: The lines up to the first that is not blank.
        path: The path, whose suffix counts if the content has no known format and the suffix is
            that of a table.
        columns: The columns that the caller chose; then a file without another format is CSV.

    Raises:
        InvalidCalendarError: The format is unknown.
    """
    if head.startswith(PARQUET):
        return "parquet"
    if head.startswith((IPC_FILE, IPC_STREAM)):
        return "arrow"
    first = head.removeprefix(codecs.BOM_UTF8).strip()
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InvalidCalendarError(["line 1: the text is UTF-16, not UTF-8"])
    if first[:6].upper() == b"BEGIN:":
        return "ics"
    # The reader of JSON has the message for an empty file.
    if not first or first.startswith((b"{", b"[")):
        return "json"
    if columns or is_csv(first.decode(errors="replace")):
        return "csv"
    by_name = SUFFIXES.get(suffix_of(path))
    if by_name in TABLES:
        return by_name
    raise InvalidCalendarError([_NO_FORMAT])


def is_array(head: bytes) -> bool:
    """Return whether a JSON text begins an array, by its first lines."""
    return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")
