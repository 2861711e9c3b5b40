"""Test that the server, its first release and the Go peer answer alike and are measured.

`make test-bench` runs it; it needs Go, and Git with the commit of the first release.
"""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent
PROGRAMS = {
    "serving": "measure((10, 20_000), rounds=1, seconds=0.5)",
    "calls": "show_feed(seconds=0.2, messages=20)",
}


@pytest.mark.parametrize("subject", PROGRAMS)
def test_every_peer_is_measured(subject: str) -> None:
    ran = run(f"import {subject}; {subject}.{PROGRAMS[subject]}")
    assert ran.returncode == 0, ran.stderr
    assert "| --- |" in ran.stdout
    assert "Left out" not in ran.stdout
    assert "not measured" not in ran.stdout
    assert "nan" not in ran.stdout


def test_failed_calls_end_the_measurement() -> None:
    ran = run(
        "from load import calling; from servers import running\n"
        "with running('whole') as server, calling(server, [b'\\xff'], seconds=0.1) as call: call()"
    )
    assert ran.returncode != 0
    assert "calls failed: rpc error: code = InvalidArgument" in ran.stderr


def test_a_missing_commit_is_not_a_peer() -> None:
    assert run("import peers; print(peers.archive('0' * 40))").stdout == "None\n"


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program that imports the benchmark."""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=BENCH, capture_output=True, text=True, check=False
    )
