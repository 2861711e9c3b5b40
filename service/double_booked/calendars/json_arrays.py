"""Arrays of events in JSON, as FullCalendar and scripts have them, in, messages out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from double_booked.calendars.columns import Columns, find_columns, normalize
from double_booked.calendars.json_people import answers_of, cell_text, owner_takes_part
from double_booked.calendars.row_events import ParsedTable, Row, read_rows
from double_booked.calendars.row_times import TimeStyle
from double_booked.calendars.rows import TableOptions
from double_booked.calendars.skipped import Skipped
from double_booked.recurrence.zone_names import iana_zone, non_iana_zone

_AN_HOUR = timedelta(hours=1)
_MILLISECONDS_FROM = 10**11
"""Numbers from here on are milliseconds since 1970, as of JavaScript; less are seconds."""

_RECURRING = ("rrule", "recurrence", "days of week")


def parse(document: Sequence[object], options: TableOptions) -> ParsedTable:
    """Return the events of an array of objects.

    The keys are those of `columns.NAMES`, and `extendedProps` may hold more. Dates as ends do not
    belong to the event, and an event without an end lasts an hour, as in FullCalendar.

    Args:
        document: The array.
        options: How it is read.

    Raises:
        InvalidCalendarError: The events do not have what `options.by` asks for.
    """
    rows, skipped = [], []
    for index, each in enumerate(document):
        try:
            rows.append(_row(index, each, options))
        except (TypeError, ValueError) as error:
            skipped.append(Skipped(None, f"[{index}]: {error}", _title(each)))
    style = TimeStyle(options.zone, dates_end_before=True, without_end=_AN_HOUR)
    is_calendar = any(map(_is_of_calendar, document))
    found = read_rows(rows, _all_columns(rows), style, options, is_calendar=is_calendar)
    skipped += [_skip(row, reason) for row, reason in found.faults]
    assumptions = [*found.assumptions, *_end_assumptions(rows)]
    return ParsedTable(found.events, skipped, assumptions, found.is_calendar, found.names_resources)


def _row(index: int, found: object, options: TableOptions) -> Row:
    if not isinstance(found, dict):
        raise TypeError("not an object")
    nested = found.get("extendedProps")
    values = (nested if isinstance(nested, dict) else {}) | found
    by_name = {normalize(key): (key, value) for key, value in values.items() if value is not None}
    recurring = next((by_name[name][0] for name in _RECURRING if name in by_name), None)
    if recurring:
        raise ValueError(f"it recurs by {recurring}, which is read from .ics files only")
    chosen = {field: name for field, name in options.columns.items() if normalize(name) in by_name}
    columns = find_columns([key for key, _ in by_name.values()], chosen)
    if not columns.has_start:
        raise ValueError(f"it has no start; it has {', '.join(columns.header) or 'no keys'}")
    texts = [cell_text(value) for _, value in by_name.values()]
    for position in (*columns.by_field.get("start", ()), *columns.by_field.get("end", ())):
        texts[position] = _time(list(by_name.values())[position][1])
    said = [value for _, value in by_name.values()]
    attendee, organizer = columns.position("attendee"), columns.position("organizer")
    answers = answers_of(
        [] if attendee is None else said[attendee],
        None if organizer is None else said[organizer],
        options.counting,
    )
    if attendee is not None:
        texts[attendee] = answers.attendees
    if organizer is not None:
        texts[organizer] = answers.organizer
    is_without_owner = not owner_takes_part(found, options.counting)
    return Row(index, columns, texts, answers.people, is_without_owner)


def _time(value: object) -> str:
    """Return a time as text: FullCalendar's may be a number, Google's and Graph's an object."""
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


def _is_of_calendar(found: object) -> bool:
    """Return whether an event is one of a person's calendar, as Google and Graph list them."""
    return isinstance(found, dict) and isinstance(found.get("start"), dict)


def _title(found: object) -> str:
    if not isinstance(found, dict):
        return ""
    return next(
        (cell_text(found[each]) for each in ("title", "summary", "subject") if each in found), ""
    )


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
    return Columns(header, by_field, chosen)


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
