"""The status and the resources of the rows of a table, or of the objects of a JSON array."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.columns import Columns, normalize
from double_booked.view.progress import Progress, ignore_progress

_WITHOUT_TIME = {"cancelled", "canceled", "declined", "free", "transparent", "working elsewhere"}
_STATUS: Mapping[str, Mapping[str, str]] = {
    "show time as": {"1": "tentative", "3": "free"},
    "busystatus": {"0": "free", "1": "tentative", "4": "working elsewhere"},
    "busy status": {"0": "free", "1": "tentative", "4": "working elsewhere"},
    "is cancelled": {"true": "cancelled"},
    "display": {"background": "free", "inverse background": "free"},
}
"""The meaning of values, by the name of their column.

They are from Outlook's export and its OlBusyStatus, and from FullCalendar, whose background events
are shadings such as business hours.
"""

_FIELDS_BY: Mapping[str, Sequence[str]] = {
    "attendee": ("attendee", "organizer"),
    "resource": ("resources", "location"),
}
"""The fields that name the resources, by the choice of `--by`, unless they have its name."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How tables, and arrays of events in JSON, are read.

    Attributes:
        zone: The zone of times without an offset.
        counting: Which events occupy time.
        day_first: Whether dates like 3/4/2026 begin with the day.
        columns: The names of the columns to read, by field of `columns.FIELDS`.
        by: What events occupy: "attendee", "location", "resource" or "calendar"; None for the first
            of RESOURCE_FIELDS that the table has.
        me: The addresses of the owner of the calendars, as `normalize_address` returns them.
        progress: Receives the part of a file that is read.
    """

    zone: tzinfo
    counting: CountingRules = CountingRules()  # noqa: RUF009 - it is frozen
    day_first: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    by: str | None = None
    me: frozenset[str] = frozenset()
    progress: Progress = ignore_progress


def occupies_time(columns: Columns, row: Sequence[str], counting: CountingRules) -> bool:
    """Return whether a row occupies time: it is not cancelled, free, or excluded as tentative."""
    statuses = set()
    for position in columns.by_field.get("status", ()):
        meanings = _STATUS.get(normalize(columns.header[position]), {})
        value = normalize(row[position]) if position < len(row) else ""
        statuses.add(meanings.get(value, value))
    is_counted = counting.count_tentative or "tentative" not in statuses
    return is_counted and not statuses & _WITHOUT_TIME


def row_texts(columns: Columns, row: Sequence[str]) -> dict[str, str]:
    """Return the text of each field that a row has."""
    return {
        name: row[positions[0]]
        for name, positions in columns.by_field.items()
        if positions[0] < len(row)
    }


def resource_field(columns: Columns, by: str | None) -> str | None:
    """Return the field that names the resources of rows; None if the table has no such field.

    Args:
        columns: The columns of the table.
        by: The choice, as `TableOptions` has it.
    """
    if by is None:
        return next(iter(columns.resource_fields), None)
    fields = _FIELDS_BY.get(by, (by,))
    return next((name for name in fields if name in columns.by_field), None)


def resources_of(texts: Mapping[str, str], chosen: str | None, by: str | None = None) -> list[str]:
    """Return the resources of a row.

    Rooms with the same name in two areas are two resources.

    Args:
        texts: The texts of the row, by field.
        chosen: The field that names the resources; None if there is no such field.
        by: The choice, as `TableOptions` has it; "attendee" includes the organizer.
    """
    if chosen is None:
        return []
    fields = _FIELDS_BY["attendee"] if by == "attendee" else (chosen,)
    area = texts.get("area", "").strip() if chosen == "location" else ""
    text = ";".join(texts.get(name, "") for name in fields)
    names = dict.fromkeys(name.strip() for name in text.replace("|", ";").split(";"))
    return [f"{area} / {name}" if area else name for name in names if name]


def resource_assumptions(columns: Columns, chosen: str | None, unnamed: int) -> list[str]:
    """Return a sentence about each assumption on the resources of rows.

    Args:
        columns: The columns of the table.
        chosen: The field that names the resources; None if there is no such field.
        unnamed: How many events name no resource.
    """
    if chosen is None:
        assumption = f"no {columns.noun} names resources, so all events are taken as one resource"
        return [f"{assumption}; --columns resources=NAME chooses a {columns.noun}"]
    assumptions = []
    column = columns.names[chosen]
    others = [columns.names[name] for name in columns.resource_fields if name != chosen]
    if others and "resources" not in columns.chosen:
        choice = f'events take what the {columns.noun} "{column}" names, not {" or ".join(others)}'
        assumptions = [f"{choice}; --columns resources=NAME chooses another"]
    if unnamed:
        noun, are = ("event", "is") if unnamed == 1 else ("events", "are")
        without = f'{unnamed} {noun} without a value in the {columns.noun} "{column}"'
        assumptions.append(f"{without} {are} taken as one unnamed resource")
    return assumptions
