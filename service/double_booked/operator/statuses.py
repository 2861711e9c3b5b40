"""Writes statuses while this process leads: one StatusWriter for each time that it does."""

import asyncio
from collections.abc import Callable, Mapping

from double_booked.operator.cluster import Cluster
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import NamespacedName
from double_booked.operator.status_writer import StatusWriter
from double_booked.operator.store import Store
from double_booked.operator.webhook_monitor import WebhookMonitor

_CHECK_SECONDS = 0.5


class Statuses:
    """The statuses of all objects, which only the leader computes and writes."""

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        metrics: Metrics,
        monitor: WebhookMonitor,
        is_leading: Callable[[], bool],
    ) -> None:
        """Prepare to write statuses.

        Args:
            store: The cached objects.
            cluster: The API server.
            metrics: Counts rounds and errors.
            monitor: Knows whether new bookings on a calendar are reviewed.
            is_leading: Returns whether this process leads.
        """
        self._store = store
        self._cluster = cluster
        self._metrics = metrics
        self._monitor = monitor
        self._is_leading = is_leading
        self._writer: StatusWriter | None = None

    def over(self) -> Mapping[NamespacedName, tuple[NamespacedName, ...]] | None:
        """Return the calendars on which each double-booked booking is over the capacity.

        None while this process does not lead.
        """
        return self._writer.over if self._writer else None

    def lag(self) -> float:
        """Return how many seconds the oldest change has waited for its verdicts."""
        return self._writer.lag() if self._writer else 0.0

    def pending_details(self) -> int:
        """Return how many pending statuses differ only in whom a booking conflicts with."""
        return self._writer.pending_details() if self._writer else 0

    async def run(self) -> None:
        """Write statuses in each time that this process leads, until cancelled."""
        while True:
            if self._is_leading():
                writer = self._begin()
                try:
                    async with asyncio.TaskGroup() as group:
                        writing = group.create_task(writer.run())
                        await self._no_longer_leading()
                        writing.cancel()
                finally:
                    self._end(writer)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _no_longer_leading(self) -> None:
        while self._is_leading():  # noqa: ASYNC110 - time alone may change it
            await asyncio.sleep(_CHECK_SECONDS)

    def _begin(self) -> StatusWriter:
        """Return a writer that computes all statuses, and those that changes affect."""
        schedule = self._store.schedule
        writer = self._writer = StatusWriter(
            schedule, self._store, self._cluster, self._metrics, self._monitor.enforcement
        )
        for calendar in schedule.calendars.values():
            writer.on_change(None, calendar)
        for booking in schedule.bookings.values():
            writer.on_change(None, booking)
        self._store.subscribe(writer.on_change)
        self._monitor.subscribe(writer.on_enforcement_change)
        return writer

    def _end(self, writer: StatusWriter) -> None:
        self._writer = None
        self._store.unsubscribe(writer.on_change)
        self._monitor.unsubscribe(writer.on_enforcement_change)
