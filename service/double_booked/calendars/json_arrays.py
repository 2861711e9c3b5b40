"""JSON arrays of events in, as FullCalendar and scripts write them; events out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo

from double_booked.calendars.columns import Columns, find_columns, normalize
from double_booked.calendars.json_people import answers_of, cell_text, owner_takes_part
from double_booked.calendars.row_events import READ, ParsedTable, Row, read_rows
from double_booked.calendars.row_times import TimeStyle
from double_booked.calendars.rows import TableOptions
from double_booked.calendars.skipped import Skipped
from double_booked.recurrence.zone_names import iana_zone, non_iana_zone
from double_booked.view.progress import track

_AN_HOUR = timedelta(hours=1)
_MILLISECONDS_FROM = 10**11
"""Numbers from here on are milliseconds since 1970, as in JavaScript; smaller ones are seconds."""

_RECURRING = ("rrule", "recurrence", "days of week")


def parse(document: Sequence[object], options: TableOptions) -> ParsedTable:
    """Return the events of an array of objects.

    The keys are those of `columns.NAMES`; `extendedProps` may have more of them. As in
    FullCalendar, a date as end is not part of the event, and an event without an end lasts an hour.

    Args:
        document: The array.
        options: How it is read.

    Raises:
        InvalidCalendarError: No event has the property that `options.by` chooses.
    """
    rows, skipped = [], []
    for index, item in enumerate(track(document, options.progress, 0, READ)):
        try:
            rows.append(_row(index, item, options))
        except (TypeError, ValueError) as error:
            skipped.append(Skipped(None, f"[{index}]: {error}", _title(item)))
    style = TimeStyle(options.zone, dates_end_before=True, without_end=_AN_HOUR)
    is_calendar = any(map(_is_of_calendar, document))
    table = read_rows(rows, _all_columns(rows), style, options, _skip, is_calendar=is_calendar)
    skipped += table.skipped
    assumptions = [*table.assumptions, *_end_assumptions(rows)]
    return replace(table, skipped=skipped, assumptions=assumptions)


def _row(index: int, item: object, options: TableOptions) -> Row:
    """Return the row of an object.

    Raises:
        TypeError: It is not an object.
        ValueError: It recurs, or has no start.
    """
    if not isinstance(item, dict):
        raise TypeError("not an object")
    fields = _fields(item)
    columns = _columns(fields, options)
    values = [value for _, value in fields.values()]
    texts = [cell_text(value) for value in values]
    for position in (*columns.by_field.get("start", ()), *columns.by_field.get("end", ())):
        texts[position] = _time(values[position])
    attendee, organizer = columns.position("attendee"), columns.position("organizer")
    answers = answers_of(
        [] if attendee is None else values[attendee],
        None if organizer is None else values[organizer],
        options.counting,
    )
    if attendee is not None:
        texts[attendee] = answers.attendees
    if organizer is not None:
        texts[organizer] = answers.organizer
    is_without_owner = not owner_takes_part(item, options.counting)
    return Row(index, columns, texts, answers.people, is_without_owner)


def _fields(item: Mapping[str, object]) -> dict[str, tuple[str, object]]:
    """Return the keys and values of an object and its `extendedProps`, by normalized key."""
    nested = item.get("extendedProps")
    values = {**(nested if isinstance(nested, dict) else {}), **item}
    return {normalize(key): (key, value) for key, value in values.items() if value is not None}


def _columns(fields: Mapping[str, tuple[str, object]], options: TableOptions) -> Columns:
    """Return the columns of an object.

    Raises:
        ValueError: It recurs, or has no start.
    """
    recurring = next((fields[name][0] for name in _RECURRING if name in fields), None)
    if recurring:
        raise ValueError(f"it recurs by {recurring}, which is read from .ics files only")
    chosen = {field: name for field, name in options.columns.items() if normalize(name) in fields}
    columns = find_columns([key for key, _ in fields.values()], chosen)
    if not columns.has_start:
        raise ValueError(f"it has no start; it has {', '.join(columns.header) or 'no keys'}")
    return columns


def _time(value: object) -> str:
    """Return a time as text: FullCalendar may have a number, Google and Graph have an object."""
    if isinstance(value, bool) or not isinstance(value, int | float | dict):
        return cell_text(value)
    if isinstance(value, dict):
        return _in_its_zone(value)
    try:
        seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return str(value)


def _in_its_zone(value: Mapping[str, object]) -> str:
    text = cell_text(value.get("dateTime") or value.get("date"))
    name = cell_text(value.get("timeZone"))
    zone: tzinfo | None = (iana_zone(name) or non_iana_zone(name)) if name else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if zone is None or moment.tzinfo or not value.get("dateTime"):
        return text
    return moment.replace(tzinfo=zone).isoformat()


def _is_of_calendar(item: object) -> bool:
    """Return whether an event is from a person's calendar, as Google and Graph list it."""
    return isinstance(item, dict) and isinstance(item.get("start"), dict)


def _title(item: object) -> str:
    if not isinstance(item, dict):
        return ""
    keys = ("title", "summary", "subject")
    return next((cell_text(item[key]) for key in keys if key in item), "")


def _all_columns(rows: Sequence[Row]) -> Columns:
    """Return the columns that any of the rows has."""
    header: list[str] = []
    by_field: dict[str, Sequence[int]] = {}
    chosen: frozenset[str] = frozenset()
    for columns in (row.columns for row in rows):
        chosen |= columns.chosen
        for field, name in columns.names.items():
            if field not in by_field:
                by_field[field] = [len(header)]
                header.append(name)
    return Columns(header, by_field, chosen, "key")


def _end_assumptions(rows: Sequence[Row]) -> list[str]:
    """Return a sentence about events without an end."""
    without = sum(not row.texts.get("end") and not row.texts.get("duration") for row in rows)
    if not without:
        return []
    events = "1 event has" if without == 1 else f"{without} events have"
    return [f"{events} no end: a time lasts an hour, and a date is that day, as in FullCalendar"]


def _skip(row: Row, reason: str) -> Skipped:
    texts = row.texts
    return Skipped(
        None, f"[{row.position}].{reason}", texts.get("title", ""), texts.get("start", "")
    )
