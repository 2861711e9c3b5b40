"""Statuses are written when they change, and only then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from double_booked.operator.cluster import Cluster
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import Enforcement
from double_booked.operator.schedule import Schedule
from double_booked.operator.status_writer import StatusWriter
from double_booked.operator.store import BOOKINGS as BOOKING_KIND
from double_booked.operator.store import CALENDARS as CALENDAR_KIND
from double_booked.operator.store import Store
from waiting import until

from .factories import key, raw_booking, raw_calendar
from .fake_api_server import BOOKINGS, CALENDARS, EVENTS, FakeApiServer

ENFORCED = Enforcement("True", "Reviewed", "Each new booking is reviewed.")
NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")


@dataclass
class Office:
    """A running status writer, with its cache and a fake API server."""

    api: FakeApiServer
    schedule: Schedule
    store: Store
    writer: StatusWriter
    metrics: Metrics
    enforcement: Enforcement = ENFORCED

    def write(self, raw: dict[str, Any], kind: Any = BOOKING_KIND) -> None:
        """Write an object as another client, and deliver the watch event."""
        collection = BOOKINGS if kind is BOOKING_KIND else CALENDARS
        path = f"{collection}/{raw['metadata']['name']}"
        stored = self.api.objects.get(path)
        if stored:
            raw = raw | {"status": stored.get("status", {})}
        self.store.upsert(kind, self.api.put(path, raw))

    def status(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.api.objects[f"{BOOKINGS}/{name}"].get("status", {})
        return status

    def verdict(self, name: str) -> str:
        conditions = self.status(name).get("conditions")
        return str(conditions[0]["status"]) if conditions else ""

    def conditions(self, path: str) -> dict[str, tuple[str, str]]:
        """Return the status and the reason of each condition of an object."""
        conditions = self.api.objects[path].get("status", {}).get("conditions", ())
        return {one["type"]: (one["status"], one["reason"]) for one in conditions}

    def hold_patch(self, name: str) -> asyncio.Event:
        """Delay the responses to status patches of a booking until the event is set."""
        released = self.api.held_responses["PATCH", f"{BOOKINGS}/{name}/status"] = asyncio.Event()
        return released

    def bring(self, name: str) -> None:
        """Deliver the watch event of a booking as it is stored."""
        self.store.upsert(BOOKING_KIND, self.api.objects[f"{BOOKINGS}/{name}"])

    def patches(self, name: str) -> int:
        return self.api.count("PATCH", f"{BOOKINGS}/{name}/status")

    def rounds(self) -> float | None:
        """Return how often statuses were computed."""
        name = "double_booked_operator_reconcile_seconds_count"
        return self.metrics.registry.get_sample_value(name)

    def events(self) -> list[tuple[str, str]]:
        events = [raw for path, raw in self.api.objects.items() if path.startswith(EVENTS)]
        return [(raw["type"], raw["involvedObject"]["name"]) for raw in events]


@asynccontextmanager
async def office_of(api: FakeApiServer, cluster: Cluster) -> AsyncIterator[Office]:
    """Run a status writer until the end of the block."""
    schedule, metrics = Schedule(), Metrics()
    store = Store(schedule)
    writer = StatusWriter(schedule, store, cluster, metrics, lambda _: office.enforcement)
    store.subscribe(writer.on_change)
    office = Office(api, schedule, store, writer, metrics)
    task = asyncio.create_task(writer.run())
    office.write(raw_calendar(), CALENDAR_KIND)
    yield office
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def office(api: FakeApiServer, cluster: Cluster) -> AsyncIterator[Office]:
    async with office_of(api, cluster) as office:
        yield office


async def test_both_statuses_name_the_conflict_and_an_event_is_recorded(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    await until(lambda: office.verdict("a") == "False", "a has a status")
    assert office.status("a")["conflictsWith"] == ["b"]
    assert office.status("b")["conflictsWith"] == ["a"]
    assert office.status("b")["observedGeneration"] == 1
    await until(office.events, "an Event")
    assert office.events() == [("Warning", "b")]
    await until(lambda: office.writer.over == {key("b"): (key("staging"),)}, "it is counted")


async def test_a_booking_that_is_free_again_gets_a_status_and_an_event(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    gone = office.api.objects[f"{BOOKINGS}/a"]
    office.api.delete(f"{BOOKINGS}/a")
    office.store.on_deleted(
        BOOKING_KIND, gone | {"metadata": gone["metadata"] | {"resourceVersion": "999"}}
    )
    await until(lambda: office.verdict("b") == "False", "b is free")
    assert office.status("b")["conditions"][0]["reason"] == "Free"
    assert office.status("b")["conflictsWith"] == []
    await until(lambda: len(office.events()) == 2, "an Event")
    assert ("Normal", "b") in office.events()
    assert office.writer.over == {}


async def test_a_calendar_status_counts_bookings_and_conflicts(office: Office) -> None:
    for number, name in enumerate("abc"):
        office.write(raw_booking(name, *NINE, creationTimestamp=f"2025-11-0{number + 1}T00:00:00Z"))

    def status() -> dict[str, Any]:
        status: dict[str, Any] = office.api.objects[f"{CALENDARS}/staging"].get("status", {})
        return status

    await until(
        lambda: (status().get("bookings"), status().get("conflicts")) == (3, 2), "the counts"
    )
    assert status()["conditions"][0]["status"] == "True"


async def test_the_transition_time_stays_while_the_verdict_does(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    path = f"{BOOKINGS}/b"
    condition = office.api.objects[path]["status"]["conditions"][0]
    condition["lastTransitionTime"] = "2025-01-01T00:00:00Z"
    office.store.upsert(BOOKING_KIND, office.api.put(path, office.api.objects[path]))
    office.write(raw_booking("c", *NINE, creationTimestamp="2025-11-03T00:00:00Z"))
    await until(lambda: office.status("b")["conflictsWith"] == ["a", "c"], "c is named")
    condition = office.status("b")["conditions"][0]
    assert condition["lastTransitionTime"] == "2025-01-01T00:00:00Z"


async def test_an_unchanged_status_is_not_written_again(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.verdict("a") == "False", "a has a status")
    await until(lambda: office.writer.lag() == 0, "all is done")
    before = office.api.count("PATCH", f"{BOOKINGS}/a/status")
    raw = office.api.objects[f"{BOOKINGS}/a"]
    office.write(raw | {"metadata": raw["metadata"] | {"labels": {"team": "red"}}})
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert office.api.count("PATCH", f"{BOOKINGS}/a/status") == before


async def test_a_status_changed_by_another_client_is_corrected(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.verdict("a") == "False", "a has a status")
    path = f"{BOOKINGS}/a"
    wrong = office.api.objects[path] | {"status": {}}
    office.store.upsert(BOOKING_KIND, office.api.put(path, wrong))
    await until(lambda: office.verdict("a") == "False", "the status of a is corrected")


async def test_a_failed_write_is_retried(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("double_booked.operator.status_writer._RETRY_SECONDS", 0.05)
    office.api.fail("PATCH", f"{BOOKINGS}/a/status", 403)
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.verdict("a") == "False", "a has a status")
    assert (
        office.metrics.registry.get_sample_value("double_booked_operator_reconcile_errors_total")
        == 1
    )


async def test_a_failed_event_is_logged(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    office.api.fail("POST", EVENTS, 403)
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert "event recording failed" in capsys.readouterr().out


async def test_a_booking_created_again_does_not_get_the_old_status(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    path = f"{BOOKINGS}/a"
    office.api.objects.pop(path)
    office.api.put(path, raw_booking("a", *NINE))
    await until(lambda: office.api.count("PATCH", f"{path}/status"), "it was tried")
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert office.status("a") == {}
    assert (
        office.metrics.registry.get_sample_value("double_booked_operator_reconcile_errors_total")
        == 0
    )


async def test_bookings_and_calendars_have_readiness(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("a") == "False", "a has a status")
    await until(lambda: office.verdict("b") == "True", "b is marked")
    kept, over = "Kept", "OverCapacity"
    assert office.conditions(f"{BOOKINGS}/a") == {
        "DoubleBooked": ("False", kept),
        "Ready": ("True", kept),
    }
    assert office.conditions(f"{BOOKINGS}/b") == {
        "DoubleBooked": ("True", over),
        "Ready": ("False", over),
        "Stalled": ("True", over),
    }


async def test_a_booking_on_a_missing_calendar_is_stalled(office: Office) -> None:
    office.write(raw_booking("a", *NINE, "missing"))
    await until(lambda: office.verdict("a"), "a has a status")
    conditions = office.conditions(f"{BOOKINGS}/a")
    assert conditions["Ready"] == ("False", "CalendarNotFound")
    assert conditions["Stalled"] == ("True", "CalendarNotFound")


async def test_a_watch_event_before_the_response_causes_no_round(
    office: Office,
) -> None:
    released = office.hold_patch("a")
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.status("a"), "the status is stored")
    office.bring("a")
    released.set()
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert (office.patches("a"), office.rounds()) == (1, 1)


async def test_a_watch_event_after_the_response_causes_no_round(
    office: Office,
) -> None:
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.status("a"), "the status is stored")
    await until(lambda: office.writer.lag() == 0, "all is done")
    office.bring("a")
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert (office.patches("a"), office.rounds()) == (1, 1)


async def test_a_spec_changed_during_a_status_write_gets_its_own_status(
    office: Office,
) -> None:
    released = office.hold_patch("a")
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.status("a"), "the status is stored")
    office.write(raw_booking("a", NINE[0], "2026-12-01T11:00:00Z"))
    released.set()
    await until(lambda: office.status("a")["observedGeneration"] == 2, "the new spec has a status")
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert office.conditions(f"{BOOKINGS}/a")["Ready"] == ("True", "Free")
    assert (office.patches("a"), office.rounds()) == (2, 2)


async def test_a_change_of_enforcement_is_written_only_to_calendars(office: Office) -> None:
    path = f"{CALENDARS}/staging"
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.status("a"), "a has a status")
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert office.conditions(path)["Enforced"] == ("True", "Reviewed")
    office.enforcement = Enforcement("False", "WebhookNotFound", "There is none.")
    office.writer.on_enforcement_change()
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert office.conditions(path) == {
        "Ready": ("True", "Reconciled"),
        "Enforced": ("False", "WebhookNotFound"),
    }
    assert (office.patches("a"), office.rounds()) == (1, 1)
    before = office.api.count("PATCH", f"{path}/status")
    office.writer.on_enforcement_change()
    await until(lambda: office.writer.lag() == 0, "all is done")
    assert office.api.count("PATCH", f"{path}/status") == before


async def test_an_invalid_calendar_is_stalled(office: Office) -> None:
    path = f"{CALENDARS}/broken"
    office.write(raw_calendar("broken", minGap="soon"), CALENDAR_KIND)
    await until(lambda: office.conditions(path), "the status is stored")
    assert office.conditions(path) == {
        "Ready": ("False", "InvalidSpec"),
        "Stalled": ("True", "InvalidSpec"),
        "Enforced": ("True", "Reviewed"),
    }


async def test_a_change_of_details_waits_and_is_written_once(
    api: FakeApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several changes cause one write, with the last state."""
    monkeypatch.setattr("double_booked.operator.status_writer._DETAILS_SECONDS", 1.0)
    async with office_of(api, cluster) as office:
        office.write(raw_booking("a", *NINE))
        office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
        await until(lambda: office.verdict("b") == "True", "b is marked")
        await until(lambda: office.writer.lag() == 0, "all is done")
        before = office.patches("b")
        for name in "cd":
            office.write(raw_booking(name, *NINE, creationTimestamp="2025-11-03T00:00:00Z"))
            await until(lambda name=name: office.verdict(name) == "True", f"{name} is marked")
        await until(lambda: office.writer.pending_details() == 3, "those of a, b and c wait")
        await until(lambda: office.status("b")["conflictsWith"] == ["a", "c", "d"], "c, d named")
        assert office.patches("b") == before + 1
