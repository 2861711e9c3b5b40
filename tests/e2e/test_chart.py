"""Test installs, upgrades, rollbacks and uninstalls with helm in a real cluster."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from chart.programs import NAMES, values
from e2e.client import check
from e2e.conftest import CHART, DEV_IMAGE, IMAGE, QUICK, RELEASE, Namespace, run, tool
from server.certificate_authority import Authority

WATCHED = ("staging", "research")
WITHOUT_SERVICE = "operator-only"
SPOT = "cloud.google.com/gke-spot"
STAND_INS = {
    "dev": f"--set=image.reference={DEV_IMAGE}",
    # These values need a load balancer, a registry, another name, or nodes with more features.
    "everything-else": (
        "--set=service.type=NodePort,image.pullPolicy=IfNotPresent,fullnameOverride=double-booked,"
        "service.ipFamilies={IPv4},initContainers=null,extraContainers=null,runtimeClassName=null,"
        "schedulerName=null,dnsPolicy=null,dnsConfig=null"
    ),
    "operator-namespaced": (
        "--set=operator.initContainers=null,operator.extraContainers=null,"
        "operator.runtimeClassName=null,operator.schedulerName=null"
    ),
    # The features after it need the definitions.
    "operator-cert-manager": "--set=crds.keep=true",
    # The namespace admits no pods in the host network.
    "same-names": "--set=operator.hostNetwork=false",
}
"""Replacements for values of features that this cluster does not support."""


@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_an_install_passes_helm_test_and_an_uninstall_leaves_only_its_log(
    namespace: Namespace, helm: str
) -> None:
    before = namespace.objects()
    here = (tool(helm), "--namespace", namespace.name)
    image = f"--set=image.reference={IMAGE}"
    run(*here, "install", RELEASE, str(CHART), "--wait", image, QUICK)

    output = run(*here, "test", RELEASE, "--logs")
    assert "Succeeded" in output
    assert "No conflicts among 2 events" in output
    assert check(namespace.node_address(RELEASE), "--insecure") == 5
    run(*here, "uninstall", RELEASE, "--wait")
    namespace.kubectl("delete", "pod", f"{RELEASE}-test")
    namespace.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=60s")
    left = namespace.objects() - before
    # The control plane removes the endpoints of a Service a moment later.
    assert {name for name in left if not name.startswith("endpoint")} == set()


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
    """Create the objects that the values of the features refer to."""
    authority = Authority("Clients")
    namespace.create_authority_secret(f"{RELEASE}-clients", authority)
    namespace.create_tls_secret(f"{RELEASE}-tls", authority.issue(tmp_path / "server", "server"))
    namespace.create_tls_secret(f"{RELEASE}-client", authority.issue(tmp_path / "client", "client"))
    namespace.create_tls_secret(
        f"{RELEASE}-operator-tls", authority.issue(tmp_path / "hook", "hook")
    )
    for account in ("existing", "booker"):
        namespace.kubectl("create", "serviceaccount", account)
    for watched in WATCHED:
        namespace.kubectl("create", "namespace", watched)
    namespace.kubectl("label", "nodes", "--all", f"{SPOT}=true")
    yield namespace
    namespace.kubectl("label", "nodes", "--all", f"{SPOT}-")
    namespace.kubectl("delete", "namespace", *WATCHED, "--wait=false")
    namespace.helm("uninstall", RELEASE)


def is_on(name: str, part: str, *, default: bool) -> bool:
    """Return whether the values of a feature turn a part of the chart on."""
    found = yaml.safe_load((CHART / f"ci/{name}-values.yaml").read_text()) or {}
    return bool(found.get(part, {}).get("enabled", default))


def has_service(name: str) -> bool:
    """Return whether the values of a feature leave the gRPC service on."""
    return is_on(name, "service", default=True)


def has_operator(name: str) -> bool:
    """Return whether the values of a feature turn the operator on."""
    return is_on(name, "operator", default=False)


def test_every_feature_can_be_upgraded_to_after_scaling_by_others(prepared: Namespace) -> None:
    prepared.install(QUICK, values("scaled-by-others"))
    prepared.kubectl("scale", "deployment", RELEASE, "--replicas=2")
    # Features with the operator come last. An upgrade without it removes its rights, so it cannot
    # release its Lease, and the next operator waits up to a minute until the Lease has expired.
    named = filter(has_service, NAMES)
    features = sorted(named, key=lambda name: (has_operator(name), name))
    for name in features:
        stand_in = STAND_INS.get(name, QUICK)
        options = "--set=replicaCount=null,helmTest.enabled=true"
        prepared.install(values(name), QUICK, options, stand_in)
        replicas = ("get", "deployment", RELEASE, "--output=jsonpath={.status.readyReplicas}")
        assert prepared.kubectl(*replicas) == "2", name
        # The development image cannot run the helm test.
        if name != "dev":
            assert "Succeeded" in prepared.helm("test", RELEASE), name
    # Last, because this deletes the Deployment, and with it the number of pods set by others.
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
