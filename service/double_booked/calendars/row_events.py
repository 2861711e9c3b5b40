"""The rows of a table, or the objects of a JSON array, in; their events out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from double_booked.api.scheduling_pb2 import Event
from double_booked.calendars.attendance import People
from double_booked.calendars.columns import Columns
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.local_times import choose_order
from double_booked.calendars.parsed_files import WHOLE
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
from double_booked.view.progress import track

READ = 0.2
"""The part of the time for a file in which its rows are split."""

_DATED = ("start", "start date", "end", "end date")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, or an object of a JSON array.

    Attributes:
        position: Its line from 1, or its index from 0.
        columns: The columns of its values.
        values: The values.
        people: The people of its event, if the format has their answers.
        is_without_owner: Whether it says that it occupies no time of its calendar's owner.
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
class ParsedTable:
    """The events of a table, or of an array of events in JSON.

    Attributes:
        events: The events, each with the line of its row from 1, or its index from 0.
        skipped: The rows that cannot be used.
        assumptions: A sentence about each thing that the file leaves open, and how it was read.
        is_calendar: Whether the events occupy the file, because it is one person's calendar.
        names_resources: Whether a column names the resources, as people spell them.
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
    skip: Callable[[Row, str], Skipped],
    *,
    is_calendar: bool,
    others_unnamed: int = 0,
) -> ParsedTable:
    """Return the events of rows.

    Args:
        rows: The rows.
        columns: The columns that at least one row has.
        style: How their times are written, apart from the order of dates.
        options: How they are read.
        skip: Returns the description of a row that cannot be used, from the reason.
        is_calendar: Whether they are one person's calendar, and so occupy the file.
        others_unnamed: How many rows of the table that are not among them name no resource.

    Raises:
        InvalidCalendarError: No row has the property that `options.by` chooses.
    """
    is_calendar = is_calendar and not options.by and "resources" not in columns.chosen
    chosen = None if is_calendar else resource_field(columns, options.by)
    if chosen is None and options.by in {"attendee", "location"}:
        raise InvalidCalendarError([f"it does not name any {options.by}; try --by file"])
    order, assumptions = choose_order(_dates(rows), day_first=options.day_first)
    style = replace(style, order=order)
    is_of_owner = is_calendar or options.by in WHOLE
    events: list[tuple[int, Event]] = []
    skipped: list[Skipped] = []
    for row in track(rows, options.progress, READ):
        if _is_attended(row, options, is_of_owner=is_of_owner):
            try:
                event = _event(row, chosen, style, options)
            except ValueError as error:
                skipped.append(skip(row, str(error)))
                continue
            if event:
                events.append((row.position, event))
    if rows and not is_calendar and not options.by:
        unnamed = others_unnamed + sum(not event.resources for _, event in events)
        assumptions += resource_assumptions(columns, chosen, unnamed)
    return ParsedTable(events, skipped, assumptions, is_calendar, chosen is not None)


def _dates(rows: Sequence[Row]) -> list[str]:
    """Return the cells that have dates."""
    return [
        row.values[position]
        for row in rows
        for field in _DATED
        if (position := row.columns.position(field)) is not None and position < len(row.values)
    ]


def _is_attended(row: Row, options: TableOptions, *, is_of_owner: bool) -> bool:
    """Return whether the event of a row occupies the time of at least one person.

    Args:
        row: The row.
        options: How rows are read.
        is_of_owner: Whether its event occupies its calendar, and so the time of the owner.
    """
    people = row.people
    if people.have_declined and not people.present:
        return False
    if not is_of_owner or not options.me.isdisjoint(people.present):
        return True
    return not row.is_without_owner and options.me.isdisjoint(people.absent)


def _event(row: Row, chosen: str | None, style: TimeStyle, options: TableOptions) -> Event | None:
    """Return the message of a row; None if it occupies no time.

    Raises:
        ValueError: Its times cannot be used.
    """
    if not occupies_time(row.columns, row.values, options.counting):
        return None
    texts = row.texts
    times = parse_times(texts, row.columns.names, style)
    if times.is_of_dates and not options.counting.count_all_day:
        return None
    return Event(
        id=texts.get("id", ""),
        title=texts.get("title", ""),
        description=texts.get("description", ""),
        start=times.start,
        end=times.end,
        resources=resources_of(texts, chosen, options.by),
    )
