"""The names that columns of tables, and keys of JSON, have in common programs."""

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
"""The known names of each field, in small letters and single blanks; the first in a table counts.

Sources: the CSV exports of Outlook and Google Calendar ("Subject", "Start Date"), MRBS ("Brief
description", "Area", "Room") and LibreBooking ("Resource", "Begin"), FullCalendar's event objects
("allDay", "resourceIds"), and Microsoft Graph's ("isAllDay", "showAs").
"""

RESOURCE_FIELDS = ("resources", "location", "calendar", "attendee")
"""The fields that say what an event takes, the first that a table has before the others."""

FIELDS = tuple(NAMES)
"""The fields that --columns can set."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are read as what.

    Attributes:
        header: The names of all columns, as the table has them.
        by_field: The positions of the columns of each field of NAMES that the table has, the one
            to read first.
        chosen: The fields whose column the caller chose.
    """

    header: Sequence[str]
    by_field: Mapping[str, Sequence[int]]
    chosen: frozenset[str] = frozenset()

    def position(self, field: str) -> int | None:
        """Return the position of a field's column; None if the table has none."""
        return next(iter(self.by_field.get(field, ())), None)

    @property
    def names(self) -> dict[str, str]:
        """The name of each field's column, as the table has it."""
        return {
            field: self.header[positions[0]].strip() for field, positions in self.by_field.items()
        }

    @property
    def has_start(self) -> bool:
        """Whether the table says when events start."""
        return "start" in self.by_field or "start date" in self.by_field

    @property
    def has_end(self) -> bool:
        """Whether the table says when events end; dates without an end are whole days."""
        return not self.by_field.keys().isdisjoint(
            {"end", "end date", "end time", "duration", "start date"}
        )

    @property
    def resource_fields(self) -> list[str]:
        """The fields that say what an event takes, the one to use first."""
        return [field for field in RESOURCE_FIELDS if field in self.by_field]

    @property
    def is_calendar(self) -> bool:
        """Whether the table is the export of one person's calendar, as Outlook and Google do it."""
        names = {*map(normalize, self.header)}
        return {"subject", "start date"} <= names


def normalize(name: str) -> str:
    """Return a name in small letters and single blanks: "Start_Date" and "startDate" are one."""
    return " ".join(filter(None, _WORDS.split(name.strip().strip("\ufeff")))).lower()


def find_columns(header: Sequence[str], chosen: Mapping[str, str] | None = None) -> Columns:
    """Return which columns of a table are read as what.

    Args:
        header: The names of the columns.
        chosen: The name of the column to read as a field of FIELDS.

    Raises:
        InvalidCalendarError: The table has no column of a chosen name, or two.
    """
    names = [normalize(name) for name in header]
    found: dict[str, Sequence[int]] = {}
    for field, known in NAMES.items():
        positions = [names.index(name) for name in known if name in names]
        if positions:
            found[field] = positions
    for field in chosen or {}:
        found = _without_rivals(found, field)
    for field, name in (chosen or {}).items():
        found[field] = [_position(header, names, name)]
    _read_times_as_moments(found)
    columns = Columns(header, found, frozenset(chosen or ()))
    _check_unique(columns, names)
    return columns


def _without_rivals(found: dict[str, Sequence[int]], field: str) -> dict[str, Sequence[int]]:
    """Drop the known names of what a chosen column says as well."""
    rivals: set[str] = set()
    if field in {"start", "end"}:
        rivals = {f"{field} date", f"{field} time"}
    elif field == "resources":
        rivals = {"location", "calendar", "area"}  # --by attendee needs the attendees
    return {each: found[each] for each in found if each not in rivals}


def _position(header: Sequence[str], names: Sequence[str], name: str) -> int:
    if normalize(name) in names:
        return names.index(normalize(name))
    known = ", ".join(each.strip() for each in header)
    raise InvalidCalendarError([f"line 1: the header has no column {name}; it has {known}"])


def _read_times_as_moments(found: dict[str, Sequence[int]]) -> None:
    """Read "Start time" as a whole point in time where no column has its date, as in MRBS."""
    if "start date" in found:
        return
    for side in ("start", "end"):
        if side not in found and f"{side} date" not in found and f"{side} time" in found:
            found[side] = found.pop(f"{side} time")


def _check_unique(columns: Columns, names: Sequence[str]) -> None:
    for positions in columns.by_field.values():
        name = names[positions[0]]
        if names.count(name) > 1:
            raise InvalidCalendarError([f"line 1: the header names {name} twice"])
