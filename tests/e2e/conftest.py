"""A namespace of a real cluster, with the chart installed in it.

KUBECONFIG names the cluster; LOAD_IMAGE is the command that puts a docker-archive into it,
`kind load image-archive` for one. helm and kubectl are taken from PATH, as is skaffold, which
need not be there; it builds with docker where a daemon answers, else with buildah, and reads
SKAFFOLD_DEFAULT_REPO and SKAFFOLD_INSECURE_REGISTRY by itself.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from chart.schemas import crd_files
from server.certificate_authority import Files

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/double-booked"
RELEASE = "double-booked"
WAIT = "--timeout=150s"
IMAGE = "docker.io/library/double-booked:dev"
DEV_IMAGE = f"{IMAGE}-loop"
SECONDS = 180
MAX_SECONDS = 600
"""What an image build, or the unit tests in a pod, may take."""


def tool(name: str) -> str:
    """The path of a program that these tests need."""
    found = shutil.which(name)
    assert found, f"these tests need {name} on PATH"
    return found


def run(*command: str, text: str | None = None) -> str:
    """What a command says, given a text to read; its complaint is the error."""
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def until_connected(host: str, port: int) -> None:
    """Waits until somebody listens: nodes learn of a Service a moment after it was made."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens at {host}:{port}")


def clone_sources(folder: Path) -> None:
    """Makes a copy of the sources as they were committed."""
    run(tool("git"), "clone", "--quiet", str(ROOT), str(folder))


def has_docker() -> bool:
    """Whether a daemon answers."""
    docker = shutil.which("docker")
    if not docker:
        return False
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


@contextmanager
def started_skaffold(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Runs skaffold in a copy of the sources."""
    quiet = {"SKAFFOLD_UPDATE_CHECK": "false", "SKAFFOLD_INTERACTIVE": "false"}
    with subprocess.Popen(
        [tool("skaffold"), *arguments],
        cwd=folder,
        env=os.environ | quiet,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace that admits restricted pods alone."""

    name: str

    def command(self, *arguments: str) -> list[str]:
        """The kubectl command in it, to be run otherwise than by `kubectl`."""
        return [tool("kubectl"), "--namespace", self.name, *arguments]

    def kubectl(self, *arguments: str) -> str:
        """What kubectl says in it."""
        return run(*self.command(*arguments))

    def helm(self, *arguments: str) -> str:
        """What helm says in it."""
        return run(tool("helm"), "--namespace", self.name, *arguments)

    def install(self, *options: str) -> None:
        """Installs the chart, or changes what is installed, and waits until it serves."""
        image = f"--set=image.reference={IMAGE}"
        self.helm("upgrade", "--install", RELEASE, str(CHART), "--wait", WAIT, image, *options)

    def objects(self) -> set[str]:
        """All that is in it but Events, as kind and name."""
        kinds = run(
            tool("kubectl"), "api-resources", "--namespaced", "--verbs=list", "--output=name"
        )
        wanted = ",".join(kind for kind in kinds.split() if kind.partition(".")[0] != "events")
        return set(self.kubectl("get", wanted, "--output=name", "--ignore-not-found").split())

    def node_address(self, service: str) -> str:
        """Where a node answers for a Service of type NodePort, as it does by now.

        The address stays over restarts of the pods.
        """
        port = self.kubectl(
            "get", "service", service, "--output=jsonpath={.spec.ports[0].nodePort}"
        )
        internal = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
        host = self.kubectl("get", "nodes", f"--output=jsonpath={internal}")
        until_connected(host, int(port))
        return f"{host}:{port}"

    def pod(self) -> str:
        """The name of the pod that runs."""
        running = ("--field-selector=status.phase=Running", "--output=name")
        [name] = self.kubectl("get", "pods", *running).split()
        return name

    def apply(self, *objects: dict[str, Any]) -> None:
        """Creates objects, or changes them."""
        everything = {"apiVersion": "v1", "kind": "List", "items": objects}
        run(*self.command("apply", "--filename=-"), text=json.dumps(everything))

    def until_pod_ended(self, name: str) -> str:
        """Waits for the end of a pod that is not restarted; answers its phase."""
        deadline = time.monotonic() + MAX_SECONDS
        while time.monotonic() < deadline:
            phase = self.kubectl("get", "pod", name, "--output=jsonpath={.status.phase}")
            if phase in {"Succeeded", "Failed"}:
                return phase
            time.sleep(1)
        raise AssertionError(f"{name} does not end: {self.kubectl('logs', name, '--tail=20')}")

    def keep_pair(self, name: str, files: Files) -> None:
        """Makes a Secret of type kubernetes.io/tls."""
        pair = (f"--cert={files.certificate}", f"--key={files.key}")
        self.kubectl("create", "secret", "tls", name, *pair)

    @contextmanager
    def forwarded(self, target: str, port: str) -> Iterator[str]:
        """An address on this machine that leads to a port of a pod or a Service."""
        forward = self.command("port-forward", target, f":{port}")
        with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
                assert found, f"{target} cannot be reached"
                yield found[0]
            finally:
                process.terminate()


@pytest.fixture(scope="session")
def definitions() -> Iterator[None]:
    """The cluster knows the kinds that the chart may need; those it lacked go again."""
    there = run(tool("kubectl"), "get", "crds", "--output=name")
    lacking = [
        each
        for file in crd_files()
        for each in yaml.safe_load_all(file.read_text())
        if each and each["metadata"]["name"] not in there
    ]
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": lacking})
    if lacking:
        run(tool("kubectl"), "create", "--filename=-", text=everything)
        wait = ("wait", "--for=condition=Established", "--timeout=60s", "--filename=-")
        run(tool("kubectl"), *wait, text=everything)
    yield
    if lacking:
        run(tool("kubectl"), "delete", "--wait=false", "--filename=-", text=everything)


@pytest.fixture(scope="session")
def loaded() -> None:
    """Both images are in the cluster."""
    command = os.environ.get("LOAD_IMAGE")
    assert command, "LOAD_IMAGE is not set: the command that puts an archive into the cluster"
    for archive in ("image.tar", "dev-image.tar"):
        path = ROOT / "build" / archive
        assert path.exists(), f"there is no {path}; `make image dev-image` makes it"
        run(*shlex.split(command), str(path))


@pytest.fixture
def namespace(loaded: None) -> Iterator[Namespace]:  # noqa: ARG001 - the images are there then
    made = Namespace(f"double-booked-{uuid4().hex[:8]}")
    made.kubectl("create", "namespace", made.name)
    made.kubectl("label", "namespace", made.name, "pod-security.kubernetes.io/enforce=restricted")
    try:
        yield made
    finally:
        made.kubectl("delete", "namespace", made.name, "--wait=false")
