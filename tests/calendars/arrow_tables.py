"""Files of Parquet and Arrow, made of columns."""

from collections.abc import Callable, Mapping
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

TIMES = {
    "start": pa.array([0, 1_800], pa.timestamp("s", "UTC")),
    "end": pa.array([3_600, 5_400], pa.timestamp("s", "UTC")),
}
"""Two hours that overlap by half an hour."""


def parquet(table: pa.Table) -> bytes:
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def arrow_file(table: pa.Table) -> bytes:
    sink = BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def arrow_stream(table: pa.Table) -> bytes:
    sink = BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


WRITERS: Mapping[str, Callable[[pa.Table], bytes]] = {
    "parquet": parquet,
    "arrow file": arrow_file,
    "arrow stream": arrow_stream,
}
"""Each returns the file of a table."""
