"""Events for tests, with times in hours after Monday, 2 March 2026, 00:00 UTC."""

from datetime import UTC, datetime, timedelta

from double_booked.api.scheduling_pb2 import Event
from double_booked.conflicts.instants import NANOS_PER_SECOND, to_instant

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = 3_600 * NANOS_PER_SECOND
NINE = to_instant(MONDAY) + 9 * HOUR


def event(start: float, end: float, *resources: str) -> Event:
    new = Event(resources=resources)
    new.start.FromDatetime(MONDAY + timedelta(hours=start))
    new.end.FromDatetime(MONDAY + timedelta(hours=end))
    return new


def instant(hour: float) -> int:
    return to_instant(MONDAY) + int(hour * 3_600) * NANOS_PER_SECOND


def hour_of(nanoseconds: int) -> float:
    return (nanoseconds - to_instant(MONDAY)) / HOUR
