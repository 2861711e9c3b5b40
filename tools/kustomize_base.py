"""Render the chart into plain resources in kustomize/.

The base has the objects of the chart's default values. A component has the objects that its values
add. Patches of the base are written by hand; the tests compare them with the chart.
"""

import subprocess
from pathlib import Path
from typing import Any

import yaml

import chart_defaults

ROOT = Path(__file__).parents[1]
_SPARK = (
    "spark.enabled=true",
    "spark.input=gs://BUCKET/events",
    "spark.output=gs://BUCKET/conflicts",
)
COMPONENTS = {
    "headless-service": ("headlessService.enabled=true",),
    "network-policy": ("networkPolicy.enabled=true",),
    "ingress": ("--values", "ci/gke-ingress-values.yaml", "networkPolicy.enabled=false"),
    "gateway": ("--values", "ci/gke-gateway-values.yaml", "networkPolicy.enabled=false"),
    # Without alerts: their expressions name the namespace, which kustomize cannot replace.
    "prometheus-operator": (
        "--values",
        "ci/prometheus-operator-values.yaml",
        "metrics.prometheusRule.enabled=false",
    ),
    "pod-monitoring": ("--values", "ci/google-managed-prometheus-values.yaml"),
    "operator": ("operator.enabled=true",),
    "operator-network-policy": ("operator.enabled=true", "networkPolicy.enabled=true"),
    "operator-service-monitor": (
        "--values",
        "ci/prometheus-operator-values.yaml",
        "metrics.prometheusRule.enabled=false",
        "operator.enabled=true",
    ),
    "operator-pod-monitoring": ("operator.enabled=true", "metrics.podMonitoring.enabled=true"),
    "spark": _SPARK,
    "spark-apache": (*_SPARK, "spark.operator=apache"),
}
"""The values of each component: assignments, or an option of helm and its file.

A component has only the objects that the components before it lack.
"""

REPLACED = {"spark"}
"""Components that a later one replaces, so that it repeats their objects."""

_OF_HELM = ("app.kubernetes.io/managed-by", "helm.sh/chart")


def options(values: tuple[str, ...]) -> list[str]:
    """Return the helm options for the values of a component."""
    assignments = [f"--set={value}" for value in values if "=" in value]
    return [*(value for value in values if "=" not in value), *assignments]


def render(helm: Path, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the chart's objects by kind and name, without fields that only Helm uses.

    Args:
        helm: The path of helm.
        arguments: Arguments for `helm template`.
    """
    command = [helm, "template", "double-booked", ".", "--no-hooks", *arguments]
    chart = ROOT / "charts/double-booked"
    text = subprocess.run(command, cwd=chart, check=True, capture_output=True, text=True).stdout
    return by_name(yaml.safe_load_all(text))


def by_name(objects: Any) -> dict[tuple[str, str], dict[str, Any]]:  # noqa: ANN401 - any YAML
    """Return objects by kind and name, without namespaces and fields that only Helm uses."""
    found = {}
    for manifest in filter(None, objects):
        metadata = manifest["metadata"]
        metadata.pop("namespace", None)
        for label in _OF_HELM:
            metadata["labels"].pop(label, None)
        metadata.get("annotations", {}).pop("helm.sh/resource-policy", None)
        found[manifest["kind"], metadata["name"]] = manifest
    return found


def write(folder: Path, objects: list[dict[str, Any]]) -> None:
    """Write each object into its own file, named by its name and kind."""
    for old in folder.glob("resources/*.yaml"):
        old.unlink()
    (folder / "resources").mkdir(parents=True, exist_ok=True)
    for manifest in objects:
        name = manifest["metadata"]["name"].removeprefix("double-booked").removeprefix("-")
        file = "-".join(filter(None, (name, manifest["kind"].lower()))) + ".yaml"
        (folder / "resources" / file).write_text(
            yaml.safe_dump(manifest, sort_keys=False, width=200)
        )


def main() -> None:
    """Write the base, the definitions and the components."""
    chart_defaults.main()
    helm = ROOT / "build/tools/helm"
    written = render(helm)
    write(ROOT / "kustomize/base", list(written.values()))
    for component, values in COMPONENTS.items():
        objects = render(helm, *options(values))
        added = {key: manifest for key, manifest in objects.items() if key not in written}
        # In their own folder: `kubectl delete -k` of the operator must not delete all Bookings.
        definitions = [
            added.pop(key) for key in list(added) if key[0] == "CustomResourceDefinition"
        ]
        if definitions:
            write(ROOT / "kustomize/crds", definitions)
        write(ROOT / "kustomize/components" / component, list(added.values()))
        if component not in REPLACED:
            written |= objects


if __name__ == "__main__":
    main()
