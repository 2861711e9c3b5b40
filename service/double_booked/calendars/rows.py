"""What the rows of tables, and the objects of JSON, say of their events, but for the times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.columns import Columns, normalize

_WITHOUT_TIME = {"cancelled", "canceled", "declined", "free", "transparent", "working elsewhere"}
_STATUS: Mapping[str, Mapping[str, str]] = {
    "show time as": {"1": "tentative", "3": "free"},
    "busystatus": {"0": "free", "1": "tentative", "4": "working elsewhere"},
    "busy status": {"0": "free", "1": "tentative", "4": "working elsewhere"},
    "is cancelled": {"true": "cancelled"},
    "display": {"background": "free", "inverse background": "free"},
}
"""What values mean by the name of their column.

They are those of Outlook's export, of its OlBusyStatus, and of FullCalendar, whose background
events are shadings such as business hours.
"""

_FIELDS_BY: Mapping[str, Sequence[str]] = {
    "attendee": ("attendee", "organizer"),
    "resource": ("resources", "location"),
}
"""The fields that name what events take, by the choice, where it is not the field itself."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How tables, and arrays of events in JSON, are read.

    Attributes:
        zone: Where times without an offset are.
        counting: Which events take time.
        day_first: Whether dates like 3/4/2026 begin with the day.
        columns: The names of the columns to read as fields of `columns.FIELDS`.
        by: What events take: "attendee", "location", "resource" or "calendar"; None for what the
            table says, its column of resources before others.
        me: The addresses of whose calendars these are, as `normalize_address` returns them.
    """

    zone: tzinfo
    counting: CountingRules = CountingRules()  # noqa: RUF009 - it is frozen
    day_first: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    by: str | None = None
    me: frozenset[str] = frozenset()


def occupies_time(columns: Columns, row: Sequence[str], counting: CountingRules) -> bool:
    """Return whether a row takes time: it is not cancelled, free, or left out as tentative."""
    said = set()
    for position in columns.by_field.get("status", ()):
        meanings = _STATUS.get(normalize(columns.header[position]), {})
        value = normalize(row[position]) if position < len(row) else ""
        said.add(meanings.get(value, value))
    return not said & _WITHOUT_TIME and (counting.count_tentative or "tentative" not in said)


def row_texts(columns: Columns, row: Sequence[str]) -> dict[str, str]:
    """Return the text of each field that a row has."""
    return {
        name: row[positions[0]]
        for name, positions in columns.by_field.items()
        if positions[0] < len(row)
    }


def resource_field(columns: Columns, by: str | None) -> str | None:
    """Return the field that says what rows take; None if the table has none.

    Args:
        columns: Those of the table.
        by: As `TableOptions` has it.
    """
    if by is None:
        return next(iter(columns.resource_fields), None)
    wanted = _FIELDS_BY.get(by, (by,))
    return next((field for field in wanted if field in columns.by_field), None)


def resources_of(texts: Mapping[str, str], chosen: str | None, by: str | None = None) -> list[str]:
    """Return what a row takes.

    Args:
        texts: What the row has, by field.
        chosen: The field that names it; rooms of one name in two areas are two.
        by: As `TableOptions` has it; by attendee, the organizer counts too.
    """
    if chosen is None:
        return []
    fields = _FIELDS_BY["attendee"] if by == "attendee" else (chosen,)
    area = texts.get("area", "").strip() if chosen == "location" else ""
    text = ";".join(texts.get(each, "") for each in fields)
    names = dict.fromkeys(name.strip() for name in text.replace("|", ";").split(";"))
    return [f"{area} / {name}" if area else name for name in names if name]


def resource_assumptions(
    columns: Columns, chosen: str | None, events: Sequence[Event]
) -> list[str]:
    """Return a sentence about each thing that rows leave open of what they take.

    Args:
        columns: Those of the table.
        chosen: The field that names what rows take.
        events: The rows that were read.
    """
    if chosen is None:
        said = "no column names resources, so all events are taken as one resource"
        return [f"{said}; --columns resources=NAME chooses a column"]
    told = []
    others = [columns.names[each] for each in columns.resource_fields if each != chosen]
    if others and "resources" not in columns.chosen:
        said = f'events take what the column "{columns.names[chosen]}" names'
        told = [f"{said}, not {' or '.join(others)}; --columns resources=NAME chooses another"]
    unnamed = sum(not event.resources for event in events)
    if unnamed:
        noun, are = ("event", "is") if unnamed == 1 else ("events", "are")
        said = f'{unnamed} {noun} without a value in the column "{columns.names[chosen]}"'
        told.append(f"{said} {are} taken as one unnamed resource")
    return told
