"""The command line as a client outside the cluster."""

import re
import subprocess
import sys

from e2e.conftest import ROOT
from waiting import wait_until

WEEK = ROOT / "examples/week.json"
"""A week of events with five groups of conflicts."""
SECONDS = 30.0


def check(server: str, *options: str) -> int:
    """Return the number of groups of conflicting events that a server finds in the week.

    Nodes may briefly send calls to pods that no longer exist, so failed calls are retried.
    """
    command = [sys.executable, "-m", "double_booked", "check", f"--server={server}", *options, WEEK]
    answers = []

    def answer() -> re.Match[str] | None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        answers.append(done.stdout + done.stderr)
        return re.search(r"^(\d+) conflicts among ", done.stdout, re.MULTILINE)

    return int(wait_until(answer, "the server answers", SECONDS, log=lambda: answers[-1])[1])
