"""The demo, run as the README describes."""

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parent.parent / "examples" / "demo.py"
PAGE = DEMO.parent.parent / "build" / "demo.html"


def test_demo_shows_the_service_from_start_to_stop() -> None:
    demo = subprocess.run(
        [sys.executable, DEMO], capture_output=True, text=True, timeout=60, check=False
    )
    assert (demo.stderr, demo.returncode) == ("", 0)
    lines = demo.stdout.splitlines()
    assert "6 conflicts among 12 of 28 events." in lines
    assert [line.split(maxsplit=2) for line in lines if line.startswith("GET")] == [
        ["GET", "/readyz", "ok"],
        ["GET", "/metrics", "grpc_server_handled_total 1"],
        ["GET", "/metrics", "double_booked_events_total 28"],
        ["GET", "/metrics", "double_booked_conflict_groups_total 6"],
    ]
    assert "6 conflicts, 3h45m in all" in PAGE.read_text("utf-8")
    assert lines[-1].split(maxsplit=1) == ["SIGTERM", "exit code 0"]
    assert max(map(len, lines)) <= 80
