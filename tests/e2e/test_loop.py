"""Test the development loop: saved sources are served by a pod without an image build."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import grpc
import pytest

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from e2e.conftest import (
    CHART,
    DEV_IMAGE,
    RELEASE,
    Namespace,
    clone_sources,
    has_docker,
    restricted_pod,
    started_skaffold,
    tool,
)
from server.test_service import PAIR
from tools.dev_sources import copy_sources, fields_of_event
from waiting import wait_until

SECONDS = 60.0
SERVICE = "service/double_booked/server/service.py"
PROTO = "proto/double_booked/api/scheduling.proto"


class Loop:
    """A copy of the sources, and a pod that they are synced to."""

    def __init__(self, namespace: Namespace, folder: Path, sync: Callable[[str], None]) -> None:
        self.namespace = namespace
        self.folder = folder
        self.sync = sync
        self.address = namespace.node_address(RELEASE)

    def save(self, name: str, old: str, new: str) -> float:
        """Edit and sync a file; return the monotonic time of the edit."""
        file = self.folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        saved = time.monotonic()
        self.sync(name)
        return saved

    def until(self, holds: Callable[[grpc.Channel], bool]) -> None:
        """Wait until a check of the server succeeds."""

        def answers() -> bool:
            with suppress(grpc.RpcError), grpc.insecure_channel(self.address) as channel:
                return holds(channel)
            return False

        wait_until(answers, "a call shows it", SECONDS, log=self.log)

    def log(self) -> str:
        """Return the log of the pod."""
        return self.namespace.kubectl("logs", self.namespace.pod(), "--tail=50")

    def until_logged(self, text: str) -> None:
        """Wait until the log contains a text."""
        wait_until(lambda: text in self.log(), f"the log has {text!r}", SECONDS, log=self.log)


def groups(channel: grpc.Channel) -> int:
    return len(ConflictServiceStub(channel).GetConflicts(PAIR, timeout=5).conflicts)


@contextmanager
def kubectl_loop(namespace: Namespace, folder: Path) -> Iterator[Loop]:
    """Sync as skaffold does: with tar in the container, as its user."""

    def sync(name: str) -> None:
        packed = subprocess.run(
            [tool("tar"), "--create", "--directory", folder, name],
            capture_output=True,
            check=True,
        )
        unpack = ("tar", "xmf", "-", "-C", "/source")
        command = namespace.command("exec", "--stdin", namespace.pod(), "--", *unpack)
        subprocess.run(command, input=packed.stdout, check=True, capture_output=True)

    copy_sources(folder)
    namespace.install(f"--values={CHART}/ci/dev-values.yaml", f"--set=image.reference={DEV_IMAGE}")
    yield Loop(namespace, folder, sync)


@contextmanager
def skaffold_loop(namespace: Namespace, folder: Path) -> Iterator[Loop]:
    """Let skaffold build, install and sync."""
    clone_sources(folder)
    builder = () if has_docker() else ("--profile=buildah",)
    with started_skaffold(folder, "dev", f"--namespace={namespace.name}", *builder) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Watching for changes" in line:
                break
        else:
            raise AssertionError("".join(lines))
        rest = Thread(target=process.stdout.read)
        rest.start()
        yield Loop(namespace, folder, lambda _: None)
        process.send_signal(signal.SIGINT)
        rest.join()


@pytest.fixture
def loop(
    namespace: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Loop]:
    """Use skaffold if it is on PATH; otherwise say so and replace it by kubectl."""
    make_loop = skaffold_loop
    if not shutil.which("skaffold"):
        make_loop = kubectl_loop
        with capsys.disabled():
            print("\nskaffold is not on PATH: the loop is tested with kubectl instead")  # noqa: T201
    with make_loop(namespace, tmp_path / "sources") as running:
        yield running


def test_saved_code_and_proto_are_served(
    loop: Loop, record_property: Callable[[str, object], None]
) -> None:
    loop.until(lambda channel: groups(channel) == 1)

    saved = loop.save(SERVICE, "return answer.content", 'return b""')
    loop.until(lambda channel: groups(channel) == 0)
    record_property("seconds from a saved handler to its answer", time.monotonic() - saved)

    loop.save(SERVICE, 'return b""', "return (")
    loop.until_logged("SyntaxError")
    loop.until(lambda channel: groups(channel) == 0)
    saved = loop.save(SERVICE, "return (", "return answer.content")
    loop.until(lambda channel: groups(channel) == 1)
    record_property("seconds from the fixed handler to its answer", time.monotonic() - saved)

    saved = loop.save(PROTO, "message Event {", "message Event {\n  string color = 99;")
    loop.until(lambda channel: "color" in fields_of_event(channel))
    record_property("seconds from a saved proto to its reflection", time.monotonic() - saved)


def test_test_1_runs_the_unit_tests_with_teamcity_messages(
    namespace: Namespace,
) -> None:
    container = {
        "image": DEV_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        # All of them take minutes, and `make test` runs them; these need kernel, sockets and keys.
        "env": [
            {"name": "TEST", "value": "1"},
            {"name": "PYTEST_ADDOPTS", "value": "tests/conflicts tests/runtime tests/tls"},
        ],
    }
    namespace.apply(restricted_pod("unit-tests", container))
    ended = namespace.until_pod_ended("unit-tests")
    log = namespace.kubectl("logs", "unit-tests")
    assert ended == "Succeeded", log[-5000:]
    assert "##teamcity[testFinished " in log
