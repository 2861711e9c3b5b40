"""Each benchmark runs; what it measures is for people to read."""

import subprocess
import sys
from pathlib import Path

import pytest

SMALL = {
    "engine": "measure((10,), rounds=1)",
    "rpc": "measure((10,), seconds=0.05)",
    "overhead": "measure(rounds=1, calls=300)",
    "latency": "measure(large=1_000, calls=5)",
    "memory": "measure(1_000, rounds=1)",
    "calls": "measure(count=1_000, seconds=0.05, messages=5)",
    "calendars": "measure(2)",
}


@pytest.mark.parametrize("subject", SMALL)
def test_a_subject_prints_a_table(subject: str) -> None:
    program = f"import {subject}; {subject}.{SMALL[subject]}"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    assert "| --- |" in ran.stdout
