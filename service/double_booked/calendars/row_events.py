"""The events of rows, whether of a table or of an array in JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.attendance import People
from double_booked.calendars.columns import Columns
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.local_times import choose_order
from double_booked.calendars.row_times import TimeStyle, parse_times
from double_booked.calendars.rows import (
    TableOptions,
    occupies_time,
    resource_assumptions,
    resource_field,
    resources_of,
    row_texts,
)
from double_booked.calendars.skipped import Skipped

_ITSELF = {"file", "calendar"}
"""The choices by which events take what they are in."""

_DATED = ("start", "start date", "end", "end date")


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and where it is.

    Attributes:
        position: Its line from 1, or its index from 0.
        columns: What its values are.
        values: The values.
        people: Those of its event, where the format has their answers.
        is_without_owner: Whether it says that it does not take the time of whose calendar it is.
    """

    position: int
    columns: Columns
    values: Sequence[str]
    people: People = People()  # noqa: RUF009 - it is frozen
    is_without_owner: bool = False

    @property
    def texts(self) -> dict[str, str]:
        """The text of each field that it has."""
        return row_texts(self.columns, self.values)


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """What was read of rows.

    Attributes:
        events: The events, each with the place of its row.
        faults: The rows that cannot be used, each with what is wrong.
        assumptions: A sentence about each thing that the rows leave open, and how it was read.
        is_calendar: Whether the events take the file, as it is one person's calendar.
        names_resources: Whether they take what a column names, as people spell it.
    """

    events: Sequence[tuple[int, Event]]
    faults: Sequence[tuple[Row, str]]
    assumptions: Sequence[str]
    is_calendar: bool = False
    names_resources: bool = False


@dataclass(frozen=True, slots=True)
class ParsedTable:
    """What was read of a table, or of an array of events in JSON.

    Attributes:
        events: The events, each with the line of its row from 1, or its index from 0.
        skipped: The rows that cannot be used.
        assumptions: A sentence about each thing that the file leaves open, and how it was read.
        is_calendar: Whether the events take the file, as it is one person's calendar.
        names_resources: Whether the events take what a column names, as people spell it.
    """

    events: Sequence[tuple[int, Event]]
    skipped: Sequence[Skipped] = ()
    assumptions: Sequence[str] = ()
    is_calendar: bool = False
    names_resources: bool = False


def read_rows(
    rows: Sequence[Row],
    columns: Columns,
    style: TimeStyle,
    options: TableOptions,
    *,
    is_calendar: bool,
) -> ParsedRows:
    """Return the events of rows.

    Args:
        rows: The rows.
        columns: The columns that any of them has.
        style: How their times are written, but for the order of dates.
        options: How they are read.
        is_calendar: Whether they are one person's calendar, so that they take the file.

    Raises:
        InvalidCalendarError: They do not have what `options.by` asks for.
    """
    is_calendar = is_calendar and not options.by and "resources" not in columns.chosen
    chosen = None if is_calendar else resource_field(columns, options.by)
    if chosen is None and options.by in {"attendee", "location"}:
        raise InvalidCalendarError([f"it does not name any {options.by}; try --by file"])
    dates = (
        row.values[position]
        for row in rows
        for field in _DATED
        if (position := row.columns.position(field)) is not None and position < len(row.values)
    )
    order, assumptions = choose_order(dates, day_first=options.day_first)
    is_of_owner = is_calendar or options.by in _ITSELF
    attended = [row for row in rows if _is_attended(row, options, is_of_owner=is_of_owner)]
    found, faults = _events(attended, chosen, replace(style, order=order), options)
    if not is_calendar and not options.by:
        assumptions += resource_assumptions(columns, chosen, [event for _, event in found])
    return ParsedRows(found, faults, assumptions, is_calendar, chosen is not None)


def _is_attended(row: Row, options: TableOptions, *, is_of_owner: bool) -> bool:
    """Return whether anyone is left whose time an event takes.

    Args:
        row: Its row.
        options: How rows are read.
        is_of_owner: Whether it takes the calendar that it is in, and so the time of its owner.
    """
    people = row.people
    if people.have_declined and not people.present:
        return False
    if not is_of_owner or not options.me.isdisjoint(people.present):
        return True
    return not row.is_without_owner and options.me.isdisjoint(people.absent)


def _events(
    rows: Sequence[Row], chosen: str | None, style: TimeStyle, options: TableOptions
) -> tuple[list[tuple[int, Event]], list[tuple[Row, str]]]:
    found, faults = [], []
    for row in rows:
        try:
            event = _event(row, chosen, style, options)
        except ValueError as error:
            faults.append((row, str(error)))
            continue
        if event:
            found.append((row.position, event))
    return found, faults


def _event(row: Row, chosen: str | None, style: TimeStyle, options: TableOptions) -> Event | None:
    """Return the message of a row; None if it takes no time."""
    if not occupies_time(row.columns, row.values, options.counting):
        return None
    texts = row.texts
    span = parse_times(texts, row.columns.names, style)
    if span.is_of_dates and not options.counting.count_all_day:
        return None
    return Event(
        id=texts.get("id", ""),
        title=texts.get("title", ""),
        description=texts.get("description", ""),
        start=span.start,
        end=span.end,
        resources=resources_of(texts, chosen, options.by),
    )
