"""The chart: installed, changed, rolled back and removed with helm, in a real cluster."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chart.programs import NAMES, values
from e2e.client import check
from e2e.conftest import CHART, DEV_IMAGE, IMAGE, QUICK, RELEASE, Namespace, run, tool
from server.certificate_authority import Authority

WATCHED = ("staging", "research")
WITHOUT_SERVICE = "operator-only"
SPOT = "cloud.google.com/gke-spot"
STAND_INS = {
    "dev": f"--set=image.reference={DEV_IMAGE}",
    # It waits for a load balancer, a registry, a Deployment of another name, and what nodes lack.
    "everything-else": (
        "--set=service.type=NodePort,image.pullPolicy=IfNotPresent,fullnameOverride=double-booked,"
        "service.ipFamilies={IPv4},initContainers=null,extraContainers=null,runtimeClassName=null,"
        "schedulerName=null,dnsPolicy=null,dnsConfig=null"
    ),
    "operator-namespaced": (
        "--set=operator.initContainers=null,operator.extraContainers=null,"
        "operator.runtimeClassName=null,operator.schedulerName=null"
    ),
    # What follows it takes the definitions for granted.
    "operator-cert-manager": "--set=crds.keep=true",
    # The namespace admits no pods in the node's network.
    "same-names": "--set=operator.hostNetwork=false",
}
"""What this cluster needs instead of what the values of a feature ask for."""


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_an_install_passes_helm_test_and_an_uninstall_leaves_only_its_log(
    namespace: Namespace, helm: str
) -> None:
    before = namespace.objects()
    here = (tool(helm), "--namespace", namespace.name)
    image = f"--set=image.reference={IMAGE}"
    run(*here, "install", RELEASE, str(CHART), "--wait", image, QUICK)
    told = run(*here, "test", RELEASE, "--logs")
    assert "Succeeded" in told
    assert "No conflicts among 2 events" in told
    assert check(namespace.node_address(RELEASE), "--insecure") == 5
    run(*here, "uninstall", RELEASE, "--wait")
    namespace.kubectl("delete", "pod", f"{RELEASE}-test")
    namespace.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=60s")
    left = namespace.objects() - before
    # The control plane removes what belongs to a Service a moment later.
    assert {each for each in left if not each.startswith("endpoint")} == set()


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_a_failing_helm_test_logs_the_reason(namespace: Namespace, helm: str) -> None:
    image = f"--set=image.reference={IMAGE},replicaCount=0"
    here = (tool(helm), "--namespace", namespace.name)
    run(*here, "install", RELEASE, str(CHART), image)
    tested = subprocess.run(
        [*here, "test", RELEASE, "--logs"], capture_output=True, text=True, check=False
    )
    assert tested.returncode == 1
    assert "Phase:          Failed" in tested.stdout
    assert f"{RELEASE}:443: it shows no certificate" in namespace.kubectl("logs", f"{RELEASE}-test")


@pytest.fixture
def prepared(
    namespace: Namespace,
    definitions: None,  # noqa: ARG001
    definitions_of_ours: None,  # noqa: ARG001
    tmp_path: Path,
) -> Iterator[Namespace]:
    """What the values of the features take for granted."""
    authority = Authority("Clients")
    namespace.keep_authority(f"{RELEASE}-clients", authority)
    namespace.keep_pair(f"{RELEASE}-tls", authority.issue(tmp_path / "server", "server"))
    namespace.keep_pair(f"{RELEASE}-client", authority.issue(tmp_path / "client", "client"))
    namespace.keep_pair(f"{RELEASE}-operator-tls", authority.issue(tmp_path / "hook", "hook"))
    for account in ("existing", "booker"):
        namespace.kubectl("create", "serviceaccount", account)
    for watched in WATCHED:
        namespace.kubectl("create", "namespace", watched)
    namespace.kubectl("label", "nodes", "--all", f"{SPOT}=true")
    yield namespace
    namespace.kubectl("label", "nodes", "--all", f"{SPOT}-")
    namespace.kubectl("delete", "namespace", *WATCHED, "--wait=false")
    namespace.helm("uninstall", RELEASE)


def test_every_feature_can_be_upgraded_to_after_scaling_by_others(prepared: Namespace) -> None:
    prepared.install(QUICK, values("scaled-by-others"))
    prepared.kubectl("scale", "deployment", RELEASE, "--replicas=2")
    for name in (name for name in NAMES if name != WITHOUT_SERVICE):
        stand_in = STAND_INS.get(name, QUICK)
        ours = "--set=replicaCount=null,helmTest.enabled=true"
        prepared.install(values(name), QUICK, ours, stand_in)
        replicas = ("get", "deployment", RELEASE, "--output=jsonpath={.status.readyReplicas}")
        assert prepared.kubectl(*replicas) == "2", name
        # The image for development is none that could test.
        if name != "dev":
            assert "Succeeded" in prepared.helm("test", RELEASE), name
    # Last, as the Deployment goes, and with it what somebody else scaled it to.
    prepared.install(values(WITHOUT_SERVICE), QUICK)
    deployments = prepared.kubectl("get", "deployments", "--output=name").split()
    assert deployments == [f"deployment.apps/{RELEASE}-operator"]


def test_a_rollback_restores_the_revision_before(namespace: Namespace) -> None:
    namespace.install(QUICK)
    address = namespace.node_address(RELEASE)
    namespace.install(QUICK, values("plaintext"))
    assert check(address) == 5
    namespace.helm("rollback", RELEASE, "--wait")
    assert check(address, "--insecure") == 5
