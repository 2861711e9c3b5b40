"""Keeps the status of every Booking and Calendar true, as what is known changes."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Iterable
from time import monotonic
from typing import Any
from uuid import uuid4

import structlog

from double_booked.operator.cluster import CONFLICT, NOT_FOUND, Cluster, ClusterError, path_of
from double_booked.operator.index import Index
from double_booked.operator.intake import BOOKINGS, CALENDARS, Held, Intake, Kind
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import (
    API_VERSION,
    DOUBLE_BOOKED,
    Booking,
    BookingStatus,
    Calendar,
    CalendarStatus,
    Key,
    Rules,
)
from double_booked.operator.reconcile import Clashing, Outcome, calendar_status, settle, touched

_TOGETHER_SECONDS = 0.02
"""Changes that come within it are looked at together."""

_AGAIN_SECONDS = 10.0
_WRITES_AT_A_TIME = 8
_AT_A_TIME = 500
_AT_A_TIME_SECONDS = 0.01
"""How long to look before reviews are let through."""


class Statuses:
    """Finds what changes touch, and writes the statuses that are no longer true.

    Attributes:
        over: The calendars that each double-booked booking puts over their capacity.
    """

    def __init__(self, index: Index, cluster: Cluster, metrics: Metrics) -> None:
        self.over: dict[Key, tuple[Key, ...]] = {}
        self.intake: Intake | None = None
        self._index = index
        self._cluster = cluster
        self._metrics = metrics
        self._changed: list[Booking] = []
        self._calendars: set[Key] = set()
        self._counts: Counter[Key] = Counter()
        self._wake = asyncio.Event()
        self._since = self._working_since = 0.0
        self._writing = asyncio.Semaphore(_WRITES_AT_A_TIME)

    def note(self, old: Held | None, new: Held | None) -> None:
        """Notes a change: what it was and what it is may each touch others."""
        self._since = self._since or monotonic()
        for each in (old, new):
            if isinstance(each, Booking):
                self._changed.append(each)
                self._calendars.update(each.calendar_keys())
        if isinstance(old, Calendar) or isinstance(new, Calendar):
            self._note_calendar(old, new)
        if isinstance(old, Booking) and new is None:
            self._count(old.key, ())
        self._wake.set()

    def _note_calendar(self, old: Held | None, new: Held | None) -> None:
        """Notes what is on a calendar too, unless nothing changed that bears on it."""
        is_other = _rules_of(old) != _rules_of(new)
        for key in {each.identity.key for each in (old, new) if each}:
            self._calendars.add(key)
            if is_other:
                on_it = self._index.on_calendar(key)
                self._changed += (self._index.bookings[each] for each in on_it)

    async def run(self) -> None:
        """Works until it is cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_TOGETHER_SECONDS)
            with self._metrics.reconciling.time():
                await self._round()

    def lag(self) -> float:
        """How many seconds the oldest change has waited."""
        oldest = self._working_since or self._since
        return monotonic() - oldest if oldest else 0.0

    async def _round(self) -> None:
        """Looks at what has changed first; so much at a time that reviews do not wait for it."""
        changed, self._changed = self._changed[:_AT_A_TIME], self._changed[_AT_A_TIME:]
        calendars, self._calendars = self._calendars, set()
        self._working_since = self._since
        if not self._changed:
            self._wake.clear()
            self._since = 0.0
        found = await self._find(changed)
        outcomes = settle(self._index, found)
        for key, outcome in outcomes.items():
            self._count(key, outcome.over)
            calendars.update(outcome.over)
        await asyncio.gather(*(self._write_booking(key, each) for key, each in outcomes.items()))
        await asyncio.gather(*map(self._write_calendar, calendars))
        self._working_since = 0.0

    async def _find(self, changed: Iterable[Booking]) -> dict[Key, Clashing]:
        """What changes touch; reviews are let through in between."""
        found = {}
        begun = monotonic()
        for key, clashing in touched(self._index, changed):
            found[key] = clashing
            if monotonic() - begun > _AT_A_TIME_SECONDS:
                await asyncio.sleep(0)
                begun = monotonic()
        return found

    def _count(self, key: Key, over: tuple[Key, ...]) -> None:
        """Keeps count of the double-booked by calendar."""
        before = self.over.pop(key, ())
        if over:
            self.over[key] = over
        for calendar in before:
            self._counts[calendar] -= 1
            self._calendars.add(calendar)
            if not self._counts[calendar]:
                del self._counts[calendar]
        self._counts.update(over)

    async def _write_booking(self, key: Key, outcome: Outcome) -> None:
        held = self._index.bookings.get(key)
        if held is None or held.status == outcome.status:
            return
        if await self._write(BOOKINGS, held, _booking_json(held.status, outcome.status)):
            was = held.status.verdict if held.status else ""
            if "True" in {was, outcome.status.verdict} and was != outcome.status.verdict:
                await self._record(held, outcome.status)

    async def _write_calendar(self, key: Key) -> None:
        held = self._index.calendars.get(key)
        if held is None:
            return
        status = calendar_status(self._index, held, self._counts[key])
        if held.status != status:
            await self._write(CALENDARS, held, _calendar_json(held.status, status))

    async def _write(self, kind: Kind, held: Held, status: dict[str, Any]) -> bool:
        """Writes a status, unless the object is gone or another by now; that comes as news."""
        identity = held.identity
        # The uid is a condition: the API server refuses where it is another.
        content = {"metadata": {"uid": identity.uid}, "status": status}
        path = f"{path_of(kind.plural, identity.key)}/status"
        try:
            async with self._writing:
                written = await self._cluster.patch(path, content)
        except ClusterError as error:
            if error.code not in {NOT_FOUND, CONFLICT}:
                self._try_again(held, error)
            return False
        if self.intake:
            self.intake.put(kind, written)
        return True

    def _try_again(self, held: Held, error: ClusterError) -> None:
        self._metrics.reconcile_errors.inc()
        structlog.get_logger().warning(
            "cannot write a status",
            object=str(held.identity.key),
            code=error.code,
            reason=str(error),
        )
        asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.note, None, held)

    async def _record(self, booking: Booking, status: BookingStatus) -> None:
        """Records a Kubernetes Event of a booking that is double-booked now, or no longer."""
        is_over = status.verdict == "True"
        structlog.get_logger().info(
            "double-booked" if is_over else "no longer double-booked",
            booking=str(booking.key),
            conflicts_with=status.conflicts_with,
        )
        event = _event_json(
            booking,
            reason=DOUBLE_BOOKED if is_over else status.reason,
            message=status.message,
            kind="Warning" if is_over else "Normal",
        )
        try:
            await self._cluster.create(f"/api/v1/namespaces/{booking.key.namespace}/events", event)
        except ClusterError as error:
            structlog.get_logger().warning(
                "cannot record an Event",
                booking=str(booking.key),
                code=error.code,
                reason=str(error),
            )


