"""Find the groups of one table with one engine: `table_engines.py ENGINE ROWS SHAPE`.

Prints the CPU seconds, and a checksum of the rows in groups with the first row of their group. Only
the modules of the engine are imported, so that PYTHONPATH may name the sources of another commit.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

NANOS = 10**9
SPAN = 2 * 365 * 86_400
"""Two years, in seconds."""

ISLANDS = """
create or replace table answer as select id, first_row from (
    select id, first_value(id) over run as first_row, count(*) over (partition by room, island) size
    from (
        select *, sum(is_new) over (
            partition by room order by "start", id rows unbounded preceding
        ) as island from (
            select *, case when "start" < max("end") over (
                partition by room order by "start", id
                rows between unbounded preceding and 1 preceding
            ) then 0 else 1 end as is_new from events
        )
    ) window run as (partition by room, island order by "start", id)
) where size > 1
"""


Rows = tuple[np.ndarray, np.ndarray]
"""The rows in groups, and the first row of each one's group."""

Find = Callable[[], Callable[[], Rows]]
"""A call that finds the groups, and returns a function that reads its answer."""


@dataclass(frozen=True, slots=True)
class Table:
    """Events in nanoseconds since 1970, and the number of the room of each."""

    start: np.ndarray
    end: np.ndarray
    room: np.ndarray
    rooms: int


def make_table(rows: int, shape: str) -> Table:
    """Return a table of a shape: `many` rooms of 200 events in two years, or `one`; or `sorted`."""
    rng = np.random.default_rng(3)
    rooms = rows // 200 if "many" in shape else 1
    start = (1_767_225_600 + rng.integers(0, SPAN, rows)) * NANOS + rng.integers(0, NANOS, rows)
    length = 36_000 if rooms > 1 else 0.3 * SPAN / rows
    end = start + (rng.exponential(length, rows) * NANOS).astype(np.int64)
    room = rng.integers(0, rooms, rows).astype(np.int32)
    if "sorted" in shape:
        order = np.lexsort((start, room))
        start, end, room = start[order], end[order], room[order]
    return Table(start, end, room, rooms)


def find_with_columns(table: Table) -> Find:
    """Return a call of double_booked.columns, with numbers of rooms."""
    from double_booked.columns import find_groups  # noqa: PLC0415 - the engine's own

    rooms = table.room if table.rooms > 1 else None

    def find() -> Callable[[], Rows]:
        first = find_groups(table.start, table.end, rooms).first
        return lambda: rows_in_groups(np.asarray(first))

    return find


def find_with_names(table: Table) -> Find:
    """Return a call of double_booked.columns, with names of rooms."""
    import pyarrow as pa  # noqa: PLC0415 - the engine's own

    from double_booked.columns import find_groups  # noqa: PLC0415

    names = pa.array(np.char.add("room-", table.room.astype(str)), pa.string())

    def find() -> Callable[[], Rows]:
        first = find_groups(table.start, table.end, names).first
        return lambda: rows_in_groups(np.asarray(first))

    return find


def rows_in_groups(first: np.ndarray) -> Rows:
    """Return what a column of the first row of each row's group says."""
    rows = np.flatnonzero(first >= 0)
    return rows, first[rows]


def find_with_numpy(table: Table) -> Find:
    """Return a sort and a running maximum; rooms are moved apart so that one serves all."""

    def find() -> Callable[[], Rows]:
        order = (
            np.lexsort((table.start, table.room))
            if table.rooms > 1
            else np.argsort(table.start, kind="stable")
        )
        start, end, room = table.start[order], table.end[order], table.room[order]
        end = np.maximum(end, start + 1)
        if table.rooms > 1:
            # Two years of nanoseconds times rooms are over 64 bits: ranks of the instants instead.
            ranks = np.unique(np.concatenate([start, end]), return_inverse=True)[1]
            apart = room.astype(np.int64) * len(ranks)
            start, end = ranks[: len(order)] + apart, ranks[len(order) :] + apart
        is_new = np.ones(len(order), bool)
        is_new[1:] = start[1:] >= np.maximum.accumulate(end)[:-1]
        first = np.flatnonzero(is_new)
        size = np.diff(first, append=len(order))
        in_group = np.repeat(size > 1, size)
        found = order[in_group], np.repeat(order[first], size)[in_group]
        return lambda: found

    return find


def find_with_polars(table: Table) -> Find:
    """Return a query of Polars."""
    import polars as pl  # noqa: PLC0415 - the engine's own

    events = pl.DataFrame(
        {
            "id": np.arange(len(table.start)),
            "room": table.room,
            "start": table.start,
            "end": np.maximum(table.end, table.start + 1),
        }
    )
    is_new = pl.col("start") >= pl.col("end").cum_max().shift(1).over("room")
    query = (
        events.lazy()
        .sort("room", "start", "id")
        .with_columns(is_new=is_new.fill_null(value=True))
        .with_columns(island=pl.col("is_new").cum_sum())
        .with_columns(size=pl.len().over("island"), first=pl.col("id").first().over("island"))
        .filter(pl.col("size") > 1)
        .select("id", "first")
    )

    def find() -> Callable[[], Rows]:
        found = query.collect()
        return lambda: (found["id"].to_numpy(), found["first"].to_numpy())

    return find


