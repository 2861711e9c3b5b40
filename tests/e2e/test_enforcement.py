"""Test what Calendars and metrics report about the webhook configuration."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import Namespace, run, tool
from e2e.operator_process import NINE, WEBHOOKS, Process, Team, configuration_of, operating, team
from waiting import until

SECONDS = 30
"""Seconds to wait: the operator checks every 5 s, and then writes the condition."""


@pytest.fixture
def process(place: Namespace, tmp_path: Path) -> Iterator[Process]:
    with operating(place.name, tmp_path) as running:
        yield running


@pytest.fixture
async def bookers(place: Namespace) -> AsyncIterator[Team]:
    async with team(place.name) as found:
        yield found


def configuration(place: Namespace) -> dict[str, Any]:
    """Return the current webhook configuration of the operator."""
    found = json.loads(
        run(tool("kubectl"), "get", WEBHOOKS, configuration_of(place.name), "--output=json")
    )
    found["metadata"] = {"name": found["metadata"]["name"]}
    return dict(found)


def apply(changed: dict[str, Any]) -> None:
    """Replace the configuration of the same name."""
    run(tool("kubectl"), "delete", "--ignore-not-found", WEBHOOKS, changed["metadata"]["name"])
    run(tool("kubectl"), "create", "--filename=-", text=json.dumps(changed))


async def enforced(bookers: Team, calendar: str, status: str, reason: str) -> str:
    """Wait until a Calendar has a given condition Enforced; return its message."""

    async def found() -> dict[str, str]:
        raw = await bookers.get("calendars", calendar)
        conditions = raw.get("status", {}).get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == "Enforced"), {})

    async def is_so() -> bool:
        condition = await found()
        return (condition.get("status"), condition.get("reason")) == (status, reason)

    await until(is_so, f"{calendar} is {status} {reason}", SECONDS)
    return (await found())["message"]


def unenforced(process: Process, reason: str) -> float:
    """Return the number of unenforced calendars with a reason."""
    return process.metric(f'double_booked_operator_unenforced_calendars{{reason="{reason}"}}')


async def test_a_calendar_is_enforced_while_new_bookings_are_reviewed(
    place: Namespace, bookers: Team, process: Process
) -> None:
    await bookers.calendar("staging")
    await bookers.calendar("window", policy="Report")
    await enforced(bookers, "staging", "True", "Reviewed")
    await enforced(bookers, "window", "False", "PolicyReport")
    assert process.metric("double_booked_operator_webhook_configured") == 1
    assert place.kubectl("get", "calendars.double-booked.io", "staging").split()[5:7] == [
        "READY",
        "ENFORCED",
    ]


async def test_a_missing_configuration_is_reported_as_unenforced(
    place: Namespace, bookers: Team, process: Process
) -> None:
    await bookers.calendar("staging")
    await enforced(bookers, "staging", "True", "Reviewed")
    before = configuration(place)
    run(tool("kubectl"), "delete", WEBHOOKS, before["metadata"]["name"])
    message = await enforced(bookers, "staging", "False", "WebhookNotFound")
    assert "New bookings are admitted without a review." in message
    assert process.metric("double_booked_operator_webhook_configured") == 0
    assert unenforced(process, "WebhookNotFound") == 1
    assert "reviews not enforced" in {entry["event"] for entry in process.entries()}
    apply(before)
    await enforced(bookers, "staging", "True", "Reviewed")
    assert process.metric("double_booked_operator_webhook_configured") == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"clientConfig": {"url": "https://elsewhere.example/", "caBundle": "Cg=="}},
            ("WebhookMisconfigured", "which is not this operator"),
        ),
        (
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}},
            ("NamespaceNotSelected", "does not select namespace"),
        ),
        (
            {"objectSelector": {"matchLabels": {"reviewed": "yes"}}},
            ("WebhookMisconfigured", "objectSelector"),
        ),
        ({"failurePolicy": "Ignore"}, ("FailurePolicyIgnore", "while no operator answers")),
    ],
)
async def test_a_configuration_that_does_not_enforce_is_reported_with_its_reason(
    place: Namespace,
    bookers: Team,
    process: Process,
    change: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    reason, words = expected
    await bookers.calendar("staging")
    await enforced(bookers, "staging", "True", "Reviewed")
    before = configuration(place)
    apply(before | {"webhooks": [webhook | change for webhook in before["webhooks"]]})
    assert words in await enforced(bookers, "staging", "False", reason)
    assert unenforced(process, reason) == 1


async def test_a_second_operator_for_the_same_namespace_is_counted_and_logged(
    place: Namespace, bookers: Team, process: Process
) -> None:
    await bookers.calendar("staging")
    second = configuration(place)
    second["metadata"]["name"] = f"second-{place.name}"
    try:
        apply(second)

        async def is_counted() -> bool:
            return process.metric("double_booked_operator_foreign_webhooks") == 2

        await until(is_counted, "both webhooks of the second are counted", SECONDS)
        assert "foreign webhook reviews these kinds" in {e["event"] for e in process.entries()}
    finally:
        run(tool("kubectl"), "delete", WEBHOOKS, second["metadata"]["name"])


async def test_deleting_a_finished_booking_is_recorded_on_its_calendar(
    place: Namespace, bookers: Team, process: Process
) -> None:
    await bookers.calendar("staging")
    end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
    when = [f"{instant:%Y-%m-%dT%H:%M:%SZ}" for instant in (end - dt.timedelta(hours=1), end)]
    await bookers.book("over", *when, "staging")
    await bookers.change("bookings", "over", spec={"ttlSecondsAfterFinished": 0})
    await bookers.book("later", *NINE, "staging")

    async def is_deleted() -> bool:
        return [raw["metadata"]["name"] for raw in await bookers.get("bookings")] == ["later"]

    await until(is_deleted, "the finished booking is deleted", SECONDS)
    total = 'double_booked_operator_deletions_total{result="success"}'
    assert process.metric(total) == 1

    async def is_recorded() -> bool:
        events = place.get("events", "--field-selector=reason=BookingDeleted")["items"]
        return [event["involvedObject"]["kind"] for event in events] == ["Calendar"]

    await until(is_recorded, "an Event on the calendar", SECONDS)
