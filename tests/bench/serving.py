"""Measure the server beside its first release and a Go service, and the cost of observing."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from lists import make_list
from load import SLOW_CALLER, Sample, calling, on_cores_of_their_own
from peers import build_first_release, build_peer, peer_versions
from servers import METHOD, Running, running, running_first_release, running_program
from tables import show

from double_booked.api.scheduling_pb2 import ConflictList

OURS = "double-booked"
FIRST = "first release"
GO = "grpc-go"


@dataclass(frozen=True, slots=True)
class Goals:
    """Goals for the server at a number of events, as multiples of its peers."""

    rate_of_first: str = ""
    cpu_of_first: str = ""
    rate_of_go: str = ""


GOALS = {
    10: Goals(rate_of_first="4x", cpu_of_first="at most 0.25x", rate_of_go="0.33x"),
    100: Goals(rate_of_go="1x"),
    1_000: Goals(rate_of_go="3x"),
    20_000: Goals(rate_of_go="8x"),
}
LARGE = 20_000
"""Number of events from which 4 calls are in flight instead of 20."""

MIN_BUSY = 0.9
"""Share of a core below which other programs disturbed the run, or the caller was too slow."""

OBSERVED = {
    "neither metrics nor log": ("unobserved", "error"),
    "with metrics": ("whole", "error"),
    "with metrics and the log line": ("whole", "info"),
}

Rounds = dict[str, list[Sample]]


def measure(counts: Sequence[int] = tuple(GOALS), rounds: int = 5, seconds: float = 2.0) -> None:
    """Print the rates of all servers, ratios beside their goals, and the cost of observing."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(server) for name, server in contestants().items()}
        results = {count: compare(servers, count, rounds, seconds) for count in counts}
    show_rates(results)
    show_ratios(results)
    show_observing(rounds, seconds)


def contestants() -> dict[str, AbstractContextManager[Running]]:
    """Return the servers that this machine can run; print those left out, with the reason."""
    servers = {OURS: running("whole", "info")}
    if release := build_first_release():
        servers[FIRST] = running_first_release(release)
    else:
        print(f"\nLeft out: the {FIRST}, whose commit Git cannot give here.")
    if peer := build_peer():
        servers[GO] = running_program([str(peer / "server")], GOMAXPROCS="1")
        print(f"The peer and the caller: {peer_versions(peer)}.")
    else:
        print(f"\nLeft out: {GO}. {SLOW_CALLER}")
    return servers


def compare(servers: Mapping[str, Running], count: int, rounds: int, seconds: float) -> Rounds:
    """Check that the servers answer a list alike, and measure them."""
    answers = [groups(server, make_list(count)) for server in servers.values()]
    assert all(answer == answers[0] for answer in answers), "the servers answer differently"
    return in_rounds(servers, count, rounds, seconds)


def groups(server: Running, request: bytes) -> list[list[str]]:
    """Return the groups in the answer of a server as sorted ids, because ties have no order."""
    with server.channel() as channel:
        answer = ConflictList.FromString(channel.unary_unary(METHOD)(request))
    return [sorted(event.id for event in group.conflict_group) for group in answer.conflicts]


def in_rounds(servers: Mapping[str, Running], count: int, rounds: int, seconds: float) -> Rounds:
    """Measure servers in alternating rounds, after a warm-up round."""
    request = make_list(count)
    in_flight = 4 if count >= LARGE else 20
    with ExitStack() as stack:
        stack.enter_context(on_cores_of_their_own(list(servers.values())))
        callers = [
            stack.enter_context(calling(server, [request], in_flight=in_flight, seconds=seconds))
            for server in servers.values()
        ]
        samples = [[call() for call in callers] for _ in range(rounds + 1)][1:]
    return dict(zip(servers, map(list, zip(*samples, strict=True)), strict=True))


def show_rates(results: Mapping[int, Rounds]) -> None:
    """Print the figures of each server, and whether it had a core to itself."""
    rows = [
        (
            f"{count:,}",
            name,
            f"{middle(samples, 'rate'):,.0f}",
            f"{middle(samples, 'cpu') * 1e6:,.0f}",
            f"{middle(samples, 'busy'):.2f}",
            f"{middle(samples, 'p50_ms'):.2f}",
            f"{middle(samples, 'p99_ms'):.2f}",
        )
        for count, rounds in results.items()
        for name, samples in rounds.items()
    ]
    head = (
        "events a call",
        "server",
        "calls/s",
        "CPU us a call",
        "of the core busy",
        "p50, ms",
        "p99, ms",
    )
    show("GetConflicts, the server on one core, with metrics and the log line", head, rows)
    every = [samples for rounds in results.values() for samples in rounds.values()]
    if any(middle(samples, "busy") < MIN_BUSY for samples in every):
        print("\nNot every server had the core to itself: trust CPU a call more than calls/s.")


def show_ratios(results: Mapping[int, Rounds]) -> None:
    """Print the figures of the server as multiples of its peers', beside the goals."""
    rows = []
    for count, rounds in results.items():
        goals = GOALS.get(count, Goals())
        own, first, go = rounds[OURS], rounds.get(FIRST), rounds.get(GO)
        rows.append(
            (
                f"{count:,}",
                ratio(own, first, "rate"),
                goals.rate_of_first,
                ratio(own, first, "cpu"),
                goals.cpu_of_first,
                ratio(own, go, "rate"),
                goals.rate_of_go,
                ratio(own, go, "cpu"),
            )
        )
    head = (
        "events a call",
        f"calls/s, of the {FIRST}'s",
        "goal",
        "CPU a call, of its",
        "goal",
        f"calls/s, of {GO}'s",
        "goal",
        "CPU a call, of its",
    )
    show(f"{OURS} compared, medians of the rounds (lowest to highest)", head, rows)


def show_observing(rounds: int, seconds: float) -> None:
    """Print the cost that metrics and the log line add to a call of 10 events."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(running(*kind)) for name, kind in OBSERVED.items()}
        results = in_rounds(servers, 10, rounds, seconds)
    base, *_ = results
    rows = [
        (
            name,
            f"{middle(samples, 'cpu') * 1e6:.0f}",
            ratio(samples, results[base], "cpu"),
            goal,
            f"{middle(samples, 'rate'):,.0f}",
        )
        for (name, samples), goal in zip(results.items(), ("", "", "at most 1.5x"), strict=True)
    ]
    head = ("server", "CPU us a call", f"of that with {base}", "goal", "calls/s")
    show("The cost of metrics and logs, 10 events a call, the server on one core", head, rows)


def middle(samples: Sequence[Sample], figure: str) -> float:
    """Return the median of a figure."""
    return median(map(attrgetter(figure), samples))


def ratio(samples: Sequence[Sample], peer_samples: Sequence[Sample] | None, figure: str) -> str:
    """Return a figure as a multiple of a peer's: the median and the range over the rounds."""
    if peer_samples is None:
        return "not measured"
    read = attrgetter(figure)
    ratios = sorted(
        read(one) / read(other) for one, other in zip(samples, peer_samples, strict=True)
    )
    return f"{median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})"