def find_with_duckdb(table: Table) -> Find:
    """Return a query of DuckDB, over a table of its own."""
    import duckdb  # noqa: PLC0415 - the engine's own

    connection = duckdb.connect()
    rows = {
        "id": np.arange(len(table.start)),
        "room": table.room,
        "start": table.start,
        "end": np.maximum(table.end, table.start + 1),
    }
    connection.register("shown", rows)
    connection.execute("create table events as select * from shown")

    def find() -> Callable[[], Rows]:
        connection.execute(ISLANDS)
        return read

    def read() -> Rows:
        found = connection.execute("select * from answer").fetchnumpy()
        return found["id"], found["first_row"]

    return find


def find_with_wire_kernel(table: Table) -> Find:
    """Return a call of the kernel for wire bytes; making and reading the bytes is not in it."""
    from double_booked.conflicts import kernel  # noqa: PLC0415 - the engine's own
    from double_booked.conflicts.limits import Limits  # noqa: PLC0415

    limits = Limits(**{field.name: 2**40 for field in fields(Limits)})
    request = wire_bytes(table)

    def find() -> Callable[[], Rows]:
        answer = kernel.get_conflicts(request, limits)
        return lambda: read_answer(answer.content, table)

    return find


def varints(values: np.ndarray, width: int) -> np.ndarray:
    """Return varints of one width, a row each."""
    sevens = (values[:, None] >> (7 * np.arange(width))) & 0x7F
    sevens[:, :-1] |= 0x80
    return sevens.astype(np.uint8)


def digits(values: np.ndarray, width: int) -> np.ndarray:
    """Return numbers in decimal, a row each."""
    return (values[:, None] // 10 ** np.arange(width - 1, -1, -1) % 10 + ord("0")).astype(np.uint8)


ID_DIGITS = ROOM_DIGITS = 8
EVENT_BYTES = 10 + 2 * 14
NAME_BYTES = 2 + ROOM_DIGITS


def wire_bytes(table: Table) -> bytes:
    """Return the table as a serialized EventList of events of one size."""
    rows = len(table.start)
    size = EVENT_BYTES + (NAME_BYTES if table.rooms > 1 else 0)
    parts: list[bytes | np.ndarray] = [bytes([0x0A, size, 0x0A, ID_DIGITS])]
    parts.append(digits(np.arange(rows), ID_DIGITS))
    for field, instant in ((4, table.start), (5, table.end)):
        seconds, nanos = np.divmod(instant, NANOS)
        parts += [
            bytes([field << 3 | 2, 12, 0x08]),
            varints(seconds, 5),
            b"\x10",
            varints(nanos, 5),
        ]
    if table.rooms > 1:
        parts += [bytes([0x32, ROOM_DIGITS]), digits(table.room.astype(np.int64), ROOM_DIGITS)]
    columns = [
        np.broadcast_to(np.frombuffer(part, np.uint8), (rows, len(part)))
        if isinstance(part, bytes)
        else part
        for part in parts
    ]
    return np.concatenate(columns, axis=1).tobytes()


def read_answer(answer: bytes, table: Table) -> Rows:
    """Return the rows in groups, and the first row of each one's group."""
    named = table.rooms > 1
    size = 2 + EVENT_BYTES + (NAME_BYTES if named else 0)
    starts, counts = [], []
    at = 0
    while at < len(answer):
        length, at = read_varint(answer, at + 1)
        starts.append(at)
        counts.append((length - NAME_BYTES * named) // size)
        at += length
    count = np.array(counts)
    begin = np.repeat(np.array(starts), count)
    number = np.arange(len(begin)) - np.repeat(np.cumsum(count) - count, count)
    content = np.frombuffer(answer, np.uint8)
    ids = content[(begin + number * size + 4)[:, None] + np.arange(ID_DIGITS)] - ord("0")
    rows = ids.astype(np.int64) @ (10 ** np.arange(ID_DIGITS - 1, -1, -1))
    return rows, np.repeat(rows[np.cumsum(count) - count], count)


def read_varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a varint and where it ends."""
    value = shift = 0
    while content[at] >= 0x80:
        value |= (content[at] & 0x7F) << shift
        shift += 7
        at += 1
    return value | content[at] << shift, at + 1


ENGINES: dict[str, Callable[[Table], Find]] = {
    "columns": find_with_columns,
    "names": find_with_names,
    "numpy": find_with_numpy,
    "polars": find_with_polars,
    "duckdb": find_with_duckdb,
    "wire": find_with_wire_kernel,
}


def checksum(rows: np.ndarray, first: np.ndarray) -> int:
    """Return a number that does not depend on the order of the rows."""
    return int(
        (rows.astype(np.uint64) * 31 + first.astype(np.uint64) * 17).sum() % 1_000_003
    ) + len(rows)


def main(engine: str, rows: int, shape: str) -> None:
    """Print the CPU seconds of a second call, and its checksum."""
    find = ENGINES[engine](make_table(rows, shape))
    find()
    begin = time.process_time()
    read = find()
    seconds = time.process_time() - begin
    print(seconds, checksum(*read()))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
