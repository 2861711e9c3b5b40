"""Namespaces of a real cluster, in which tests install the chart.

KUBECONFIG names the cluster. LOAD_IMAGE is a command that loads a docker-archive into it, for
example `kind load image-archive`. helm and kubectl must be on PATH. skaffold is optional: it builds
with docker if a daemon answers, or else with buildah, and reads SKAFFOLD_DEFAULT_REPO and
SKAFFOLD_INSECURE_REGISTRY.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from chart import programs
from chart.programs import CHART, ROOT, tool
from chart.schemas import crd_files
from server.certificate_authority import Authority, Files
from waiting import wait_until

RELEASE = "double-booked"
WAIT = "--timeout=150s"
QUICK = "--set=minReadySeconds=0,settings.drainDelay=0"
"""Helm options for tests that do not depend on how pods are replaced."""

IMAGE = "docker.io/library/double-booked:dev"
DEV_IMAGE = f"{IMAGE}-loop"
SECONDS = 180
MAX_SECONDS = 600
"""Time limit for an image build, or for the unit tests in a pod."""


run = partial(programs.run, seconds=SECONDS)


def listens(host: str, port: int) -> bool:
    """Return whether a TCP connection is accepted."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def restricted_pod(name: str, container: dict[str, Any]) -> dict[str, Any]:
    """Return a pod that every namespace admits; its label `role` is its name."""
    rights = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"role": name}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container | {"name": name, "securityContext": rights}],
        },
    }


def clone_sources(folder: Path) -> None:
    """Clone the committed sources."""
    run(tool("git"), "clone", "--quiet", str(ROOT), str(folder))


def has_docker() -> bool:
    """Return whether a docker daemon answers."""
    docker = shutil.which("docker")
    if not docker:
        return False
    return subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


