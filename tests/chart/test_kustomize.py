"""Test that kustomize/ and the chart build the same objects."""

import os
import shutil
import sys
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.programs import ROOT, Objects, run, tool, values

sys.path.insert(0, str(ROOT / "tools"))
import kustomize_base

HELM = Path(tool("helm"))
EXAMPLE = ROOT / "examples/kustomization"
SPARK = "--set=spark.enabled=true,spark.input=gs://BUCKET/events,spark.output=gs://BUCKET/conflicts"
KIND = "CustomResourceDefinition"
OF_THE_CLUSTER = ("Cluster", "Custom", "Flow", "Priority", "Validating")
"""How the names of kinds begin whose objects have no namespace."""


def comparable(manifest: dict[str, Any]) -> str:
    """Return an object as text with sorted settings, because their order means nothing."""
    if manifest["kind"] == "Deployment":
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            container["env"].sort(key=itemgetter("name"))
    return yaml.safe_dump(manifest)


def built(folder: Path) -> Objects:
    return kustomize_base.by_name(
        yaml.safe_load_all(run(tool("kubectl"), "kustomize", str(folder)))
    )


def assert_chart_makes(objects: Objects, *options: str) -> None:
    """Assert that the chart renders these objects, besides the definitions."""
    rendered = kustomize_base.render(HELM, "--namespace=double-booked", *options)
    expected = {key: manifest for key, manifest in rendered.items() if key[0] != KIND}
    assert objects.keys() == expected.keys()
    for key, manifest in objects.items():
        assert comparable(manifest) == comparable(expected[key])


@pytest.mark.parametrize(
    ("folder", "feature"),
    [
        ("base", "default"),
        ("overlays/dev", "dev"),
        ("overlays/gke", "gke-ingress"),
        ("overlays/gateway", "gke-gateway"),
        ("overlays/operator", "operator"),
        ("overlays/operator-only", "operator-only"),
    ],
)
def test_overlays_build_the_objects_of_the_chart(folder: str, feature: str) -> None:
    """After a change of the chart, run `make kustomize` and adapt the patches by hand."""
    assert_chart_makes(built(ROOT / "kustomize" / folder), values(feature))


