"""Test that names and selectors are stable in the root chart and distinct in subcharts."""

import json
from typing import Any

import pytest
import yaml

from chart.programs import A_FULL_CLUSTER, ROOT, container, refusal, render, template, values

RELEASED = ROOT / "tests/chart/identities.json"
"""Names and immutable fields of the last released chart, by values in ci/."""


def identities(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the immutable fields and the selectors of each object."""
    found = {}
    for manifest in objects:
        name = (
            manifest["kind"],
            manifest["metadata"].get("namespace", ""),
            manifest["metadata"]["name"],
        )
        spec = manifest.get("spec") or {}
        fields = {key: spec[key] for key in ("selector", "clusterIP", "secretName") if key in spec}
        fields |= {key: manifest[key] for key in ("roleRef", "subjects") if key in manifest}
        found[" ".join(name)] = fields
    return found


def without_hooks(text: str) -> list[dict[str, Any]]:
    """Return the objects without those of hooks, which every upgrade creates again."""
    objects = [manifest for manifest in yaml.safe_load_all(text) if manifest]
    return [
        manifest
        for manifest in objects
        if "helm.sh/hook" not in manifest["metadata"].get("annotations", {})
    ]


@pytest.mark.parametrize("name", json.loads(RELEASED.read_text()))
def test_an_upgrade_finds_every_object_under_its_name_and_with_its_selector(name: str) -> None:
    released = json.loads(RELEASED.read_text())[name]
    rendered = identities(without_hooks(template(values(name))))
    assert {key: rendered.get(key) for key in released} == released


def test_every_object_and_reference_follows_the_namespace() -> None:
    """The release namespace appears in no object."""
    options = (
        "--set=namespaceOverride=elsewhere",
        "--set=metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true",
        "--set=tls.source=certManager,tls.certManager.issuerRef.name=ours",
    )
    for name in ("operator", "operator-cert-manager", "operator-namespaced"):
        text = template(values(name), *options)
        assert "shared" not in text
        [*_, webhook] = (
            manifest for manifest in yaml.safe_load_all(text) if manifest and "webhooks" in manifest
        )
        assert webhook["webhooks"][0]["clientConfig"]["service"]["namespace"] == "elsewhere"
        spaces = {
            manifest["metadata"].get("namespace")
            for manifest in yaml.safe_load_all(text)
            if manifest
        }
        assert spaces <= {None, "elsewhere", "staging", "research"}


def test_a_name_override_follows_the_release_name() -> None:
    names = {name for _, name in render("--set=nameOverride=slots,operator.enabled=true")}
    assert {"double-booked-slots", "double-booked-slots-operator"} <= names
    assert "double-booked" not in names


@pytest.mark.parametrize(
    ("repository", "image"),
    [
        ("double-booked", "mirror.example:5000/all/double-booked:0.2.0"),
        ("team/double-booked", "mirror.example:5000/all/team/double-booked:0.2.0"),
        ("ghcr.io/team/double-booked", "mirror.example:5000/all/team/double-booked:0.2.0"),
        ("localhost/double-booked", "mirror.example:5000/all/double-booked:0.2.0"),
        ("registry:5000/double-booked", "mirror.example:5000/all/double-booked:0.2.0"),
    ],
)
def test_a_global_registry_replaces_that_of_the_image(repository: str, image: str) -> None:
    options = (f"--set=image.repository={repository}", "--set=operator.enabled=true")
    objects = render("--set=global.imageRegistry=mirror.example:5000/all", *options)
    assert container(objects)["image"] == image
    assert container(objects, "double-booked-operator")["image"] == image


def test_global_and_own_pull_secrets_are_merged() -> None:
    secrets = {"imagePullSecrets": ["own", {"name": "both"}]}
    secrets["global"] = {"imagePullSecrets": [{"name": "all"}, "both"]}  # type: ignore[assignment]
    objects = render(
        A_FULL_CLUSTER,
        *(f"--set-json={key}={json.dumps(secret)}" for key, secret in secrets.items()),
        "--set=operator.enabled=true",
    )
    expected = [{"name": "all"}, {"name": "both"}, {"name": "own"}]
    for key in (("Deployment", "double-booked"), ("Deployment", "double-booked-operator")):
        assert objects[key]["spec"]["template"]["spec"]["imagePullSecrets"] == expected
    assert objects["Pod", "double-booked-test"]["spec"]["imagePullSecrets"] == expected


def test_a_switch_for_a_parent_chart_is_rejected_without_one() -> None:
    assert "condition: ALIAS.enabled" in refusal("--set=enabled=false")
    assert render("--set=enabled=true,tags.any=true") == render()
