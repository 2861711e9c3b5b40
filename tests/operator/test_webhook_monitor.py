"""The webhook configurations are read regularly, and a change is reported once."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from double_booked.operator.cluster import Cluster
from double_booked.operator.enforcement import ExpectedWebhook
from double_booked.operator.schedule import Schedule
from double_booked.operator.webhook_monitor import WebhookMonitor
from waiting import until

from .factories import calendar, schedule_of
from .fake_api_server import WEBHOOKS, FakeApiServer

NAME = "double-booked-operator"
OWN = f"{WEBHOOKS}/{NAME}"
OTHER = f"{WEBHOOKS}/second-operator"
NAMESPACE = "/api/v1/namespaces/team"
TEAM_RED = {"matchLabels": {"team": "red"}}


def configuration(**changes: Any) -> dict[str, Any]:
    """Make the configuration of the chart, with other fields in both webhooks."""
    webhooks = [
        {
            "name": f"{kind}.double-booked.io",
            "clientConfig": {
                "service": {"name": NAME, "namespace": "shared", "path": f"/{kind}"},
                "caBundle": "some",
            },
            "rules": [
                {
                    "apiGroups": ["double-booked.io"],
                    "apiVersions": ["v1alpha1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": [kind],
                }
            ],
        }
        | changes
        for kind in ("bookings", "calendars")
    ]
    return {"webhooks": webhooks}


@dataclass
class Watch:
    """A monitor, with the changes that it reports."""

    monitor: WebhookMonitor
    schedule: Schedule
    changes: list[str]

    async def refresh(self) -> list[EventDict]:
        """Refresh once; return what was logged."""
        with capture_logs() as logged:
            await self.monitor.refresh()
        return logged

    def verdict(self) -> str:
        """Return the verdict on a calendar that the changes report, and its reason."""
        enforcement = self.monitor.enforcement(calendar())
        return f"{enforcement.verdict} {enforcement.reason}"


@pytest.fixture
def watch(cluster: Cluster) -> Watch:
    schedule = schedule_of(calendar())
    changes: list[str] = []
    expected = ExpectedWebhook(NAME, [f"{NAME}.shared.svc"], b"", [])
    monitor = WebhookMonitor(cluster, schedule, lambda: expected)
    monitor.subscribe(lambda: changes.append(watch.verdict()))
    watch = Watch(monitor, schedule, changes)
    return watch


async def test_state_is_unknown_before_the_first_refresh(watch: Watch) -> None:
    assert watch.verdict() == "Unknown Unknown"


async def test_each_change_is_logged_and_reported_once(api: FakeApiServer, watch: Watch) -> None:
    api.put(OWN, configuration())
    [logged] = await watch.refresh()
    assert (logged["event"], logged["log_level"]) == ("reviews enforced", "info")
    assert await watch.refresh() == []
    api.delete(OWN)
    [logged] = await watch.refresh()
    assert (logged["event"], logged["log_level"]) == ("reviews not enforced", "warning")
    assert logged["reason"] == "WebhookNotFound"
    assert await watch.refresh() == []
    api.put(OWN, configuration())
    [logged] = await watch.refresh()
    assert logged["event"] == "reviews enforced"
    assert watch.changes == ["True Reviewed", "False WebhookNotFound", "True Reviewed"]


async def test_a_changed_failure_policy_is_reported(api: FakeApiServer, watch: Watch) -> None:
    api.put(OWN, configuration())
    await watch.refresh()
    api.put(OWN, configuration(failurePolicy="Ignore"))
    [logged] = await watch.refresh()
    assert (logged["event"], logged["fails_closed"]) == ("reviews enforced", False)
    assert watch.changes == ["True Reviewed", "False FailurePolicyIgnore"]


async def test_without_the_right_to_list_the_own_configuration_is_read(
    api: FakeApiServer, watch: Watch
) -> None:
    api.put(OWN, configuration())
    api.put(OTHER, configuration())
    api.fail("GET", WEBHOOKS, 403)
    await watch.refresh()
    assert watch.verdict() == "True Reviewed"
    assert watch.monitor.foreign == ()
    assert api.requests == [("GET", WEBHOOKS), ("GET", OWN)]


async def test_without_the_right_to_list_a_missing_configuration_is_reported(
    api: FakeApiServer, watch: Watch
) -> None:
    api.fail("GET", WEBHOOKS, 403)
    await watch.refresh()
    assert watch.verdict() == "False WebhookNotFound"


@pytest.mark.parametrize("code", [400, 404, 405])
async def test_an_error_of_the_list_makes_the_state_unknown(
    api: FakeApiServer, watch: Watch, code: int
) -> None:
    api.put(OWN, configuration())
    await watch.refresh()
    api.fail("GET", WEBHOOKS, code)
    [logged] = await watch.refresh()
    assert logged["event"] == "reviews not enforced"
    assert f"configured to fail with {code}" in logged["message"]
    await watch.refresh()
    assert watch.changes == ["True Reviewed", "Unknown Unknown", "True Reviewed"]


@pytest.mark.parametrize("code", [401, 429, 500, 503])
async def test_a_transient_error_of_the_list_is_retried(
    api: FakeApiServer, watch: Watch, code: int
) -> None:
    api.put(OWN, configuration())
    api.fail("GET", WEBHOOKS, code)
    await watch.refresh()
    assert watch.changes == ["True Reviewed"]


async def test_without_any_right_the_state_is_unknown(api: FakeApiServer, watch: Watch) -> None:
    api.put(OWN, configuration())
    api.fail("GET", WEBHOOKS, 403)
    api.fail("GET", OWN, 403)
    await watch.refresh()
    assert watch.verdict() == "Unknown Unknown"
    assert watch.changes == ["Unknown Unknown"]


async def test_a_foreign_webhook_is_logged_once_and_changes_no_verdict(
    api: FakeApiServer, watch: Watch
) -> None:
    api.put(OWN, configuration())
    await watch.refresh()
    api.put(OTHER, configuration())
    names = tuple(f"second-operator/{kind}.double-booked.io" for kind in ("bookings", "calendars"))
    [logged] = await watch.refresh()
    assert logged["event"] == "foreign webhook reviews these kinds"
    assert logged["webhooks"] == names == watch.monitor.foreign
    assert await watch.refresh() == []
    api.delete(OTHER)
    assert await watch.refresh() == []
    assert watch.monitor.foreign == ()
    assert watch.changes == ["True Reviewed"]


async def test_labels_are_not_read_if_no_selector_needs_them(
    api: FakeApiServer, watch: Watch
) -> None:
    name = {"matchLabels": {"kubernetes.io/metadata.name": "team"}}
    api.put(NAMESPACE, {"metadata": {"labels": {"team": "red"}}})
    api.put(OWN, configuration(namespaceSelector=name))
    await watch.refresh()
    assert watch.verdict() == "True Reviewed"
    assert api.count("GET", NAMESPACE) == 0


async def test_labels_are_read_if_a_selector_needs_them(api: FakeApiServer, watch: Watch) -> None:
    api.put(NAMESPACE, {"metadata": {"labels": {"team": "red"}}})
    api.put(OWN, configuration(namespaceSelector=TEAM_RED))
    await watch.refresh()
    assert watch.changes == ["True Reviewed"]
    await watch.refresh()
    assert api.count("GET", NAMESPACE) == 1


async def test_changed_labels_are_read_after_a_minute(
    api: FakeApiServer, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put(NAMESPACE, {"metadata": {"labels": {"team": "red"}}})
    api.put(OWN, configuration(namespaceSelector=TEAM_RED))
    await watch.refresh()
    api.put(NAMESPACE, {"metadata": {"labels": {"team": "blue"}}})
    monkeypatch.setattr("double_booked.operator.webhook_monitor._LABELS_SECONDS", 0.0)
    assert await watch.refresh() == []
    assert watch.changes == ["True Reviewed", "False NamespaceNotSelected"]


async def test_labels_are_read_at_once_just_after_a_boot(
    api: FakeApiServer, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("double_booked.operator.webhook_monitor.monotonic", lambda: 5.0)
    api.put(NAMESPACE, {"metadata": {"labels": {"team": "red"}}})
    api.put(OWN, configuration(namespaceSelector=TEAM_RED))
    await watch.refresh()
    assert watch.verdict() == "True Reviewed"


@pytest.mark.parametrize("code", [403, 404])
async def test_unreadable_labels_leave_the_verdict_unknown(
    api: FakeApiServer, watch: Watch, code: int
) -> None:
    api.put(NAMESPACE, {"metadata": {"labels": {"team": "red"}}})
    api.put(OWN, configuration(namespaceSelector=TEAM_RED))
    api.fail("GET", NAMESPACE, code)
    await watch.refresh()
    assert watch.verdict() == "Unknown Unknown"
    assert watch.monitor.state.reason == ""
    await watch.refresh()
    assert watch.verdict() == "True Reviewed"


async def test_a_foreign_webhook_with_a_selector_is_matched_by_labels(
    api: FakeApiServer, watch: Watch
) -> None:
    api.put(NAMESPACE, {"metadata": {"labels": {"team": "blue"}}})
    api.put(OWN, configuration())
    api.put(OTHER, configuration(namespaceSelector=TEAM_RED))
    await watch.refresh()
    assert watch.monitor.foreign == ()
    assert api.count("GET", NAMESPACE) == 1


async def test_calendars_that_are_not_enforced_are_counted_by_reason(
    api: FakeApiServer, watch: Watch
) -> None:
    watch.schedule.upsert_calendar(calendar("gpu"))
    watch.schedule.upsert_calendar(calendar("open", rejects=False))
    assert watch.monitor.unenforced() == {"Unknown": 2}
    await watch.refresh()
    assert watch.monitor.unenforced() == {"WebhookNotFound": 2}
    api.put(OWN, configuration(failurePolicy="Ignore"))
    await watch.refresh()
    assert watch.monitor.unenforced() == {"FailurePolicyIgnore": 2}
    api.put(OWN, configuration())
    await watch.refresh()
    assert watch.monitor.unenforced() == {}


async def test_monitor_refreshes_until_cancelled(
    api: FakeApiServer, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("double_booked.operator.webhook_monitor._REFRESH_SECONDS", 0.01)
    task = asyncio.create_task(watch.monitor.run())
    await until(lambda: watch.changes == ["False WebhookNotFound"], "a first refresh")
    api.put(OWN, configuration())
    await until(lambda: watch.changes[-1] == "True Reviewed", "a second refresh")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
