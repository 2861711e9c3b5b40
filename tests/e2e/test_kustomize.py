"""Base and overlays, as `kubectl apply -k` takes them."""

import os
from pathlib import Path

import pytest
import yaml

from e2e.client import check
from e2e.conftest import IMAGE, RELEASE, ROOT, Namespace


@pytest.mark.usefixtures("definitions")
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
def test_it_serves(namespace: Namespace, tmp_path: Path, folder: str, options: list[str]) -> None:
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
