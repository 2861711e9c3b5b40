"""Metrics of calls: every series exists from the start, and the sums are correct."""

from typing import Any

import grpc
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from double_booked.server.metrics import Metrics
from server.conftest import Served
from server.test_observer import scraped


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], Any]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_have_every_method_and_code_at_zero_from_the_start(served: Served) -> None:
    handled = [
        sample for sample in await scraped(served) if sample.name == "grpc_server_handled_total"
    ]
    methods = {(sample.labels["grpc_service"], sample.labels["grpc_method"]) for sample in handled}
    assert methods == {
        ("Scheduling.ConflictService", "GetConflicts"),
        ("Scheduling.ConflictService", "StreamConflicts"),
        ("Scheduling.ConflictService", "SweepConflicts"),
        ("Scheduling.ConflictService", "BatchGetConflicts"),
        ("grpc.health.v1.Health", "Check"),
        ("grpc.health.v1.Health", "Watch"),
        ("grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo"),
        ("unknown", "unknown"),
    }
    assert len(handled) == len(methods) * len(grpc.StatusCode)
    assert {sample.value for sample in handled} == {0}


def test_histogram_buckets_are_cumulative() -> None:
    metrics = Metrics()
    method = metrics.add_method("unary", "some.Service", "Method")
    for seconds in (0.005, 0.006, 3.0, 100.0):
        method.seconds.add(seconds)
    labels = (("grpc_method", "Method"), ("grpc_service", "some.Service"), ("grpc_type", "unary"))
    name = "grpc_server_handling_seconds"
    exported = samples(metrics)
    buckets = {
        bound: exported[f"{name}_bucket", tuple(sorted((*labels, ("le", bound))))].value
        for bound in ("0.005", "0.01", "2.5", "5.0", "10.0", "+Inf")
    }
    assert buckets == {"0.005": 1, "0.01": 2, "2.5": 2, "5.0": 3, "10.0": 3, "+Inf": 4}
    assert exported[f"{name}_count", labels].value == 4
    assert exported[f"{name}_sum", labels].value == 103.011


def test_value_with_a_trace_is_the_exemplar_of_its_bucket() -> None:
    metrics = Metrics()
    method = metrics.add_method("unary", "some.Service", "Method")
    method.seconds.add(0.02, trace_id="ab" * 16)
    exemplars = [sample.exemplar for sample in samples(metrics).values() if sample.exemplar]
    assert [(exemplar.labels, exemplar.value) for exemplar in exemplars] == [
        ({"trace_id": "ab" * 16}, 0.02)
    ]
