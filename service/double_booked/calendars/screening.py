"""Find the rows of tables that conflict, before any of them is an event. Needs pyarrow.

A table of a million rows takes minutes and gigabytes as events, and seconds as columns. Events
without a conflict are not needed to report the others: whoever is present in an overlap is in its
group.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.arrow_cells import cell_texts, is_list
from double_booked.calendars.arrow_instants import Instants, read_instants
from double_booked.calendars.errors import InvalidCalendarError
from double_booked.calendars.file_reader import TableFile, parse_table
from double_booked.calendars.parsed_files import LeftOut, ParsedFile
from double_booked.calendars.rooms import room_key
from double_booked.calendars.rows import resource_field, resources_of
from double_booked.columns import find_groups
from double_booked.conflicts import validation
from double_booked.conflicts.options import gap_of

_OTHER_FIELDS = {
    *("start date", "start time", "end date", "end time", "duration", "all day", "status"),
}
"""The fields by which a row is more than a start, an end and resources."""


@dataclass(frozen=True, slots=True)
class _Names:
    """The resources of rows.

    Attributes:
        column: The name or the list of names of each row.
        all: Every name, each once; "" is the unnamed resource.
        unnamed: Whether a row has no name, for each row.
    """

    column: pa.ChunkedArray
    all: frozenset[str]
    unnamed: pa.ChunkedArray


@dataclass(frozen=True, slots=True)
class _Screened:
    """A table as columns of instants and names."""

    file: TableFile
    instants: Instants
    names: _Names


def read_conflicting(
    files: Sequence[TableFile], options: ConflictOptions
) -> list[ParsedFile] | None:
    """Return the events of tables that conflict, and how many do not.

    Args:
        files: The tables, which are compared with one another.
        options: What counts as a conflict.

    Returns:
        None if a table says more of its events than start, end and resources, or columns differ
        in type, so that all events are needed.
    """
    if any(validation.check_options(options)):  # the engine says what is wrong with them
        return None
    tables = [table for table in map(_screen, files) if table]
    if len(tables) < len(files) or not _are_comparable(tables):
        return None
    found = zip(tables, _find_rows(tables, options), strict=True)
    parsed = [file for file in (_parse(table, rows) for table, rows in found) if file]
    return parsed if len(parsed) == len(files) else None


def _screen(file: TableFile) -> _Screened | None:
    """Return the columns of a table; None if they do not say all of its events."""
    by_field = file.table.columns.by_field
    if not _OTHER_FIELDS.isdisjoint(by_field) or file.options.by not in {None, "file"}:
        return None
    try:
        instants = read_instants(file.table, file.options.calendar.zone, file.options.window)
    except InvalidCalendarError:  # the reader of events says what is wrong
        return None
    names = _names_of(file)
    return _Screened(file, instants, names) if instants and names else None


def _names_of(file: TableFile) -> _Names | None:
    """Return the resources of the rows; None if a text is more than one name."""
    columns, rows = file.table.columns, file.table.content.num_rows
    field = resource_field(columns, None)
    if file.options.by == "file" or field is None:
        name = file.resource if file.options.by == "file" else ""
        column = pa.chunked_array([pa.repeat(pa.scalar(name), rows)])
        return _Names(column, frozenset([name]), pc.equal(column, ""))
    column = file.table.content.column(columns.by_field[field][0])
    if is_list(column.type):
        unnamed = pc.equal(pc.list_value_length(column), 0)
        is_whole = not column.null_count and not pc.list_flatten(column).null_count
    else:
        column = pc.fill_null(column.cast(pa.string()), "")
        unnamed, is_whole = pc.equal(column, ""), True
    texts = _distinct(column)
    is_plain = all(resources_of({field: text}, field) == [text] for text in texts if text)
    is_plain = is_plain and not (field == "location" and "area" in columns.by_field)
    is_plain = is_plain and not (is_list(column.type) and "" in texts)
    return _Names(column, texts, unnamed) if is_whole and is_plain else None


def _distinct(column: pa.ChunkedArray) -> frozenset[str]:
    """Return the texts of a column of texts or lists."""
    flat = pc.list_flatten(column) if is_list(column.type) else column
    return frozenset(cell_texts(pa.chunked_array([pc.unique(flat)])))


def _are_comparable(tables: Sequence[_Screened]) -> bool:
    """Return whether the columns have one type, and each name has one spelling."""
    kinds = {(str(table.instants.start.type), str(table.names.column.type)) for table in tables}
    names = frozenset[str]().union(*(table.names.all for table in tables))
    return len(kinds) == 1 and len({room_key(name) for name in names}) == len(names)


def _find_rows(tables: Sequence[_Screened], options: ConflictOptions) -> list[pa.Array]:
    """Return the rows of each table that conflict, in order."""
    inside = [table.instants.inside for table in tables]
    start, end, names = (
        pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
        for columns in (
            [table.instants.start.take(rows) for table, rows in zip(tables, inside, strict=True)],
            [table.instants.end.take(rows) for table, rows in zip(tables, inside, strict=True)],
            [table.names.column.take(rows) for table, rows in zip(tables, inside, strict=True)],
        )
    )
    # A capacity for another spelling of a name is not found here: then more rows are kept than
    # necessary, and the engine decides, as on all events.
    groups = find_groups(
        start, end, names, capacity=dict(options.capacity), min_gap=gap_of(options)
    )
    found = pc.unique(pa.array(groups.members).flatten())
    rows, first = [], 0
    for own in inside:
        of_table = pc.and_(pc.greater_equal(found, first), pc.less(found, first + len(own)))
        rows.append(own.take(pc.subtract(found.filter(of_table), first)))
        first += len(own)
    return rows


def _parse(table: _Screened, conflicting: pa.Array) -> ParsedFile | None:
    """Return the events of rows and the faults of the table; None if a faulty row is an event."""
    instants, unnamed = table.instants, table.names.unnamed
    without = pc.sum(unnamed.filter(instants.usable)).as_py() or 0
    own = pc.sum(unnamed.take(conflicting)).as_py() or 0
    names = _distinct(table.names.column.take(instants.inside))
    if pc.any(unnamed.take(instants.inside)).as_py():
        names |= {""}
    left_out = LeftOut(len(instants.inside) - len(conflicting), names)
    rows = pa.concat_arrays([conflicting, instants.faulty])
    rows = rows.take(pc.array_sort_indices(rows))
    parsed = parse_table(table.file, rows, others_unnamed=without - own)
    if len(parsed.events) != len(conflicting):
        return None
    return replace(parsed, left_out=left_out, outside=instants.outside)
