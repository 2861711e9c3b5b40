"""The command line as a client from outside of the cluster."""

import re
import subprocess
import sys

from e2e.conftest import ROOT
from waiting import wait_until

WEEK = ROOT / "examples/week.json"
"""A list with five groups of conflicting events."""
SECONDS = 30.0


def check(server: str, *options: str) -> int:
    """How many groups of conflicting events a server finds in a week's list.

    A node may send calls to pods that are gone for a moment, so it is asked until it answers.
    """
    command = [sys.executable, "-m", "double_booked", "check", f"--server={server}", *options, WEEK]
    answers = []

    def answer() -> re.Match[str] | None:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        answers.append(done.stdout + done.stderr)
        return re.search(r"^(\d+) groups of conflicting events", done.stdout, re.MULTILINE)

    return int(wait_until(answer, "the server answers", SECONDS, log=lambda: answers[-1])[1])
