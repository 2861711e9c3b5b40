"""Measure double_booked.spark: a large resource beside many, and windows of SQL."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from tables import show

RUN = Path(__file__).with_name("spark_run.py")
RANGE = 2_000_000
RANGES = 10
"""A large resource has at least so many ranges."""

NAMES = {"many": "many resources", "one": "one, with an event that never ends", "crowd": "crowd"}

Runs = list[dict[str, Any]]


def measure(events: int = 0, windows: int = 0) -> None:
    """Print what searches used, and check that their answers are those of columns.

    Args:
        events: How many events a table has; by default the variable EVENTS, or 2,000,000.
        windows: How many events the window functions get; by default the variable WINDOWS, or
            as many.
    """
    if find_spec("pyspark") is None or find_spec("psutil") is None:
        print("\nLeft out: spark, because pyspark is not installed (make .venv/spark-installed)")
        return
    events = events or int(os.environ.get("EVENTS", "2000000"))
    windows = windows or int(os.environ.get("WINDOWS", str(events)))
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        show_searches(folder, events)
        show_windows(folder, windows)


def run(folder: str, size: int, *searches: str) -> Runs:
    """Return the runs of searches, ENGINE:SHAPE:EVENTS, in one process."""
    ran = subprocess.run(
        [sys.executable, RUN, folder, str(size), *searches],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(ran.stderr)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def show_searches(folder: str, events: int) -> None:
    """Print a row for each table, and the ratios between them."""
    size = min(RANGE, events // RANGES)
    # The smaller table is first: a worker's peak is that of all searches before.
    tables = [("one", events // 4), ("one", events), ("crowd", events), ("many", events)]
    runs = run(folder, size, *(f"spark:{shape}:{count}" for shape, count in tables))
    expected = run(folder, size, *(f"columns:{shape}:{count}" for shape, count in tables))
    for found, right, table in zip(runs, expected, tables, strict=True):
        check(found, right, table)
    head = (
        "resources",
        "events",
        "ranges",
        "groups",
        "CPU s: JVM",
        "workers",
        "driver",
        "compilers",
    )
    rows = [
        row(NAMES[shape], count, found) for (shape, count), found in zip(tables, runs, strict=True)
    ]
    title = f"Spark, ranges of {size:,}; the same members as columns"
    show(title, (*head, "us an event", "peak of a worker, MiB"), rows)
    quarter, one, _, many = runs
    show(
        "Spark, ratios",
        ("what", "goal", "figure"),
        [
            ("CPU of one resource, of many", "at most 2x", f"{cpu(one) / cpu(many):.2f}x"),
            (
                "peak of a worker, of that at a quarter of the events",
                "at most 1.3x",
                f"{one['peak'] / quarter['peak']:.2f}x",
            ),
            (
                "the workers' share of the CPU, many resources",
                "at most 20 %",
                f"{many['workers'] / cpu(many):.0%}",
            ),
        ],
    )


def show_windows(folder: str, events: int) -> None:
    """Print the medians of three runs in one warm session, in turn with windows of SQL."""
    runs = run(folder, RANGE, *[f"spark:many:{events}", f"windows:many:{events}"] * 3)
    for each in runs:
        check(each, runs[0], ("many", events))
    engines = {"double_booked.spark": runs[0::2], "windows of Spark SQL": runs[1::2]}
    rows = [
        (name, f"{median_of('seconds', found):.1f}", f"{median(map(cpu, found)):.1f}")
        for name, found in engines.items()
    ]
    ours, windows = engines.values()
    pairs = list(zip(ours, windows, strict=True))
    time = median(a["seconds"] / b["seconds"] for a, b in pairs)
    used = median(cpu(a) / cpu(b) for a, b in pairs)
    share = ("ours, of that of windows (goal 0.8x)", f"{time:.2f}x", f"{used:.2f}x")
    show(f"{events:,} events of many resources, warm", ("engine", "s", "CPU s"), [*rows, share])


def row(name: str, events: int, found: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of a search."""
    return (
        name,
        f"{events:,}",
        str(found["ranges"] or "none"),
        f"{found['groups']:,}",
        *(f"{found[part]:.1f}" for part in ("jvm", "workers", "driver", "compilers")),
        f"{cpu(found) / events * 1e6:.1f}",
        str(found["peak"]),
    )


def cpu(found: dict[str, Any]) -> float:
    """Return the CPU seconds of all processes, without the JVM's compilers."""
    return float(found["jvm"] + found["workers"] + found["driver"])


def median_of(name: str, runs: Runs) -> float:
    """Return the median of a figure."""
    return median(float(found[name]) for found in runs)


def check(found: dict[str, Any], expected: dict[str, Any], table: tuple[str, int]) -> None:
    """Exit if two searches of a table did not find the same members and groups."""
    if any(found[name] != expected[name] for name in ("members", "checksum", "groups")):
        sys.exit(f"{table}: the answers differ: {found} and {expected}")
