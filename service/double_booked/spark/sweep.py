"""The sweep in a task: Arrow batches of events in, members of groups out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from double_booked import columns
from double_booked.columns import kernel
from double_booked.spark.arrow_tables import BATCH_ROWS, collect_batches, split_ranges
from double_booked.spark.capacities import Capacities
from double_booked.spark.ranges import State

MEMBER, LATEST, SUMMARY = 0, 1, 2
"""Kinds of rows: a member of a group, an event that ends late in its range, a range."""

TIMES = ("start_seconds", "start_nanos", "end_seconds", "end_nanos")
"""The columns of a start and an end."""

NO_RANGE = -1
"""The range of events whose resource fits a task."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What each task has to know.

    Attributes:
        capacities: How many events may be present at an instant on a resource.
        min_gap: Nanoseconds for which an event occupies its resources after its end.
        carried: By range, the events that are carried into it.
        is_incremental: Whether rows have the columns `earlier` and `prior` of `carry`, and the
            answer has the events that later runs may have to know.
    """

    capacities: Capacities
    min_gap: int
    carried: Mapping[int, State] = field(default_factory=dict)
    is_incremental: bool = False

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of `schema` for the events of a partition."""
        for number, part in split_ranges(collect_batches(batches)):
            check_keys(part)
            rows = self._sweep_resources(part) if number < 0 else self._sweep_range(number, part)
            for answer in rows:
                yield from answer.to_batches(max_chunksize=BATCH_ROWS)

    def _sweep_resources(self, table: pa.Table) -> Iterator[pa.Table]:
        names = table["resource"].dictionary_encode().combine_chunks()
        groups = columns.find_groups(
            times_of(table, "start"),
            times_of(table, "end"),
            names,
            capacity=self.capacities.named(),
            min_gap=self.min_gap,
        )
        leaders = name_groups(table, pa.array(groups.first))
        if self.is_incremental:
            yield from self._continue_groups(table, names, leaders)
        else:
            yield _members(table, leaders, None)

    def _continue_groups(
        self, table: pa.Table, names: pa.DictionaryArray, leaders: pa.Array
    ) -> Iterator[pa.Table]:
        """Yield the members that earlier runs have not found, and what later runs need."""
        groups = continued_groups(table, leaders)
        is_known = pc.and_(table["earlier"], table["prior"].is_valid())
        rows = pc.indices_nonzero(pc.and_(groups.is_valid(), pc.invert(is_known)))
        yield _answer(MEMBER, table.take(rows), groups.take(rows))
        capacities = pa.array([self.capacities.of(name) for name in names.dictionary.to_pylist()])
        rows = latest_by_resource(table, names.indices, capacities, self.min_gap)
        yield _answer(LATEST, table.take(rows), pc.coalesce(groups, table["prior"]).take(rows))

    def _sweep_range(self, number: int, table: pa.Table) -> Iterator[pa.Table]:
        capacity = self.capacities.of(table["resource"][0].as_py())
        # The scan may have found no event here: the table has changed, as the counts will show.
        carried = self.carried.get(number, ())
        swept = kernel.sweep_range(
            times_of(table, "start"),
            times_of(table, "end"),
            capacity=capacity,
            min_gap=self.min_gap,
            carried=[event.until for event in carried],
        )
        leaders = name_groups(table, pa.array(swept.first))
        first = leaders[swept.first_group].as_py() if swept.overloaded else None
        yield _members(table, leaders, first)
        yield _latest(table, leaders, _latest_rows(table, capacity, self.min_gap))
        yield _summary(table, first, swept.first_at if swept.overloaded else None)


def schema(key_type: str) -> str:
    """Return the columns of a sweep's answer, as Spark writes a schema.

    A member has its key, its group, its times, and whether its group is the first one of its
    range. A late end is the same, but its group may be null. A summary has the number of events of
    the range, the start and the key of the first member of its first group, and as its end the
    start at which the first overload began; these are null if there was none.
    """
    times = "start_seconds long, start_nanos int, end_seconds long, end_nanos int"
    names = f"resource string, key {key_type}, group {key_type}"
    return f"kind tinyint, range int, {names}, {times}, is_first boolean, events long"


def check_keys(table: pa.Table) -> None:
    """Raise if two events of a resource have the same key.

    Raises:
        ValueError: Names the resource and the key.
    """
    if pc.count_distinct(table["key"]).as_py() == table.num_rows:
        return
    counted = table.group_by(["resource", "key"]).aggregate([([], "count_all")])
    twice = counted.filter(pc.field("count_all") > 1)
    if twice.num_rows:
        resource, key = twice["resource"][0].as_py(), twice["key"][0].as_py()
        raise ValueError(
            f"{twice['count_all'][0]} events of resource {resource!r} have the key {key!r}; "
            "a key must be unique."
        )


def name_groups(table: pa.Table, first: pa.Array) -> pa.Array:
    """Return for each row the row of its group's first member by (start, key), or null.

    Args:
        table: The events.
        first: The same by start only: of several first members it may be any.
    """
    led = pa.table({"row": pc.indices_nonzero(first.is_valid()), "first": first.drop_null()})
    leads = _start_is_equal(table, led["row"], led["first"])
    tied = led.filter(leads)
    if tied.num_rows == pc.count_distinct(first).as_py():
        return first
    tied = tied.append_column("key", table["key"].take(tied["row"])).sort_by("key")
    leaders = tied.group_by("first", use_threads=False).aggregate([("row", "first")])
    return leaders["row_first"].take(pc.index_in(first, leaders["first"])).combine_chunks()


