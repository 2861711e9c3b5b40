"""Keeps the status of every Booking and Calendar up to date when the cache changes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from time import monotonic
from typing import Any

import structlog

from double_booked.operator import events
from double_booked.operator.cluster import CONFLICT, NOT_FOUND, Cluster, ClusterError, path_of
from double_booked.operator.conditions import booking_status_json, calendar_status_json
from double_booked.operator.cooperation import run_cooperatively
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import (
    DOUBLE_BOOKED,
    Booking,
    BookingStatus,
    Calendar,
    Enforcement,
    NamespacedName,
    Rules,
)
from double_booked.operator.reconcile import Outcome, calendar_status, compute_outcomes
from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS, CALENDARS, CachedObject, Kind, Store
from double_booked.operator.work_queue import WorkQueue

_BATCH_SECONDS = 0.02
"""Changes within this time are processed together."""

_REST = 2
"""The pause after a round, as a multiple of its duration, so that reviews are not delayed."""

_DETAILS_SECONDS = 2.0
"""How long a change of a status waits if it only affects whom a booking conflicts with.

Where 1,000 bookings overlap, a change of one changes these details of all. Verdicts are written
first, and details that change several times are written once.
"""

_RETRY_SECONDS = 10.0
_WRITERS = 8
_BATCH_SIZE = 500


class StatusWriter:
    """Computes the statuses that changes affect, and writes those that differ from the stored ones.

    Attributes:
        over: The calendars on which each double-booked booking is over the capacity.
    """

    def __init__(
        self,
        schedule: Schedule,
        store: Store,
        cluster: Cluster,
        metrics: Metrics,
        enforcement: Callable[[Calendar], Enforcement],
    ) -> None:
        """Prepare to write statuses.

        Args:
            schedule: The cached objects.
            store: Caches the objects that the API server returns after a write.
            cluster: The API server.
            metrics: Counts rounds and errors.
            enforcement: Returns whether new bookings on a calendar are reviewed.
        """
        self.over: dict[NamespacedName, tuple[NamespacedName, ...]] = {}
        self._schedule = schedule
        self._store = store
        self._cluster = cluster
        self._metrics = metrics
        self._enforcement = enforcement
        self._changed: list[Booking] = []
        self._counts: Counter[NamespacedName] = Counter()
        self._wake = asyncio.Event()
        self._since = self._computing_since = 0.0
        self._wanted: dict[NamespacedName, BookingStatus] = {}
        self._writing: dict[NamespacedName, BookingStatus] = {}
        self._writes: WorkQueue[tuple[Kind, NamespacedName]] = WorkQueue(_DETAILS_SECONDS)

    def on_change(self, old: CachedObject | None, new: CachedObject | None) -> None:
        """Queue the bookings that a change affects, by the old and by the new object."""
        if isinstance(old, Calendar) or isinstance(new, Calendar):
            self._on_calendar_change(old, new)
        elif self._is_unaffected(old, new):
            return
        for booking in (old, new):
            if isinstance(booking, Booking):
                self._changed.append(booking)
                self._queue_calendars(booking.calendar_keys())
        if isinstance(old, Booking) and new is None:
            self._wanted.pop(old.key, None)
            self._count(old.key, ())
        if self._changed:
            self._since = self._since or monotonic()
            self._wake.set()

    def on_enforcement_change(self) -> None:
        """Queue all calendars: their condition Enforced may have changed."""
        self._queue_calendars(self._schedule.calendars)

    def _is_unaffected(self, old: CachedObject | None, new: CachedObject | None) -> bool:
        """Whether a change affects no status: only unrelated fields changed, or our own write."""
        if not isinstance(old, Booking) or not isinstance(new, Booking):
            return False
        if _relevant_fields(old) != _relevant_fields(new):
            return False
        return new.status in {old.status, self._writing.get(new.key, old.status)}

    def _on_calendar_change(self, old: CachedObject | None, new: CachedObject | None) -> None:
        """Queue a calendar, and the bookings on it if its rules changed."""
        has_new_rules = _rules_of(old) != _rules_of(new)
        for key in {cached.metadata.key for cached in (old, new) if cached}:
            self._queue_calendars([key])
            if has_new_rules:
                names = self._schedule.bookings_on(key)
                self._changed += (self._schedule.bookings[name] for name in names)

    async def run(self) -> None:
        """Compute and write statuses until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._compute_rounds())
            for _ in range(_WRITERS):
                group.create_task(self._write_queued())

    def lag(self) -> float:
        """Return how many seconds the oldest change has waited for its verdicts."""
        waiting = (self._computing_since, self._since, self._writes.oldest())
        oldest = min(filter(None, waiting), default=0.0)
        return monotonic() - oldest if oldest else 0.0

    def pending_details(self) -> int:
        """Return how many pending statuses differ only in whom a booking conflicts with."""
        return self._writes.held_back()

    async def _compute_rounds(self) -> None:
        seconds = 0.0
        while True:
            await self._wake.wait()
            await asyncio.sleep(max(_BATCH_SECONDS, _REST * seconds))
            started = monotonic()
            with self._metrics.reconciling.time():
                await self._compute_round()
            seconds = monotonic() - started

    async def _compute_round(self) -> None:
        """Process one batch of changes, small enough that admission reviews are not delayed."""
        changed, self._changed = self._changed[:_BATCH_SIZE], self._changed[_BATCH_SIZE:]
        self._computing_since = self._since
        if not self._changed:
            self._wake.clear()
            self._since = 0.0
        outcomes = await run_cooperatively(compute_outcomes(self._schedule, changed))
        for key, outcome in outcomes.items():
            self._queue_status(key, outcome)
        self._computing_since = 0.0

    def _queue_status(self, key: NamespacedName, outcome: Outcome) -> None:
        """Count a booking, and queue its status if it differs from the stored one."""
        cached = self._schedule.bookings.get(key)
        if cached is None:
            return
        self._count(key, outcome.over)
        if cached.status == outcome.status and key not in self._wanted:
            return
        self._wanted[key] = outcome.status
        self._writes.add(
            (BOOKINGS, key), can_wait=_differ_in_details(cached.status, outcome.status)
        )

    def _count(self, key: NamespacedName, over: tuple[NamespacedName, ...]) -> None:
        """Update the number of double-booked bookings of each calendar."""
        before = self.over.pop(key, ())
        if over:
            self.over[key] = over
        self._counts.subtract(before)
        self._counts.update(over)
        for calendar in before:
            if not self._counts[calendar]:
                del self._counts[calendar]
        if before != over:
            self._queue_calendars((*before, *over))

    def _queue_calendars(self, keys: Iterable[NamespacedName]) -> None:
        for key in keys:
            if key in self._schedule.calendars:
                self._writes.add((CALENDARS, key))

    async def _write_queued(self) -> None:
        while True:
            kind, key = await self._writes.get()
            try:
                await (self._write_booking(key) if kind is BOOKINGS else self._write_calendar(key))
            finally:
                self._writes.done((kind, key))

    async def _write_booking(self, key: NamespacedName) -> None:
        cached, status = self._schedule.bookings.get(key), self._wanted.get(key)
        if cached is None or status is None:
            return
        # If the spec is newer, another status is about to be computed.
        if cached.status != status and cached.metadata.generation == status.generation:
            content = booking_status_json(cached.status, status)
            self._writing[key] = status
            is_written = await self._write(BOOKINGS, cached, content)
            del self._writing[key]
            if not is_written:
                return
            before = cached.status.verdict if cached.status else ""
            if "True" in {before, status.verdict} and before != status.verdict:
                await self._record(cached, status)
        if self._wanted.get(key) is status:
            del self._wanted[key]

    async def _write_calendar(self, key: NamespacedName) -> None:
        cached = self._schedule.calendars.get(key)
        if cached is None:
            return
        enforcement = self._enforcement(cached)
        status = calendar_status(self._schedule, cached, self._counts[key], enforcement)
        if cached.status != status:
            await self._write(CALENDARS, cached, calendar_status_json(cached.status, status))

    async def _write(self, kind: Kind, cached: CachedObject, status: dict[str, Any]) -> bool:
        """Write a status; return whether it was written.

        Ignore that the object was deleted or replaced: the watch reports that.
        """
        metadata = cached.metadata
        # The uid is a precondition: the API server answers 409 if the object is another one.
        content = {"metadata": {"uid": metadata.uid}, "status": status}
        path = f"{path_of(kind.plural, metadata.key)}/status"
        try:
            written = await self._cluster.patch(path, content)
        except ClusterError as error:
            if error.code not in {NOT_FOUND, CONFLICT}:
                self._retry_later(kind, metadata.key, error)
            return False
        self._store.upsert(kind, written)
        return True

    def _retry_later(self, kind: Kind, key: NamespacedName, error: ClusterError) -> None:
        self._metrics.reconcile_errors.inc()
        structlog.get_logger().warning(
            "status write failed", object=str(key), code=error.code, reason=str(error)
        )
        asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._writes.add, (kind, key))

    async def _record(self, booking: Booking, status: BookingStatus) -> None:
        """Record an Event about a booking that has become, or ceased to be, double-booked."""
        is_double_booked = status.verdict == "True"
        structlog.get_logger().info(
            "double-booked" if is_double_booked else "no longer double-booked",
            booking=str(booking.key),
            conflicts_with=status.conflicts_with,
        )
        await events.record(
            self._cluster,
            booking,
            reason=DOUBLE_BOOKED if is_double_booked else status.reason,
            message=status.message,
            kind="Warning" if is_double_booked else "Normal",
        )


def _differ_in_details(one: BookingStatus | None, other: BookingStatus) -> bool:
    """Whether two statuses differ at most in whom a booking conflicts with."""
    return one is not None and (one.verdict, one.reason, one.generation, one.is_complete) == (
        other.verdict,
        other.reason,
        other.generation,
        other.is_complete,
    )


def _relevant_fields(booking: Booking) -> tuple[Hashable, ...]:
    """Return the fields of a booking that determine its status and those of others."""
    return (
        booking.metadata.uid,
        booking.metadata.generation,
        booking.created,
        booking.start,
        booking.end,
        booking.calendars,
        booking.replaces,
        booking.fault,
    )


def _rules_of(cached: CachedObject | None) -> Rules | None:
    return cached.rules if isinstance(cached, Calendar) else None
