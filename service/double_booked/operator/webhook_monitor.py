"""Reads the webhook's configuration now and then, and reports when reviews are not enforced."""

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
    """Follows what the cluster's webhook configurations say.

    Attributes:
        state: What they said last.
        foreign: The webhooks of others that review the same namespaces, or may.
    """

    def __init__(
        self,
        cluster: Cluster,
        schedule: Schedule,
        expected: Callable[[], ExpectedWebhook],
    ) -> None:
        """Make it.

        Args:
            cluster: The API server.
            schedule: The cached objects; their namespaces are the ones that matter.
            expected: Returns what this operator's configuration must say.
        """
        self.state: WebhookState = UNKNOWN
        self.foreign: tuple[str, ...] = ()
        self._cluster = cluster
        self._schedule = schedule
        self._expected = expected
        self._subscribers: list[Callable[[], None]] = []
        self._labels: dict[str, tuple[float, Labels]] = {}

    def subscribe(self, on_change: Callable[[], None]) -> None:
        """Have a function called when the enforcement of a calendar may have changed."""
        self._subscribers.append(on_change)

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Read the configurations once; where that is not possible, the state is unknown."""
        expected = self._expected()
        before, known = self.state, self._known_labels()
        try:
            state = assess(await self._configurations(expected.configuration), expected)
            await self._learn_labels(state)
        except ClusterError as error:
            state = WebhookState(UNKNOWN.reason, f"The configuration cannot be read: {error}.")
        self.state = state
        self._note_foreign(state)
        if _what_is_logged(before) != _what_is_logged(state):
            log = structlog.get_logger()
            if state.reason:
                log.warning("reviews not enforced", reason=state.reason, message=state.message)
            else:
                log.info("reviews enforced", fails_closed=state.fails_closed)
        if replace(before, foreign=state.foreign) != state or known != self._known_labels():
            for on_change in self._subscribers:
                on_change()

    def enforcement(self, calendar: Calendar) -> Enforcement:
        """Return whether new bookings on a calendar are reviewed."""
        return enforcement_of(calendar, self.state, self._known(calendar.metadata.key.namespace))

    def unenforced(self) -> Counter[str]:
        """Count the calendars of policy Reject that are not enforced, by reason."""
        counts: Counter[str] = Counter()
        for calendar in self._schedule.calendars.values():
            enforcement = self.enforcement(calendar)
            if calendar.rules.rejects and enforcement.verdict != "True":
                counts[enforcement.reason] += 1
        return counts

    async def _configurations(self, own: str) -> Collection[dict[str, Any]]:
        """Return all configurations, or this operator's alone if it may not list them."""
        try:
            found = await self._cluster.get(CONFIGURATIONS)
        except ClusterError as error:
            if error.code != FORBIDDEN:
                raise
        else:
            return list(found["items"])
        try:
            return [await self._cluster.get(f"{CONFIGURATIONS}{url_path(own)}")]
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
        return []

    async def _learn_labels(self, state: WebhookState) -> None:
        """Get the labels of namespaces with calendars, if a selector asks for them."""
        selectors = (*state.selectors, *(selector for _, selector in state.foreign))
        if not needs_labels(selectors):
            return
        for namespace in self._namespaces():
            # The clock may start at 0 when the machine does.
            learned = self._labels[namespace][0] if namespace in self._labels else -inf
            if learned <= monotonic() - _LABELS_SECONDS:
                await self._learn_labels_of(namespace)

    async def _learn_labels_of(self, namespace: str) -> None:
        try:
            found = await self._cluster.get(url_path("api", "v1", "namespaces", namespace))
        except ClusterError as error:
            if error.code not in {NOT_FOUND, FORBIDDEN}:
                raise
            self._labels.pop(namespace, None)
        else:
            self._labels[namespace] = monotonic(), found["metadata"].get("labels") or {}

    def _note_foreign(self, state: WebhookState) -> None:
        namespaces = {namespace: self._known(namespace) for namespace in self._namespaces()}
        foreign = tuple(foreign_webhooks(state, namespaces))
        if foreign != self.foreign and foreign:
            structlog.get_logger().warning("foreign webhook reviews these kinds", webhooks=foreign)
        self.foreign = foreign

    def _namespaces(self) -> set[str]:
        return {key.namespace for key in self._schedule.calendars}

    def _known_labels(self) -> dict[str, Labels]:
        return {namespace: labels for namespace, (_, labels) in self._labels.items()}

    def _known(self, namespace: str) -> Labels | None:
        found = self._labels.get(namespace)
        return found[1] if found else None


def _what_is_logged(state: WebhookState) -> tuple[str, str, bool]:
    return state.reason, state.message, state.fails_closed
