"""Ctrl-C ends a search soon, and other threads run meanwhile."""

import subprocess
import sys

PROGRAM = """
import os
import re
import signal
import threading
from array import array
from pathlib import Path

from double_booked.columns import find_overlaps

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

def interrupt():
    # Nested events take gigabytes to explain, so memory shows that the search is under way.
    before = resident()
    while resident() < before + 50_000:
        pass
    os.kill(os.getpid(), signal.SIGINT)

nested = 60_000
start = array("q", range(nested))
end = array("q", (2 * nested - at for at in start))
threading.Thread(target=interrupt).start()
try:
    find_overlaps(start, end)
except KeyboardInterrupt:
    print("interrupted", resident())
"""


def test_interrupt_ends_a_search() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
    )
    outcome, resident = ended.stdout.split()
    assert outcome == "interrupted"
    assert int(resident) < 2_000_000
