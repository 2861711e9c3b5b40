"""Search tables one after another: `spark_run.py FOLDER RANGE ENGINE:SHAPE:EVENTS...`.

Prints a line of JSON for each: the checksum of the members, and what Spark used. FOLDER holds the
tables.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked import columns
from double_booked.spark import find_conflicts

MICROS = 10**6
FIRST = 1_767_225_600
SPAN = 2 * 365 * 86_400
"""Events start in the two years from 2026-01-01, in seconds."""

PER_ROOM = 200
WARM_UP = 200_000
"""Events of the table that is searched before, so that the JVM compiles its code."""

CHUNK = 1_000_000
CAPACITIES = {"many": 1, "one": 2, "crowd": 2}
"""The shapes: rooms of 200 events; one room with an event that never ends; and one room that is
often over its capacity, with many groups."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a search found and used.

    Attributes:
        members: How many events are in groups.
        checksum: Of the keys and groups of the members.
        groups: How many groups there are.
        ranges: Into how many ranges resources were cut.
        seconds: The time that passed.
        jvm: CPU seconds of the JVM without its compilers.
        compilers: CPU seconds of the JVM's compilers, which a longer search does not need more of.
        workers: CPU seconds of the Python workers.
        driver: CPU seconds of the driver's own Python process.
        peak: MiB of the worker that used most, from the start of the process.
    """

    members: int
    checksum: int
    groups: int
    ranges: int = 0
    seconds: float = 0
    jvm: float = 0
    compilers: float = 0
    workers: float = 0
    driver: float = 0
    peak: int = 0


class Processes:
    """What the processes below this one have used, sampled until it is closed."""

    def __init__(self) -> None:
        self.cpu: dict[tuple[str, int], float] = {}
        self.peak = 0
        self._closed = threading.Event()
        self._sampler = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._sample()
        self.before = dict(self.cpu)
        self.own = time.process_time()
        self.start = time.monotonic()
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self.start
        self.own = time.process_time() - self.own
        self._closed.set()
        self._sampler.join()
        self._sample()

    def used(self, part: str) -> float:
        """Return the CPU seconds of "java", its "compilers" or the "workers" since the start."""
        return sum(
            seconds - self.before.get(key, 0) for key, seconds in self.cpu.items() if key[0] == part
        )

    def _run(self) -> None:
        while not self._closed.wait(1):
            self._sample()

    def _sample(self) -> None:
        for process in psutil.Process().children(recursive=True):
            try:
                self._sample_process(process)
            except (psutil.Error, OSError):
                continue  # it has ended

    def _sample_process(self, process: psutil.Process) -> None:
        is_java = process.name() == "java"
        times = process.cpu_times()
        self.cpu["java" if is_java else "workers", process.pid] = times.user + times.system
        if not is_java:
            self.peak = max(self.peak, peak_of(process.pid))
            return
        for thread in process.threads():
            name = Path(f"/proc/{process.pid}/task/{thread.id}/comm").read_text()
            if "Compiler" in name:
                self.cpu["compilers", thread.id] = thread.user_time + thread.system_time


def peak_of(pid: int) -> int:
    """Return the MiB that a process has used at most, as Linux counts them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kib = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), "0")
    return int(kib) // 1024


def make_tables(folder: Path, shape: str, events: int) -> Path:
    """Write a table in files of a million events unless it is there, and return its folder."""
    path = folder / f"{shape}-{events}"
    if path.exists():
        return path
    path.mkdir(parents=True)
    rng = np.random.default_rng(7)
    for first in range(0, events, CHUNK):
        rows = min(CHUNK, events - first)
        table = make_chunk(rng, shape, first, rows, events)
        pq.write_table(table, path / f"{first:012}.parquet", compression="zstd")
    return path


def make_chunk(
    rng: np.random.Generator, shape: str, first: int, rows: int, events: int
) -> pa.Table:
    """Return some events, in no order."""
    start = (FIRST + rng.integers(0, SPAN, rows)) * MICROS + rng.integers(0, MICROS, rows)
    mean = {"many": 36_000.0, "one": 0.6 * SPAN / events, "crowd": 0.9 * SPAN / events}[shape]
    length = rng.exponential(mean, rows)
    if shape == "crowd":
        length *= np.where(rng.random(rows) < 0.001, 50, 1)
    end = start + (length * MICROS).astype(np.int64)
    end = np.where(rng.random(rows) < 0.02, start, end)  # of zero length
    if shape == "one" and first == 0:
        start[0], end[0] = 0, 253_402_300_799 * MICROS
    rooms = max(1, events // PER_ROOM) if shape == "many" else 1
    names = pa.array([f"room-{number}" for number in range(rooms)])
    type_ = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "id": np.arange(first, first + rows),
            "start": pa.array(start, type_),
            "end": pa.array(end, type_),
            "room": names.take(pa.array(rng.integers(0, rooms, rows))),
        }
    )


