"""Measure what requests and feed messages cost the server in CPU time."""

import asyncio
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from bench.hostile import requests
from bench.hostile.attackers import Attackers
from bench.hostile.attacks import Shot
from bench.hostile.goals import Figure, listed, verdict
from bench.hostile.requests import COSTLY, LATER, SWEEP, Request, built, framed
from bench.hostile.server import Server, serving
from bench.tables import show

MAX_CPU_SECONDS = 10.0
MAX_RATIO = 2.5
MAX_MESSAGE_MS = 1.0

_GIVE_UP_SECONDS = 60.0
_NEGLIGIBLE_SECONDS = 0.5
"""Ratios of shorter times mean little: the clock has steps of 10 ms."""

_MESSAGES = (20, 1_000)
"""Numbers of messages to send: many only if a few are cheap."""

_MESSAGES_CPU_SECONDS = 4.0
"""CPU seconds for all messages after which the goal is clearly missed."""

_FIRSTS = (
    Request("10,000 capacities in 1 MB of options", SWEEP, requests.allowed_options),
    Request("9.4 MB of options", SWEEP, requests.feed_options),
    Request("24 MB of events held", SWEEP, requests.one_group),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a call.

    Attributes:
        seconds: CPU seconds.
        end: Why the cost is incomplete; "" if it is complete.
        code: How the call ended.
    """

    seconds: float
    end: str = ""
    code: str = ""

    def __str__(self) -> str:
        return f"{'over ' if self.end else ''}{self.seconds:.2f}"


async def measure(attackers: Attackers, costly: Sequence[Request] = COSTLY) -> list[Figure]:
    """Print the cost of requests at half and full size; return the worst figures."""
    rows, costs, ratios = [], [], []
    with closing(_servers()) as servers:
        for request in costly:
            half = await _cost(attackers, next(servers), _shot(request, 0.5))
            full = half  # a request that gave up at half its size is not repeated
            if not half.end:
                full = await _cost(attackers, next(servers), _shot(request, 1.0))
            ratio = full.seconds / max(half.seconds, 0.01)
            is_meaningful = full.seconds > _NEGLIGIBLE_SECONDS and not half.end and not full.end
            is_met = (
                _is_cheap(half) and _is_cheap(full) and (not is_meaningful or ratio <= MAX_RATIO)
            )
            costs += [half, full]
            ratios += [ratio] * is_meaningful
            shown = f"{ratio:.1f}" if is_meaningful else ""
            rows.append((request.name, half, full, shown, full.end or full.code, verdict(is_met)))
    head = ("request", "half of it, CPU s", "CPU s", "ratio", "ended", "")
    show("CPU: requests within the default limits", head, rows)
    worst = max(costs, key=lambda cost: cost.seconds)
    return [
        Figure(
            "most expensive request within the default limits",
            f"at most {MAX_CPU_SECONDS:.0f} CPU s",
            f"{worst} CPU s",
            all(map(_is_cheap, costs)),
        ),
        Figure(
            "request of double size, worst ratio",
            f"costs at most {MAX_RATIO} times",
            f"{max(ratios, default=0):.1f} times",
            max(ratios, default=0) <= MAX_RATIO,
        ),
    ]


async def measure_feeds(attackers: Attackers, firsts: Sequence[Request] = _FIRSTS) -> list[Figure]:
    """Return the cost of a 10-byte message after each kind of first feed message."""
    figures = []
    with closing(_servers()) as servers:
        for first in firsts:
            cost = await _message_cost(attackers, servers, first)
            figures.append(
                Figure(
                    f"a 10-byte message of a feed after {first.name}",
                    f"at most {MAX_MESSAGE_MS:.0f} ms of CPU",
                    f"{'over ' if cost.end else ''}{1e3 * cost.seconds:.2f} ms",
                    not cost.end and 1e3 * cost.seconds <= MAX_MESSAGE_MS,
                )
            )
    return figures


async def _message_cost(attackers: Attackers, servers: Iterator[Server], first: Request) -> Cost:
    """Return the cost per message after the first, of many messages or of few expensive ones."""
    few, many = _MESSAGES
    alone = await _cost(attackers, next(servers), _shot(first, 1.0))
    cost = await _later_cost(attackers, next(servers), first, alone, few)
    if cost.end or 1e3 * cost.seconds > 3 * MAX_MESSAGE_MS:
        return cost
    return await _later_cost(attackers, next(servers), first, alone, many)


async def _later_cost(
    attackers: Attackers, server: Server, first: Request, alone: Cost, messages: int
) -> Cost:
    later = framed(LATER, zipped=False)
    shot = Shot(SWEEP, (built(first.make, 1.0), *[later] * messages))
    whole = await _cost(attackers, server, shot, alone.seconds + _MESSAGES_CPU_SECONDS)
    return Cost(max(0.0, whole.seconds - alone.seconds) / messages, whole.end)


def _servers() -> Generator[Server, None, None]:
    """Yield the same server until it has ended, then a new one."""
    while True:
        with serving() as server:
            while not server.end():
                yield server


def _shot(request: Request, share: float) -> Shot:
    return Shot(request.method, (built(request.make, share),))


async def _cost(
    attackers: Attackers, server: Server, shot: Shot, limit: float = MAX_CPU_SECONDS + 1
) -> Cost:
    """Make a call; stop the server if the call costs more than the limit."""
    counted = await server.codes()
    before = used = server.cpu_seconds()
    end = ""
    call = asyncio.create_task(attackers.fire(server.port, [shot], _GIVE_UP_SECONDS))
    while not call.done() and not end:
        await asyncio.wait([call], timeout=0.05)
        if server.end():
            end = server.end()
        else:
            used = server.cpu_seconds()
            end = "given up" if used - before > limit else ""
    if end:
        server.process.kill()
        server.process.wait()
    outcome = await call
    codes = await server.codes() - counted  # the call has ended by the time this is answered
    end = end or server.end() or ("" if outcome.ended else "not ended")
    return Cost(used - before, end, listed(codes))


def _is_cheap(cost: Cost) -> bool:
    return not cost.end and cost.seconds <= MAX_CPU_SECONDS
