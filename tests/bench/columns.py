"""Measure double_booked.columns beside the kernel for wire bytes, and libraries for tables."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from peers import build_commit
from tables import show

HERE = Path(__file__).parent
FIRST_RELEASE = "fb70a859fe499217aa49280d70fbbe380a86ae32"
"""The commit whose wire kernel the goals name."""

NAMES = {
    "columns": "columns",
    "names": "columns, rooms as strings",
    "wire": "wire kernel",
    "first release": "wire kernel of fb70a85",
    "numpy": "NumPy: lexsort, maximum.accumulate",
    "duckdb": "DuckDB: windows",
    "polars": "Polars: cum_max().over()",
}
MODULES = {"numpy": "numpy", "duckdb": "duckdb", "polars": "polars", "names": "pyarrow"}
SHAPES = ("many", "one")


def measure(sizes: tuple[int, ...] = (1_000_000, 10_000_000), rounds: int = 3) -> None:
    """Print CPU nanoseconds an event, and multiples of those of columns."""
    if find_spec("numpy") is None:
        print("\nLeft out: columns, because NumPy is not installed (make test-spark)")
        return
    engines = available()
    figures: dict[tuple[str, int, str], float] = {}
    for rows in sizes:
        for shape in SHAPES:
            figures |= {
                (engine, rows, shape): cpu
                for engine, cpu in run_all(engines, rows, shape, rounds).items()
            }
    show_engines(engines, sizes, figures)
    show_sorted(sizes, figures, rounds)


def available() -> list[str]:
    """Return the engines that this machine has."""
    found = [name for name in NAMES if find_spec(MODULES.get(name, "sys")) is not None]
    if build_commit(FIRST_RELEASE, "first-wire-kernel") is None:
        found.remove("first release")
    return found


def run_all(engines: list[str], rows: int, shape: str, rounds: int) -> dict[str, float]:
    """Return nanoseconds an event by engine: medians of rounds in which they take turns."""
    samples: dict[str, list[float]] = {engine: [] for engine in engines}
    checksums = set()
    for _ in range(rounds):
        for engine in engines:
            seconds, checksum = run(engine, rows, shape)
            samples[engine].append(seconds / rows * 1e9)
            checksums.add(checksum)
    assert len(checksums) == 1, "the engines find different groups"
    return {engine: median(times) for engine, times in samples.items()}


def run(engine: str, rows: int, shape: str) -> tuple[float, str]:
    """Return the CPU seconds and the checksum of an engine in a process of its own."""
    variables = dict(os.environ)
    if engine == "first release":
        sources = build_commit(FIRST_RELEASE, "first-wire-kernel")
        variables["PYTHONPATH"] = f"{sources}/service"
        engine = "wire"
    ran = subprocess.run(
        [sys.executable, HERE / "table_engines.py", engine, str(rows), shape],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, checksum = ran.stdout.split()
    return float(seconds), checksum


def show_engines(
    engines: list[str], sizes: tuple[int, ...], figures: dict[tuple[str, int, str], float]
) -> None:
    """Print a row for each engine."""
    tables = [(rows, shape) for rows in sizes for shape in SHAPES]
    rows_shown = []
    for engine in engines:
        cells = []
        for table in tables:
            figure, columns = figures[engine, *table], figures["columns", *table]
            cells.append(f"{figure:,.0f} ({figure / columns:.1f}x)")
        rows_shown.append((NAMES[engine], *cells))
    rooms = {"many": "rooms of 200 events", "one": "one room"}
    head = ("engine", *(f"{rows:,}, {rooms[shape]}" for rows, shape in tables))
    show("Groups at capacity 1, CPU ns an event (times that of columns)", head, rows_shown)


def show_sorted(
    sizes: tuple[int, ...], figures: dict[tuple[str, int, str], float], rounds: int
) -> None:
    """Print what an order that is already right saves."""
    rows_shown = []
    for rows in sizes:
        for shape in SHAPES:
            random = figures["columns", rows, shape]
            in_order = run_all(["columns"], rows, f"{shape} sorted", rounds)["columns"]
            share = f"{in_order / random:.2f}x"
            rows_shown.append((f"{rows:,}", shape, f"{random:.0f}", f"{in_order:.0f}", share))
    head = ("events", "rooms", "random order", "sorted", "share (goal 0.4x)")
    show("Columns, CPU ns an event by order", head, rows_shown)
