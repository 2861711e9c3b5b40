"""Measure the server over gRPC, beside the same server with the definition as its engine."""

from statistics import median
from time import perf_counter

from lists import make_list
from servers import METHOD, Running, running
from tables import show

ROUNDS = 5


def measure(sizes: tuple[int, ...] = (1_000, 20_000), seconds: float = 0.5) -> None:
    """Print events per second of one caller that waits for each answer."""
    rows = []
    with running("whole") as whole, running("definition") as definition:
        for count in sizes:
            request = make_list(count)
            samples = [
                [events_a_second(server, request, count, seconds) for server in (whole, definition)]
                for _ in range(ROUNDS)
            ]
            fast, slow = (median(rates) for rates in zip(*samples, strict=True))
            rows.append((f"{count:,}", f"{fast:,.0f}", f"{slow:,.0f}", f"{fast / slow:.1f}x"))
    head = ("events a list", "kernel, events/s", "definition, events/s", "ratio (goal 4x)")
    show("Over gRPC, one caller", head, rows)


def events_a_second(server: Running, request: bytes, count: int, seconds: float) -> float:
    """Call for `seconds`; return events per second."""
    with server.channel() as channel:
        call = channel.unary_unary(METHOD)
        call(request)
        calls = 0
        begin = perf_counter()
        while perf_counter() - begin < seconds:
            call(request)
            calls += 1
        return calls * count / (perf_counter() - begin)
