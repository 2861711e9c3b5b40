"""A call raises MemoryError or Cancelled, at whichever allocation that happens."""

import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the library to preload, as extensions are compiled."""
    compiled = tmp_path_factory.mktemp("allocations") / "allocations.so"
    compiler = str(sysconfig.get_config_var("CC")).split()
    subprocess.run(
        [*compiler, "-O1", "-shared", "-fPIC", HERE / "allocations.c", "-o", compiled], check=True
    )
    return compiled


def endings(library: Path, action: str) -> dict[str, Counter[str]]:
    """Count how each call ends, with the action at each of its allocations in turn."""
    ended = subprocess.run(
        [sys.executable, "-m", "conflicts.allocations", library, action],
        check=True,
        capture_output=True,
        text=True,
        cwd=HERE.parent,
        # Without PYTHONPATH: a kernel with sanitizers does not run without their library.
        env={"LD_PRELOAD": str(library)},
    )
    found: dict[str, Counter[str]] = {}
    for line in ended.stdout.splitlines():
        call, ending = line.split("\t")
        found.setdefault(call, Counter())[ending] += 1
    return found


def test_failed_allocation_raises_memory_error(library: Path) -> None:
    found = endings(library, "fail")
    assert {"unary", "explained", "batch", "stream", "feed"} < set(found)
    assert {call: set(ended) for call, ended in found.items()} == {
        call: {"MemoryError"} for call in found
    }
    assert found["faulty events"]["MemoryError"] > 1
    assert found["explained"]["MemoryError"] > found["unary"]["MemoryError"] > 10


def test_cancellation_never_raises_memory_error(library: Path) -> None:
    found = endings(library, "cancel")
    for call in ("unary", "explained", "batch", "stream", "feed"):
        assert set(found[call]) == {"Cancelled"}
    assert set().union(*found.values()) == {"Cancelled", "whole"}
