"""Measure `double-booked check` on a Parquet file, in a process of its own."""

import random
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from tables import show

RESOURCES = 5_000
LATE = 1_000
FIRST = 1_767_225_600
"""2026-01-01, in seconds since 1970."""


def make_table(size: int) -> pa.Table:
    """Return an event of 50 minutes an hour on each resource; few last longer and conflict."""
    chance = random.Random(size)  # noqa: S311 - of a sample
    rows = list(range(size))
    chance.shuffle(rows)
    late = set(chance.sample(rows, min(LATE, size // 10)))
    resources = min(RESOURCES, size // 100)
    starts = [FIRST + row // resources * 3_600 for row in rows]
    ends = [
        start + (4_200 if row in late else 3_000) for row, start in zip(rows, starts, strict=True)
    ]
    type_ = pa.timestamp("s", "UTC")
    return pa.table(
        {
            "id": [str(row) for row in rows],
            "title": [f"event {row}" for row in rows],
            "start": pa.array(starts, type_).cast(pa.timestamp("us", "UTC")),
            "end": pa.array(ends, type_).cast(pa.timestamp("us", "UTC")),
            "resource": [f"machine-{row % resources}" for row in rows],
        }
    )


def check(path: Path, *arguments: str) -> tuple[str, float, int]:
    """Return the last line of a check, its CPU seconds and its peak in MiB."""
    command = [sys.executable, "-m", "double_booked", "check", str(path), *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ran.stdout.splitlines()[-1], seconds, after.ru_maxrss // 1024


def measure(size: int = 1_000_000) -> None:
    """Print what a check of a Parquet file costs: its conflicts, and with all of its events."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "machines.parquet")
        pq.write_table(make_table(size), path)
        summary, seconds, peak = check(path)
        # Beside a file that is no table, all rows are read as events.
        other = Path(folder, "none.json")
        other.write_text('{"events": []}')
        same, seconds_of_all, peak_of_all = check(path, str(other))
    if summary != same:
        sys.exit(f"the answers differ: {summary} and {same}")
    show(
        f"A Parquet file of {size:,} rows: {summary}",
        ["rows read as events", "CPU s", "peak, MiB"],
        [
            ("those that conflict", f"{seconds:.1f}", peak),
            ("all", f"{seconds_of_all:.1f}", peak_of_all),
        ],
    )