def open_spark(folder: Path) -> SparkSession:
    """Return a session with two tasks at once."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "4g")
        .config("spark.local.dir", str(folder / "local"))
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "16")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def find_with_spark(table: DataFrame, shape: str, size: int) -> tuple[DataFrame, int]:
    """Return the members, and the number of ranges."""
    found = find_conflicts(
        table,
        key="id",
        start="start",
        end="end",
        resource="room",
        capacity=CAPACITIES[shape],
        max_events_per_range=size,
    )
    return found.members, found.plan.ranges


def find_with_windows(table: DataFrame, shape: str, _size: int) -> tuple[DataFrame, int]:
    """Return the members at capacity 1 by window functions of SQL."""
    assert CAPACITIES[shape] == 1
    by_start = Window.partitionBy("room").orderBy("start", "id")
    is_instant = F.col("start") == F.col("end")
    end = F.when(is_instant, F.col("end") + F.expr("interval 1 microsecond")).otherwise(
        F.col("end")
    )
    before = F.max("end").over(by_start.rowsBetween(Window.unboundedPreceding, -1))
    is_first = F.coalesce(F.col("start") >= before, F.lit(True)).cast("int")  # noqa: FBT003 - a literal of SQL
    island = F.sum("is_first").over(by_start.rowsBetween(Window.unboundedPreceding, 0))
    group = Window.partitionBy("room", "island")
    rows = table.withColumn("end", end).withColumn("is_first", is_first)
    rows = rows.withColumn("island", island).withColumn("size", F.count("*").over(group))
    first = F.min_by("id", F.struct("start", "id")).over(group)
    members = rows.withColumn("group", first).where("size > 1")
    return members.select(F.col("room").alias("resource"), F.col("id").alias("key"), "group"), 0


FACTORS, MODULUS = (7_919, 104_729), 1_000_003
"""The checksum: the sum of (key * 7919 + group * 104729) % 1000003."""

Find = Callable[[DataFrame, str, int], tuple[DataFrame, int]]


def summarise(members: DataFrame) -> tuple[int, int, int]:
    """Return the number of members, their checksum, and the number of groups."""
    mixed = (F.col("key") * FACTORS[0] + F.col("group") * FACTORS[1]) % MODULUS
    is_first = F.count_if(F.col("key") == F.col("group"))
    row = members.agg(F.count("*"), F.coalesce(F.sum(mixed), F.lit(0)), is_first).collect()[0]
    return row[0], row[1], row[2]


def measure(find: Find, table: DataFrame, shape: str, size: int) -> Run:
    """Return what a search of a table used."""
    with Processes() as processes:
        members, ranges = find(table, shape, size)
        found = summarise(members)
    table.sparkSession.catalog.clearCache()
    return Run(
        *found,
        ranges,
        processes.seconds,
        processes.used("java") - processes.used("compilers"),
        processes.used("compilers"),
        processes.used("workers"),
        processes.own,
        processes.peak,
    )


ENGINES: dict[str, Find] = {"spark": find_with_spark, "windows": find_with_windows}


def run_spark(folder: Path, size: int, searches: list[tuple[str, str, int]]) -> Iterator[Run]:
    """Yield the runs of searches in one session, after runs with small tables."""
    spark = open_spark(folder)

    def run(engine: str, shape: str, events: int, size: int) -> Run:
        path = make_tables(folder, shape, events)
        return measure(ENGINES[engine], spark.read.parquet(str(path)), shape, size)

    for engine, shape in dict.fromkeys((engine, shape) for engine, shape, _ in searches):
        run(engine, shape, WARM_UP, WARM_UP // 4)
    for search in searches:
        yield run(*search, size)


def run_columns(folder: Path, shape: str, events: int) -> Run:
    """Return what double_booked.columns finds in one process."""
    table = pq.read_table(make_tables(folder, shape, events)).combine_chunks()
    names = table["room"].combine_chunks().dictionary_encode()
    groups = columns.find_groups(table["start"], table["end"], names, capacity=CAPACITIES[shape])
    first = pa.array(groups.first)
    keys = np.asarray(table["id"].filter(first.is_valid()))
    group = np.asarray(table["id"].take(first.drop_null()))
    mixed = (keys * FACTORS[0] + group * FACTORS[1]) % MODULUS
    return Run(len(keys), int(mixed.sum()), int(pc.count_distinct(first.drop_null()).as_py()))


def main(folder: str, size: str, *searches: str) -> None:
    """Print the runs."""
    split = [search.split(":") for search in searches]
    parsed = [(engine, shape, int(events)) for engine, shape, events in split]
    if parsed[0][0] == "columns":
        runs = (run_columns(Path(folder), shape, events) for _, shape, events in parsed)
    else:
        runs = run_spark(Path(folder), int(size), parsed)
    for run in runs:
        print(json.dumps(asdict(run)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
