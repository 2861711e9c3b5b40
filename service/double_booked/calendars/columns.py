"""Find the columns of a table, or the keys of JSON objects, by the names that programs use."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from double_booked.calendars.errors import InvalidCalendarError

_WORDS = re.compile(r"[\s_\-./]+|(?<=[a-z])(?=[A-Z])")

NAMES: Mapping[str, Sequence[str]] = {
    "id": ("id", "uid", "event id", "booking id", "entry id", "reference number"),
    "title": ("title", "subject", "summary", "brief description", "event", "event title", "name"),
    "description": ("description", "full description", "body", "notes", "details"),
    "start": (
        *("start", "begin", "starts", "from", "dtstart", "start datetime", "start date time"),
        *("begin datetime", "starts at", "start at"),
    ),
    "start date": ("start date", "begin date", "date", "day"),
    "start time": ("start time", "begin time", "time from"),
    "end": (
        *("end", "finish", "ends", "to", "until", "dtend", "end datetime", "end date time"),
        *("finish datetime", "ends at", "end at"),
    ),
    "end date": ("end date", "finish date"),
    "end time": ("end time", "finish time", "time to"),
    "duration": ("duration",),
    "all day": ("all day event", "all day", "is all day", "allday"),
    "status": (
        *("show time as", "show as", "busystatus", "busy status", "status"),
        *("confirmation status", "transparency", "transp", "is cancelled", "display"),
    ),
    "resources": (
        *("resources", "resource", "resource name", "resource names", "resource ids"),
        *("resource id", "meeting resources"),
    ),
    "location": ("room", "rooms", "room name", "location", "locations", "venue", "where", "place"),
    "calendar": ("calendar", "calendar name"),
    "attendee": (
        *("attendee", "attendees", "participant", "participants", "required attendees"),
        *("person", "people", "employee", "staff", "teacher", "instructor", "user"),
    ),
    "organizer": ("organizer", "organiser", "meeting organizer", "meeting organiser"),
    "area": ("area", "area name"),
}
"""The known names of each field, as `normalize` returns them; the first that a table has counts.

Sources: the CSV exports of Outlook and Google Calendar ("Subject", "Start Date"), MRBS ("Brief
description", "Area", "Room") and LibreBooking ("Resource", "Begin"), FullCalendar's event objects
("allDay", "resourceIds"), and Microsoft Graph's ("isAllDay", "showAs").
"""

RESOURCE_FIELDS = ("resources", "location", "calendar", "attendee")
"""The fields that name resources; the first that a table has is used."""

FIELDS = tuple(NAMES)
"""The fields that `--columns` can set."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table, by the field that they are read as.

    Attributes:
        header: The names of all columns, as the table has them.
        by_field: The positions of the columns of each field of NAMES, the one to read first.
        chosen: The fields whose column the caller chose.
        noun: The word for a column: the objects of a JSON array have keys.
    """

    header: Sequence[str]
    by_field: Mapping[str, Sequence[int]]
    chosen: frozenset[str] = frozenset()
    noun: str = "column"

    def position(self, field: str) -> int | None:
        """Return the position of the column of a field; None if the table has no such column."""
        return next(iter(self.by_field.get(field, ())), None)

    @property
    def names(self) -> dict[str, str]:
        """The name of the column of each field, as the table has it."""
        return {
            field: self.header[positions[0]].strip() for field, positions in self.by_field.items()
        }

    @property
    def has_start(self) -> bool:
        """Whether the table has a column for the start of events."""
        return "start" in self.by_field or "start date" in self.by_field

    @property
    def has_end(self) -> bool:
        """Whether the table has a column for the end; dates without an end are whole days."""
        return not self.by_field.keys().isdisjoint(
            {"end", "end date", "end time", "duration", "start date"}
        )

    @property
    def resource_fields(self) -> list[str]:
        """The fields that name resources, the one to use first."""
        return [field for field in RESOURCE_FIELDS if field in self.by_field]

    @property
    def is_calendar(self) -> bool:
        """Whether the table is one person's calendar, as Outlook and Google Calendar export it."""
        names = {*map(normalize, self.header)}
        return {"subject", "start date"} <= names


def normalize(name: str) -> str:
    """Return a name in lower case with single blanks: "Start_Date" and "startDate" are equal."""
    return " ".join(filter(None, _WORDS.split(name.strip().strip("\ufeff")))).lower()


def find_columns(header: Sequence[str], chosen: Mapping[str, str] | None = None) -> Columns:
    """Return the columns of a table, by the field that they are read as.

    Args:
        header: The names of the columns.
        chosen: The name of the column to read, by field of FIELDS; others are found by name.

    Raises:
        InvalidCalendarError: The table has no column of a chosen name, or two columns of one name.
    """
    names = [normalize(name) for name in header]
    by_field: dict[str, Sequence[int]] = {}
    for field, known in NAMES.items():
        positions = [names.index(name) for name in known if name in names]
        if positions:
            by_field[field] = positions
    for field in chosen or {}:
        by_field = _without_rivals(by_field, field)
    for field, name in (chosen or {}).items():
        by_field[field] = [_position(header, names, name)]
    _read_times_as_moments(by_field)
    columns = Columns(header, by_field, frozenset(chosen or ()))
    _check_unique(columns, names)
    return columns


def _without_rivals(by_field: dict[str, Sequence[int]], field: str) -> dict[str, Sequence[int]]:
    """Return the columns without those that state the same as the chosen column of a field."""
    rivals: set[str] = set()
    if field in {"start", "end"}:
        rivals = {f"{field} date", f"{field} time"}
    elif field == "resources":
        rivals = {"location", "calendar", "area"}  # --by attendee needs the attendees
    return {name: by_field[name] for name in by_field if name not in rivals}


def _position(header: Sequence[str], names: Sequence[str], name: str) -> int:
    if normalize(name) in names:
        return names.index(normalize(name))
    raise InvalidCalendarError([f"the table has no column {name}; it has {_list(header)}"])


def _read_times_as_moments(by_field: dict[str, Sequence[int]]) -> None:
    """Read "Start time" as date and time if no column has its date, as in MRBS."""
    if "start date" in by_field:
        return
    for side in ("start", "end"):
        has_other = side in by_field or f"{side} date" in by_field
        if not has_other and f"{side} time" in by_field:
            by_field[side] = by_field.pop(f"{side} time")


def _check_unique(columns: Columns, names: Sequence[str]) -> None:
    for positions in columns.by_field.values():
        name = names[positions[0]]
        if names.count(name) > 1:
            raise InvalidCalendarError([f"the table has the column {name} twice"])


def check_times(columns: Columns) -> None:
    """Reject a table without a start or an end.

    Raises:
        InvalidCalendarError: It has no such column.
    """
    if columns.has_start and columns.has_end:
        return
    side = "end" if columns.has_start else "start"
    has = f"the table has no column {side}; it has {_list(columns.header)}"
    raise InvalidCalendarError([f"{has}; --columns {side}=NAME chooses one"])


def _list(header: Sequence[str]) -> str:
    return ", ".join(name.strip() for name in header if name.strip()) or "none"
