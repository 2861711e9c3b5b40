"""Test one or more copies of the chart below a parent chart: their objects stay separate."""

import json
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from chart.parent_chart import write_parent
from chart.programs import CHART, NEWEST, tool

LONGEST = "r" * 53
FEATURES: dict[str, Any] = {
    "autoscaling": {"enabled": True},
    "headlessService": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "tls": {"source": "certManager", "certManager": {"issuerRef": {"name": "ours"}}},
    "ingress": {"enabled": True, "host": "a.example", "managedCertificate": True, "sslPolicy": "s"},
    "gateway": {"enabled": True, "parentRefs": [{"name": "g"}]},
    "metrics": {
        "serviceMonitor": {"enabled": True},
        "podMonitoring": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}
"""Values for all objects that select pods or Services, or that other objects refer to."""

Documents = list[tuple[str, dict[str, Any]]]
"""Objects with the path of the chart that each comes from."""


def features(watched: str) -> dict[str, Any]:
    """Return values with all features on, and an operator for one namespace."""
    certificate = {"source": "certManager", "certManager": {"issuerRef": {"name": "ours"}}}
    operator = {"enabled": True, "watchNamespaces": [watched], "certificate": certificate}
    return FEATURES | {"operator": operator}


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    """Return a parent chart with `east`, and with `westSide` if its condition and tag allow it."""
    with TemporaryDirectory() as folder:
        west = {"alias": "westSide", "condition": "westSide.enabled", "tags": ["west"]}
        yield write_parent(Path(folder) / "both", {"alias": "east"}, west)


def helm_template(
    chart: Path,
    values: dict[str, Any],
    release: str = "r",
    space: str = "shared",
    helm: str = "helm",
) -> subprocess.CompletedProcess[str]:
    """Render a chart; return the finished helm process."""
    fixed = (release, str(chart), f"--namespace={space}", f"--kube-version={NEWEST}", "--values=-")
    return subprocess.run(
        [tool(helm), "template", *fixed],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def documents(chart: Path, values: dict[str, Any], **how: str) -> Documents:
    """Render a chart; helm's comments give the chart that each object comes from."""
    done = helm_template(chart, values, **how)
    assert done.returncode == 0, done.stderr
    found = []
    for text in done.stdout.split("---\n# Source: ")[1:]:
        source, _, rest = text.partition("\n")
        found += [
            (source.partition("/templates/")[0], manifest)
            for manifest in yaml.safe_load_all(rest)
            if manifest
        ]
    return found


def identity(manifest: dict[str, Any]) -> tuple[str, ...]:
    return manifest["kind"], manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]


def selected(manifest: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield the selectors for pods or Services in an object."""
    if manifest["kind"] == "Service":
        yield manifest["spec"]["selector"]
        return
    waiting: list[Any] = [manifest.get("spec")]
    while waiting:
        current = waiting.pop()
        if isinstance(current, list):
            waiting += current
        elif isinstance(current, dict):
            labels = current.get("matchLabels", {})
            if "app" in labels:
                yield labels
            waiting += current.values()


def labelled(found: Documents) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield chart, name and labels of all pods and Services."""
    for source, manifest in found:
        if manifest["kind"] in {"Pod", "Service"}:
            yield source, manifest["metadata"]["name"], manifest["metadata"]["labels"]
        if manifest["kind"] == "Deployment":
            yield (
                source,
                manifest["metadata"]["name"],
                manifest["spec"]["template"]["metadata"]["labels"],
            )


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_two_subcharts_share_no_name_and_select_only_their_own_pods(
    parent: Path, helm: str
) -> None:
    by_pod = {"serviceMonitor": {"enabled": False}, "podMonitor": {"enabled": True}}
    west = features("b") | {"metrics": FEATURES["metrics"] | by_pod}
    found = documents(parent, {"east": features("a"), "westSide": west}, helm=helm)
    names = [identity(manifest) for _, manifest in found]
    assert len(names) == len(set(names))
    definitions = [name for kind, _, name in names if kind == "CustomResourceDefinition"]
    assert sorted(definitions) == [
        "bookings.double-booked.io",
        "calendars.double-booked.io",
        "ledgers.double-booked.io",
    ]
    matches = [
        (source, target)
        for source, manifest in found
        for labels in selected(manifest)
        for target, _, own in labelled(found)
        if labels.items() <= own.items()
    ]
    assert {source for source, _ in matches} == {"both/charts/east", "both/charts/westSide"}
    assert all(source == target for source, target in matches)


def test_cluster_wide_names_differ_between_namespaces(parent: Path) -> None:
    values = {"east": features("a"), "westSide": features("b")}
    first, second = (
        {identity(manifest) for _, manifest in documents(parent, values, space=space)}
        for space in "mn"
    )
    shared = {kind for kind, space, _ in first & second if not space}
    assert shared == {"CustomResourceDefinition"}
    # The rest are in watched namespaces, and each namespace is watched by one operator only.
    assert {space for _, space, _ in first & second} == {"", "a", "b"}


@pytest.mark.parametrize(
    "values", [{"westSide": {"enabled": False}}, {"tags": {"west": False}, "global": {"x": 1}}]
)
def test_conditions_and_tags_leave_a_subchart_out(parent: Path, values: dict[str, Any]) -> None:
    assert {source for source, _ in documents(parent, values)} == {"both/charts/east"}
    on = documents(parent, values | {"westSide": {"enabled": True}, "tags": {"west": True}})
    assert {source for source, _ in on} == {"both/charts/east", "both/charts/westSide"}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"westSide": {"nameOverride": "east"}}, "both have objects named shared/r-east"),
        ({name: {"fullnameOverride": "x"} for name in ("east", "westSide")}, "named shared/x"),
        (
            {"east": features("a"), "westSide": {"nameOverride": "east-operator"}},
            "named shared/r-east-operator",
        ),
        (
            {name: {"serviceAccount": {"name": "x"}} for name in ("east", "westSide")},
            "named ServiceAccount shared/x",
        ),
        ({"east": features("a"), "westSide": features("a")}, "review the same namespaces"),
        (
            {"east": {"operator": {"enabled": True}}, "westSide": features("a")},
            "review the same namespaces",
        ),
        ({"east": {"podLabels": {"app.kubernetes.io/name": "x"}}}, "select pods by that label"),
    ],
)
def test_two_conflicting_subcharts_are_rejected(
    parent: Path, values: dict[str, Any], sentence: str
) -> None:
    done = helm_template(parent, values)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "error calling" not in done.stderr


