"""Measure small calls beside large lists, and the size from which a worker thread pays.

Run as a program with a port and a number of events, it repeatedly sends a list of that many
events, and prints a line per answer.
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
"""Servers by name: their kind, and their goal for the p99 in ms beside large lists."""


def measure(large: int = 500_000, calls: int = 1_000) -> None:
    """Print the latency of 10-event calls, and the cost of handing a list to a worker."""
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
    """Return median, p99 and maximum of consecutive small calls, in milliseconds."""
    request = make_list(10)
    with server.channel() as channel:
        call = channel.unary_unary(METHOD)
        call(request)
        times = [timed(lambda: call(request)) for _ in range(calls)]
    percentiles = quantiles(times, n=100)
    return tuple(f"{1e3 * time:.2f}" for time in (percentiles[49], percentiles[98], max(times)))


@contextmanager
def asking(server: Running, count: int) -> Iterator[None]:
    """Send large lists meanwhile, from a separate process because sending takes the GIL."""
    with subprocess.Popen(
        [sys.executable, __file__, str(server.port), str(count)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline(), "the first large list was not answered"
        yield
        assert process.poll() is None, "the large lists ended early"
        process.kill()


async def show_hand_over(calls: int = 300) -> None:
    """Print the time of the kernel on the event loop, and through a worker thread."""
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
            inline_us, in_worker = 1e6 * median(inline), 1e6 * median(handed)
            size = f"{len(request):,}"
            rows.append(
                (
                    f"{count:,}",
                    size,
                    f"{inline_us:.0f}",
                    f"{in_worker:.0f}",
                    f"{in_worker - inline_us:.0f}",
                )
            )
    head = ("events", "bytes", "event loop, us", "worker thread, us", "hand-over, us")
    show("Where a worker thread pays", head, rows)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that the work takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def ask_for_ever(server: Running, count: int) -> None:
    """Send a large list until killed."""
    request = make_list(count)
    with server.channel() as channel:
        call = channel.unary_unary(METHOD)
        while True:
            call(request)
            print("answered", flush=True)


if __name__ == "__main__":
    ask_for_ever(Running(pid=0, port=int(sys.argv[1])), int(sys.argv[2]))
