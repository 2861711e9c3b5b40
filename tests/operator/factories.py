"""Factories of calendars and bookings, with times in hours of one day."""

from collections.abc import Mapping
from typing import Any

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.operator.ledger import Reservations, reserve
from double_booked.operator.metrics import Gauges, Metrics
from double_booked.operator.objects import (
    API_VERSION,
    Booking,
    Calendar,
    NamespacedName,
    ObjectMeta,
    Rules,
)
from double_booked.operator.schedule import Schedule

TEAM = "team"
HOUR = 3600 * NANOS_PER_SECOND
_EPOCH = 1_764_547_200  # 2025-12-01T00:00:00Z


class Clock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def at(hour: float) -> int:
    """Return an hour of the day in nanoseconds since 1970."""
    return _EPOCH * NANOS_PER_SECOND + round(hour * HOUR)


def key(name: str) -> NamespacedName:
    return NamespacedName(TEAM, name)


def calendar(name: str = "staging", version: int = 1, **rules: Any) -> Calendar:
    return Calendar(ObjectMeta(key(name), f"uid-{name}", version, version), Rules(**rules))


def booking(
    name: str,
    start: float,
    end: float,
    *calendars: str,
    created: int = 0,
    version: int = 1,
    uid: str = "",
    **more: Any,
) -> Booking:
    """Return a booking from one hour to another, on `staging` if no calendar is named."""
    return Booking(
        ObjectMeta(key(name), uid or f"uid-{name}", version, version),
        f"2025-11-01T00:00:{created:02}Z",
        at(start),
        at(end),
        calendars or ("staging",),
        **more,
    )


def schedule_of(*cached: Booking | Calendar) -> Schedule:
    schedule = Schedule()
    for item in cached:
        if isinstance(item, Booking):
            assert schedule.upsert_booking(item)
        else:
            assert schedule.upsert_calendar(item)
    return schedule


def reservations_of(*wanted: Booking | Calendar) -> Reservations:
    """Return reservations of creates."""
    return Reservations(reserve(one, None) for one in wanted)


def metrics_of(
    schedule: Schedule, over: Mapping[NamespacedName, tuple[NamespacedName, ...]] | None
) -> Metrics:
    """Return the metrics of an operator that admits, with some values of every gauge."""
    metrics = Metrics()
    metrics.certificate.set_expiry(2e9)
    gauges = Gauges(
        reservations=lambda: 3,
        admitting=lambda: True,
        leading=lambda: True,
        lag=lambda: 1.5,
        details=lambda: 4,
        webhook_configured=lambda: True,
        unenforced=lambda: {"FailurePolicyIgnore": 2},
        foreign_webhooks=lambda: 1,
    )
    metrics.export(schedule, lambda: over, gauges)
    return metrics


def _raw(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {
        "namespace": TEAM,
        "name": name,
        "uid": f"uid-{name}",
        "generation": 1,
        "resourceVersion": "1",
        "creationTimestamp": "2025-11-01T00:00:00Z",
    }
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def raw_booking(
    name: str,
    start: str,
    end: str,
    *calendars: str,
    spec: dict[str, Any] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    """Return a Booking as parsed JSON, with more fields in its spec and its metadata."""
    whole = {"calendars": list(calendars or ("staging",)), "start": start, "end": end}
    raw = _raw("Booking", name, whole | (spec or {}))
    raw["metadata"] |= metadata
    return raw


def raw_calendar(name: str = "staging", **spec: Any) -> dict[str, Any]:
    """Return a Calendar as parsed JSON."""
    return _raw("Calendar", name, spec)
