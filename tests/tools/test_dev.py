"""The inner loop follows what is saved, and survives what is broken."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from threading import Thread

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from server.conftest import free_port
from server.test_service import PAIR

ROOT = Path(__file__).parents[2]
SOURCES = ("service", "proto", "tools", "setup.py", "pyproject.toml")
SECONDS = 60.0
"""More than a restart takes on a busy machine, kernel and all."""

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
"""With these codes gRPC's core ends a call that crosses the GOAWAY of a server."""


def copy_sources(folder: Path) -> None:
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.c")
            shutil.copytree(source, folder / name, ignore=leave_out)
        else:
            shutil.copy(source, folder / name)


@dataclass(slots=True)
class Loop:
    """The loop at work on a copy of the sources."""

    root: Path
    port: int
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Gathers what it says, as long as it runs."""
        assert self.process.stderr
        self.said.extend(iter(self.process.stderr.readline, ""))

    def source(self, name: str) -> Path:
        return self.root / "service" / "double_booked" / name

    def save(self, file: Path, old: str, new: str) -> int:
        """Edits a file; answers how much the loop had said before."""
        text = file.read_text()
        assert old in text
        before = len(self.said)
        file.write_text(text.replace(old, new, 1))
        return before

    def until_said(self, what: str, since: int = 0) -> str:
        """Waits for a line."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for line in self.said[since:]:
                if what in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"it never said {what!r}, but:\n{''.join(self.said)}")

    def until_listening(self, since: int = 0) -> None:
        self.until_said('"event":"listening"', since)

    @contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        options = [("grpc.service_config", json.dumps(RETRY))]
        with grpc.insecure_channel(f"127.0.0.1:{self.port}", options) as channel:
            yield channel

    def groups(self) -> int:
        with self.channel() as channel:
            return len(ConflictServiceStub(channel).GetConflicts(PAIR, timeout=SECONDS).conflicts)


def fields_of_event(channel: grpc.Channel) -> list[str]:
    """What reflection says of Event."""
    request = ServerReflectionRequest(file_containing_symbol="Scheduling.Event")
    call = ServerReflectionStub(channel).ServerReflectionInfo(iter([request]), timeout=SECONDS)
    # Once, gRPC's core did not keep the deadline when the server restarted under the call.
    guard = threading.Timer(SECONDS + 5, call.cancel)
    guard.start()
    try:
        [answer] = call
    finally:
        guard.cancel()
    found = answer.file_descriptor_response.file_descriptor_proto
    files = map(FileDescriptorProto.FromString, found)
    messages = chain.from_iterable(file.message_type for file in files)
    [event] = [message for message in messages if message.name == "Event"]
    return [each.name for each in event.field]


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
            loop.until_said("dev: watching")
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
    loop.until_said("SyntaxError", since)
    loop.until_said("dev: not restarted after service.py", since)
    assert loop.groups() == 0

    since = loop.save(service, "return (", "return answer.content")
    loop.until_listening(since)
    assert loop.groups() == 1


def test_reload_serves_a_saved_proto_and_reports_errors_until_fixed(
    loop: Loop,
) -> None:
    proto = loop.root / "proto" / "double_booked" / "api" / "scheduling.proto"
    since = loop.save(proto, "message Event {", "message Event {\n  string color = 99")
    loop.until_said("scheduling.proto:", since)
    loop.until_said("dev: not restarted after scheduling.proto", since)
    with loop.channel() as channel:
        assert "color" not in fields_of_event(channel)

    since = loop.save(proto, "string color = 99", "string color = 99;")
    loop.until_listening(since)
    with loop.channel() as channel:
        assert "color" in fields_of_event(channel)


def test_reload_compiles_a_saved_kernel_source(loop: Loop) -> None:
    kernel = loop.source("conflicts/kernel.pyx")
    since = loop.save(kernel, "def get_conflicts(", "def broken get_conflicts(")
    loop.until_said("dev: not restarted after kernel.pyx", since)
    since = loop.save(
        kernel, "def broken get_conflicts(", "compiled_anew = True\n\n\ndef get_conflicts("
    )
    loop.until_listening(since)
    assert loop.groups() == 1
    imports = "from double_booked.conflicts.kernel import compiled_anew"
    command = [sys.executable, "-c", imports]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(loop.root / "service")})


def test_a_client_that_retries_sees_no_failure_during_a_restart(loop: Loop) -> None:
    since = len(loop.said)
    loop.source("server/service.py").touch()
    with loop.channel() as channel:
        service = ConflictServiceStub(channel)
        answered = 0
        while not any("dev: restarted" in line for line in loop.said[since:]) or answered < 10:
            service.GetConflicts(PAIR, wait_for_ready=True, timeout=SECONDS)
            answered += 1
