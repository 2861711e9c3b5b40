"""Watches the webhook configurations, and reports when reviews are not enforced."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import replace
from math import inf
from time import monotonic
from typing import Any

import structlog

from double_booked.operator.cluster import FORBIDDEN, NOT_FOUND, Cluster, ClusterError, url_path
from double_booked.operator.enforcement import (
    UNKNOWN,
    ExpectedWebhook,
    Labels,
    WebhookState,
    assess,
    enforcement_of,
    foreign_webhooks,
    needs_labels,
)
from double_booked.operator.objects import Calendar, Enforcement
from double_booked.operator.registration import CONFIGURATIONS
from double_booked.operator.schedule import Schedule

_REFRESH_SECONDS = 5.0
_LABELS_SECONDS = 60.0


class WebhookMonitor:
    """Reads the webhook configurations of the cluster every _REFRESH_SECONDS.

    Attributes:
        state: What they contained when they were last read.
        foreign: Webhooks of other operators that review the same namespaces, or may.
    """

    def __init__(
        self,
        cluster: Cluster,
        schedule: Schedule,
        expected: Callable[[], ExpectedWebhook],
    ) -> None:
        """Prepare to read them.

        Args:
            cluster: The API server.
            schedule: The cached objects; only their namespaces matter.
            expected: Returns what this operator's configuration must contain.
        """
        self.state: WebhookState = UNKNOWN
        self.foreign: tuple[str, ...] = ()
        self._cluster = cluster
        self._schedule = schedule
        self._expected = expected
        self._subscribers: list[Callable[[], None]] = []
        self._labels: dict[str, tuple[float, Labels]] = {}

    def subscribe(self, on_change: Callable[[], None]) -> None:
        """Call a function whenever the enforcement of a calendar may have changed."""
        self._subscribers.append(on_change)

    def unsubscribe(self, on_change: Callable[[], None]) -> None:
        """No longer call a function."""
        self._subscribers.remove(on_change)

    async def run(self) -> None:
        """Refresh the state until cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Read the configurations once; if they cannot be read, the state is unknown."""
        expected = self._expected()
        before, labels_before = self.state, self._cached_labels()
        try:
            state = assess(await self._configurations(expected.configuration), expected)
            await self._refresh_labels(state)
        except ClusterError as error:
            state = WebhookState(UNKNOWN.reason, f"The configuration cannot be read: {error}.")
        self.state = state
        self._update_foreign(state)
        if _logged_fields(before) != _logged_fields(state):
            log = structlog.get_logger()
            if state.reason:
                log.warning("reviews not enforced", reason=state.reason, message=state.message)
            else:
                log.info("reviews enforced", fails_closed=state.fails_closed)
        if (
            replace(before, foreign=state.foreign) != state
            or labels_before != self._cached_labels()
        ):
            for on_change in self._subscribers:
                on_change()

    def enforcement(self, calendar: Calendar) -> Enforcement:
        """Return whether new bookings on a calendar are reviewed."""
        return enforcement_of(
            calendar, self.state, self._labels_of(calendar.metadata.key.namespace)
        )

    def unenforced(self) -> Counter[str]:
        """Count the calendars of policy Reject that are not enforced, by reason."""
        counts: Counter[str] = Counter()
        for calendar in self._schedule.calendars.values():
            enforcement = self.enforcement(calendar)
            if calendar.rules.rejects and enforcement.verdict != "True":
                counts[enforcement.reason] += 1
        return counts

    async def _configurations(self, own: str) -> Collection[dict[str, Any]]:
        """Return all configurations, or only this operator's if listing them is forbidden."""
        try:
            configurations = await self._cluster.get(CONFIGURATIONS)
        except ClusterError as error:
            if error.code != FORBIDDEN:
                raise
        else:
            return list(configurations["items"])
        try:
            return [await self._cluster.get(f"{CONFIGURATIONS}{url_path(own)}")]
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
        return []

    async def _refresh_labels(self, state: WebhookState) -> None:
        """Get the labels of all namespaces with calendars, if a selector needs them."""
        selectors = (*state.selectors, *(selector for _, selector in state.foreign))
        if not needs_labels(selectors):
            return
        for namespace in self._namespaces():
            # The clock may be near 0 just after a boot, so 0 is no default.
            fetched = self._labels[namespace][0] if namespace in self._labels else -inf
            if fetched <= monotonic() - _LABELS_SECONDS:
                await self._fetch_labels(namespace)

    async def _fetch_labels(self, namespace: str) -> None:
        try:
            raw = await self._cluster.get(url_path("api", "v1", "namespaces", namespace))
        except ClusterError as error:
            if error.code not in {NOT_FOUND, FORBIDDEN}:
                raise
            self._labels.pop(namespace, None)
        else:
            self._labels[namespace] = monotonic(), raw["metadata"].get("labels") or {}

    def _update_foreign(self, state: WebhookState) -> None:
        namespaces = {namespace: self._labels_of(namespace) for namespace in self._namespaces()}
        foreign = tuple(foreign_webhooks(state, namespaces))
        if foreign != self.foreign and foreign:
            structlog.get_logger().warning("foreign webhook reviews these kinds", webhooks=foreign)
        self.foreign = foreign

    def _namespaces(self) -> set[str]:
        return {key.namespace for key in self._schedule.calendars}

    def _cached_labels(self) -> dict[str, Labels]:
        return {namespace: labels for namespace, (_, labels) in self._labels.items()}

    def _labels_of(self, namespace: str) -> Labels | None:
        cached = self._labels.get(namespace)
        return cached[1] if cached else None


def _logged_fields(state: WebhookState) -> tuple[str, str, bool]:
    return state.reason, state.message, state.fails_closed
