"""Test that replaced pods and drained nodes lose no call."""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from e2e.client import check
from e2e.conftest import DEV_IMAGE, QUICK, RELEASE, Namespace, restricted_pod, run, tool
from server.envoy import cluster, configuration
from server.load import load
from server.test_service import PAIR
from waiting import wait_until

PROXY = "envoy"
PORT = 10_000
SECONDS = 30.0
_UPSTREAM_TLS = {
    "name": "envoy.transport_sockets.tls",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        # Without ALPN h2 the pods reject the connection.
        "common_tls_context": {"alpn_protocols": ["h2"]},
    },
}


def proxy() -> list[dict[str, Any]]:
    """Return the objects of an Envoy that finds the pods by the DNS of the headless Service."""
    servers = cluster([(f"{RELEASE}-headless", 7070)], "STRICT_DNS", "1s")
    config = configuration(("0.0.0.0", PORT), servers | {"transport_socket": _UPSTREAM_TLS})  # noqa: S104
    container = {
        "image": DEV_IMAGE,
        "command": ["envoy", "--config-yaml", json.dumps(config), "--log-level", "error"],
        "args": ["--use-dynamic-base-id", "--concurrency", "1"],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": PROXY},
        "spec": {"type": "NodePort", "selector": {"role": PROXY}, "ports": [{"port": PORT}]},
    }
    return [restricted_pod(PROXY, container), service]


def answers(channel: grpc.Channel) -> bool:
    with suppress(grpc.RpcError):
        ConflictServiceStub(channel).GetConflicts(PAIR, wait_for_ready=True, timeout=SECONDS)
        return True
    return False


def test_a_rolling_update_behind_a_proxy_loses_no_call(
    namespace: Namespace, record_property: Callable[[str, object], None]
) -> None:
    three = "--set=replicaCount=3,headlessService.enabled=true"
    namespace.install(three)
    namespace.apply(*proxy())
    namespace.kubectl("wait", f"pod/{PROXY}", "--for=condition=Ready", "--timeout=60s")
    pods = ("get", "pods", f"--selector=app={RELEASE}", "--output=name")
    old = namespace.kubectl(*pods).split()
    address = namespace.node_address(PROXY)
    with grpc.insecure_channel(address) as channel:
        wait_until(lambda: answers(channel), "the proxy finds a healthy pod", SECONDS)
    with load(address) as running:
        running.until_more(200)
        namespace.install(three, "--set=podAnnotations.rolled=again")
        namespace.kubectl("wait", *old, "--for=delete", "--timeout=120s")
        running.until_more(200)
    assert set(old).isdisjoint(namespace.kubectl(*pods).split())
    record_property("calls during a rolling update", len(running.ended))
    assert [(call.code.name, call.details) for call in running.failed()] == []


def test_a_node_drain_respects_the_disruption_budget(namespace: Namespace) -> None:
    """With one node, the replacement stays pending, so the second pod cannot be evicted."""
    namespace.install(QUICK)
    [node] = run(tool("kubectl"), "get", "nodes", "--output=name").split()
    selector = f"--pod-selector=app={RELEASE}"
    drain = [tool("kubectl"), "drain", node, selector, "--ignore-daemonsets", "--timeout=20s"]
    try:
        drained = subprocess.run(drain, capture_output=True, text=True, check=False, timeout=90)
        assert "would violate the pod's disruption budget" in drained.stderr
        ready = "--output=jsonpath={.status.readyReplicas}"
        assert namespace.kubectl("get", "deployment", RELEASE, ready) == "1"
        assert check(namespace.node_address(RELEASE), "--insecure") == 5
    finally:
        run(tool("kubectl"), "uncordon", node)
    namespace.kubectl("rollout", "status", f"deployment/{RELEASE}", "--timeout=60s")
