"""Only the leader writes statuses, of all that is cached when it begins to lead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from double_booked.operator.cluster import Cluster
from double_booked.operator.enforcement import ExpectedWebhook
from double_booked.operator.metrics import Metrics
from double_booked.operator.schedule import Schedule
from double_booked.operator.statuses import Statuses
from double_booked.operator.store import BOOKINGS as BOOKING_KIND
from double_booked.operator.store import CALENDARS as CALENDAR_KIND
from double_booked.operator.store import Store
from double_booked.operator.webhook_monitor import WebhookMonitor
from waiting import until

from .factories import key, raw_booking, raw_calendar
from .fake_api_server import BOOKINGS, CALENDARS, FakeApiServer

NINE = ("2099-12-01T09:00:00Z", "2099-12-01T10:00:00Z")


@dataclass
class Replica:
    """A process that leads or not."""

    api: FakeApiServer
    store: Store
    statuses: Statuses
    is_leading: bool = False

    def book(self, name: str, created: str) -> None:
        """Store a booking, and observe it."""
        raw = raw_booking(name, *NINE, creationTimestamp=created)
        self.store.upsert(BOOKING_KIND, self.api.put(f"{BOOKINGS}/{name}", raw))

    def verdict(self, name: str) -> str:
        conditions: list[dict[str, Any]] = (
            self.api.objects[f"{BOOKINGS}/{name}"].get("status", {}).get("conditions", [])
        )
        return conditions[0]["status"] if conditions else ""


@pytest.fixture
async def replica(api: FakeApiServer, cluster: Cluster) -> AsyncIterator[Replica]:
    store = Store(Schedule())
    monitor = WebhookMonitor(cluster, store.schedule, lambda: ExpectedWebhook("x", (), b"", ()))
    replica: Replica
    statuses = Statuses(store, cluster, Metrics(), monitor, lambda: replica.is_leading)
    replica = Replica(api, store, statuses)
    store.upsert(CALENDAR_KIND, api.put(f"{CALENDARS}/staging", raw_calendar()))
    task = asyncio.create_task(statuses.run())
    yield replica
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_new_leader_writes_the_statuses_of_all_that_is_cached(replica: Replica) -> None:
    replica.book("a", "2025-11-01T00:00:00Z")
    replica.book("b", "2025-11-02T00:00:00Z")
    assert replica.statuses.over() is None
    replica.is_leading = True
    await until(lambda: replica.verdict("a") == "False", "a is free")
    await until(lambda: replica.verdict("b") == "True", "b is double-booked")
    assert replica.statuses.over() == {key("b"): (key("staging"),)}


async def test_process_that_no_longer_leads_writes_nothing(replica: Replica) -> None:
    replica.is_leading = True
    await until(lambda: replica.statuses.over() is not None, "it leads")
    replica.is_leading = False
    await until(lambda: replica.statuses.over() is None, "it no longer leads")
    replica.book("late", "2025-11-01T00:00:00Z")
    assert (replica.statuses.lag(), replica.statuses.pending_details()) == (0, 0)
    replica.is_leading = True
    await until(lambda: replica.verdict("late") == "False", "it leads again and writes")
