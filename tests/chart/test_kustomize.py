"""kustomize/ and the chart are two ways to the same objects."""

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


def comparable(each: dict[str, Any]) -> str:
    """An object as text, in which settings stand in one order: theirs means nothing."""
    if each["kind"] == "Deployment":
        for container in each["spec"]["template"]["spec"]["containers"]:
            container["env"].sort(key=itemgetter("name"))
    return yaml.safe_dump(each)


def built(folder: str) -> Objects:
    return kustomize_base.by_name(
        yaml.safe_load_all(run(tool("kubectl"), "kustomize", f"kustomize/{folder}"))
    )


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
def test_it_makes_the_objects_that_the_chart_makes(folder: str, feature: str) -> None:
    """Run `make kustomize` after a change of the chart, and change the patches by hand."""
    namespace = "--namespace=double-booked"
    objects, rendered = built(folder), kustomize_base.render(HELM, values(feature), namespace)
    assert objects.keys() == rendered.keys()
    for key, each in objects.items():
        assert comparable(each) == comparable(rendered[key])


def test_all_of_the_operator_follows_the_namespace(tmp_path: Path) -> None:
    folder = os.path.relpath(ROOT / "kustomize/overlays/operator", tmp_path)
    own = {"resources": [folder], "namespace": "mine"}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    assert namespaces(tmp_path) == {"mine"}


@pytest.mark.parametrize("name", ["operator", "operator-only"])
def test_an_overlay_can_be_copied_and_is_complete_with_two_lines_changed(
    tmp_path: Path, name: str
) -> None:
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
        for each in objects_of(own)
        if each["kind"] == "Deployment"
        for container in each["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"registry.example/booked:0.1.0"}


def objects_of(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(run(tool("kubectl"), "kustomize", str(folder))))


def namespaces(folder: Path) -> set[str]:
    """Return the namespaces that objects are in, that get rights, and that reviews go to."""
    found = set()
    for each in objects_of(folder):
        if not each["kind"].startswith(("Cluster", "Custom", "Validating")):
            found.add(each["metadata"].get("namespace"))
        found |= {subject["namespace"] for subject in each.get("subjects", ())}
        for webhook in each.get("webhooks", ()):
            found.add(webhook["clientConfig"]["service"]["namespace"])
    return found


def test_the_generated_resources_are_up_to_date() -> None:
    """Run `make kustomize` if they are not."""
    kustomize_base.main()
    assert run("git", "status", "--porcelain", "kustomize") == ""
