"""Test that a stopping server loses no answer."""

import subprocess
import sys
from pathlib import Path


def test_stops_in_the_middle_of_calls_lose_no_answer() -> None:
    ran = subprocess.run(
        [sys.executable, Path(__file__).parent / "stops.py", "20"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("20 stops")
