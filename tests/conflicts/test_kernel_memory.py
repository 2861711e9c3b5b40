"""The kernel takes a bounded amount of memory besides the request and the answer."""

import subprocess
import sys
from pathlib import Path

import pytest

MIB = 1024 * 1024

PROGRAM = """
import re
from pathlib import Path

from conflicts import wire
from double_booked.conflicts import kernel
from double_booked.conflicts.limits import LimitExceededError

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

def measure(function, request):
    before = peak()
    try:
        answer = function(request)
    except LimitExceededError as error:
        answer = error
    print(peak() - before, answer)

instant = wire.event_list(b"\\x22\\x00\\x2a\\x00")
nested = wire.event_list(*[wire.event(1 + at, 3000 - at) for at in range(999)])
explained = nested + wire.delimited(2, wire.number(3, 1))
capacity = wire.delimited(2, wire.capacity(b"", 2))

def unique_names(size):
    events = []
    for first in range(0, size // 6, 100):
        names = (wire.delimited(6, b"%x" % number) for number in range(first, first + 100))
        events.append(wire.event(1, 2, *names))
    return wire.event_list(*events)
"""


def measure(function: str, request: str) -> tuple[int, str]:
    """Return the peak memory of a fresh process in bytes, and its answer."""
    ended = subprocess.run(
        [sys.executable, "-c", f"{PROGRAM}\nmeasure(kernel.{function}, {request})"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    kib, answer = ended.stdout.split(" ", 1)
    return int(kib) * 1024, answer


@pytest.mark.parametrize(
    "options", ["b'\\x12\\x00'", "capacity"], ids=["empty options", "a capacity given again"]
)
def test_flood_of_options_takes_no_memory(options: str) -> None:
    memory, answer = measure("get_conflicts", f"{options} * (64 * 1024 * 1024 // len({options}))")
    assert "MAX_OPTIONS_BYTES" in answer
    assert memory < 4 * MIB


def test_batch_of_explained_lists_takes_as_much_memory_as_one() -> None:
    memory, answer = measure("batch_get_conflicts", "wire.event_list(*[explained] * 2500)")
    assert "MAX_EXPLAINED_MEMBERS" in answer
    assert memory < 32 * MIB


def test_batch_ends_once_its_answer_is_too_large() -> None:
    names = "b''.join(wire.delimited(6, b'%d' % number) for number in range(100))"
    event = f"wire.event_list(wire.event(1, 2, {names}))"
    memory, answer = measure("batch_get_conflicts", f"wire.event_list(*[{event} * 1000] * 100)")
    assert "MAX_ANSWER_BYTES" in answer
    assert memory < (256 + 32) * MIB


def test_batch_takes_as_much_memory_as_its_largest_list() -> None:
    memory, _ = measure("batch_get_conflicts", "wire.event_list(*[instant * 500_000] * 20)")
    # 80 MiB of it are the answer, 17 MiB what is known of a list.
    assert memory < (80 + 24) * MIB


def test_resource_of_a_single_event_takes_tens_of_bytes() -> None:
    names = 1_000_000
    memory, _ = measure("get_conflicts", f"unique_names(6 * {names})")
    assert memory < 50 * names
