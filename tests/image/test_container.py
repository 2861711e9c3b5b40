"""Test the image in a read-only container, without capabilities, as its own user."""

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from image.conftest import Image
from ports import silent_port
from server.test_service import PAIR

SECONDS = 30.0
WEEK = Path(__file__).parents[2] / "examples/week.json"


def specification(image: Image, arguments: Sequence[str], **variables: str) -> dict[str, Any]:
    """Return the configuration (OCI runtime-spec) of a restricted container on the host network."""
    environment = {"LOG_FORMAT": "json"} | variables
    uid, gid = map(int, image.config["User"].split(":"))
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": uid, "gid": gid},
            "args": [*image.config["Entrypoint"], *arguments],
            "env": image.config["Env"] + [f"{name}={it}" for name, it in environment.items()],
            "cwd": "/",
            "noNewPrivileges": True,
        },
        "root": {"path": str(image.root), "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
    }


@contextmanager
def container(
    image: Image, runc: str, folder: Path, *arguments: str, **variables: str
) -> Iterator[subprocess.Popen[str]]:
    """Run the image; runc forwards signals to it, and exits with its exit code."""
    settings = specification(image, arguments or image.config["Cmd"], **variables)
    (folder / "config.json").write_text(json.dumps(settings))
    name = f"double-booked-{uuid4().hex[:8]}"
    with subprocess.Popen(
        [runc, "run", "--bundle", folder, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            delete = [runc, "delete", "--force", name]
            subprocess.run(delete, capture_output=True, check=False)


@contextmanager
def serving(
    image: Image, runc: str, folder: Path, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the server on loopback; yield runc's process and the server's address."""
    here = {"SERVICE_HOST": "127.0.0.1:0", "HEALTH_CHECK_HOST": "127.0.0.1:0"}
    with container(image, runc, folder, **here, **variables) as process:
        assert process.stderr
        entry = json.loads(process.stderr.readline())
        assert entry["event"] == "listening"
        yield process, f"127.0.0.1:{entry['grpc_port']}"


@pytest.mark.parametrize("tls", ["false", "true"])
def test_the_server_answers_and_exits_after_draining(
    image: Image, runc: str, tmp_path: Path, tls: str
) -> None:
    with serving(image, runc, tmp_path, DRAIN_DELAY="0.2", TLS_SELF_SIGNED=tls) as (
        process,
        address,
    ):
        if tls == "false":
            with grpc.insecure_channel(address) as channel:
                assert len(ConflictServiceStub(channel).GetConflicts(PAIR).conflicts) == 1
                health = HealthStub(channel).Check(HealthCheckRequest())
                assert health.status == HealthCheckResponse.SERVING
        else:
            probe = ("healthcheck", "--insecure", "--server", address)
            (tmp_path / "probe").mkdir()
            with container(image, runc, tmp_path / "probe", *probe) as probe_process:
                assert probe_process.communicate(timeout=SECONDS)[0] == f"{address} is SERVING\n"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert json.loads(log.splitlines()[-1])["event"] == "stopped"


def test_the_image_has_the_command_line(image: Image, runc: str, tmp_path: Path) -> None:
    with container(image, runc, tmp_path, "check", "--format", "json") as process:
        answer, error = process.communicate(WEEK.read_text(), timeout=SECONDS)
    assert (process.returncode, error) == (1, "")
    assert json.loads(answer)["conflicts"]


def test_the_version_names_the_commit(image: Image, runc: str, tmp_path: Path) -> None:
    with container(image, runc, tmp_path, "version") as process:
        output, _ = process.communicate(timeout=SECONDS)
    revision = image.config["Labels"]["org.opencontainers.image.revision"]
    assert output == f"double-booked 0.2.0, commit {revision}\n"


def test_a_port_in_use_is_one_line_of_error(image: Image, runc: str, tmp_path: Path) -> None:
    with silent_port() as port:
        address = f"127.0.0.1:{port}"
        with container(image, runc, tmp_path, SERVICE_HOST=address) as process:
            _, error = process.communicate(timeout=SECONDS)
    assert (process.returncode, error.count("\n")) == (1, 1)
