"""Test the production image, installed with the chart in a real cluster."""

import subprocess

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from e2e.conftest import RELEASE, Namespace
from server.test_service import PAIR


def test_the_image_answers_and_drains_in_a_restricted_pod(namespace: Namespace) -> None:
    namespace.install("--set=replicaCount=1,tls.enabled=false,settings.drainDelay=1")
    with (
        namespace.forwarded(f"service/{RELEASE}", "double-booked-port") as address,
        grpc.insecure_channel(address) as channel,
    ):
        assert len(ConflictServiceStub(channel).GetConflicts(PAIR).conflicts) == 1
        health = HealthStub(channel).Check(HealthCheckRequest())
        assert health.status == HealthCheckResponse.SERVING
    pod = namespace.pod()
    follow = namespace.command("logs", "--follow", pod)
    with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True) as logs:
        namespace.kubectl("delete", pod)
        log, _ = logs.communicate(timeout=60)
    assert '"event":"stopped"' in log.splitlines()[-1]
