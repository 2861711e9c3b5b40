"""Events are recorded about Bookings and Calendars; a rejected one is logged."""

import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from double_booked.operator import events
from double_booked.operator.cluster import Cluster
from double_booked.operator.objects import Booking, Calendar

from .factories import booking, calendar
from .fake_api_server import EVENTS, FakeApiServer

DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def recorded(api: FakeApiServer) -> list[dict[str, Any]]:
    return [raw for path, raw in api.objects.items() if path.startswith(EVENTS)]


@pytest.mark.parametrize("about", [booking("staging", 9, 10), calendar()])
async def test_an_event_names_its_object(
    api: FakeApiServer, cluster: Cluster, about: Booking | Calendar
) -> None:
    await events.record(cluster, about, "DoubleBooked", "Too much is booked.", "Warning")
    [event] = recorded(api)
    assert event["involvedObject"] == {
        "apiVersion": "double-booked.io/v1alpha1",
        "kind": type(about).__name__,
        "namespace": "team",
        "name": "staging",
        "uid": "uid-staging",
    }
    assert (event["apiVersion"], event["kind"]) == ("v1", "Event")
    assert event["metadata"]["namespace"] == "team"
    assert (event["type"], event["reason"]) == ("Warning", "DoubleBooked")
    assert event["message"] == "Too much is booked."
    assert event["source"] == {"component": "double-booked-operator"}
    assert event["firstTimestamp"] == event["lastTimestamp"]
    assert event["count"] == 1


async def test_events_about_one_object_have_unique_names(
    api: FakeApiServer, cluster: Cluster
) -> None:
    for _ in range(3):
        await events.record(cluster, calendar(), "BookingDeleted", "Deleted.")
    assert [event["type"] for event in recorded(api)] == ["Normal"] * 3


@pytest.mark.parametrize("cut", ["a", "-", "."])
async def test_the_event_of_the_longest_object_name_has_a_valid_name(
    api: FakeApiServer, cluster: Cluster, cut: str
) -> None:
    """The name may be cut after any character."""
    name = f"{'a' * (200 - len(cut))}{cut}".ljust(253, "b")
    await events.record(cluster, calendar(name), "BookingDeleted", "Deleted.")
    [event] = recorded(api)
    assert DNS_SUBDOMAIN.fullmatch(event["metadata"]["name"])
    assert len(event["metadata"]["name"]) <= 253
    assert event["involvedObject"]["name"] == name


async def test_a_message_is_cut_to_the_limit_of_an_event(
    api: FakeApiServer, cluster: Cluster
) -> None:
    await events.record(cluster, calendar(), "BookingDeleted", "x" * 5000)
    [event] = recorded(api)
    assert event["message"] == "x" * 1024


@pytest.mark.parametrize("code", [403, 404, 500])
async def test_a_rejected_event_is_logged(api: FakeApiServer, cluster: Cluster, code: int) -> None:
    api.fail("POST", EVENTS, code)
    with capture_logs() as logged:
        await events.record(cluster, calendar(), "BookingDeleted", "Deleted.")
    assert logged == [
        {
            "event": "event recording failed",
            "log_level": "warning",
            "kind": "Calendar",
            "object": "team/staging",
            "code": code,
            "reason": f"configured to fail with {code}",
        }
    ]
    assert recorded(api) == []
