"""Test metrics, alerts and dashboard with a real Prometheus."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from chart.programs import CHART, values
from double_booked.api.scheduling_pb2 import BatchGetConflictsRequest
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from e2e.conftest import QUICK, RELEASE, Namespace
from e2e.prometheus import Prometheus, prometheus
from server.test_service import PAIR
from waiting import wait_until

SECONDS = 90.0
BROKEN = """
from double_booked.commands import main
from double_booked.conflicts import kernel
kernel.batch_get_conflicts = lambda *_: 1 / 0
main()
"""
"""A program that runs a server in which one method fails."""
PYTHON = ["python3.13", "-c", BROKEN]
"""The name of the interpreter in the image."""


@pytest.fixture
def watched(namespace: Namespace, definitions: None, tmp_path: Path) -> Iterator[Prometheus]:  # noqa: ARG001
    """Run Prometheus beside a pod with TLS in which only batches fail."""
    namespace.install(
        values("prometheus-operator"),
        QUICK,
        "--set=metrics.scrapeAnnotations=true,replicaCount=1",
        f"--set-json=command={json.dumps(PYTHON)}",
        '--set-json=extraArgs=["serve"]',
    )
    monitor, rule = (namespace.get(kind, RELEASE) for kind in ("servicemonitor", "prometheusrule"))
    with prometheus(namespace, tmp_path, monitor, at_once(rule["spec"]["groups"])) as running:
        yield running


def at_once(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rules without waiting times, which the promtool tests cover."""
    for group in groups:
        for rule in group["rules"]:
            rule.pop("for", None)
    return groups


def expressions(namespace: Namespace) -> list[str]:
    """Return the dashboard's queries for a namespace.

    The operator's queries, in a collapsed row, are tested in chart/test_operator_metrics.py.
    """
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert found
    return [
        expression.replace("$namespace", namespace.name).replace("$__rate_interval", "1m")
        for expression in found
    ]


def test_prometheus_sees_the_pods_and_fires_when_calls_fail(
    namespace: Namespace, watched: Prometheus
) -> None:
    for job in ("annotations", "monitor"):
        pod = f'double_booked_build_info{{namespace="{namespace.name}",job="{job}"}}'
        wait_until(lambda query=pod: watched.query(query), f"scraped by {job}", SECONDS)

    with calls(namespace) as service:
        for expression in expressions(namespace):
            wait_until(
                lambda query=expression: service.GetConflicts(PAIR) and watched.query(query),
                expression,
                SECONDS,
            )
        wait_until(
            lambda: {rule["health"] for rule in watched.rules()} == {"ok"},
            "all rules evaluate",
            SECONDS,
        )
        assert watched.firing() == set()

        def fails() -> bool:
            with pytest.raises(grpc.RpcError, match="internal error"):
                service.BatchGetConflicts(BatchGetConflictsRequest(lists=[PAIR]))
            return bool(watched.firing())

        wait_until(fails, "an alert fires", SECONDS)
        assert watched.firing() == {"DoubleBookedErrors"}


@contextmanager
def calls(namespace: Namespace) -> Iterator[ConflictServiceStub]:
    """Yield a stub for the only pod; its certificate is trusted as presented."""
    address = namespace.node_address(RELEASE)
    host, _, port = address.rpartition(":")
    shown = ssl.get_server_certificate((host, int(port))).encode()
    options = [("grpc.ssl_target_name_override", "localhost")]
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(shown), options) as channel:
        yield ConflictServiceStub(channel)
