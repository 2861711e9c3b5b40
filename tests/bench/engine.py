"""In process, bytes to bytes: the kernel beside the definition over message objects."""

from collections.abc import Callable
from time import perf_counter

from lists import make_list
from servers import answer_by_definition
from tables import show

from double_booked.conflicts import kernel

ROUNDS = 5
EVENTS_A_ROUND = 200_000


def measure(sizes: tuple[int, ...] = (10, 1_000, 100_000, 1_000_000)) -> None:
    """Prints nanoseconds an event, and how many times faster the kernel is."""
    rows = []
    for count in sizes:
        for order in ("random", "sorted"):
            request = make_list(count, is_sorted=order == "sorted")
            fast = nanoseconds_an_event(kernel.get_conflicts, request, count, ROUNDS)
            slow = nanoseconds_an_event(answer_by_definition, request, count, 1)
            rows.append((f"{count:,}", order, f"{fast:.0f}", f"{slow:,.0f}", f"{slow / fast:.0f}x"))
    head = ("events", "order", "kernel, ns an event", "definition, ns an event", "ratio (goal 25x)")
    show("Engine, in process", head, rows)


def nanoseconds_an_event(
    answer: Callable[[bytes], object], request: bytes, count: int, rounds: int
) -> float:
    """The best of some rounds."""
    calls = max(1, EVENTS_A_ROUND // count if rounds > 1 else EVENTS_A_ROUND // count // 20)
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        for _ in range(calls):
            answer(request)
        times.append(perf_counter() - begin)
    return min(times) / calls / count * 1e9
