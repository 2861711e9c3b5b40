"""What Prometheus is told: go-grpc-prometheus' metrics of every RPC, and ours of the answers."""

from importlib.metadata import version

import grpc
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

_METHOD_LABELS = ("grpc_type", "grpc_service", "grpc_method")
_EVENTS_BUCKETS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000)

disable_created_metrics()  # type: ignore[no-untyped-call] # it has no types


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self.started = Counter(
            "grpc_server_started_total", "RPCs started.", _METHOD_LABELS, registry=registry
        )
        self.handled = Counter(
            "grpc_server_handled_total",
            "RPCs ended, whatever the code.",
            (*_METHOD_LABELS, "grpc_code"),
            registry=registry,
        )
        self.seconds = Histogram(
            "grpc_server_handling_seconds",
            "How long RPCs took, until their answer was sent.",
            _METHOD_LABELS,
            registry=registry,
        )
        self.received = Counter(
            "grpc_server_msg_received_total",
            "Messages received.",
            _METHOD_LABELS,
            registry=registry,
        )
        self.sent = Counter(
            "grpc_server_msg_sent_total", "Messages sent.", _METHOD_LABELS, registry=registry
        )
        self.events = Counter(
            "double_booked_events_total", "Events in lists answered.", registry=registry
        )
        self.groups = Counter(
            "double_booked_conflict_groups_total",
            "Groups of conflicting events.",
            registry=registry,
        )
        self.events_per_list = Histogram(
            "double_booked_events_per_list",
            "Sizes of lists answered.",
            buckets=_EVENTS_BUCKETS,
            registry=registry,
        )
        self.tls_reloads = Counter(
            "double_booked_tls_reloads_total",
            "Certificates replaced on disk: served, or ignored as unusable.",
            ("result",),
            registry=registry,
        )
        for result in ("success", "failure"):
            self.tls_reloads.labels(result)
        Info("double_booked_build", "What is running.", registry=registry).info(
            {"version": version("double-booked")}
        )


class MethodMetrics:
    """The metrics of one method, looked up once: a look-up costs as much as ten increments."""

    def __init__(self, metrics: Metrics, kind: str, service: str, method: str) -> None:
        labels = (kind, service, method)
        self.started = metrics.started.labels(*labels)
        self.seconds = metrics.seconds.labels(*labels)
        self.received = metrics.received.labels(*labels)
        self.sent = metrics.sent.labels(*labels)
        self.handled = {
            code: metrics.handled.labels(*labels, code.name) for code in grpc.StatusCode
        }
