"""Measure the operator with many bookings in the API server of KUBECONFIG.

Bookings are created while no operator runs. Then an operator is started, and these are measured:
the time until it admits, its memory, and how long reviews take while it writes all statuses and
afterwards. docs/operator.md has the figures.
"""

import asyncio
import datetime as dt
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self
from uuid import uuid4

from double_booked.operator.cluster import ClusterError
from e2e.conftest import CHART, Namespace, run, tool
from e2e.operator_process import Process, Team, operating_meanwhile, team
from scale import overlapping

WRITERS = 32
REVIEWS = 2_000
REVIEWERS = 8
_BUCKET = r'review_seconds_bucket{kind="bookings",le="([^+"]+)".*} (.*)'


def hour(number: int) -> tuple[str, str]:
    """Return start and end of an hour that is different for each number."""
    day, clock = divmod(number, 23)
    year, day = divmod(day, 28 * 12)
    date = f"{2027 + year}-{day // 28 + 1:02}-{day % 28 + 1:02}"
    return f"{date}T{clock:02}:00:00Z", f"{date}T{clock + 1:02}:00:00Z"


async def fill(bookers: Team, bookings: int, calendars: int) -> None:
    """Create calendars, and adjacent bookings on them."""
    for number in range(calendars):
        await bookers.calendar(f"c{number}")
    numbers = iter(range(bookings))
    await asyncio.gather(*(_book(bookers, numbers, calendars) for _ in range(WRITERS)))


async def _book(bookers: Team, numbers: Iterator[int], calendars: int) -> None:
    for number in numbers:
        slot, calendar = divmod(number, calendars)
        await bookers.book(f"b{number}", *hour(slot), f"c{calendar}")


async def review(bookers: Team, bookings: int, calendars: int) -> None:
    """Ask for free and for booked times with dry runs, which reserve nothing."""
    numbers = count()
    await asyncio.gather(
        *(_review(bookers, numbers, bookings, calendars) for _ in range(REVIEWERS))
    )


async def _review(bookers: Team, numbers: Iterator[int], bookings: int, calendars: int) -> None:
    for number in numbers:
        if number >= REVIEWS:
            return
        slot = number % (2 * bookings // calendars)
        calendar = f"c{number % calendars}"
        try:
            await bookers.book(f"r{uuid4().hex}", *hour(slot), calendar, dry_run=True)
        except ClusterError as error:
            if "would be double-booked" not in str(error):
                raise


@dataclass(frozen=True, slots=True)
class Reviews:
    """Reviews of bookings so far.

    Attributes:
        within: Number of reviews that took at most so many seconds, by those seconds.
    """

    within: Counter[float]

    @classmethod
    def of(cls, process: Process) -> Self:
        """Read the figures from the metrics of an operator."""
        within: Counter[float] = Counter()
        for bound, value in re.findall(_BUCKET, process.text("metrics")):
            within[float(bound)] += round(float(value))
        return cls(within)

    def quantile(self, share: float, before: Self) -> float:
        """Return the bucket bound in seconds that a share of the reviews since `before` kept."""
        counts = {bound: count - before.within[bound] for bound, count in self.within.items()}
        return min(
            bound for bound, count in counts.items() if count >= share * max(counts.values())
        )


def memory(process: Process) -> str:
    """Return the resident memory of a process, current and peak."""
    assert process.popen
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    now, most = (
        int(found) // 1024
        for name in ("VmRSS", "VmHWM")
        for found in re.findall(rf"{name}:\s+(\d+)", status)
    )
    return f"{now} MiB, at most {most}"


async def measure(bookings: int, calendars: int) -> None:
    """Print the figures of so many bookings on so many calendars."""
    place = Namespace(f"scale-{uuid4().hex[:8]}")
    place.kubectl("create", "namespace", place.name)
    try:
        async with team(place.name) as bookers:
            await fill(bookers, bookings, calendars)
            print(f"{bookings} bookings on {calendars} calendars", flush=True)
            folder = Path(tempfile.mkdtemp())
            async with operating_meanwhile(place.name, folder, LEASE_HOLDER="scale") as process:
                await _report(process, bookers, bookings, calendars)
    finally:
        place.kubectl("delete", "namespace", place.name, "--wait=false")


async def _report(process: Process, bookers: Team, bookings: int, calendars: int) -> None:
    begun = dt.datetime.fromtimestamp(process.started, dt.UTC)
    known = [entry["timestamp"] for entry in process.entries() if entry["event"] == "listed"][1]
    print(f"  all listed after {(dt.datetime.fromisoformat(known) - begun).total_seconds():.1f} s")
    before = Reviews.of(process)
    for when in ("while statuses are written", "at rest"):
        await review(bookers, bookings, calendars)
        now = Reviews.of(process)
        half, most = (now.quantile(share, before) for share in (0.5, 0.99))
        print(f"  reviews {when}: p50 under {half} s, p99 under {most} s")
        while process.metric("double_booked_operator_queue_lag_seconds"):
            await asyncio.sleep(1)
        print(f"  all statuses written by {time.time() - process.started:.0f} s", flush=True)
        before = now
    print(f"  {memory(process)}", flush=True)


def main() -> None:
    """Measure the sizes in the arguments: 10000x1 (bookings x calendars), or 1000 (all overlap)."""
    files = f"--filename={CHART}/files/crds"
    run(tool("kubectl"), "apply", files)
    run(tool("kubectl"), "wait", "--for=condition=Established", "--timeout=60s", files)
    for size in sys.argv[1:] or ("1000", "10000x1", "30000x300", "100000x1000"):
        bookings, _, calendars = size.partition("x")
        if calendars:
            asyncio.run(measure(int(bookings), int(calendars)))
        else:
            asyncio.run(overlapping.measure(int(bookings)))


if __name__ == "__main__":
    main()