def _rules_of(held: Held | None) -> Rules | None:
    return held.rules if isinstance(held, Calendar) else None


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _booking_json(before: BookingStatus | None, status: BookingStatus) -> dict[str, Any]:
    same = before is not None and before.verdict == status.verdict
    condition = {
        "type": DOUBLE_BOOKED,
        "status": status.verdict,
        "reason": status.reason,
        "message": status.message,
        "observedGeneration": status.generation,
        "lastTransitionTime": (before.since if before and same else "") or _now(),
    }
    return {
        "conditions": [condition],
        "conflictsWith": list(status.conflicts_with),
        "conflicts": status.conflicts,
        "observedGeneration": status.generation,
    }


def _calendar_json(before: CalendarStatus | None, status: CalendarStatus) -> dict[str, Any]:
    same = before is not None and bool(before.fault) == bool(status.fault)
    condition = {
        "type": "Ready",
        "status": "False" if status.fault else "True",
        "reason": "InvalidSpec" if status.fault else "Checking",
        "message": status.fault or "Bookings on it are checked.",
        "observedGeneration": status.generation,
        "lastTransitionTime": (before.since if before and same else "") or _now(),
    }
    return {
        "conditions": [condition],
        "bookings": status.bookings,
        "conflicts": status.conflicts,
        "observedGeneration": status.generation,
    }


def _event_json(booking: Booking, reason: str, message: str, kind: str) -> dict[str, Any]:
    key, now = booking.key, _now()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{key.name[:200]}.{uuid4().hex[:16]}", "namespace": key.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": "Booking",
            "namespace": key.namespace,
            "name": key.name,
            "uid": booking.identity.uid,
        },
        "reason": reason,
        "message": message[:1024],
        "type": kind,
        "source": {"component": "double-booked-operator"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
