"""Test two copies of the chart below a parent: each gets its own calls and evictions."""

import json
from pathlib import Path

import pytest
import yaml

from chart.parent_chart import write_parent
from e2e.client import check
from e2e.conftest import IMAGE, WAIT, Namespace, run

ALIASES = ("east", "west")
CALLS = 20


@pytest.fixture
def both(namespace: Namespace, tmp_path: Path) -> Namespace:
    """Install both copies."""
    parent = write_parent(tmp_path / "both", *({"alias": alias} for alias in ALIASES))
    own = {
        "image": {"reference": IMAGE},
        "minReadySeconds": 0,
        "settings": {"drainDelay": 0},
        "resources": {"requests": {"cpu": "50m"}},
    }
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(dict.fromkeys(ALIASES, own)))
    namespace.helm("install", "both", str(parent), "--wait", WAIT, f"--values={values}")
    return namespace


def test_each_subchart_serves_with_its_own_evictable_pods(both: Namespace) -> None:
    for alias in ALIASES:
        pods = names(both, "pods", f"app.kubernetes.io/name={alias}")
        slices = both.get("endpointslices", f"--selector=kubernetes.io/service-name=both-{alias}")
        served = {
            endpoint["targetRef"]["name"]
            for item in slices["items"]
            for endpoint in item["endpoints"]
        }
        assert served == pods
        assert len(pods) == 2
        address = both.node_address(f"both-{alias}")
        assert [check(address, "--insecure") for _ in range(CALLS)] == [5] * CALLS
        for pod in pods:
            evict(both, pod)


def names(namespace: Namespace, kind: str, selector: str) -> set[str]:
    found = namespace.get(kind, f"--selector={selector}")["items"]
    return {manifest["metadata"]["name"] for manifest in found}


def evict(namespace: Namespace, pod: str) -> None:
    """Dry-run an eviction; the API server rejects it if two budgets select the pod."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace.name},
        "deleteOptions": {"dryRun": ["All"]},
    }
    path = f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction"
    run(*namespace.command("create", f"--raw={path}", "--filename=-"), text=json.dumps(eviction))
