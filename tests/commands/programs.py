"""The command in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WEEK = Path(__file__).parents[2] / "examples" / "week.json"

COMMAND = [sys.executable, "-m", "double_booked"]

UNREACHABLE = "127.0.0.1:1"  # the port of tcpmux, on which nothing listens

WITH_CONFLICT = b"""{"events": [
    {"title": "A", "start": "2026-11-16T09:00:00Z", "end": "2026-11-16T11:00:00Z"},
    {"title": "B", "start": "2026-11-16T10:00:00Z", "end": "2026-11-16T12:00:00Z"}]}"""

WITHOUT_CONFLICT = b"""{"events": [
    {"title": "C", "start": "2026-11-16T12:00:00Z", "end": "2026-11-16T13:00:00Z"}]}"""

WITH_FAULTS = b"""{"events": [
    {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T13:00:00Z"},
    {"start": "2026-11-16T12:00:00Z"},
    {"start": "2026-11-16T12:00:00Z", "end": "2026-11-16T11:00:00Z"}]}"""


def environment(**variables: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return plain | {"PYTHONIOENCODING": "utf-8"} | variables


def run(
    *arguments: str | Path, content: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        [*COMMAND, *arguments],
        input=content,
        capture_output=True,
        env=environment(**variables),
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(
        finished.args, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
    )


def error_of(*arguments: str | Path, content: bytes = b"") -> str:
    """Return standard error of a command that must fail, without "Error: "."""
    failed = run(*arguments, content=content)
    assert (failed.stdout, failed.returncode) == ("", 2)
    assert all(line.startswith("Error: ") for line in failed.stderr.splitlines())
    return failed.stderr.replace("Error: ", "").strip()


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a service on free ports, yield it and its address, and kill it."""
    hosts = {"SERVICE_HOST": "127.0.0.1:0", "HEALTH_CHECK_HOST": "127.0.0.1:0"}
    with subprocess.Popen(
        [*COMMAND, "serve", "--drain-delay", "0", "--log-format", "json", *options],
        env=environment(**hosts),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            log = (json.loads(line) for line in process.stderr or ())
            listening = next(entry for entry in log if entry["event"] == "listening")
            yield process, f"127.0.0.1:{listening['grpc_port']}"
        finally:
            process.kill()
