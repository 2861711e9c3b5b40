"""Measure how soon statuses are right when all bookings of a reporting calendar overlap.

Each change of one booking changes the conflicts of all others.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

from e2e.conftest import Namespace
from e2e.operator_process import Process, Team, operating_meanwhile, team

WRITERS = 16
START, END = "2027-01-01T{:02}:{:02}:{:02}Z", "2027-01-02T00:00:00Z"
ELSEWHERE = {"start": "2028-01-01T00:00:00Z", "end": "2028-01-02T00:00:00Z"}


def start(number: int) -> str:
    """Return a start that is different for each number, all on one morning."""
    minutes, seconds = divmod(number * 6, 60)
    return START.format(minutes // 60, minutes % 60, seconds)


def cpu_seconds(process: Process) -> float:
    """Return user plus system seconds of a process: fields 14 and 15 in proc_pid_stat(5)."""
    assert process.popen
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def fill(bookers: Team, bookings: int) -> None:
    """Create bookings that all overlap."""
    numbers = iter(range(bookings))

    async def book(numbers: Iterator[int]) -> None:
        for number in numbers:
            await bookers.book(f"b{number:04}", start(number), END, "window")

    await asyncio.gather(*(book(numbers) for _ in range(WRITERS)))


async def until_settled(process: Process) -> None:
    """Wait until no change is queued."""
    while await asyncio.to_thread(process.metric, "double_booked_operator_queue_lag_seconds"):
        await asyncio.sleep(0.05)


async def until_counted(bookers: Team, conflicts: int) -> None:
    """Wait until each conflicting booking has its number of conflicts in its status."""
    while True:
        statuses = [raw.get("status", {}) for raw in await bookers.get("bookings")]
        if {status.get("conflicts") for status in statuses} <= {0, conflicts}:
            return
        await asyncio.sleep(0.1)


async def report(
    what: str,
    act: Callable[[], Awaitable[object]],
    places: tuple[Team, Process],
    conflicts: int,
) -> None:
    """Print how long statuses take to be right after an action, and the CPU seconds used."""
    bookers, process = places
    before = cpu_seconds(process)
    await act()
    done = time.monotonic()
    await until_settled(process)
    settled, used = time.monotonic() - done, cpu_seconds(process) - before
    await until_counted(bookers, conflicts)
    counted, in_all = time.monotonic() - done, cpu_seconds(process) - before
    print(f"  {what}: settled after {settled:.1f} s with {used:.2f} s of CPU,", end=" ")
    print(f"counts right after {counted:.1f} s with {in_all:.2f} s", flush=True)


async def measure(bookings: int) -> None:
    """Print the figures of so many overlapping bookings."""
    place = Namespace(f"scale-{uuid4().hex[:8]}")
    place.kubectl("create", "namespace", place.name)
    try:
        async with (
            team(place.name) as bookers,
            operating_meanwhile(place.name, Path(tempfile.mkdtemp())) as process,
        ):
            await bookers.calendar("window", policy="Report")
            print(f"{bookings} bookings that all overlap", flush=True)
            both, one = (bookers, process), f"b{bookings // 2:04}"
            await report("created", partial(fill, bookers, bookings), both, bookings - 1)
            move = partial(bookers.change, "bookings", one)
            await report("one moved away", partial(move, spec=ELSEWHERE), both, bookings - 2)
            back = {"start": start(bookings // 2), "end": END}
            await report("and back", partial(move, spec=back), both, bookings - 1)
    finally:
        place.kubectl("delete", "namespace", place.name, "--wait=false")