@contextmanager
def started_skaffold(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run skaffold in a copy of the sources."""
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
    """A namespace that admits only restricted pods."""

    name: str

    def command(self, *arguments: str) -> list[str]:
        """Return a kubectl command for it, to be run by other means than `kubectl`."""
        return [tool("kubectl"), "--namespace", self.name, *arguments]

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in it; return the output."""
        return run(*self.command(*arguments))

    def helm(self, *arguments: str) -> str:
        """Run helm in it; return the output."""
        return run(tool("helm"), "--namespace", self.name, *arguments)

    def install(self, *options: str) -> None:
        """Install or upgrade the chart, and wait until it serves."""
        image = f"--set=image.reference={IMAGE}"
        self.helm("upgrade", "--install", RELEASE, str(CHART), "--wait", WAIT, image, *options)

    def objects(self) -> set[str]:
        """Return all objects in it except Events, as kind/name."""
        kinds = run(
            tool("kubectl"), "api-resources", "--namespaced", "--verbs=list", "--output=name"
        )
        wanted = ",".join(kind for kind in kinds.split() if kind.partition(".")[0] != "events")
        return set(self.kubectl("get", wanted, "--output=name", "--ignore-not-found").split())

    def node_address(self, service: str) -> str:
        """Return the address of a Service of type NodePort on a node, once it accepts connections.

        The address does not change when pods restart.
        """
        port = self.kubectl(
            "get", "service", service, "--output=jsonpath={.spec.ports[0].nodePort}"
        )
        internal = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
        host = self.kubectl("get", "nodes", f"--output=jsonpath={internal}")
        # Nodes learn about a Service a moment after its creation.
        wait_until(lambda: listens(host, int(port)), f"{host}:{port} listens", SECONDS)
        return f"{host}:{port}"

    def pod(self) -> str:
        """Return the name of the only running pod."""
        running = ("--field-selector=status.phase=Running", "--output=name")
        [name] = self.kubectl("get", "pods", *running).split()
        return name

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or update objects."""
        everything = {"apiVersion": "v1", "kind": "List", "items": objects}
        run(*self.command("apply", "--filename=-"), text=json.dumps(everything))

    def until_pod_ended(self, name: str) -> str:
        """Wait for the end of a pod that is not restarted; return its phase."""

        def phase() -> str:
            phase = self.kubectl("get", "pod", name, "--output=jsonpath={.status.phase}")
            return phase if phase in {"Succeeded", "Failed"} else ""

        logs = partial(self.kubectl, "logs", name, "--tail=20")
        return wait_until(phase, f"{name} ends", MAX_SECONDS, log=logs)

    def create_tls_secret(self, name: str, files: Files) -> None:
        """Create a Secret of type kubernetes.io/tls."""
        pair = (f"--cert={files.certificate}", f"--key={files.key}")
        self.kubectl("create", "secret", "tls", name, *pair)

    def create_authority_secret(self, name: str, authority: Authority) -> None:
        """Create a Secret with the certificate of an authority."""
        literal = f"--from-literal=ca.crt={authority.pem().decode()}"
        self.kubectl("create", "secret", "generic", name, literal)

    def get(self, *what: str) -> Any:
        """Return an object, or a list of objects."""
        return json.loads(self.kubectl("get", *what, "--output=json"))

    @contextmanager
    def forwarded(self, target: str, port: str) -> Iterator[str]:
        """Forward a local port to a port of a pod or a Service; yield the local address."""
        with self.listening("port-forward", target, f":{port}") as address:
            yield address

    @contextmanager
    def listening(self, *arguments: str) -> Iterator[str]:
        """Run a kubectl that listens on loopback; yield the address that it prints."""
        command = self.command(*arguments)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                found = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
                assert found, f"{shlex.join(arguments)} does not listen"
                yield found[0]
            finally:
                process.terminate()


@pytest.fixture(scope="session")
def definitions() -> Iterator[None]:
    """Install the definitions that the chart may need and the cluster lacks."""
    existing = run(tool("kubectl"), "get", "crds", "--output=name")
    lacking = [
        manifest
        for file in crd_files()
        for manifest in yaml.safe_load_all(file.read_text())
        if manifest and manifest["metadata"]["name"] not in existing
    ]
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": lacking})
    if lacking:
        run(tool("kubectl"), "create", "--filename=-", text=everything)
        wait = ("wait", "--for=condition=Established", "--timeout=60s", "--filename=-")
        run(tool("kubectl"), *wait, text=everything)
    yield
    if lacking:
        run(tool("kubectl"), "delete", "--wait=false", "--filename=-", text=everything)


@pytest.fixture(scope="module")
def kinds() -> Iterator[None]:
    """Install the definitions of Calendars and Bookings; remove them if they were new."""
    existing = run(tool("kubectl"), "get", "crds", "--output=name")
    files = f"--filename={CHART}/files/crds"
    run(tool("kubectl"), "apply", files)
    run(tool("kubectl"), "wait", "--for=condition=Established", "--timeout=60s", files)
    yield
    if "bookings.double-booked.io" not in existing:
        run(tool("kubectl"), "delete", "--wait=true", "--timeout=100s", files)


@pytest.fixture
def place(kinds: None) -> Iterator[Namespace]:  # noqa: ARG001
    """Create a namespace for one test, without restrictions on its pods."""
    created = Namespace(f"booked-{uuid4().hex[:8]}")
    created.kubectl("create", "namespace", created.name)
    yield created
    created.kubectl("delete", "namespace", created.name, "--wait=false")


@pytest.fixture
def definitions_of_ours() -> Iterator[None]:
    """Remove our definitions before and after: Helm adopts none that it did not create."""

    def remove() -> None:
        files = f"--filename={CHART}/files/crds"
        run(tool("kubectl"), "delete", "--ignore-not-found", "--timeout=100s", files)

    remove()
    yield
    remove()


@pytest.fixture(scope="session")
def loaded() -> None:
    """Load both images into the cluster."""
    command = os.environ.get("LOAD_IMAGE")
    assert command, (
        "LOAD_IMAGE is not set; it must be a command that loads an archive into the cluster"
    )
    for archive in ("image.tar", "dev-image.tar"):
        path = ROOT / "build" / archive
        assert path.exists(), f"there is no {path}; run `make image dev-image`"
        run(*shlex.split(command), str(path))


@pytest.fixture
def namespace(loaded: None) -> Iterator[Namespace]:  # noqa: ARG001 - the images are there then
    created = Namespace(f"double-booked-{uuid4().hex[:8]}")
    created.kubectl("create", "namespace", created.name)
    created.kubectl(
        "label", "namespace", created.name, "pod-security.kubernetes.io/enforce=restricted"
    )
    try:
        yield created
    finally:
        created.kubectl("delete", "namespace", created.name, "--wait=false")
