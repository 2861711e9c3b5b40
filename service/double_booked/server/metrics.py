"""What Prometheus reads: go-grpc-prometheus' metrics of every RPC, and ours of the answers.

The numbers of calls are plain integers, which only the serving thread writes, and which are put
into Prometheus' form when it asks: an increment of a prometheus_client metric takes a lock, and
there would be six of them a call.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import inf
from operator import attrgetter
from time import time
from typing import Any

import grpc
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from double_booked.runtime.metrics import CertificateMetrics, new_registry

_METHOD_LABELS = ("grpc_type", "grpc_service", "grpc_method")
_SECONDS_BUCKETS = Histogram.DEFAULT_BUCKETS
_EVENTS_BUCKETS = (0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000, inf)


class Buckets:
    """A histogram.

    Attributes:
        bounds: The upper bounds of its buckets, the last of them infinite.
        counts: How many values each bucket has, without those of the buckets below.
        sum: The sum of the values.
        exemplars: The last value of each bucket whose call belongs to a trace.
    """

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * len(bounds)
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] = {}

    def add(self, value: float, trace_id: str | None = None) -> None:
        """Count a value, which may belong to a trace."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.sum += value
        if trace_id:
            self.exemplars[bucket] = Exemplar({"trace_id": trace_id}, value, time())

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add it to a family of Prometheus'."""
        totals = accumulate(tuple(self.counts))
        buckets: list[Any] = [
            ("+Inf" if bound == inf else repr(float(bound)), total, self.exemplars.get(bucket))
            for bucket, (bound, total) in enumerate(zip(self.bounds, totals, strict=True))
        ]
        family.add_metric(labels, buckets, self.sum)


class MethodMetrics:
    """The numbers of one method's calls.

    Attributes:
        labels: Type, service and name of the method.
        started: How many calls have begun.
        received: How many messages came.
        sent: How many messages were sent.
        handled: How many calls ended with each code.
        seconds: How long they took.
    """

    __slots__ = ("handled", "labels", "received", "seconds", "sent", "started")

    def __init__(self, kind: str, service: str, method: str) -> None:
        self.labels = (kind, service, method)
        self.started = self.received = self.sent = 0
        self.handled = dict.fromkeys(grpc.StatusCode, 0)
        self.seconds = Buckets(_SECONDS_BUCKETS)


@dataclass(frozen=True, slots=True)
class _Family(Collector):
    """A family of metrics that is made when Prometheus asks."""

    make: Callable[[], Metric]

    def collect(self) -> Iterator[Metric]:
        yield self.make()


def _make_gauge(name: str, text: str, read: Callable[[], float]) -> Metric:
    return GaugeMetricFamily(name, text, value=read())


class Metrics:
    """The metrics of one server, in a registry of its own.

    Attributes:
        registry: All of them.
        handled: The collector of the calls that ended, by method and code.
        certificate: The metrics of the certificate that is served.
    """

    def __init__(self) -> None:
        self.registry: CollectorRegistry = new_registry("double_booked_build")
        self._methods: list[MethodMetrics] = []
        self._events = self._groups = 0
        self._events_per_list = Buckets(_EVENTS_BUCKETS)
        self.handled = self._add(self._make_handled)
        self._add_rpcs()
        self._add_answers()
        self.certificate = CertificateMetrics(self.registry, "double_booked")

    def add_method(self, kind: str, service: str, method: str) -> MethodMetrics:
        """Return the metrics of a method, from now on shown for all codes."""
        added = MethodMetrics(kind, service, method)
        self._methods.append(added)
        return added

    def add_answer(self, events: int, groups: int) -> None:
        """Count a list that was answered; in the serving thread."""
        self._events += events
        self._groups += groups
        self._events_per_list.add(events)

    def add_bytes_in_flight(self, read_in_flight: Callable[[], float], maximum: float) -> None:
        """Show the bytes in flight, which are read when Prometheus asks, and their maximum."""
        for name, text, read in (
            ("double_booked_bytes_in_flight", "Bytes in flight.", read_in_flight),
            ("double_booked_max_bytes_in_flight", "MAX_BYTES_IN_FLIGHT.", lambda: maximum),
        ):
            self._add(partial(_make_gauge, name, text, read))

    def _add(self, make: Callable[[], Metric]) -> Collector:
        collector = _Family(make)
        self.registry.register(collector)
        return collector

    def _add_rpcs(self) -> None:
        for name, attribute, text in (
            ("grpc_server_started", "started", "RPCs started."),
            ("grpc_server_msg_received", "received", "Messages received."),
            ("grpc_server_msg_sent", "sent", "Messages sent."),
        ):
            self._add(self._counter_of_methods(name, attribute, text))
        self._add(self._make_seconds)

    def _counter_of_methods(self, name: str, attribute: str, text: str) -> Callable[[], Metric]:
        read = attrgetter(attribute)

        def make() -> Metric:
            family = CounterMetricFamily(name, text, labels=_METHOD_LABELS)
            for method in self._methods:
                family.add_metric(method.labels, read(method))
            return family

        return make

    def _make_handled(self) -> Metric:
        text = "RPCs ended, whatever the code."
        labels = (*_METHOD_LABELS, "grpc_code")
        family = CounterMetricFamily("grpc_server_handled", text, labels=labels)
        for method in self._methods:
            for code, count in method.handled.items():
                family.add_metric((*method.labels, code.name), count)
        return family

    def _make_seconds(self) -> Metric:
        text = "How long RPCs took, until their answer was sent."
        family = HistogramMetricFamily("grpc_server_handling_seconds", text, labels=_METHOD_LABELS)
        for method in self._methods:
            method.seconds.add_to(family, method.labels)
        return family

    def _add_answers(self) -> None:
        text = "Events in lists answered."
        self._add(lambda: CounterMetricFamily("double_booked_events", text, value=self._events))
        groups = "Groups of conflicting events."
        name = "double_booked_conflict_groups"
        self._add(lambda: CounterMetricFamily(name, groups, value=self._groups))
        self._add(self._make_sizes)

    def _make_sizes(self) -> Metric:
        family = HistogramMetricFamily("double_booked_events_per_list", "Sizes of lists answered.")
        self._events_per_list.add_to(family)
        return family
