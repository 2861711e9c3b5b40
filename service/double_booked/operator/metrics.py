"""What Prometheus is told of the operator."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import (
    Counter,
    Histogram,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from double_booked.conflicts.definition import NANOS_PER_SECOND
from double_booked.operator.index import Index
from double_booked.operator.objects import Key
from double_booked.process_metrics import registry_of

MAX_SERIES = 500
"""How many calendars have series of their own; the others are told as one, without names."""

_REVIEW_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Gauges:
    """What the parts of the operator are asked at each scrape.

    Attributes:
        reservations: How many writes were allowed and have not been seen.
        admitting: Whether this process may answer reviews.
        lag: Seconds that the oldest change has waited for its statuses.
        expiry: When the webhook's certificate expires, in seconds since 1970; 0 without one.
    """

    reservations: Callable[[], int]
    admitting: Callable[[], bool]
    lag: Callable[[], float]
    expiry: Callable[[], float]

    def collect(self) -> Iterable[Metric]:
        """Asks them."""
        yield GaugeMetricFamily(
            "double_booked_operator_reservations",
            "Writes that were allowed and have not been seen.",
            value=self.reservations(),
        )
        yield GaugeMetricFamily(
            "double_booked_operator_admitting",
            "Whether this process may answer reviews.",
            value=self.admitting(),
        )
        yield GaugeMetricFamily(
            "double_booked_operator_queue_lag_seconds",
            "How long the oldest change has waited for its statuses.",
            value=self.lag(),
        )
        yield GaugeMetricFamily(
            "double_booked_operator_tls_expiry_timestamp_seconds",
            "When the webhook's certificate expires.",
            value=self.expiry(),
        )


class Metrics:
    """The metrics of one operator, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry_of("double_booked_operator_build")
        self.reviews = Histogram(
            "double_booked_operator_review_seconds",
            "How long admission reviews took, by what came of them.",
            ("kind", "result"),
            buckets=_REVIEW_BUCKETS,
            registry=self.registry,
        )
        self.reconciling = Histogram(
            "double_booked_operator_reconcile_seconds",
            "How long rounds took that find and write statuses.",
            registry=self.registry,
        )
        self.reconcile_errors = Counter(
            "double_booked_operator_reconcile_errors_total",
            "Statuses that could not be written, and are tried again.",
            registry=self.registry,
        )
        self.watch_errors = Counter(
            "double_booked_operator_watch_errors_total",
            "Lists and watches that ended with an error, and are tried again.",
            registry=self.registry,
        )
        self.tls_reloads = Counter(
            "double_booked_operator_tls_reloads_total",
            "Certificates of the webhook replaced: served, or ignored as unusable.",
            ("result",),
            registry=self.registry,
        )
        for result in ("success", "failure"):
            self.tls_reloads.labels(result)

    def show(self, index: Index, over: Mapping[Key, tuple[Key, ...]], gauges: Gauges) -> None:
        """Tells of what is held, at each scrape anew.

        Args:
            index: What is known.
            over: The calendars that each double-booked booking puts over their capacity.
            gauges: How to ask the other parts.
        """
        self.registry.register(_Holdings(index, over, gauges))


class _Holdings(Collector):
    def __init__(self, index: Index, over: Mapping[Key, tuple[Key, ...]], gauges: Gauges) -> None:
        self._index = index
        self._over = over
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """Counts what is held."""
        yield from self._gauges.collect()
        yield GaugeMetricFamily(
            "double_booked_operator_calendars", "Calendars.", value=len(self._index.calendars)
        )
        yield self._by_calendar(
            "double_booked_operator_bookings",
            "Bookings on a calendar.",
            {key: len(schedule.keys) for key, schedule in self._index.scheduled()},
        )
        yield self._by_calendar(
            "double_booked_operator_conflicts",
            "Bookings that put a calendar over its capacity, and are not over yet.",
            self._conflicts(),
        )

    def _conflicts(self) -> Mapping[Key, int]:
        now = time.time_ns() // NANOS_PER_SECOND * NANOS_PER_SECOND
        counts: Tally[Key] = Tally(dict.fromkeys(self._index.calendars, 0))
        for key, calendars in self._over.items():
            if (booking := self._index.bookings.get(key)) and booking.end > now:
                counts.update(calendars)
        return counts

    def _by_calendar(self, name: str, text: str, values: Mapping[Key, int]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=("namespace", "calendar"))
        # The largest are told by name, so that none that matters hides among the others.
        ranked = sorted(values, key=lambda key: (-values[key], key))
        for key in sorted(ranked[:MAX_SERIES]):
            family.add_metric((key.namespace, key.name), values[key])
        if others := ranked[MAX_SERIES:]:
            family.add_metric(("", ""), sum(values[key] for key in others))
        return family
