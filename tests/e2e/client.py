"""The command line as a client from outside of the cluster."""

import re
import subprocess
import sys

from e2e.conftest import ROOT

WEEK = ROOT / "examples/week.json"
"""A list with five groups of conflicting events."""


def check(server: str, *options: str) -> int:
    """How many groups of conflicting events a server finds in a week's list."""
    command = [sys.executable, "-m", "double_booked", "check", f"--server={server}", *options, WEEK]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    told = re.search(r"^(\d+) groups of conflicting events", done.stdout, re.MULTILINE)
    assert told, done.stdout + done.stderr
    return int(told[1])
