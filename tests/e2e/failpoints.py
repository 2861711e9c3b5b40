"""Runs the operator with failpoints, and with clocks that do not keep time.

It patches only its own process. Settings come from the environment:

FAILPOINT_FILE: A file that names a failpoint. The process that reaches it removes the file and
    stops itself, as SIGSTOP stops it at any other point. `decided`: a decision is made and not yet
    written. `committed`: its reservation is stored. `answering`: the answer is about to be sent.
CLOCK_SPEED: The speed of CLOCK_MONOTONIC, from 0 to 1, by which reservations expire.
CLOCK_JUMPS: The largest jump of CLOCK_REALTIME, in seconds; either way, at every reading.
"""

import datetime as dt
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from double_booked.commands import main
from double_booked.operator import stored_lease
from double_booked.operator.commits import Commits
from double_booked.operator.ledger_store import LedgerStore
from double_booked.operator.webhook import WebhookServer


def stop_at(failpoint: str) -> None:
    """Stop this process if the failpoint is set."""
    file = Path(os.environ.get("FAILPOINT_FILE", "/nonexistent"))
    if file.exists() and file.read_text() == failpoint:
        file.unlink(missing_ok=True)
        os.kill(os.getpid(), signal.SIGSTOP)


def add_failpoints() -> None:
    """Patch the places of the failpoints."""
    decide, write, answer = Commits._decide, Commits._write, WebhookServer._answer  # noqa: SLF001

    def decide_and_stop(self: Commits, *arguments: Any) -> Any:
        decided = decide(self, *arguments)
        stop_at("decided")
        return decided

    async def write_and_stop(self: Commits, *arguments: Any) -> bool:
        written = await write(self, *arguments)
        if written:
            stop_at("committed")
        return written

    async def answer_and_stop(self: WebhookServer, *arguments: Any) -> Any:
        answered = await answer(self, *arguments)
        stop_at("answering")
        return answered

    Commits._decide = decide_and_stop  # type: ignore[method-assign] # noqa: SLF001
    Commits._write = write_and_stop  # type: ignore[method-assign] # noqa: SLF001
    WebhookServer._answer = answer_and_stop  # type: ignore[method-assign] # noqa: SLF001


def bend_clocks() -> None:
    """Patch the clock of reservations, and the times that are written for people."""
    speed, begin = float(os.environ.get("CLOCK_SPEED", "1")), time.monotonic()
    jump = float(os.environ.get("CLOCK_JUMPS", "0"))

    def slow() -> float:
        return begin + (time.monotonic() - begin) * speed

    def jumping() -> str:
        off = dt.timedelta(seconds=random.uniform(-jump, jump))  # noqa: S311 - no secret
        return (dt.datetime.now(dt.UTC) + off).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    LedgerStore.__init__.__defaults__ = (slow,)  # type: ignore[misc]
    stored_lease._now = jumping  # noqa: SLF001


if __name__ == "__main__":
    add_failpoints()
    bend_clocks()
    main(["operator"], prog_name=sys.argv[0])
