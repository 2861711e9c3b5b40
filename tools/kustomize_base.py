"""Write what the chart renders as plain resources into kustomize/.

The base is the chart's defaults; a component has the objects that its values add to them. What a
component changes of the base is written by hand, and compared with the chart by the tests.
"""

import subprocess
from pathlib import Path
from typing import Any

import yaml

import chart_defaults

ROOT = Path(__file__).parents[1]
COMPONENTS = {
    "headless-service": ("headlessService.enabled=true",),
    "network-policy": ("networkPolicy.enabled=true",),
    "ingress": ("--values", "ci/gke-ingress-values.yaml", "networkPolicy.enabled=false"),
    "gateway": ("--values", "ci/gke-gateway-values.yaml", "networkPolicy.enabled=false"),
    # Its alerts name the namespace, which kustomize cannot set in them: they are the chart's alone.
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
}
"""Components by the values that make them: assignments, or an option of helm and its file.

A component has what those before it do not have.
"""

_OF_HELM = ("app.kubernetes.io/managed-by", "helm.sh/chart")


def options(values: tuple[str, ...]) -> list[str]:
    """Return the options of helm for the values of a component."""
    assignments = [f"--set={each}" for each in values if "=" in each]
    return [*(each for each in values if "=" not in each), *assignments]


def render(helm: Path, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the chart's objects by kind and name, without what only Helm uses.

    Args:
        helm: The program.
        arguments: For `helm template`.
    """
    command = [helm, "template", "double-booked", ".", "--no-hooks", *arguments]
    chart = ROOT / "charts/double-booked"
    text = subprocess.run(command, cwd=chart, check=True, capture_output=True, text=True).stdout
    return by_name(yaml.safe_load_all(text))


def by_name(objects: Any) -> dict[tuple[str, str], dict[str, Any]]:  # noqa: ANN401 - any YAML
    """Return objects by kind and name, without what only Helm reads and without a namespace."""
    found = {}
    for each in filter(None, objects):
        metadata = each["metadata"]
        metadata.pop("namespace", None)
        for label in _OF_HELM:
            metadata["labels"].pop(label, None)
        metadata.get("annotations", {}).pop("helm.sh/resource-policy", None)
        found[each["kind"], metadata["name"]] = each
    return found


def write(folder: Path, objects: list[dict[str, Any]]) -> None:
    """Write each object into a file of its own, named by its kind."""
    for old in folder.glob("resources/*.yaml"):
        old.unlink()
    (folder / "resources").mkdir(parents=True, exist_ok=True)
    for each in objects:
        name = each["metadata"]["name"].removeprefix("double-booked").removeprefix("-")
        file = "-".join(filter(None, (name, each["kind"].lower()))) + ".yaml"
        (folder / "resources" / file).write_text(yaml.safe_dump(each, sort_keys=False, width=200))


def main() -> None:
    """Write the base, the kinds, and the components."""
    chart_defaults.main()
    helm = ROOT / "build/tools/helm"
    written = render(helm)
    write(ROOT / "kustomize/base", list(written.values()))
    for component, values in COMPONENTS.items():
        objects = render(helm, *options(values))
        added = {key: each for key, each in objects.items() if key not in written}
        # Apart from the operator: `kubectl delete -k` of it must not delete every Booking.
        kinds = [added.pop(key) for key in list(added) if key[0] == "CustomResourceDefinition"]
        if kinds:
            write(ROOT / "kustomize/crds", kinds)
        write(ROOT / "kustomize/components" / component, list(added.values()))
        written |= objects


if __name__ == "__main__":
    main()
