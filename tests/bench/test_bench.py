"""Test that each benchmark runs and prints its tables.

PATH has neither Go nor Git, so nothing is built: `make test-bench` uses both.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SMALL = {
    "engine": "measure((10,), rounds=1)",
    "rpc": "measure((10,), seconds=0.05)",
    "latency": "measure(large=1_000, calls=5)",
    "memory": "measure(1_000, rounds=1)",
    "calls": "measure(count=1_000, seconds=0.05, messages=5)",
    "calendars": "measure(2)",
    "parquet": "measure(1_000)",
}


@pytest.fixture
def run_subject(tmp_path: Path) -> Callable[[str, str], str]:
    """Return a function that runs a benchmark without Go and Git, and returns what it prints."""

    def run(module: str, call: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", f"import {module}; {module}.{call}"],
            cwd=Path(__file__).parent,
            env=os.environ | {"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stderr == ""
        return ran.stdout

    return run


@pytest.mark.parametrize("subject", SMALL)
def test_a_subject_prints_a_table(subject: str, run_subject: Callable[[str, str], str]) -> None:
    assert "| --- |" in run_subject(subject, SMALL[subject])


def test_servers_that_cannot_be_built_are_left_out(
    run_subject: Callable[[str, str], str],
) -> None:
    printed = run_subject("serving", "measure((10,), rounds=1, seconds=0.2)")
    assert "Left out: the first release" in printed
    assert "Left out: grpc-go" in printed
    assert "| double-booked |" in printed
    assert "| not measured |" in printed
