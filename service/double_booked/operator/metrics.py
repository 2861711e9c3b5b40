"""The metrics of the operator."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client import (
    Counter,
    Histogram,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.operator.objects import NamespacedName
from double_booked.operator.schedule import Schedule
from double_booked.runtime.metrics import CertificateMetrics, new_registry

MAX_SERIES = 500
"""Maximum number of calendars with series of their own; one without names sums the others."""

UNENFORCED_REASONS = (
    "FailurePolicyIgnore",
    "NamespaceNotSelected",
    "Unknown",
    "WebhookMisconfigured",
    "WebhookNotFound",
)

_REVIEW_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


Over: TypeAlias = Callable[[], Mapping[NamespacedName, tuple[NamespacedName, ...]] | None]


@dataclass(frozen=True, slots=True)
class Gauges:
    """Functions that return the gauges of the operator's parts at each scrape.

    Attributes:
        reservations: How many admitted writes have not been observed.
        admitting: Whether this process may answer reviews.
        leading: Whether this process writes statuses.
        lag: Seconds that the oldest change has waited for its verdicts.
        details: How many pending statuses differ only in whom a booking conflicts with.
        webhook_configured: Whether the webhook's configuration sends reviews to this operator.
        unenforced: How many calendars of policy Reject are not enforced, by reason.
        foreign_webhooks: How many webhooks of others review the same namespaces, or may.
    """

    reservations: Callable[[], int]
    admitting: Callable[[], bool]
    leading: Callable[[], bool]
    lag: Callable[[], float]
    details: Callable[[], int]
    webhook_configured: Callable[[], bool]
    unenforced: Callable[[], Mapping[str, int]]
    foreign_webhooks: Callable[[], int]

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges."""
        values: tuple[tuple[str, str, float], ...] = (
            ("reservations", "Admitted writes that have not been observed.", self.reservations()),
            ("admitting", "Whether this process may answer reviews.", self.admitting()),
            ("leading", "Whether this process is the one that writes statuses.", self.leading()),
            (
                "queue_lag_seconds",
                "Seconds that the oldest change has waited for its verdicts.",
                self.lag(),
            ),
            (
                "pending_details",
                "Pending statuses that differ only in whom a booking conflicts with.",
                self.details(),
            ),
            (
                "webhook_configured",
                "Whether the webhook's configuration sends reviews to this operator.",
                self.webhook_configured(),
            ),
            (
                "foreign_webhooks",
                "Webhooks of other configurations that review the same namespaces, or may.",
                self.foreign_webhooks(),
            ),
        )
        for name, text, value in values:
            yield GaugeMetricFamily(f"double_booked_operator_{name}", text, value=value)
        yield self._unenforced()

    def _unenforced(self) -> Metric:
        """Return how many calendars are not enforced; every reason has a series from the start."""
        family = GaugeMetricFamily(
            "double_booked_operator_unenforced_calendars",
            "Calendars of policy Reject whose new bookings are not reviewed, or not always.",
            labels=("reason",),
        )
        counts = dict.fromkeys(UNENFORCED_REASONS, 0) | dict(self.unenforced())
        for reason, count in counts.items():
            family.add_metric((reason,), count)
        return family


class Metrics:
    """The metrics of one operator, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = new_registry("double_booked_operator_build")
        self.reviews = Histogram(
            "double_booked_operator_review_seconds",
            "Duration of admission reviews, by kind and result.",
            ("kind", "result"),
            buckets=_REVIEW_BUCKETS,
            registry=self.registry,
        )
        self.unknown_requests = Counter(
            "double_booked_operator_unknown_requests_total",
            "Requests to the webhook with any other path or method, answered 404.",
            registry=self.registry,
        )
        self.reconciling = Histogram(
            "double_booked_operator_reconcile_seconds",
            "Duration of the rounds that compute statuses.",
            registry=self.registry,
        )
        self.reconcile_errors = Counter(
            "double_booked_operator_reconcile_errors_total",
            "Status writes that failed and are retried.",
            registry=self.registry,
        )
        self.watch_errors = Counter(
            "double_booked_operator_watch_errors_total",
            "Lists and watches that failed and are retried.",
            registry=self.registry,
        )
        self.certificate = CertificateMetrics(self.registry, "double_booked_operator")
        self.certificate.set_expiry(0)  # before the first certificate
        self.deletions = Counter(
            "double_booked_operator_deletions_total",
            "Finished bookings deleted after their ttlSecondsAfterFinished.",
            ("result",),
            registry=self.registry,
        )
        for result in ("success", "failure"):
            self.deletions.labels(result)
        self.ledger_writes = Counter(
            "double_booked_operator_ledger_writes_total",
            "Writes of ledgers; in a conflict another replica was quicker.",
            ("result",),
            registry=self.registry,
        )
        for result in ("success", "conflict", "failure"):
            self.ledger_writes.labels(result)
        self.late_writes = Counter(
            "double_booked_operator_late_writes_total",
            "Bookings stored more than a minute after they were admitted, when their time may have"
            " been given to others.",
            registry=self.registry,
        )

    def export(
        self,
        schedule: Schedule,
        over: Over,
        gauges: Gauges,
    ) -> None:
        """Export gauges, and counts of the cached objects, which are collected at each scrape.

        Args:
            schedule: The cached objects.
            over: Returns the calendars that each double-booked booking puts over their capacity;
                None in a process that does not lead, which then counts no objects.
            gauges: What the other parts report.
        """
        self.registry.register(_CacheCollector(schedule, over, gauges))


class _CacheCollector(Collector):
    def __init__(
        self,
        schedule: Schedule,
        over: Over,
        gauges: Gauges,
    ) -> None:
        self._schedule = schedule
        self._over = over
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges, and from the leader the metrics of the cached objects."""
        yield from self._gauges.collect()
        over = self._over()
        if over is None:
            return
        yield GaugeMetricFamily(
            "double_booked_operator_calendars", "Calendars.", value=len(self._schedule.calendars)
        )
        yield self._by_calendar(
            "double_booked_operator_bookings",
            "Bookings on a calendar.",
            {key: len(bookings.keys) for key, bookings in self._schedule.by_calendar()},
        )
        yield self._by_calendar(
            "double_booked_operator_conflicts",
            "Double-booked bookings on a calendar that have not ended.",
            self._conflicts(over),
        )

    def _conflicts(
        self, over: Mapping[NamespacedName, tuple[NamespacedName, ...]]
    ) -> Mapping[NamespacedName, int]:
        now = time.time_ns() // NANOS_PER_SECOND * NANOS_PER_SECOND
        counts: Tally[NamespacedName] = Tally(dict.fromkeys(self._schedule.calendars, 0))
        for key, calendars in over.items():
            if (booking := self._schedule.bookings.get(key)) and booking.end > now:
                counts.update(calendars)
        return counts

    def _by_calendar(
        self, name: str, text: str, values: Mapping[NamespacedName, int]
    ) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=("namespace", "calendar"))
        # The largest counts keep their names, since these calendars matter most.
        ranked = sorted(values, key=lambda key: (-values[key], key))
        for key in sorted(ranked[:MAX_SERIES]):
            family.add_metric((key.namespace, key.name), values[key])
        if others := ranked[MAX_SERIES:]:
            family.add_metric(("", ""), sum(values[key] for key in others))
        return family
