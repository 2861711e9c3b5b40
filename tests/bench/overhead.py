"""What a small call costs the server, and what of it metrics and the log line are."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from lists import make_list
from servers import METHOD, Running, pin, running
from tables import show

if TYPE_CHECKING:
    import grpc

KINDS = {
    "bare grpc.aio echo": ("echo", "error"),
    "service, neither metrics nor log": ("unobserved", "error"),
    "with metrics": ("whole", "error"),
    "with metrics and the log line": ("whole", "info"),
}
GOALS = ("", "", "+15 %", "+40 %")


def measure(rounds: int = 7, calls: int = 3_000) -> None:
    """Prints server CPU a call and calls a second, medians of alternating rounds."""
    request = make_list(10)
    with ExitStack() as stack:
        servers = [stack.enter_context(running(*kind)) for kind in KINDS.values()]
        with on_cores_of_their_own(servers):
            samples = [
                [sample(server, request, calls) for server in servers] for _ in range(rounds + 1)
            ][1:]
    rows = []
    base = median(each[1][0] for each in samples)
    echo = median(each[0][1] for each in samples)
    for number, (name, goal) in enumerate(zip(KINDS, GOALS, strict=True)):
        cpu = median(each[number][0] for each in samples)
        rate = median(each[number][1] for each in samples)
        more = f"{cpu / base - 1:+.0%}"
        share = f"{rate / echo:.2f}"
        busy = f"{cpu * rate:.2f}"
        rows.append((name, f"{cpu * 1e6:.0f}", more, goal, f"{rate:,.0f}", share, busy))
    head = (
        "server",
        "CPU us a call",
        "more",
        "goal",
        "calls/s",
        "of the echo's (goal 0.7)",
        "of the core busy",
    )
    show("10 events a call, 20 in flight, the server on one core", head, rows)


@contextmanager
def on_cores_of_their_own(servers: Sequence[Running]) -> Iterator[None]:
    """Keeps the servers on one core, the caller off it: sharing it now and then halves the rate."""
    cores = sorted(os.sched_getaffinity(0))
    for server in servers:
        pin(server.pid, cores[:1])
    pin(os.getpid(), cores[1:] or cores)
    yield
    pin(os.getpid(), cores)


def sample(server: Running, request: bytes, calls: int, in_flight: int = 20) -> tuple[float, float]:
    """Server CPU seconds a call, and calls a second."""
    with server.channel() as channel:
        call = channel.unary_unary(METHOD)
        call(request)
        cpu, begin = server.cpu_seconds(), perf_counter()
        pending: list[grpc.Future] = []
        for _ in range(calls):
            pending.append(call.future(request))
            if len(pending) >= in_flight:
                pending.pop(0).result()
        for each in pending:
            each.result()
        seconds = perf_counter() - begin
        return (server.cpu_seconds() - cpu) / calls, calls / seconds
