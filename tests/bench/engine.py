"""Measure the kernel in process, beside the definition on message objects."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

from lists import make_list
from servers import answer_by_definition
from tables import show

from double_booked.api.scheduling_pb2 import ConflictList, Event, EventList
from double_booked.conflicts import kernel
from double_booked.conflicts.instants import nanoseconds

EVENTS_A_SAMPLE = 20_000
MAX_REPEATED = 100_000
"""Above this size the slow engines run once: each run takes 10 seconds."""


def measure(sizes: tuple[int, ...] = (10, 1_000, 1_000_000), rounds: int = 5) -> None:
    """Print nanoseconds per event, and how many times faster the kernel is."""
    rows = []
    for count in sizes:
        for order in ("random", "sorted"):
            request = make_list(count, is_sorted=order == "sorted")
            fast, *others = nanoseconds_an_event(request, count, rounds)
            figures = (f"{figure:,.0f}" for figure in (fast, *others))
            ratios = (f"{figure / fast:.0f}x" for figure in others[1:])
            rows.append((f"{count:,}", order, *figures, *ratios))
    head = ("events", "order", *ENGINES, "by hand / kernel", "definition / kernel (goal 25x)")
    show("Engine, in process, ns an event", head, rows)


def nanoseconds_an_event(request: bytes, count: int, rounds: int) -> list[float]:
    """Return nanoseconds per event for each engine: medians of alternating rounds."""
    samples: list[list[float]] = [[] for _ in ENGINES]
    for number in range(rounds):
        for engine, times in zip(ENGINES.values(), samples, strict=True):
            if number == 0 or count <= MAX_REPEATED or engine is kernel.get_conflicts:
                times.append(sample(engine, request, count))
    return [median(times) for times in samples]


def sample(engine: Callable[[bytes], object], request: bytes, count: int) -> float:
    """Return nanoseconds per event over several calls."""
    calls = max(1, EVENTS_A_SAMPLE // count)
    begin = perf_counter()
    for _ in range(calls):
        engine(request)
    return (perf_counter() - begin) / calls / count * 1e9


def answer_by_hand(request: bytes) -> bytes:
    """Answer with a minimal sweep: no checks, no resources, no options."""
    events = EventList.FromString(request).events
    conflicts = ConflictList()
    group: list[Event] = []
    reach = None
    for start, position, end in sorted(map(occupied_time, range(len(events)), events)):
        if reach is None or start >= reach:
            add_group(conflicts, group)
            group, reach = [], end
        group.append(events[position])
        reach = max(reach, end)
    add_group(conflicts, group)
    return conflicts.SerializeToString()


def occupied_time(position: int, event: Event) -> tuple[int, int, int]:
    """Return start (ns), position and end (ns) of an event."""
    start = nanoseconds(event.start)
    return start, position, max(nanoseconds(event.end), start + 1)


def add_group(conflicts: ConflictList, group: list[Event]) -> None:
    """Add a group of conflicting events if it has at least two."""
    if len(group) > 1:
        conflicts.conflicts.add().conflict_group.extend(group)


ENGINES: dict[str, Callable[[bytes], object]] = {
    "kernel": kernel.get_conflicts,
    "protobuf alone, there and back": lambda request: EventList.FromString(
        request
    ).SerializeToString(),
    "sweep by hand, no checks": answer_by_hand,
    "definition": answer_by_definition,
}
