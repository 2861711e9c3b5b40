"""Test that the development server reloads saved sources and survives broken ones."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import grpc
import pytest

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from ports import free_port
from server.test_service import PAIR
from tools.dev_sources import SECONDS, copy_sources, fields_of_event
from waiting import wait_until

RETRY = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["CANCELLED", "UNAVAILABLE"],
            },
        }
    ]
}
"""Retry policy for the codes with which gRPC core ends calls that cross a GOAWAY."""


@dataclass(slots=True)
class Loop:
    """A running `tools/dev.py` on a copy of the sources.

    Attributes:
        lines: The lines of its standard error so far.
    """

    root: Path
    port: int
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Collect its lines until it ends."""
        assert self.process.stderr
        self.lines.extend(iter(self.process.stderr.readline, ""))

    def source(self, name: str) -> Path:
        return self.root / "service" / "double_booked" / name

    def save(self, file: Path, old: str, new: str) -> int:
        """Edit a file; return the number of lines before the edit."""
        text = file.read_text()
        assert old in text
        before = len(self.lines)
        file.write_text(text.replace(old, new, 1))
        return before

    def until_line(self, text: str, since: int = 0) -> str:
        """Wait for a line that contains a text; return the line."""
        return wait_until(
            lambda: next((line for line in self.lines[since:] if text in line), ""),
            f"the loop writes {text!r}",
            SECONDS,
            log=lambda: "".join(self.lines),
        )

    def until_listening(self, since: int = 0) -> None:
        self.until_line('"event":"listening"', since)

    @contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        options = [("grpc.service_config", json.dumps(RETRY))]
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", options) as channel:
            yield channel

    def groups(self) -> int:
        with self.channel() as channel:
            return len(ConflictServiceStub(channel).GetConflicts(PAIR, timeout=SECONDS).conflicts)


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    copy_sources(tmp_path)
    port = free_port()
    addresses = [f"--service-host=127.0.0.1:{port}", "--health-check-host=127.0.0.1:0"]
    with subprocess.Popen(
        [sys.executable, "tools/dev.py", "--log-format=json", *addresses],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        loop = Loop(tmp_path, port, process)
        listener = Thread(target=loop.listen)
        listener.start()
        try:
            loop.until_line("dev: watching")
            loop.until_listening()
            yield loop
        finally:
            process.send_signal(signal.SIGTERM)
            listener.join()
    assert process.returncode == 0


def test_reload_serves_saved_code_and_reports_errors_until_fixed(loop: Loop) -> None:
    assert loop.groups() == 1
    service = loop.source("server/service.py")
    since = loop.save(service, "return answer.content", 'return b""')
    loop.until_listening(since)
    assert loop.groups() == 0

    since = loop.save(service, 'return b""', "return (")
    loop.until_line("SyntaxError", since)
    loop.until_line("dev: not restarted after service.py", since)
    assert loop.groups() == 0

    since = loop.save(service, "return (", "return answer.content")
    loop.until_listening(since)
    assert loop.groups() == 1


def test_reload_serves_a_saved_proto_and_reports_errors_until_fixed(
    loop: Loop,
) -> None:
    proto = loop.root / "proto" / "double_booked" / "api" / "scheduling.proto"
    since = loop.save(proto, "message Event {", "message Event {\n  string color = 99")
    loop.until_line("scheduling.proto:", since)
    loop.until_line("dev: not restarted after scheduling.proto", since)
    with loop.channel() as channel:
        assert "color" not in fields_of_event(channel)

    since = loop.save(proto, "string color = 99", "string color = 99;")
    loop.until_listening(since)
    with loop.channel() as channel:
        assert "color" in fields_of_event(channel)


def test_reload_compiles_a_saved_kernel_source(loop: Loop) -> None:
    kernel = loop.source("conflicts/kernel.pyx")
    since = loop.save(kernel, "def get_conflicts(", "def broken get_conflicts(")
    loop.until_line("dev: not restarted after kernel.pyx", since)
    since = loop.save(
        kernel, "def broken get_conflicts(", "compiled_again = True\n\n\ndef get_conflicts("
    )
    loop.until_listening(since)
    assert loop.groups() == 1
    imports = "from double_booked.conflicts.kernel import compiled_again"
    command = [sys.executable, "-c", imports]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(loop.root / "service")})


def test_a_client_that_retries_sees_no_failure_during_a_restart(loop: Loop) -> None:
    since = len(loop.lines)
    loop.source("server/service.py").touch()
    with loop.channel() as channel:
        service = ConflictServiceStub(channel)
        answered = 0
        while not any("dev: restarted" in line for line in loop.lines[since:]) or answered < 10:
            service.GetConflicts(PAIR, wait_for_ready=True, timeout=SECONDS)
            answered += 1
