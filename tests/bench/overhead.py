"""What a small call costs the server, and what of it metrics and the log line are."""

from contextlib import ExitStack
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from lists import make_list
from servers import METHOD, Running, running
from tables import show

if TYPE_CHECKING:
    import grpc

KINDS = {
    "bare grpc.aio echo": ("echo", "error"),
    "service, neither metrics nor log": ("service", "error"),
    "with metrics": ("whole", "error"),
    "with metrics and the log line": ("whole", "info"),
}
GOALS = ("", "", "+15 %", "+40 %")


def measure(rounds: int = 7, calls: int = 3_000) -> None:
    """Prints server CPU a call and calls a second, medians of alternating rounds."""
    request = make_list(10)
    with ExitStack() as stack:
        servers = [stack.enter_context(running(*kind)) for kind in KINDS.values()]
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
        rows.append((name, f"{cpu * 1e6:.0f}", more, goal, f"{rate:,.0f}", f"{rate / echo:.2f}"))
    head = ("server", "CPU us a call", "more", "goal", "calls/s", "of the echo's (goal 0.7)")
    show("10 events a call, many in flight", head, rows)


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
