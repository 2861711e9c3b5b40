"""Test each source of certificates with verifying clients."""

from pathlib import Path

import grpc
import pytest

from chart.programs import render, values
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from e2e.conftest import QUICK, RELEASE, Namespace
from server.certificate_authority import Authority, Files
from server.test_service import PAIR

ONE_POD = (QUICK, "--set=replicaCount=1")


def groups(namespace: Namespace, name: str, authority: Authority, own: Files | None = None) -> int:
    """Return the number of groups in PAIR, for a client that accepts only this server name."""
    pair = (own.key.read_bytes(), own.certificate.read_bytes()) if own else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.pem(), *pair)
    address = namespace.node_address(RELEASE)
    options = [("grpc.ssl_target_name_override", name)]
    with grpc.secure_channel(address, credentials, options) as channel:
        return len(ConflictServiceStub(channel).GetConflicts(PAIR, timeout=20).conflicts)


def test_clients_verify_a_certificate_from_a_secret(namespace: Namespace, tmp_path: Path) -> None:
    authority, name = Authority("Authority"), "conflicts.example.com"
    namespace.create_tls_secret(f"{RELEASE}-tls", authority.issue(tmp_path / "server", name))
    namespace.install(*ONE_POD, values("tls-existing-secret"))
    assert groups(namespace, name, authority) == 1
    with pytest.raises(grpc.RpcError, match="CERTIFICATE_VERIFY_FAILED"):
        groups(namespace, name, Authority("Somebody else"))


@pytest.mark.usefixtures("definitions")
def test_clients_verify_a_certificate_of_cert_manager(namespace: Namespace, tmp_path: Path) -> None:
    """The cluster has the API of cert-manager only, so the test does cert-manager's work."""
    spec = render(values("cert-manager"))["Certificate", RELEASE]["spec"]
    assert all(spec["dnsNames"])
    authority, name = Authority("Authority"), spec["dnsNames"][-1]
    namespace.create_tls_secret(spec["secretName"], authority.issue(tmp_path / "server", name))
    namespace.install(*ONE_POD, values("cert-manager"))
    assert namespace.kubectl("get", "certificates", "--output=name").split()
    assert groups(namespace, name, authority) == 1


def test_mutual_tls_rejects_callers_without_a_certificate(
    namespace: Namespace, tmp_path: Path
) -> None:
    authority, name = Authority("Authority"), "conflicts.example.com"
    namespace.create_authority_secret(f"{RELEASE}-clients", authority)
    client = authority.issue(tmp_path / "client", "client")
    namespace.create_tls_secret(f"{RELEASE}-tls", authority.issue(tmp_path / "server", name))
    namespace.create_tls_secret(f"{RELEASE}-client", client)
    namespace.install(*ONE_POD, values("mutual-tls"))
    assert groups(namespace, name, authority, client) == 1
    with pytest.raises(grpc.RpcError) as refused:
        groups(namespace, name, authority)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
