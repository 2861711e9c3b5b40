"""The spans in which more events are present than the capacity, and how many are.

They follow from the members of groups alone, because everything that is present in such a span is a
member. The points at which members start and end are swept in the order of time. A resource with
more points than a task may hold is swept by ranges of time; a `Depth` is all that one carries into
the next.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from double_booked.spark.arrow_tables import BATCH_ROWS, collect_batches, split_ranges
from double_booked.spark.capacities import Capacities
from double_booked.spark.ranges import Key

POINT = ("resource", "start_seconds", "start_nanos", "delta", "instants", "group", "range")
"""The columns of points: where and when how many events start or end, how many zero-length events
are there, the group of an event that starts, and the range."""

_TIME = ["start_seconds", "start_nanos"]


@dataclass(frozen=True, slots=True)
class Depth:
    """What is carried into a range of points.

    Attributes:
        depth: How many members are present.
        seconds: The time of the latest point before: seconds since 1970.
        nanos: Its nanoseconds.
        group: The group of the member that started last.
    """

    depth: int
    seconds: int
    nanos: int
    group: Key


PointRange: TypeAlias = tuple[int, int, int, Key | None]
"""What a range does to the depth, its latest point, and the group that started last if one did."""


def carry_depths(points: Iterable[PointRange]) -> Iterator[Depth | None]:
    """Yield for each range in order what is carried into it: None if nothing is present."""
    carried: Depth | None = None
    for delta, seconds, nanos, started in points:
        yield carried
        depth = delta + (carried.depth if carried else 0)
        group = started if started is not None or carried is None else carried.group
        carried = Depth(depth, seconds, nanos, group) if depth else None


@dataclass(frozen=True, slots=True)
class DepthSweep:
    """What each task has to know.

    Attributes:
        capacities: How many events may be present at an instant on a resource.
        carried: By range, what is carried into it.
    """

    capacities: Capacities
    carried: Mapping[int, Depth | None] = field(default_factory=dict)

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the overlaps of the points of a partition."""
        for number, points in split_ranges(collect_batches(batches)):
            carried = self.carried.get(number)
            table = points if carried is None else _add_carried(points, carried)
            yield from self._overlaps(table).to_batches(max_chunksize=BATCH_ROWS)

    def _overlaps(self, points: pa.Table) -> pa.Table:
        names = points["resource"].dictionary_encode().combine_chunks()
        capacities = pa.array([self.capacities.of(name) for name in names.dictionary.to_pylist()])
        times = _times(points, names.indices)
        more = pc.greater(times["depth"], capacities.take(times["code"].combine_chunks()))
        spans = times.filter(pc.and_(more, times["end_seconds"].is_valid()))
        at_instants = pc.add(times["depth"], times["instants"])
        over = pc.greater(at_instants, capacities.take(times["code"].combine_chunks()))
        instants = _at_instants(times, at_instants).filter(
            pc.and_(over, pc.greater(times["instants"], 0))
        )
        return _name(pa.concat_tables([spans, instants]), points, names.dictionary)


def _times(points: pa.Table, codes: pa.Array) -> pa.Table:
    """Return a row for each time of a resource, with the depth from there to the next time."""
    rows = pc.if_else(points["group"].is_valid(), pa.array(range(points.num_rows)), None)
    points = points.append_column("code", codes).append_column("row", rows)
    sums = [("delta", "sum"), ("instants", "sum"), ("row", "max")]
    times = points.group_by(["code", *_TIME]).aggregate(sums)
    times = times.sort_by([(name, "ascending") for name in ("code", *_TIME)]).combine_chunks()
    after = times.slice(1)
    return pa.table(
        {
            "code": times["code"],
            "start_seconds": times["start_seconds"],
            "start_nanos": times["start_nanos"],
            "end_seconds": _pad(after["start_seconds"]),
            "end_nanos": _pad(after["start_nanos"]),
            "depth": pc.cumulative_sum(times["delta_sum"]),
            "instants": times["instants_sum"],
            "row": pc.fill_null_forward(times["row_max"]),
        }
    )


def _pad(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with a null at its end."""
    return pa.chunked_array([*column.chunks, pa.nulls(1, column.type)])


def _at_instants(times: pa.Table, depth: pa.ChunkedArray) -> pa.Table:
    """Return the times as spans of zero length."""
    for name, column in (
        ("end_seconds", times["start_seconds"]),
        ("end_nanos", times["start_nanos"]),
        ("depth", depth),
    ):
        times = times.set_column(times.schema.get_field_index(name), name, column)
    return times


def _name(spans: pa.Table, points: pa.Table, names: pa.Array) -> pa.Table:
    """Return the overlaps: all that is present is in the group of what started last."""
    return pa.table(
        {
            "resource": names.take(spans["code"].combine_chunks()),
            "group": points["group"].take(spans["row"]),
            "start_seconds": spans["start_seconds"],
            "start_nanos": spans["start_nanos"],
            "end_seconds": spans["end_seconds"],
            "end_nanos": spans["end_nanos"],
            "depth": spans["depth"],
        }
    )


def _add_carried(points: pa.Table, carried: Depth) -> pa.Table:
    values: Sequence[object] = (
        points["resource"][0].as_py(),
        carried.seconds,
        carried.nanos,
        carried.depth,
        0,
        carried.group,
        points["range"][0].as_py(),
    )
    row = dict(zip(POINT, values, strict=True))
    return pa.concat_tables([points, pa.Table.from_pylist([row], points.schema)]).combine_chunks()
