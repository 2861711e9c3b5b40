"""Attack with requests that need much memory, one or twenty at once, beside a good caller."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.hostile import requests
from bench.hostile.attackers import Attackers
from bench.hostile.attacks import Outcome, Shot
from bench.hostile.callers import good_caller
from bench.hostile.goals import Figure, listed, verdict
from bench.hostile.requests import BATCH, GET, MIB, STREAM, SWEEP, built
from bench.hostile.server import Server, serving
from bench.tables import show

MAX_PEAK_MIB = 900
MAX_P99_MS = 100
MAX_HOLD_MS = 50

_TWENTY = 20
_SECONDS = 2.0
"""Seconds that an attack lasts, in waves: each begins when the previous one has ended."""

_WAVE_SECONDS = 4.0
_LONG_WAVE_SECONDS = 12.0
"""Seconds after which a wave is abandoned; requests that are read completely are slow."""

_SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Case:
    """An attack.

    Attributes:
        name: What it is, for the table.
        calls: Method and maker of each call, used in turn.
        counts: Numbers of calls to make at once, one table row each.
        first: A call that is made twice before all others.
        is_open: Whether the calls are feeds that are left open.
        reads: Whether the answers are read.
        seconds: How long to wait for the answers of a wave.
    """

    name: str
    calls: tuple[tuple[str, Callable[[float], bytes]], ...]
    counts: tuple[int, ...] = (1, _TWENTY)
    first: tuple[str, Callable[[float], bytes]] | None = None
    is_open: bool = False
    reads: bool = True
    seconds: float = _WAVE_SECONDS

    def shots(self, count: int) -> list[Shot]:
        """Return `count` calls."""
        before = [self.first] * 2 if self.first else []
        calls = [*before, *(self.calls[number % len(self.calls)] for number in range(count))]
        return [Shot(method, (built(make, 1.0),), self.is_open) for method, make in calls]


CASES = (
    Case("nobody", (), counts=(0,)),
    Case("64 MiB of empty options", ((GET, requests.empty_options),)),
    Case(
        "64 MiB of empty options, by the other methods in turn",
        (
            (STREAM, requests.empty_options),
            (SWEEP, requests.empty_options),
            (BATCH, requests.empty_options_in_batch),
        ),
        counts=(3, _TWENTY),
    ),
    Case("64 lists with 1 MB of options each", ((BATCH, requests.options_in_batch),)),
    Case("one event with 32 million titles", ((GET, requests.empty_titles),)),
    Case("6,600,000 capacities", ((GET, requests.many_capacities),), seconds=_LONG_WAVE_SECONDS),
    Case("2,500 explained lists in a batch", ((BATCH, requests.explained_batch),)),
    Case("one explained list with 60 MiB of titles", ((GET, requests.explained_titles),)),
    Case("1,990,000 events in one group", ((GET, requests.one_group),)),
    Case("64 MiB of resource names", ((GET, requests.many_names),), seconds=_LONG_WAVE_SECONDS),
    Case("a batch of 64 MiB of empty lists", ((BATCH, requests.empty_lists),)),
    Case("a batch of 8,192 faulty lists in 64 KiB", ((BATCH, requests.faulty_lists),)),
    Case(
        "gzip bombs of 64 MiB behind two slow calls",
        ((GET, requests.title),),
        counts=(_TWENTY,),
        first=(GET, requests.many_names),
    ),
    Case(
        "gzip bombs of 64 MiB, each method in turn",
        (
            (GET, requests.title),
            (BATCH, requests.title_in_batch),
            (STREAM, requests.title),
            (SWEEP, requests.title),
        ),
        counts=(4, _TWENTY),
    ),
    Case("unread answers of 24 MB", ((STREAM, requests.one_group),), reads=False),
    Case("unread answers of 64 MiB", ((GET, requests.explained_titles),), reads=False),
    Case("feeds that hold 24 MB", ((SWEEP, requests.one_group),), is_open=True),
    Case("feeds with 9.4 MB of options", ((SWEEP, requests.feed_options),), is_open=True),
)


@dataclass(frozen=True, slots=True)
class Result:
    """The effect of an attack, in MiB and ms.

    Attributes:
        failed: Failed calls of the good caller by code.
        end: How the server ended, "" if it lives.
        codes: Number of calls by code, as the server counts them.
    """

    peak_mib: float
    p99_ms: float
    failed: Counter[str]
    hold_ms: float
    end: str
    outcome: Outcome
    codes: Counter[str]

    def is_met(self) -> bool:
        """Return whether the server kept all three goals."""
        return (
            not self.end
            and not self.failed
            and self.peak_mib < MAX_PEAK_MIB
            and self.p99_ms <= MAX_P99_MS
            and self.hold_ms <= MAX_HOLD_MS
        )


async def measure(attackers: Attackers, cases: Sequence[Case] = CASES) -> list[Figure]:
    """Print a row for each case; return the worst of each figure."""
    rows, results = [], []
    for case in cases:
        for count in case.counts:
            result = await attack(attackers, case, count)
            results.append(result)
            rows.append(_row(case, count, result))
    head = (
        "attack",
        "at once",
        "peak, MiB",
        "p99, ms",
        "calls failed",
        "GIL held, ms",
        "attack ended",
        "",
    )
    show("Memory: a server with 1 CPU and 1 GiB, and another caller beside", head, rows)
    return _worst(results)


async def attack(attackers: Attackers, case: Case, count: int) -> Result:
    """Attack a new server in waves, beside a good caller."""
    shots = case.shots(count)
    with serving() as server:
        return await _attack(attackers, case, shots, server)


async def _attack(attackers: Attackers, case: Case, shots: list[Shot], server: Server) -> Result:
    async with good_caller(server) as seen:
        await asyncio.sleep(_SETTLE_SECONDS)
        seen.forget()
        server.meter.seconds = 0
        outcome = Outcome()
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline and not server.end():
            if not shots:
                await asyncio.sleep(_SECONDS)
                continue
            outcome += await attackers.fire(server.port, shots, case.seconds, reads=case.reads)
        await asyncio.sleep(_SETTLE_SECONDS)
        return Result(
            server.peak_bytes() / MIB,
            seen.p99_ms(),
            Counter(seen.failed),
            1e3 * server.meter.seconds,
            server.end(),
            outcome,
            await server.codes(),
        )


def _row(case: Case, count: int, result: Result) -> tuple[object, ...]:
    # The calls of the good caller do not count as attacks.
    attacked = Counter(result.codes) - result.failed
    attacked["OK"] = 0
    return (
        case.name,
        count,
        f"{result.peak_mib:,.0f}",
        f"{result.p99_ms:,.0f}" if math.isfinite(result.p99_ms) else "no answer",
        listed(result.failed),
        f"{result.hold_ms:,.0f}",
        result.end or f"{result.outcome.ended} of {result.outcome.made}: {listed(attacked)}",
        verdict(result.is_met()),
    )


def _worst(results: Sequence[Result]) -> list[Figure]:
    dead = sum(bool(result.end) for result in results)
    peak = max(result.peak_mib for result in results)
    p99 = max(result.p99_ms for result in results)
    failed = sum(result.failed.total() for result in results)
    hold = max(result.hold_ms for result in results)
    what = "memory cases, worst"
    return [
        Figure(
            f"{what} peak",
            f"under {MAX_PEAK_MIB} MiB",
            f"{peak:,.0f} MiB" + (f"; {dead} servers ended" if dead else ""),
            not dead and peak < MAX_PEAK_MIB,
        ),
        Figure(
            f"{what} p99 of another caller",
            f"at most {MAX_P99_MS} ms, no call failed",
            f"{p99:,.0f} ms, {failed} failed",
            not failed and p99 <= MAX_P99_MS,
        ),
        Figure(
            f"{what} hold of the GIL",
            f"at most {MAX_HOLD_MS} ms",
            f"{hold:,.0f} ms",
            hold <= MAX_HOLD_MS,
        ),
    ]
