"""Small calls while a large list is answered, and where a worker thread begins to pay."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING

from lists import make_list
from servers import METHOD, running
from tables import show

from double_booked.conflicts import kernel

if TYPE_CHECKING:
    import grpc


def measure(large: int = 500_000, calls: int = 400) -> None:
    """Prints the latency of 10-event calls, and the cost of handing a list over."""
    small = make_list(10)
    with running("whole") as server, server.channel() as channel, server.channel() as other:
        call = channel.unary_unary(METHOD)
        idle = [timed(lambda: call(small)) for _ in range(calls)]
        busy = while_answering(other.unary_unary(METHOD), make_list(large), lambda: call(small))
    rows = [
        (name, len(times), *(f"{1e3 * quantiles(times, n=100)[at]:.2f}" for at in (49, 98)))
        for name, times in (("alone", idle), (f"while {large:,} events are answered", busy))
    ]
    show("Latency of calls of 10 events", ("", "calls", "p50, ms", "p99, ms"), rows)
    show_hand_over()


def while_answering(
    call: "grpc.UnaryUnaryMultiCallable[bytes, bytes]", large: bytes, work: Callable[[], object]
) -> list[float]:
    """Times the work again and again until a large list is answered."""
    answer = call.future(large)
    times = []
    while not answer.done():
        times.append(timed(work))
    answer.result()
    return times


def show_hand_over() -> None:
    """Prints what the kernel takes for some sizes beside what a hand-over does."""
    with ThreadPoolExecutor(1) as workers:
        hand_over = median(timed(lambda: workers.submit(int).result()) for _ in range(2_000))
    rows = []
    for count in (100, 300, 1_000, 1_600, 3_000):
        request = make_list(count)
        inline = median(timed(lambda: kernel.get_conflicts(request)) for _ in range(300))  # noqa: B023 - called at once
        rows.append((f"{len(request):,}", f"{1e6 * inline:.0f}", f"{1e6 * hand_over:.0f}"))
    head = ("bytes", "kernel, us", "hand-over to a thread, us")
    show("Where a worker thread pays", head, rows)


def timed(work: Callable[[], object]) -> float:
    """How many seconds the work takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin
