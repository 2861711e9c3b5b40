"""Test that a null value means the default, at any depth."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.programs import CHART, HELMS, NAMES, NEWEST, ROOT, container, render, run, tool

sys.path.insert(0, str(ROOT / "tools"))
import chart_defaults

Values = dict[str, Any]
DEFAULTS: Values = yaml.safe_load((CHART / "values.yaml").read_text())
OWN_MEANING = ["replicaCount"]
OF_KUBERNETES = [
    "resources",
    "operator.resources",
    "podSecurityContext",
    "securityContext",
    "spark.podSecurityContext",
    "metrics.dashboard.labels",
    "helmTest.podLabels",
    "helmTest.podAnnotations",
]
"""Maps in which a null removes a key."""


def given(name: str) -> Values:
    """Return the values of a feature from ci/."""
    return dict(yaml.safe_load((CHART / f"ci/{name}-values.yaml").read_text()) or {})


def is_kept(path: str) -> bool:
    """Return whether null has another meaning at a path."""
    return path in OWN_MEANING or path.startswith(tuple(f"{prefix}." for prefix in OF_KUBERNETES))


def nulls(defaults: Values, used: Values, *, deep: bool, path: str = "") -> Values:
    """Return null for each unused value: for each leaf, or for whole maps."""
    found: Values = {}
    for key, default in defaults.items():
        here = f"{path}.{key}".removeprefix(".")
        inner = used.get(key)
        if isinstance(default, dict) and default and (deep or isinstance(inner, dict)):
            found[key] = nulls(default, inner or {}, deep=deep, path=here)
        elif key not in used and not is_kept(here):
            found[key] = None
    return found


def take_back(given: Values, defaults: Values, path: str = "") -> Values:
    """Return null for each value of a file, and for each key in maps with free keys."""
    found: Values = {}
    for key, value in given.items():
        here = f"{path}.{key}".removeprefix(".")
        default = defaults.get(key)
        if isinstance(value, dict) and isinstance(default, dict):
            found[key] = take_back(value, default, here)
        elif not is_kept(here):
            found[key] = None
    return found


def rendered(chart: Path, helm: str, folder: Path, *given: Values) -> str:
    """Return what helm renders with the values, each in its own file."""
    options = []
    for number, file_values in enumerate(given):
        file = folder / f"{number}.yaml"
        file.write_text(yaml.safe_dump(file_values))
        options.append(f"--values={file}")
    version = f"--kube-version={NEWEST}"
    return run(tool(helm), "template", "double-booked", str(chart), version, *options)


def paths(defaults: Values, path: str = "") -> Iterator[str]:
    for key, value in defaults.items():
        here = f"{path}.{key}".removeprefix(".")
        yield here
        if isinstance(value, dict) and here not in OF_KUBERNETES:
            yield from paths(value, here)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_null_means_the_default(name: str, tmp_path: Path, *, deep: bool) -> None:
    feature = given(name)
    changed = nulls(DEFAULTS, feature, deep=deep)
    expected = rendered(CHART, "helm", tmp_path, feature)
    assert rendered(CHART, "helm", tmp_path, feature, changed) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_null_takes_back_what_an_earlier_file_sets(name: str, tmp_path: Path) -> None:
    feature = given(name)
    kept = {key: feature[key] for key in OWN_MEANING if key in feature}
    found = rendered(CHART, "helm", tmp_path, feature, take_back(feature, DEFAULTS))
    without = {key: value for key, value in feature.items() if key in ("securityContext", *kept)}
    assert found == rendered(CHART, "helm", tmp_path, without)


@pytest.mark.parametrize("helm", HELMS)
def test_each_null_by_itself_is_accepted(helm: str) -> None:
    """One run tests all: Helm applies `--set` in order, so whole maps come last."""
    changed = sorted(
        (path for path in paths(DEFAULTS) if not is_kept(path)), key=lambda path: -path.count(".")
    )
    assert len(changed) > 150
    for depth in {path.count(".") for path in changed}:
        these = ",".join(f"{path}=null" for path in changed if path.count(".") == depth)
        assert render(f"--set={these}", helm=helm) == render()


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_null_of_a_parent_chart_means_the_default(
    helm: str, tmp_path: Path, *, in_file: bool
) -> None:
    above = tmp_path / "above"
    shutil.copytree(CHART, above / "charts/double-booked")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    about = {"apiVersion": "v2", "name": "above", "version": "1.0.0"}
    about["dependencies"] = [{"name": "double-booked", "version": version}]
    (above / "Chart.yaml").write_text(yaml.safe_dump(about))
    feature = {"operator": {"enabled": True}, "metrics": {"dashboard": {"enabled": True}}}
    expected = rendered(above, helm, tmp_path, {"double-booked": feature})
    for deep in (False, True):
        changed = {"double-booked": nulls(DEFAULTS, feature, deep=deep)}
        if in_file:
            (above / "values.yaml").write_text(yaml.safe_dump(changed))
        options = [{}] if in_file else [changed]
        found = rendered(above, helm, tmp_path, {"double-booked": feature}, *options)
        assert found == expected


def test_a_null_removes_a_field_of_kubernetes() -> None:
    objects = render(
        "--set=resources.limits.cpu=null,operator.resources.requests=null,operator.enabled=true",
        "--set=podSecurityContext.runAsUser=null,metrics.dashboard.labels.grafana_dashboard=null",
    )
    assert container(objects)["resources"]["limits"].keys() == {"memory", "ephemeral-storage"}
    assert "requests" not in container(objects, "double-booked-operator")["resources"]
    pod = objects["Deployment", "double-booked"]["spec"]["template"]["spec"]
    assert "runAsUser" not in pod["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_recreate_needs_no_null() -> None:
    strategy = render("--set=strategy.type=Recreate")["Deployment", "double-booked"]["spec"]
    assert strategy["strategy"] == {"type": "Recreate"}


def test_every_template_sets_the_defaults_first() -> None:
    first = '{{- include "double-booked.setDefaults" . -}}\n'
    templates = [
        file
        for file in CHART.glob("templates/**/*.*")
        if not file.name.startswith("_") and not file.read_text().startswith(first)
    ]
    assert templates == []


def test_the_defaults_are_those_of_the_values() -> None:
    """If this fails, run `make chart-docs`."""
    assert chart_defaults.FILE.read_text() == chart_defaults.written()
