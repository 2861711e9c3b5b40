"""The programs that prove the chart; one that is missing is a failure."""

import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/double-booked"
NAMES = sorted(each.name.removesuffix("-values.yaml") for each in CHART.glob("ci/*-values.yaml"))
"""The features that have values in ci/."""

OLDEST, NEWEST = "1.31.14", "1.34.4"
"""The Kubernetes that the chart is for."""

_APIS = (
    "apiregistration.k8s.io/v1",
    "cert-manager.io/v1/Certificate",
    "cloud.google.com/v1/BackendConfig",
    "double-booked.io/v1alpha1/Booking",
    "gateway.networking.k8s.io/v1/GRPCRoute",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.googleapis.com/v1/PodMonitoring",
    "networking.gke.io/v1/HealthCheckPolicy",
    "networking.gke.io/v1/ManagedCertificate",
    "networking.gke.io/v1beta1/FrontendConfig",
)
A_FULL_CLUSTER = f"--api-versions={','.join(_APIS)}"
"""The option of helm for a cluster that lacks no API; only for one is the test rendered."""
HELMS = ["helm", "helm3"]

Objects = dict[tuple[str, str], dict[str, Any]]
"""Objects by kind and name."""


def values(name: str) -> str:
    """The option of helm for the values of a feature."""
    return f"--values={CHART}/ci/{name}-values.yaml"


@cache
def tool(name: str) -> str:
    """The path of a program: from build/tools, else from PATH."""
    built = ROOT / "build/tools" / name
    found = str(built) if built.exists() else shutil.which(name)
    assert found, (
        f"these tests need {name}; `make tools` builds some, promtool is Debian's prometheus"
    )
    return found


def run(*command: str, cwd: Path = ROOT, text: str | None = None, seconds: int = 300) -> str:
    """What a command says, given a text to read; its complaint is the error."""
    done = subprocess.run(
        command, cwd=cwd, input=text, capture_output=True, text=True, check=False, timeout=seconds
    )
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def template(*options: str, helm: str = "helm", kubernetes: str = NEWEST) -> str:
    """What helm renders, as YAML, for a release named double-booked."""
    fixed = (str(CHART), "--namespace=shared", f"--kube-version={kubernetes}")
    return run(tool(helm), "template", "double-booked", *fixed, *options)


def render(*options: str, helm: str = "helm") -> Objects:
    """What helm renders."""
    objects = filter(None, yaml.safe_load_all(template(*options, helm=helm)))
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def refusal(*options: str, helm: str = "helm") -> str:
    """What helm says of values that it refuses."""
    command = [tool(helm), "template", "double-booked", str(CHART), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stdout
    return done.stderr


def container(objects: Objects, deployment: str = "double-booked") -> dict[str, Any]:
    """The container of the Deployment that the chart brings, which is the first."""
    [found, *_] = objects["Deployment", deployment]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(objects: Objects) -> dict[str, Any]:
    """The settings of the container."""
    return {each["name"]: each.get("value") for each in container(objects)["env"]}
