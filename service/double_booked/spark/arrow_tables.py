"""Arrow batches in a task: one table of them, and its ranges."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

BATCH_ROWS = 100_000
"""The rows of a batch on its way back to the JVM."""


def collect_batches(batches: Iterable[pa.RecordBatch]) -> pa.Table | None:
    """Return the rows of a partition in one chunk; None if it is empty."""
    filled = [batch for batch in batches if batch.num_rows]
    return pa.Table.from_batches(filled).combine_chunks() if filled else None


def split_ranges(table: pa.Table | None) -> Iterator[tuple[int, pa.Table]]:
    """Yield each value of the column `range` with its rows."""
    if table is None:
        return
    bounds = pc.min_max(table["range"])
    if bounds["min"] == bounds["max"]:
        yield bounds["min"].as_py(), table
        return
    table = table.sort_by("range").combine_chunks()
    runs = pc.run_end_encode(table["range"].chunk(0))
    first = 0
    for number, last in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield number, table.slice(first, last - first).combine_chunks()
        first = last
