"""kustomize/ and the chart are two ways to the same objects."""

import os
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
    ],
)
def test_it_makes_the_objects_that_the_chart_makes(folder: str, feature: str) -> None:
    """Run `make kustomize` after a change of the chart; patches are mended by hand."""
    objects, rendered = built(folder), kustomize_base.render(HELM, values(feature))
    assert objects.keys() == rendered.keys()
    for key, each in objects.items():
        assert comparable(each) == comparable(rendered[key])


def test_all_of_the_operator_follows_the_namespace(tmp_path: Path) -> None:
    folder = os.path.relpath(ROOT / "kustomize/overlays/operator", tmp_path)
    own = {"resources": [folder], "namespace": "mine"}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    objects = list(yaml.safe_load_all(run(tool("kubectl"), "kustomize", str(tmp_path))))
    told = [subject["namespace"] for each in objects for subject in each.get("subjects", ())]
    told += [
        webhook["clientConfig"]["service"]["namespace"]
        for each in objects
        for webhook in each.get("webhooks", ())
    ]
    assert told == ["mine"] * 5


def test_the_generated_resources_are_up_to_date() -> None:
    """Run `make kustomize` if they are not."""
    kustomize_base.main()
    assert run("git", "status", "--porcelain", "kustomize") == ""
