"""The inner loop in a pod: what is saved here is served there, without an image build.

Files are synced as skaffold does it: tar, run in the container as its user.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from e2e.conftest import CHART, RELEASE, Namespace, tool
from server.test_service import PAIR
from tools.test_dev import copy_sources, fields_of_event

SECONDS = 60.0
SERVICE = "service/double_booked/server/service.py"
PROTO = "proto/double_booked/api/scheduling.proto"


class Loop:
    """A copy of the sources, and the pod that they are synced into."""

    def __init__(self, namespace: Namespace, folder: Path, address: str) -> None:
        self.namespace = namespace
        self.folder = folder
        self.address = address
        self.pod = namespace.pod()

    def save(self, name: str, old: str, new: str) -> float:
        """Edits a file and syncs it; answers when, by the monotonic clock."""
        file = self.folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        saved = time.monotonic()
        packed = subprocess.run(
            [tool("tar"), "--create", "--directory", self.folder, name],
            capture_output=True,
            check=True,
        )
        unpack = self.namespace.command(
            "exec", "--stdin", self.pod, "--", "tar", "xmf", "-", "-C", "/source"
        )
        subprocess.run(unpack, input=packed.stdout, check=True, capture_output=True)
        return saved

    def until(self, holds: Callable[[grpc.Channel], bool]) -> None:
        """Waits until a call tells that something holds."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with suppress(grpc.RpcError), grpc.insecure_channel(self.address) as channel:
                if holds(channel):
                    return
            time.sleep(0.05)
        raise AssertionError(f"it never held: {self.log()}")

    def log(self) -> str:
        """What the loop says in the pod."""
        return self.namespace.kubectl("logs", self.pod, "--tail=50")

    def until_said(self, what: str) -> None:
        """Waits until the log has it."""
        deadline = time.monotonic() + SECONDS
        while what not in self.log():
            assert time.monotonic() < deadline, f"it never said {what!r}: {self.log()}"
            time.sleep(0.1)


def groups(channel: grpc.Channel) -> int:
    return len(ConflictServiceStub(channel).GetConflicts(PAIR, timeout=5).conflicts)


@pytest.fixture
def loop(namespace: Namespace, tmp_path: Path) -> Loop:
    copy_sources(tmp_path)
    namespace.install(
        f"--values={CHART}/ci/dev-values.yaml",
        "--set=image.tag=dev-loop",
        "--set=service.type=NodePort",
    )
    return Loop(namespace, tmp_path, namespace.node_address(RELEASE))


def test_code_and_proto_that_are_saved_are_served(
    loop: Loop, record_property: Callable[[str, object], None]
) -> None:
    loop.until(lambda channel: groups(channel) == 1)

    saved = loop.save(SERVICE, "return answer.content", 'return b""')
    loop.until(lambda channel: groups(channel) == 0)
    record_property("seconds from a saved handler to its answer", time.monotonic() - saved)

    loop.save(SERVICE, 'return b""', "return (")
    loop.until_said("SyntaxError")
    loop.until(lambda channel: groups(channel) == 0)
    saved = loop.save(SERVICE, "return (", "return answer.content")
    loop.until(lambda channel: groups(channel) == 1)
    record_property("seconds from the mended handler to its answer", time.monotonic() - saved)

    saved = loop.save(PROTO, "message Event {", "message Event {\n  string color = 99;")
    loop.until(lambda channel: "color" in fields_of_event(channel))
    record_property("seconds from a saved proto to its reflection", time.monotonic() - saved)
