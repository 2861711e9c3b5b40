"""Programs that the chart's tests run; a missing program fails the test."""

import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/double-booked"
NAMES = sorted(path.name.removesuffix("-values.yaml") for path in CHART.glob("ci/*-values.yaml"))
"""Features with values in ci/."""

OLDEST, NEWEST = "1.31.14", "1.34.4"
"""The range of Kubernetes versions that the chart supports."""

_APIS = (
    "apiregistration.k8s.io/v1",
    "cert-manager.io/v1/Certificate",
    "cloud.google.com/v1/BackendConfig",
    "double-booked.io/v1alpha1/Ledger",
    "flowcontrol.apiserver.k8s.io/v1/FlowSchema",
    "gateway.networking.k8s.io/v1/GRPCRoute",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.googleapis.com/v1/PodMonitoring",
    "networking.gke.io/v1/HealthCheckPolicy",
    "networking.gke.io/v1/ManagedCertificate",
    "networking.gke.io/v1beta1/FrontendConfig",
    "spark.apache.org/v1/SparkApplication",
    "sparkoperator.k8s.io/v1beta2/SparkApplication",
)
A_FULL_CLUSTER = f"--api-versions={','.join(_APIS)}"
"""The helm options for a cluster that has every API; `helm test` is rendered only for it."""
HELMS = ["helm", "helm3"]

Objects = dict[tuple[str, str], dict[str, Any]]
"""Objects by kind and name."""


def values(name: str) -> str:
    """Return the helm option for the values of a feature."""
    return f"--values={CHART}/ci/{name}-values.yaml"


@cache
def tool(name: str) -> str:
    """Return the path of a program in build/tools, or else on PATH."""
    built = ROOT / "build/tools" / name
    found = str(built) if built.exists() else shutil.which(name)
    assert found, (
        f"these tests need {name}; `make tools` builds some, promtool is Debian's prometheus"
    )
    return found


def run(*command: str, cwd: Path = ROOT, text: str | None = None, seconds: int = 300) -> str:
    """Run a command with a text as its input; return its output.

    Raises:
        AssertionError: The command failed; the message is its standard error.
    """
    done = subprocess.run(
        command, cwd=cwd, input=text, capture_output=True, text=True, check=False, timeout=seconds
    )
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def template(*options: str, helm: str = "helm", kubernetes: str = NEWEST) -> str:
    """Return the YAML that helm renders for a release named double-booked."""
    fixed = (str(CHART), "--namespace=shared", f"--kube-version={kubernetes}")
    return run(tool(helm), "template", "double-booked", *fixed, *options)


def render(*options: str, helm: str = "helm") -> Objects:
    """Return the objects that helm renders."""
    objects = filter(None, yaml.safe_load_all(template(*options, helm=helm)))
    return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in objects}


def refusal(*options: str, helm: str = "helm") -> str:
    """Return helm's error for values that it rejects."""
    command = [tool(helm), "template", "double-booked", str(CHART), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stdout
    return done.stderr


def container(objects: Objects, deployment: str = "double-booked") -> dict[str, Any]:
    """Return the container of the chart in a Deployment, which is the first."""
    [found, *_] = objects["Deployment", deployment]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(objects: Objects) -> dict[str, Any]:
    """Return the environment variables of the container."""
    return {variable["name"]: variable.get("value") for variable in container(objects)["env"]}
