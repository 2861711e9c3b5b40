"""Test base and overlays with `kubectl apply -k`."""

import json
import os
from pathlib import Path

import pytest
import yaml

from e2e.client import check
from e2e.conftest import IMAGE, RELEASE, ROOT, Namespace

METADATA_NAME = "kubernetes.io/metadata.name"


@pytest.mark.usefixtures("definitions", "kinds")
@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("base", ["--insecure"]),
        ("overlays/dev", []),
        ("overlays/gke", ["--insecure"]),
        ("overlays/gateway", ["--insecure"]),
        ("overlays/operator", ["--insecure"]),
    ],
)
def test_an_overlay_serves(
    namespace: Namespace, tmp_path: Path, folder: str, options: list[str]
) -> None:
    name, _, tag = IMAGE.rpartition(":")
    own = {
        "resources": [os.path.relpath(ROOT / "kustomize" / folder, tmp_path)],
        "namespace": namespace.name,
        "images": [{"name": RELEASE, "newName": name, "newTag": tag}],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    namespace.kubectl("apply", f"--kustomize={tmp_path}")
    namespace.kubectl("wait", "deployments", "--all", "--for=condition=Available", "--timeout=120s")
    with namespace.forwarded(f"service/{RELEASE}", "double-booked-port") as address:
        assert check(address, *options) == 5
    namespace.kubectl("delete", f"--kustomize={tmp_path}")


@pytest.mark.usefixtures("kinds")
def test_the_team_example_serves_and_its_deletion_leaves_calendars(
    namespace: Namespace, tmp_path: Path
) -> None:
    """The test uses another namespace and image, because those of the example may be in use."""
    namespace.kubectl("apply", f"--kustomize={ROOT}/kustomize/crds")
    name, _, tag = IMAGE.rpartition(":")
    selector = {"op": "replace", "value": {"matchLabels": {METADATA_NAME: namespace.name}}}
    patch = [selector | {"path": f"/webhooks/{index}/namespaceSelector"} for index in (0, 1)]
    own = {
        "resources": [os.path.relpath(ROOT / "examples/kustomization", tmp_path)],
        "namespace": namespace.name,
        "images": [{"name": "docker.io/library/double-booked", "newName": name, "newTag": tag}],
        "patches": [
            {"target": {"kind": "ValidatingWebhookConfiguration"}, "patch": json.dumps(patch)}
        ],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(own))
    namespace.kubectl("apply", f"--kustomize={tmp_path}")
    namespace.kubectl("wait", "deployments", "--all", "--for=condition=Available", "--timeout=120s")
    with namespace.forwarded(f"service/{RELEASE}", "double-booked-port") as address:
        assert check(address, "--insecure") == 5
    namespace.kubectl("apply", f"--filename={ROOT}/examples/bookings/calendars.yaml")
    calendars = namespace.kubectl("get", "calendars", "--output=name")
    namespace.kubectl("delete", f"--kustomize={tmp_path}")
    assert namespace.kubectl("get", "calendars", "--output=name") == calendars != ""