def write_kustomization(folder: Path, components: list[str]) -> None:
    """Write a kustomization of the base and components, as a team writes it."""
    kustomize = Path(os.path.relpath(ROOT / "kustomize", folder))
    own = {
        "namespace": "double-booked",
        "resources": [str(kustomize / "base")],
        "components": [str(kustomize / "components" / component) for component in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(own))


@pytest.mark.parametrize(
    ("components", "options"),
    [
        (
            [
                "network-policy",
                "prometheus-operator",
                "operator",
                "operator-network-policy",
                "operator-service-monitor",
            ],
            [
                values("prometheus-operator"),
                "--set=operator.enabled=true,networkPolicy.enabled=true",
                "--set=metrics.prometheusRule.enabled=false",
            ],
        ),
        (
            ["pod-monitoring", "operator", "operator-pod-monitoring"],
            [values("google-managed-prometheus"), "--set=operator.enabled=true"],
        ),
        (["spark"], [SPARK]),
        (["spark-apache"], [SPARK, "--set=spark.operator=apache"]),
        (["tls-secret"], ["--set=tls.source=existingSecret,tls.existingSecret=double-booked-tls"]),
        (
            ["headless-service", "network-policy", "gateway", "load-balancer", "plaintext"],
            [
                values("gke-gateway"),
                "--set=tls.enabled=false,networkPolicy.proxyOnlySubnet=",
                "--set=headlessService.enabled=true",
            ],
        ),
    ],
)
def test_components_build_the_objects_of_their_values(
    tmp_path: Path, components: list[str], options: list[str]
) -> None:
    write_kustomization(tmp_path, components)
    assert_chart_makes(built(tmp_path), *options)


def test_deleting_an_overlay_keeps_the_definitions() -> None:
    for overlay in (ROOT / "kustomize/overlays").iterdir():
        assert KIND not in {kind for kind, _ in built(overlay)}
    kinds, rendered = (
        built(ROOT / "kustomize/crds"),
        kustomize_base.render(HELM, values("operator")),
    )
    assert kinds == {key: manifest for key, manifest in rendered.items() if key[0] == KIND}
    for kind in kinds.values():
        annotations = kind["metadata"]["annotations"]
        assert "Prune=false" in annotations["argocd.argoproj.io/sync-options"]
        assert annotations["kustomize.toolkit.fluxcd.io/prune"] == "disabled"


def test_the_team_example_builds_with_its_settings() -> None:
    objects = built(EXAMPLE)
    deployment = objects["Deployment", "double-booked"]["spec"]
    [container] = deployment["template"]["spec"]["containers"]
    assert deployment["replicas"] == 3
    assert {"name": "MAX_MESSAGE_BYTES", "value": "16777216"} in container["env"]
    assert len(container["env"]) == len({variable["name"] for variable in container["env"]})
    assert container["image"] == "docker.io/library/double-booked:0.2.0"
    assert {name for kind, name in objects if kind == "NetworkPolicy"} == {
        "double-booked",
        "double-booked-operator",
    }
    assert namespaces(EXAMPLE) == {"booking"}
    [configuration] = [
        manifest for key, manifest in objects.items() if key[0].startswith("ValidatingWeb")
    ]
    assert {
        name
        for webhook in configuration["webhooks"]
        for name in webhook["namespaceSelector"]["matchLabels"]
    } == {"booking"}


def test_the_spark_example_replaces_image_and_arguments() -> None:
    example = ROOT / "examples/spark"
    objects = built(example)
    application = objects["SparkApplication", "double-booked-spark"]["spec"]
    assert application["image"] == "docker.io/library/double-booked-spark:0.2.0"
    assert "--input=gs://bookings/events" in application["arguments"]
    assert namespaces(example) == {"booking"}
    for name in ("double-booked-spark", "double-booked-spark-executor"):
        assert objects["ServiceAccount", name]["metadata"]["annotations"]


def test_every_operator_object_follows_the_namespace(tmp_path: Path) -> None:
    folder = os.path.relpath(ROOT / "kustomize/overlays/operator", tmp_path)
    own = {"resources": [folder], "namespace": "mine"}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    assert namespaces(tmp_path) == {"mine"}


@pytest.mark.parametrize("name", ["operator", "operator-only"])
def test_a_copied_overlay_needs_two_changed_lines(tmp_path: Path, name: str) -> None:
    shutil.copytree(ROOT / "kustomize", tmp_path / "kustomize")
    own = tmp_path / "kustomize/overlays/own"
    shutil.copytree(ROOT / "kustomize/overlays" / name, own)
    file = own / "kustomization.yaml"
    text = file.read_text()
    text = text.replace("namespace: double-booked\n", "namespace: mine\n")
    file.write_text(text.replace("newName: double-booked\n", "newName: registry.example/booked\n"))
    assert namespaces(own) == {"mine"}
    images = {
        container["image"]
        for manifest in objects_of(own)
        if manifest["kind"] == "Deployment"
        for container in manifest["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"registry.example/booked:0.2.0"}


def objects_of(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(run(tool("kubectl"), "kustomize", str(folder))))


def namespaces(folder: Path) -> set[str]:
    """Return the namespaces of objects, and those of accounts and Services that they name."""
    found = set()
    for manifest in objects_of(folder):
        if not manifest["kind"].startswith(OF_THE_CLUSTER):
            found.add(manifest["metadata"].get("namespace"))
        found |= {subject["namespace"] for subject in manifest.get("subjects", ())}
        for webhook in manifest.get("webhooks", ()):
            found.add(webhook["clientConfig"]["service"]["namespace"])
        if manifest["kind"] == "FlowSchema":
            [[subject]] = [rule["subjects"] for rule in manifest["spec"]["rules"]]
            found.add(subject["serviceAccount"]["namespace"])
    return found


def test_the_generated_resources_are_up_to_date() -> None:
    """If this fails, run `make kustomize`."""
    kustomize_base.main()
    assert run("git", "status", "--porcelain", "kustomize") == ""
