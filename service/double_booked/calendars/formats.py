"""Detect the format of a file."""

import codecs
from collections.abc import Mapping
from pathlib import Path

from double_booked.calendars.csv_events import is_csv
from double_booked.calendars.errors import InvalidCalendarError

FORMATS = ("ics", "json", "csv")

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
}
"""The format of the files that are read with their folder, by suffix."""

_NO_FORMAT = (
    "neither a calendar, which begins with BEGIN:VCALENDAR, nor JSON, which begins with { or [,"
    " nor CSV, whose first line names the columns start and end; --input-format chooses one,"
    " and --columns the columns"
)


def suffix_of(path: str) -> str:
    """Return the suffix of a path in lower case."""
    return Path(path).suffix.lower()


def detect_format(head: bytes, path: str, columns: Mapping[str, str]) -> str:
    """Return the format of a file.

    Args:
        head: The lines up to the first that is not blank.
        path: The path, whose suffix .csv or .tsv counts if the content has no known format.
        columns: The columns that the caller chose; then a file without another format is CSV.

    Raises:
        InvalidCalendarError: The format is unknown.
    """
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
    if SUFFIXES.get(suffix_of(path)) == "csv":
        return "csv"
    raise InvalidCalendarError([_NO_FORMAT])


def is_array(head: bytes) -> bool:
    """Return whether a JSON text begins an array, by its first lines."""
    return head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")
