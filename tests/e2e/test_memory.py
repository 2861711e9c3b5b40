"""Test that no request gets a pod with the chart's memory limits killed."""

from typing import Any

import pytest

from e2e.conftest import QUICK, RELEASE, Namespace
from server.memory_load import ask_at_once, overlapping, until_still
from server.uploads import CONFLICT_SERVICE, Plan, uploads

MIB = 1024 * 1024
LARGE = overlapping(610_000)
"""A list of 58 MB, near MAX_MESSAGE_BYTES, which is 64 MiB."""


@pytest.fixture
def installed(namespace: Namespace) -> Namespace:
    """Install one pod with the chart's default requests and limits."""
    # Partial uploads are hand-written frames without TLS.
    plain = "--set=replicaCount=1,tls.enabled=false,service.type=NodePort"
    namespace.install(QUICK, plain)
    return namespace


def container(namespace: Namespace) -> dict[str, Any]:
    """Return the status of the server's container."""
    [status] = namespace.get(namespace.pod())["status"]["containerStatuses"]
    assert isinstance(status, dict)
    return status


async def test_a_pod_survives_large_requests_and_slow_uploads(installed: Namespace) -> None:
    address = installed.node_address(RELEASE)
    # Together they exceed the limit of 1 GiB.
    codes, small = await ask_at_once(address, [LARGE] * 20)
    assert codes["OK"], codes
    assert all("MAX_BYTES_IN_FLIGHT" in code for code in set(codes) - {"OK"}), codes
    assert set(small) == {"OK"}
    # A feed counts against MAX_CONCURRENT_RPCS from its start, so fewer are used.
    for method, streams in (("GetConflicts", 20), ("SweepConflicts", 18)):
        plan = Plan(f"/{CONFLICT_SERVICE}/{method}", size=55 * MIB, part=2 * MIB)
        async with uploads(address, plan, connections=50, streams=streams) as tasks:
            assert set(await until_still(address, tasks)) == {"OK"}
    assert container(installed)["restartCount"] == 0
