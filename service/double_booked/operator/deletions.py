"""Deletes finished Bookings after their ttlSecondsAfterFinished, or that of their Calendars."""

import asyncio
import time
from collections.abc import Callable

import structlog

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.operator import events
from double_booked.operator.cluster import CONFLICT, NOT_FOUND, Cluster, ClusterError, path_of
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import Booking, format_time, parse_time
from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS

_CHECK_SECONDS = 5.0
_PER_SECOND = 5.0
"""How many bookings are deleted per second, so that reviews and watches keep up."""

_AT_A_TIME = 1000
_RECREATED_SECONDS = 3600
"""How long a booking stays that was created after its end: a GitOps tool would create it again."""


def ttl_of(booking: Booking, schedule: Schedule) -> int | None:
    """Return the seconds after its end until a booking is deleted; None for never.

    A booking without a ttl of its own takes the longest default of its calendars, and is never
    deleted if one of them has no default.
    """
    if booking.ttl is not None:
        return booking.ttl
    calendars = [schedule.calendars.get(key) for key in booking.calendar_keys()]
    defaults = [calendar.ttl if calendar else None for calendar in calendars]
    given = [seconds for seconds in defaults if seconds is not None]
    return max(given) if given and len(given) == len(defaults) else None


def deleted_at(booking: Booking, schedule: Schedule) -> int | None:
    """Return when a booking is to be deleted, in nanoseconds since 1970; None if never."""
    seconds = ttl_of(booking, schedule)
    if seconds is None or booking.fault or booking.is_deleting:
        return None
    due = booking.end + seconds * NANOS_PER_SECOND
    created = parse_time(booking.created)
    if created >= booking.end:
        return max(due, created + _RECREATED_SECONDS * NANOS_PER_SECOND)
    return due


class Deletions:
    """Deletes finished bookings, a few at a time."""

    def __init__(
        self, schedule: Schedule, cluster: Cluster, metrics: Metrics, may_delete: Callable[[], bool]
    ) -> None:
        """Prepare to delete bookings.

        Args:
            schedule: The cached objects.
            cluster: The API server.
            metrics: Counts the deletions.
            may_delete: Returns whether this process is the one that deletes now.
        """
        self._schedule = schedule
        self._cluster = cluster
        self._metrics = metrics
        self._may_delete = may_delete

    async def run(self) -> None:
        """Delete due bookings until cancelled."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            for booking in await self._due():
                await self._delete(booking)
                await asyncio.sleep(1 / _PER_SECOND)

    async def _due(self) -> list[Booking]:
        """Return the bookings that are due; let reviews run in between."""
        due = []
        now = time.time_ns()
        has_default = any(
            calendar.ttl is not None for calendar in self._schedule.calendars.values()
        )
        for number, booking in enumerate(tuple(self._schedule.bookings.values())):
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)
            if booking.ttl is None and not has_default:
                continue
            at = deleted_at(booking, self._schedule)
            if at is not None and at <= now:
                due.append(booking)
        return due

    async def _delete(self, booking: Booking) -> None:
        """Delete a booking unless it has changed, and record an Event on its calendars."""
        if not self._may_delete() or self._schedule.bookings.get(booking.key) is not booking:
            return
        metadata = booking.metadata
        try:
            path = path_of(BOOKINGS.plural, booking.key)
            version = str(metadata.version)
            await self._cluster.delete(path, uid=metadata.uid, resourceVersion=version)
        except ClusterError as error:
            if error.code not in {NOT_FOUND, CONFLICT}:
                self._metrics.deletions.labels("failure").inc()
                structlog.get_logger().warning(
                    "booking deletion failed",
                    booking=str(booking.key),
                    code=error.code,
                    reason=str(error),
                )
            return
        self._metrics.deletions.labels("success").inc()
        structlog.get_logger().info("finished booking deleted", booking=str(booking.key))
        await self._record(booking)

    async def _record(self, booking: Booking) -> None:
        message = (
            f"Deleted booking {booking.key.name}, which ended {format_time(booking.end)},"
            f" after its ttlSecondsAfterFinished of {ttl_of(booking, self._schedule)} s."
        )
        for key in booking.calendar_keys():
            if calendar := self._schedule.calendars.get(key):
                await events.record(self._cluster, calendar, "BookingDeleted", message)
