"""Names and selectors: of the root chart as they always were, of a subchart its own."""

import json
from typing import Any

import pytest
import yaml

from chart.programs import ROOT, template, values

RELEASED = ROOT / "tests/chart/identities.json"
"""Names and immutable fields of the chart that was released last, by values of ci/."""


def identities(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the fields that no upgrade can change, or that tie objects together, by object."""
    found = {}
    for each in objects:
        name = (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
        spec = each.get("spec") or {}
        fields = {key: spec[key] for key in ("selector", "clusterIP", "secretName") if key in spec}
        fields |= {key: each[key] for key in ("roleRef", "subjects") if key in each}
        found[" ".join(name)] = fields
    return found


def without_hooks(text: str) -> list[dict[str, Any]]:
    """Return the objects that an upgrade keeps: those of hooks are made anew."""
    objects = [each for each in yaml.safe_load_all(text) if each]
    return [
        each for each in objects if "helm.sh/hook" not in each["metadata"].get("annotations", {})
    ]


@pytest.mark.parametrize("name", json.loads(RELEASED.read_text()))
def test_an_upgrade_finds_every_object_under_its_name_and_with_its_selector(name: str) -> None:
    released = json.loads(RELEASED.read_text())[name]
    rendered = identities(without_hooks(template(values(name))))
    assert {key: rendered.get(key) for key in released} == released