def test_nested_subcharts_are_distinguished_by_their_whole_path(tmp_path: Path) -> None:
    for team in ("blue", "red"):
        write_parent(tmp_path / "all/charts" / team, {})
    chart = {"apiVersion": "v2", "name": "all", "version": "0.2.0"}
    (tmp_path / "all/Chart.yaml").write_text(yaml.safe_dump(chart))
    found = documents(tmp_path / "all", {})
    deployments = {
        manifest["metadata"]["name"] for _, manifest in found if manifest["kind"] == "Deployment"
    }
    assert deployments == {"r-blue-double-booked", "r-red-double-booked"}


def test_long_names_fit_and_differ(tmp_path: Path) -> None:
    aliases = [f"{'a' * 40}{last}" for last in ("-x", "-y")]
    chart = write_parent(tmp_path / "long", *({"alias": alias} for alias in aliases))
    values = {alias: features(alias[-1]) for alias in aliases}
    found = documents(chart, values, release=LONGEST)
    names = [identity(manifest) for _, manifest in found]
    assert len(names) == len(set(names))
    for kind, _, name in names:
        assert len(name) <= (63 if kind in {"Service", "Deployment"} else 253)
        assert name[-1].isalnum()


def test_an_invalid_service_name_is_rejected_with_the_remedy(parent: Path) -> None:
    for chart, release in product((parent, CHART), ("123", "1e3", "team.app", "0x1f")):
        done = helm_template(chart, {}, release=release)
        assert done.returncode == 1
        assert "set fullnameOverride, or choose another name for the release" in done.stderr


def test_contradictory_crds_keep_values_are_rejected(parent: Path) -> None:
    west = features("b") | {"crds": {"keep": False}}
    done = helm_template(parent, {"east": features("a"), "westSide": west})
    assert done.returncode == 1
    assert "crds.keep is true for one of the subcharts" in " ".join(done.stderr.split())
