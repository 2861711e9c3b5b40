"""Test that turning autoscaling on and off under load fails no call and removes no extra pod."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.client import check
from e2e.conftest import CHART, IMAGE, RELEASE, ROOT, WAIT, Namespace, run, tool
from server.load import load
from waiting import wait_until

SECONDS = 60.0
DEPLOYMENT = f"deployment/{RELEASE}"


@contextmanager
def wanted_replicas(namespace: Namespace) -> Iterator[list[int]]:
    """Record the desired numbers of pods of the Deployment, in order."""
    command = namespace.command("get", DEPLOYMENT, "--watch", "--output=jsonpath={.spec.replicas} ")
    found: list[int] = []

    def read(process: subprocess.Popen[str]) -> None:
        assert process.stdout
        word = ""
        while character := process.stdout.read(1):
            if character == " ":
                found.append(int(word))
            word = "" if character == " " else word + character

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        reader = threading.Thread(target=read, args=(process,))
        reader.start()
        try:
            wait_until(lambda: found, "the watch has started", SECONDS)
            yield found
        finally:
            process.terminate()
            reader.join()


def has(namespace: Namespace, replicas: int) -> bool:
    """Return whether exactly that many pods exist, all of them ready."""
    status = namespace.get(DEPLOYMENT)["status"]
    return bool(status.get("replicas") == status.get("readyReplicas") == replicas)


def until_has(namespace: Namespace, replicas: int) -> None:
    wait_until(lambda: has(namespace, replicas), f"{replicas} pods are ready", SECONDS)


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_helm_turns_autoscaling_on_and_off_without_failed_calls(
    namespace: Namespace, helm: str
) -> None:
    def upgrade(*options: str) -> None:
        fixed = f"--set=image.reference={IMAGE},tls.enabled=false,minReadySeconds=0"
        command = (tool(helm), "--namespace", namespace.name, "upgrade", "--install", RELEASE)
        run(*command, str(CHART), "--wait", WAIT, fixed, *options)

    upgrade("--set=replicaCount=3")
    address = namespace.node_address(RELEASE)
    assert check(address) == 5
    with wanted_replicas(namespace) as wanted, load(address) as running:
        upgrade("--set=replicaCount=null")
        upgrade("--set=autoscaling.enabled=true,autoscaling.minReplicas=2")
        running.until_more(200)
        upgrade("--set=autoscaling.enabled=true,autoscaling.minReplicas=4")
        until_has(namespace, 4)
        # The autoscaler owns the number now, and an unrelated upgrade keeps it.
        upgrade("--set=autoscaling.enabled=true,autoscaling.minReplicas=2,service.annotations.a=b")
        upgrade(
            "--set=autoscaling.enabled=false,replicaCount=3",
            *(["--force-conflicts"] if helm == "helm" else []),
        )
        until_has(namespace, 3)
        running.until_more(200)
    assert [*dict.fromkeys(wanted)] == [3, 4]
    assert wanted[-1] == 3
    assert [(call.code.name, call.details) for call in running.failed()] == []


@dataclass(frozen=True, slots=True)
class Kustomization:
    """A kustomization of the base for a namespace, with or without an autoscaler.

    Attributes:
        namespace: The namespace.
        folder: The folder of the kustomization.
    """

    namespace: Namespace
    folder: Path

    def apply(self, **fields: object) -> None:
        """Apply the kustomization with more fields, or other ones."""
        (self.folder / "kustomization.yaml").write_text(yaml.safe_dump(self.fields() | fields))
        self.namespace.kubectl("apply", f"--kustomize={self.folder}")

    def fields(self) -> dict[str, Any]:
        """Return the fields that every variant has."""
        name, _, tag = IMAGE.rpartition(":")
        return {
            "resources": [os.path.relpath(ROOT / "kustomize/base", self.folder)],
            "components": [os.path.relpath(ROOT / "kustomize/components/plaintext", self.folder)],
            "namespace": self.namespace.name,
            "images": [{"name": RELEASE, "newName": name, "newTag": tag}],
        }

    def apply_fixed(self) -> None:
        """Apply it with a fixed number of pods."""
        self.apply(replicas=[{"name": RELEASE, "count": 3}])

    def apply_scaled(self) -> None:
        """Apply it with an autoscaler, and without a number of pods."""
        scaler = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": RELEASE},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": RELEASE},
                "minReplicas": 4,
                "maxReplicas": 5,
            },
        }
        (self.folder / "scaler.yaml").write_text(yaml.safe_dump(scaler))
        removal = json.dumps([{"op": "remove", "path": "/spec/replicas"}])
        self.apply(
            resources=[*self.fields()["resources"], "scaler.yaml"],
            patches=[{"target": {"kind": "Deployment"}, "patch": removal}],
        )

    def forget_replicas(self) -> None:
        """Remove the number of pods from the last applied state, so that no apply removes it."""
        applied = self.namespace.kubectl("apply", "view-last-applied", DEPLOYMENT)
        without = "".join(
            line for line in applied.splitlines(keepends=True) if not line.startswith("  replicas:")
        )
        command = self.namespace.command("apply", "set-last-applied", "--filename=-")
        run(*command, text=without)


def test_kubectl_turns_autoscaling_on_and_off_without_failed_calls(
    namespace: Namespace, tmp_path: Path
) -> None:
    kustomization = Kustomization(namespace, tmp_path)
    kustomization.apply_fixed()
    namespace.kubectl("rollout", "status", DEPLOYMENT, "--timeout=120s")
    address = namespace.node_address(RELEASE)
    assert check(address) == 5
    with wanted_replicas(namespace) as wanted, load(address) as running:
        kustomization.forget_replicas()
        kustomization.apply_scaled()
        until_has(namespace, 4)
        namespace.kubectl("delete", "hpa", RELEASE)
        kustomization.apply_fixed()
        until_has(namespace, 3)
        running.until_more(200)
    assert [*dict.fromkeys(wanted)] == [3, 4]
    assert wanted[-1] == 3
    assert [(call.code.name, call.details) for call in running.failed()] == []
