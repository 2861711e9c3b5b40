"""A search takes a bounded amount of memory besides its columns."""

import subprocess
import sys
from pathlib import Path

import pytest

ROWS = 500_000

PROGRAM = """
import re
import sys
from array import array
from pathlib import Path

import pyarrow as pa

from double_booked.columns import find_groups

def status(key):
    return int(re.search(rf"{key}:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

rows = int(sys.argv[1])
start = array("q", (row * 7919 % (10 * rows) for row in range(rows)))
end = array("q", (instant + 9 for instant in start))
codes = array("i", (row * 31 % (rows // 200) for row in range(rows)))
names = pa.array([f"room {code}" for code in codes])
lists = pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), names)
find_groups(start[:10], end[:10])
Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
before = status("VmRSS")
found = find_groups(start, end, **eval(sys.argv[2]))
shown = found.members if sys.argv[2].count("lists") else found.first
print(status("VmHWM") - before)
"""


def peak(options: str) -> int:
    """Return the bytes that a search took in a fresh process, at its peak."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROWS), options],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    return int(ended.stdout) * 1024


@pytest.mark.parametrize(
    "options",
    [
        "{}",
        "{'capacity': 2}",
        "{'resource': codes}",
        "{'resource': names, 'capacity': 3}",
        "{'resource': names.dictionary_encode(), 'capacity': 2}",
        "{'resource': lists}",
        "{'min_gap': 100}",
    ],
)
def test_search_takes_at_most_64_bytes_an_event(options: str) -> None:
    assert peak(options) < 64 * ROWS
