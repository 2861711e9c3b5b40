"""Soak-test one server under mixed traffic and report leaks: `python tests/soak [SECONDS]`.

The exit code is 1 if anything leaked, or if a good call failed.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from traffic import Counts, run

WARM_UP_SECONDS = 5.0
SETTLE_SECONDS = 60.0
MAX_GROWTH = {"memory_mebibytes": 24, "threads": 8}
"""Allowed growth: what allocators keep and gRPC's thread pool adds in a run of any length."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Resources that a server holds."""

    memory_mebibytes: int
    open_files: int
    threads: int
    tasks: int
    calls: int


class Soaked:
    """A server in its own process, which reports the resources that it holds."""

    def __init__(self) -> None:
        server = Path(__file__).parent / "server.py"
        self._process = subprocess.Popen(
            [sys.executable, server],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = int(self._ask()["port"])

    def _ask(self) -> dict[str, int]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        answer: dict[str, int] = json.loads(self._process.stdout.readline())
        return answer

    def figures(self) -> Figures:
        """Return the resources that it holds now."""
        own = self._ask()
        process = Path(f"/proc/{self._process.pid}")
        status = process.joinpath("status").read_text()
        return Figures(
            memory_mebibytes=int(status.partition("VmRSS:")[2].split()[0]) // 1024,
            open_files=len(list(process.joinpath("fd").iterdir())),
            threads=len(list(process.joinpath("task").iterdir())),
            tasks=own["tasks"],
            calls=own["calls"],
        )

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()


def leaks(before: Figures, after: Figures) -> list[str]:
    """Return the names of the figures that grew."""
    now = asdict(after)
    return [
        name for name, was in asdict(before).items() if now[name] > was + MAX_GROWTH.get(name, 0)
    ]


def settled(server: Soaked, before: Figures) -> Figures:
    """Return the figures once closing connections are closed, or after SETTLE_SECONDS."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while leaks(before, after := server.figures()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return after


def soak(seconds: float) -> bool:
    """Print the figures before and after; return whether nothing leaked and no call failed."""
    server = Soaked()
    try:
        # Objects that are created once, on first use, are not leaks.
        asyncio.run(run(server.port, min(WARM_UP_SECONDS, seconds)))
        time.sleep(1)
        before = server.figures()
        begin = time.monotonic()
        counts = asyncio.run(run(server.port, seconds))
        took = time.monotonic() - begin
        after = settled(server, before)
    finally:
        server.stop()
    return _report(before, after, counts, took)


def _report(before: Figures, after: Figures, counts: Counts, seconds: float) -> bool:
    print(
        f"{seconds:.0f} s of traffic: "
        + ", ".join(f"{n:,} {kind}" for kind, n in counts.done.items())
    )
    print("\n|  | before | after |\n| --- | --- | --- |")
    for name, was in asdict(before).items():
        print(f"| {name.replace('_', ' ')} | {was} | {asdict(after)[name]} |")
    grown = leaks(before, after)
    for fault in [*(f"leaked: {name}" for name in grown), *counts.faults]:
        print(fault)
    return not (grown or counts.faults)


if __name__ == "__main__":
    sys.exit(0 if soak(float(sys.argv[1]) if len(sys.argv) > 1 else 1800.0) else 1)
