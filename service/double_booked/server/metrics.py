"""Prometheus metrics of the service: those of go-grpc-prometheus per RPC, and of the answers.

Calls are counted in plain integers, which only the serving thread writes; each scrape converts them
to metrics. An increment of a prometheus_client metric takes a lock, and a call makes six.
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
    """A histogram without locks.

    Attributes:
        bounds: Upper bounds of the buckets; the last is infinite.
        counts: Number of values in each bucket, without those of lower buckets.
        sum: Sum of the values.
        exemplars: For each bucket, the latest value that belongs to a trace.
    """

    __slots__ = ("bounds", "counts", "exemplars", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * len(bounds)
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] = {}

    def add(self, value: float, trace_id: str | None = None) -> None:
        """Count a value, and keep it as an exemplar if it has a trace."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.sum += value
        if trace_id:
            self.exemplars[bucket] = Exemplar({"trace_id": trace_id}, value, time())

    def add_to(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add the histogram to a metric family."""
        totals = accumulate(tuple(self.counts))
        buckets: list[Any] = [
            ("+Inf" if bound == inf else repr(float(bound)), total, self.exemplars.get(bucket))
            for bucket, (bound, total) in enumerate(zip(self.bounds, totals, strict=True))
        ]
        family.add_metric(labels, buckets, self.sum)


class MethodMetrics:
    """Counts of the calls of one method.

    Attributes:
        labels: Type, service and name of the method.
        started: Number of calls started.
        received: Number of messages received.
        sent: Number of messages sent.
        handled: Number of calls ended, by code.
        seconds: Durations of the calls, in seconds.
    """

    __slots__ = ("handled", "labels", "received", "seconds", "sent", "started")

    def __init__(self, kind: str, service: str, method: str) -> None:
        self.labels = (kind, service, method)
        self.started = self.received = self.sent = 0
        self.handled = dict.fromkeys(grpc.StatusCode, 0)
        self.seconds = Buckets(_SECONDS_BUCKETS)


@dataclass(frozen=True, slots=True)
class _Family(Collector):
    """A metric family that is built at each scrape."""

    make: Callable[[], Metric]

    def collect(self) -> Iterator[Metric]:
        yield self.make()


def _make_gauge(name: str, text: str, read: Callable[[], float]) -> Metric:
    return GaugeMetricFamily(name, text, value=read())


class Metrics:
    """The metrics of one server, in a registry of its own.

    Attributes:
        registry: All metrics.
        handled: Collector of the ended calls, by method and code.
        certificate: Metrics of the served certificate.
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
        """Return the counts of a new method, which are exported from now on."""
        added = MethodMetrics(kind, service, method)
        self._methods.append(added)
        return added

    def add_answer(self, events: int, groups: int) -> None:
        """Count an answered list; for the serving thread only."""
        self._events += events
        self._groups += groups
        self._events_per_list.add(events)

    def add_bytes_in_flight(self, read_in_flight: Callable[[], float], maximum: float) -> None:
        """Export the bytes in flight, read at each scrape, and their maximum."""
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
        text = "RPCs ended, with any code."
        labels = (*_METHOD_LABELS, "grpc_code")
        family = CounterMetricFamily("grpc_server_handled", text, labels=labels)
        for method in self._methods:
            for code, count in method.handled.items():
                family.add_metric((*method.labels, code.name), count)
        return family

    def _make_seconds(self) -> Metric:
        text = "Seconds from the start of an RPC until its answer was sent."
        family = HistogramMetricFamily("grpc_server_handling_seconds", text, labels=_METHOD_LABELS)
        for method in self._methods:
            method.seconds.add_to(family, method.labels)
        return family

    def _add_answers(self) -> None:
        text = "Events in answered lists."
        self._add(lambda: CounterMetricFamily("double_booked_events", text, value=self._events))
        groups = "Groups of conflicting events in answers."
        name = "double_booked_conflict_groups"
        self._add(lambda: CounterMetricFamily(name, groups, value=self._groups))
        self._add(self._make_sizes)

    def _make_sizes(self) -> Metric:
        family = HistogramMetricFamily(
            "double_booked_events_per_list", "Number of events in answered lists."
        )
        self._events_per_list.add_to(family)
        return family
