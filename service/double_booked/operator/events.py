"""Records Kubernetes Events about Bookings and Calendars."""

from typing import Any, Literal
from uuid import uuid4

import structlog

from double_booked.operator.cluster import Cluster, ClusterError, url_path
from double_booked.operator.conditions import now
from double_booked.operator.objects import API_VERSION, Booking, Calendar

_MAX_MESSAGE = 1024


async def record(
    cluster: Cluster,
    about: Booking | Calendar,
    reason: str,
    message: str,
    kind: Literal["Normal", "Warning"] = "Normal",
) -> None:
    """Record an Event; log it if the API server rejects it.

    Args:
        cluster: The API server.
        about: The object that the Event is about.
        reason: One word in CamelCase.
        message: A sentence.
        kind: The type of the Event.
    """
    key = about.metadata.key
    event = _event_json(about, reason, message, kind)
    try:
        await cluster.create(url_path("api", "v1", "namespaces", key.namespace, "events"), event)
    except ClusterError as error:
        structlog.get_logger().warning(
            "event recording failed",
            kind=type(about).__name__,
            object=str(key),
            code=error.code,
            reason=str(error),
        )


def _event_json(about: Booking | Calendar, reason: str, message: str, kind: str) -> dict[str, Any]:
    key, time = about.metadata.key, now()
    # The parts of a name between dots must end with a letter or a digit (RFC 1123).
    prefix = key.name[:200].rstrip("-.")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{prefix}.{uuid4().hex[:16]}", "namespace": key.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": type(about).__name__,
            "namespace": key.namespace,
            "name": key.name,
            "uid": about.metadata.uid,
        },
        "reason": reason,
        "message": message[:_MAX_MESSAGE],
        "type": kind,
        "source": {"component": "double-booked-operator"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