def _start_is_equal(table: pa.Table, left: pa.Array, right: pa.Array) -> pa.ChunkedArray:
    """Return whether the rows start together."""
    seconds, nanos = table["start_seconds"], table["start_nanos"]
    return pc.and_(
        pc.equal(seconds.take(left), seconds.take(right)),
        pc.equal(nanos.take(left), nanos.take(right)),
    )


def continued_groups(table: pa.Table, leaders: pa.Array) -> pa.ChunkedArray:
    """Return the group of each row, or null: that of an earlier run if a member of it is there.

    All members that are present at an instant belong to one group (lemma 3 of `ranges`).
    """
    rows = pa.table({"leader": leaders, "prior": table["prior"]}).drop_null()
    known = rows.group_by("leader", use_threads=False).aggregate([("prior", "first")])
    prior = known["prior_first"].take(pc.index_in(leaders, known["leader"]))
    return pc.coalesce(prior, table["key"].take(leaders))


def latest_by_resource(
    table: pa.Table, codes: pa.Array, capacities: pa.Array, min_gap: int
) -> pa.Array:
    """Return the rows of the events that end latest: of each resource as many as its capacity."""
    ends = _end_order(table, min_gap).append_column("code", codes)
    descending = [("end_seconds", "descending"), ("end_nanos", "descending")]
    rows = pc.sort_indices(ends, [("code", "ascending"), *descending])
    ordered = codes.take(rows)
    runs = pc.run_end_encode(ordered)
    firsts = pa.array([0, *runs.run_ends.to_pylist()[:-1]], pa.int64())
    first = pc.run_end_decode(pa.RunEndEncodedArray.from_arrays(runs.run_ends, firsts))
    rank = pc.subtract(pa.array(range(len(rows))), first)
    return rows.filter(pc.less(rank, capacities.take(ordered)))


def times_of(table: pa.Table, name: str) -> pa.StructArray:
    """Return the starts or the ends of events, as `columns` reads them."""
    arrays = [table[f"{name}_{part}"].combine_chunks() for part in ("seconds", "nanos")]
    return pa.StructArray.from_arrays(arrays, ["seconds", "nanos"])


def _members(table: pa.Table, leaders: pa.Array, first: int | None) -> pa.Table:
    rows = pc.indices_nonzero(leaders.is_valid())
    led = leaders.drop_null()
    is_first = pc.equal(led, first) if first is not None else pa.nulls(len(rows), pa.bool_())
    return _answer(MEMBER, table.take(rows), table["key"].take(led), is_first=is_first)


def _latest(table: pa.Table, leaders: pa.Array, rows: pa.Array) -> pa.Table:
    return _answer(LATEST, table.take(rows), table["key"].take(leaders.take(rows)))


def _latest_rows(table: pa.Table, capacity: int, min_gap: int) -> pa.Array:
    """Return the rows of the `capacity` events that end latest, the gap included."""
    ends = _end_order(table, min_gap)
    return pc.select_k_unstable(
        ends, capacity, [(name, "descending") for name in ends.column_names]
    )


def _end_order(table: pa.Table, min_gap: int) -> pa.Table:
    """Return two columns in whose order the padded ends are.

    With a gap, that is the order of the ends. Without one, a zero-length event ends 1 ns after its
    end.
    """
    ends = table.select(["end_seconds", "end_nanos"])
    if min_gap:
        return ends
    is_instant = pc.and_(
        pc.equal(table["start_seconds"], table["end_seconds"]),
        pc.equal(table["start_nanos"], table["end_nanos"]),
    )
    nanos = pc.add(table["end_nanos"].cast(pa.int64()), is_instant.cast(pa.int64()))
    return ends.set_column(1, "end_nanos", nanos)


def _summary(table: pa.Table, first: int | None, first_at: int | None) -> pa.Table:
    row = table.take(pa.array([first], pa.int64()))
    overload = table.take(pa.array([first_at], pa.int64()))
    for part in ("seconds", "nanos"):
        at = row.schema.get_field_index(f"end_{part}")
        row = row.set_column(at, f"end_{part}", overload[f"start_{part}"])
    for name in ("resource", "range"):
        row = row.set_column(row.schema.get_field_index(name), name, table[name].slice(0, 1))
    return _answer(SUMMARY, row, row["key"], events=pa.array([table.num_rows]))


def _answer(
    kind: int,
    rows: pa.Table,
    group: pa.ChunkedArray,
    *,
    is_first: pa.Array | None = None,
    events: pa.Array | None = None,
) -> pa.Table:
    """Return a table with the columns of `schema`."""
    count = rows.num_rows
    return pa.table(
        {
            "kind": pa.repeat(pa.scalar(kind, pa.int8()), count),
            "range": rows["range"],
            "resource": rows["resource"],
            "key": rows["key"],
            "group": group,
            **{name: rows[name] for name in TIMES},
            "is_first": pa.nulls(count, pa.bool_()) if is_first is None else is_first,
            "events": pa.nulls(count, pa.int64()) if events is None else events,
        }
    )
