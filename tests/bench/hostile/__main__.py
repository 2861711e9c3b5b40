"""Attack a server with the limits of a small pod, and an operator: `python -m bench.hostile`.

Prints figures beside their goals; the exit code is 1 if a goal is missed. --only selects topics.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from bench.hostile import costs, floods, memory, webhook
from bench.hostile.attackers import Attackers
from bench.hostile.cgroups import limited
from bench.hostile.goals import Figure, show_figures
from bench.hostile.requests import MIB
from bench.hostile.server import CPUS, MEMORY_BYTES
from bench.tables import show_machine

TOPICS: dict[str, Callable[[Attackers], Awaitable[list[Figure]]]] = {
    "memory": memory.measure,
    "cpu": costs.measure,
    "feed": costs.measure_feeds,
    "reset": floods.measure_resets,
    "idle": floods.measure_idle,
    "streams": floods.measure_streams,
    "burst": lambda _: floods.measure_burst(),
    "http": lambda _: floods.measure_http(),
    "webhook": lambda _: webhook.measure(),
}


async def measure(names: Sequence[str]) -> list[Figure]:
    """Run the attacks of the topics; return their figures."""
    figures = []
    async with Attackers() as attackers:
        for name in names:
            figures += await TOPICS[name](attackers)
    return figures


def main() -> int:
    """Run the attacks; return the exit code."""
    parser = argparse.ArgumentParser(prog="bench.hostile", description=__doc__)
    parser.add_argument("--only", action="append", choices=TOPICS, help="run this topic alone")
    names = parser.parse_args().only or list(TOPICS)
    show_machine()
    print(_show_limits())
    begin = time.monotonic()
    figures = asyncio.run(measure(names))
    print(f"\nIt took {time.monotonic() - begin:.0f} s.")
    return conclude(figures)


def conclude(figures: Sequence[Figure]) -> int:
    """Print the figures; return the exit code."""
    show_figures("Hostile callers", figures)
    missed = sum(not figure.is_met for figure in figures)
    print(f"\n{missed} of {len(figures)} goals missed.")
    return 1 if missed else 0


def _show_limits() -> str:
    with limited(MEMORY_BYTES, CPUS) as cgroup:
        if cgroup:
            return f"The server has {CPUS:.0f} CPU and {MEMORY_BYTES // MIB:,} MiB, by a cgroup."
    return (
        "NOT ENFORCED: no cgroup can be made here (that takes root), so the server has all CPUs. "
        f"Its own peak (VmHWM) is watched, and it is ended over {MEMORY_BYTES // MIB:,} MiB."
    )


if __name__ == "__main__":
    sys.exit(main())
