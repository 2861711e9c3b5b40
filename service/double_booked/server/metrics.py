"""What Prometheus is told: go-grpc-prometheus' metrics of every RPC, and ours of the answers."""

from collections.abc import Sequence
from datetime import datetime

import grpc
from prometheus_client import (
    Counter,
    Gauge,
    Histogram,
)

from double_booked.process_metrics import registry_of

_METHOD_LABELS = ("grpc_type", "grpc_service", "grpc_method")
_EVENTS_BUCKETS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000)


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry_of("double_booked_build")
        self._add_rpcs()
        self._add_answers()
        self._add_tls()

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _add_rpcs(self) -> None:
        labels = _METHOD_LABELS
        self.started = self._counter("grpc_server_started_total", "RPCs started.", labels)
        self.handled = self._counter(
            "grpc_server_handled_total", "RPCs ended, whatever the code.", (*labels, "grpc_code")
        )
        self.received = self._counter(
            "grpc_server_msg_received_total", "Messages received.", labels
        )
        self.sent = self._counter("grpc_server_msg_sent_total", "Messages sent.", labels)
        self.seconds = Histogram(
            "grpc_server_handling_seconds",
            "How long RPCs took, until their answer was sent.",
            labels,
            registry=self.registry,
        )

    def _add_answers(self) -> None:
        self.events = self._counter("double_booked_events_total", "Events in lists answered.")
        self.groups = self._counter(
            "double_booked_conflict_groups_total", "Groups of conflicting events."
        )
        self.events_per_list = Histogram(
            "double_booked_events_per_list",
            "Sizes of lists answered.",
            buckets=_EVENTS_BUCKETS,
            registry=self.registry,
        )

    def _add_tls(self) -> None:
        self.tls_reloads = self._counter(
            "double_booked_tls_reloads_total",
            "Certificates replaced on disk: served, or ignored as unusable.",
            ("result",),
        )
        for result in ("success", "failure"):
            self.tls_reloads.labels(result)
        self._tls_expiry: Gauge | None = None

    def show_tls_expiry(self, expiry: datetime) -> None:
        """Tells when the certificate that is served expires, from its first on."""
        if not self._tls_expiry:
            # Without TLS there is none, and no expiry of 1970 that raises an alarm.
            self._tls_expiry = Gauge(
                "double_booked_tls_expiry_timestamp_seconds",
                "When the certificate that is served expires.",
                registry=self.registry,
            )
        self._tls_expiry.set(expiry.timestamp())


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
