"""The command line as a client from outside of the cluster."""

import re
import subprocess
import sys
import time

from e2e.conftest import ROOT

WEEK = ROOT / "examples/week.json"
"""A list with five groups of conflicting events."""
SECONDS = 30.0


def check(server: str, *options: str) -> int:
    """How many groups of conflicting events a server finds in a week's list.

    A node may send calls to pods that are gone for a moment, so it is asked until it answers.
    """
    command = [sys.executable, "-m", "double_booked", "check", f"--server={server}", *options, WEEK]
    deadline = time.monotonic() + SECONDS
    while True:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        told = re.search(r"^(\d+) groups of conflicting events", done.stdout, re.MULTILINE)
        if told:
            return int(told[1])
        assert time.monotonic() < deadline, done.stdout + done.stderr
