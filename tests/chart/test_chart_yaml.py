"""Test the metadata in Chart.yaml."""

from typing import Any

import pytest
import yaml

from chart.programs import CHART, HELMS, NEWEST, OLDEST, refusal, run, template, tool
from chart.schemas import write_schemas

CHART_YAML: dict[str, Any] = yaml.safe_load((CHART / "Chart.yaml").read_text())
NOTES: dict[str, str] = CHART_YAML["annotations"]
DEFINITIONS = [yaml.safe_load(file.read_text()) for file in CHART.glob("files/crds/*.yaml")]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(
    "kubernetes", [OLDEST, "1.31.0", "v1.31.14-eks-113cf36", "v1.34.4-gke.1047000", "1.36.0"]
)
def test_kubernetes_versions_of_the_big_clouds_are_accepted(helm: str, kubernetes: str) -> None:
    assert "kind: Deployment" in template(helm=helm, kubernetes=kubernetes)


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("kubernetes", ["1.30.14", "v1.30.9-gke.1009000"])
def test_an_older_cluster_is_rejected(helm: str, kubernetes: str) -> None:
    assert "incompatible" in refusal(f"--kube-version={kubernetes}", helm=helm)


def test_the_images_are_those_of_this_version() -> None:
    [image] = yaml.safe_load(NOTES["artifacthub.io/images"])
    assert image["image"].endswith(f":{CHART_YAML['appVersion']}")


def test_the_listed_kinds_are_those_of_the_chart() -> None:
    listed = yaml.safe_load(NOTES["artifacthub.io/crds"])
    brought = {
        (f"{spec['names']['plural']}.{spec['group']}", spec["names"]["kind"], version["name"])
        for spec in (definition["spec"] for definition in DEFINITIONS)
        for version in spec["versions"]
    }
    assert {(entry["name"], entry["kind"], entry["version"]) for entry in listed} == brought


def test_the_examples_match_their_definitions() -> None:
    examples = yaml.safe_load(NOTES["artifacthub.io/crdsExamples"])
    assert {example["kind"] for example in examples} == {"Calendar", "Booking"}
    location = f"-schema-location={write_schemas(NEWEST)}"
    run(
        tool("kubeconform"),
        "-strict",
        location,
        f"-kubernetes-version={NEWEST}",
        "-",
        text=yaml.safe_dump_all(examples),
    )


def test_the_icon_is_in_the_chart() -> None:
    assert (CHART / CHART_YAML["icon"].rpartition("/")[2]).is_file()
