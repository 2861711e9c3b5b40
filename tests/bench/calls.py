"""Measure options, batches and feeds beside GetConflicts on plain lists."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

from engine import sample
from lists import HOUR, make_list
from load import SLOW_CALLER, calling, on_cores_of_their_own
from peers import build_peer
from servers import Running, running
from tables import show

from double_booked.api.scheduling_pb2 import BatchGetConflictsRequest, EventList
from double_booked.conflicts import kernel

SERVICE = "/Scheduling.ConflictService/"
ROUNDS = 5
ROOMS = 50


def measure(count: int = 100_000, seconds: float = 2.0, messages: int = 2_000) -> None:
    """Print what options cost the engine, and what batches and feeds gain or cost."""
    show_options(count)
    with running("whole") as server:
        show_batch(server, seconds)
    show_feed(seconds, messages)


def show_options(count: int) -> None:
    """Print the time per event with each option, beside the time without."""
    requests = {
        "plain": make_list(count),
        "explain": with_options(make_list(count), explain=True),
        "50 rooms": in_rooms(count, capacity=1),
        "50 rooms, capacity 2": in_rooms(count, capacity=2),
    }
    samples = [
        [sample(kernel.get_conflicts, request, count) for request in requests.values()]
        for _ in range(ROUNDS)
    ]
    times = dict(zip(requests, map(median, zip(*samples, strict=True)), strict=True))
    goals = ("", "3x", "2x", "2x")
    rows = [
        (name, f"{time:.0f}", f"{time / times['plain']:.2f}x", goal)
        for (name, time), goal in zip(times.items(), goals, strict=True)
    ]
    show(f"Options, {count:,} events, in process", ("", "ns an event", "of plain", "goal"), rows)


def with_options(request: bytes, *, explain: bool) -> bytes:
    """Return the list with options."""
    events = EventList.FromString(request)
    events.options.explain = explain
    return events.SerializeToString()


def in_rooms(count: int, capacity: int) -> bytes:
    """Return a list whose events occupy one room each, as densely as in the plain list."""
    chance = random.Random(count)  # noqa: S311 - the same list each time, not a secret
    events = EventList.FromString(make_list(count))
    first = min(event.start.seconds for event in events.events)
    for event in events.events:
        length = event.end.seconds - event.start.seconds
        event.start.seconds = first + (event.start.seconds - first) // ROOMS
        event.end.seconds = event.start.seconds + length
        event.resources.append(f"room-{chance.randrange(ROOMS)}")
    for room in range(ROOMS):
        events.options.capacity[f"room-{room}"] = capacity
    return events.SerializeToString()


def show_batch(server: Running, seconds: float) -> None:
    """Print lists per second in batches and one by one."""
    small = make_list(10)
    batch = BatchGetConflictsRequest(lists=[EventList.FromString(small)] * 1_000)
    with server.channel() as channel:
        one = channel.unary_unary(f"{SERVICE}GetConflicts")
        many = channel.unary_unary(f"{SERVICE}BatchGetConflicts")
        request = batch.SerializeToString()
        alone = a_second(lambda: one(small), seconds)
        together = a_second(lambda: many(request), seconds) * 1_000
    rows = [(f"{alone:,.0f}", f"{together:,.0f}", f"{together / alone:.0f}x")]
    head = ("lists/s, one a call", "lists/s, 1,000 a call", "ratio (goal 60x)")
    show("Batches of lists of 10 events", head, rows)


def show_feed(seconds: float, messages: int) -> None:
    """Print events per second in a feed and in single lists, and the memory of the feed."""
    count = 20_000
    with ExitStack() as stack:
        server = stack.enter_context(running("whole", "info"))
        stack.enter_context(on_cores_of_their_own([server]))
        before = resident_mebibytes(server)
        feed = stack.enter_context(calling(server, make_feed(messages), feed=True))
        feed()
        more = (server.peak_bytes() >> 20) - before
        whole = stack.enter_context(calling(server, [make_list(count)], seconds=seconds))
        whole()
        samples = [(whole(), feed()) for _ in range(ROUNDS)]
    lists = median(one.rate for one, _ in samples) * count
    events = median(other.rate for _, other in samples) * 1_000
    share = median(other.rate * 1_000 / one.rate / count for one, other in samples)
    cpu = median(other.cpu * count / one.cpu / 1_000 for one, other in samples)
    rows = [(f"{lists:,.0f}", f"{events:,.0f}", f"{share:.0%}", f"{cpu:.2f}x", f"{more:+} MiB")]
    head = (
        "GetConflicts, events/s",
        "SweepConflicts, events/s",
        "share (goal 80 %)",
        "CPU an event, of GetConflicts'",
        "memory",
    )
    title = f"A feed of {messages:,} messages of 1,000 events, beside lists of {count:,} one by one"
    show(f"{title}, the server on one core", head, rows)
    if build_peer() is None:
        print(f"\n{SLOW_CALLER}")


def make_feed(messages: int) -> Iterator[bytes]:
    """Yield messages that repeat the same 1,000 events, later each time."""
    events = EventList.FromString(make_list(1_000, is_sorted=True))
    for _ in range(messages):
        yield events.SerializeToString()
        for event in events.events:
            event.start.seconds += 1_000 * HOUR
            event.end.seconds += 1_000 * HOUR


def resident_mebibytes(server: Running) -> int:
    """Return the resident memory of a server in MiB."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def a_second(call: Callable[[], object], seconds: float) -> float:
    """Return how many calls succeed per second."""
    call()
    calls = 0
    begin = perf_counter()
    while perf_counter() - begin < seconds:
        call()
        calls += 1
    return calls / (perf_counter() - begin)
