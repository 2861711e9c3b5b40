"""Small calls while large lists are answered, and where a worker thread begins to pay.

Run as a program with a port and a number of events, it asks about a list of so many
again and again, and prints a line an answer.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median, quantiles
from time import perf_counter

from lists import make_list
from load import on_cores_of_their_own
from servers import METHOD, Running, running
from tables import show

from double_booked.conflicts import kernel

KINDS = {
    "bare grpc.aio echo": ("echo", ""),
    "double-booked": ("whole", "5"),
    "the same without worker threads": ("inline", ""),
}
"""The kind of each server, and the p99 in ms that it is to keep while it answers."""


def measure(large: int = 500_000, calls: int = 1_000) -> None:
    """Prints the latency of 10-event calls, and the cost of handing a list over."""
    rows = []
    for name, (kind, goal) in KINDS.items():
        with running(kind, "info") as server, on_cores_of_their_own([server]):
            rows.append((name, "", *latencies(server, calls), ""))
            with asking(server, large):
                rows.append((name, f"{large:,} events", *latencies(server, calls), goal))
    head = ("server", "while it answers", "p50, ms", "p99, ms", "worst, ms", "goal of the p99")
    show(f"Latency of {calls:,} calls of 10 events, the server on one core", head, rows)
    asyncio.run(show_hand_over())


def latencies(server: Running, calls: int) -> tuple[str, ...]:
    """Milliseconds of small calls, one after the other: the median, p99 and the worst."""
    request = make_list(10)
    with server.channel() as channel:
        call = channel.unary_unary(METHOD)
        call(request)
        times = [timed(lambda: call(request)) for _ in range(calls)]
    percentiles = quantiles(times, n=100)
    return tuple(f"{1e3 * each:.2f}" for each in (percentiles[49], percentiles[98], max(times)))


@contextmanager
def asking(server: Running, count: int) -> Iterator[None]:
    """Asks about large lists meanwhile, from a process of its own: sending takes the GIL."""
    with subprocess.Popen(
        [sys.executable, __file__, str(server.port), str(count)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline(), "the first large list was not answered"
        yield
        assert process.poll() is None, "the large lists ended early"
        process.kill()


async def show_hand_over(calls: int = 300) -> None:
    """Prints what the kernel takes on the event loop, and by way of a worker thread."""
    loop = asyncio.get_running_loop()
    rows = []
    with ThreadPoolExecutor(1) as workers:
        for count in (10, 300, 700, 1_400, 2_800, 5_600):
            request = make_list(count)
            inline, handed = [], []
            for _ in range(calls):
                inline.append(timed(lambda: kernel.get_conflicts(request)))  # noqa: B023 - called at once
                begin = perf_counter()
                await loop.run_in_executor(workers, kernel.get_conflicts, request)
                handed.append(perf_counter() - begin)
            here, there = 1e6 * median(inline), 1e6 * median(handed)
            size = f"{len(request):,}"
            rows.append((f"{count:,}", size, f"{here:.0f}", f"{there:.0f}", f"{there - here:.0f}"))
    head = ("events", "bytes", "event loop, us", "worker thread, us", "hand-over, us")
    show("Where a worker thread pays", head, rows)


def timed(work: Callable[[], object]) -> float:
    """How many seconds the work takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def ask_for_ever(server: Running, count: int) -> None:
    """Asks about a large list until killed."""
    request = make_list(count)
    with server.channel() as channel:
        call = channel.unary_unary(METHOD)
        while True:
            call(request)
            print("answered", flush=True)


if __name__ == "__main__":
    ask_for_ever(Running(pid=0, port=int(sys.argv[1])), int(sys.argv[2]))
