"""Statuses are written where they are no longer true, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from double_booked.operator.cluster import Cluster
from double_booked.operator.index import Index
from double_booked.operator.intake import BOOKINGS as BOOKING_KIND
from double_booked.operator.intake import CALENDARS as CALENDAR_KIND
from double_booked.operator.intake import Intake
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import Enforcement
from double_booked.operator.reservations import Reservations
from double_booked.operator.statuses import Statuses
from operator_api import BOOKINGS, CALENDARS, EVENTS, Api
from operator_making import key, raw_booking, raw_calendar

from .conftest import until

ENFORCED = Enforcement("True", "Reviewed", "Each new booking is reviewed.")
NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")


@dataclass
class Office:
    """Statuses that are kept, and where news comes in."""

    api: Api
    index: Index
    intake: Intake
    statuses: Statuses
    metrics: Metrics

    def write(self, raw: dict[str, Any], kind: Any = BOOKING_KIND) -> None:
        """Somebody writes an object, and the watch brings it."""
        collection = BOOKINGS if kind is BOOKING_KIND else CALENDARS
        path = f"{collection}/{raw['metadata']['name']}"
        held = self.api.objects.get(path)
        if held:
            raw = raw | {"status": held.get("status", {})}
        self.intake.put(kind, self.api.put(path, raw))

    def status(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = self.api.objects[f"{BOOKINGS}/{name}"].get("status", {})
        return told

    def verdict(self, name: str) -> str:
        conditions = self.status(name).get("conditions")
        return str(conditions[0]["status"]) if conditions else ""

    def events(self) -> list[tuple[str, str]]:
        found = [raw for path, raw in self.api.objects.items() if path.startswith(EVENTS)]
        return [(raw["type"], raw["involvedObject"]["name"]) for raw in found]


@pytest.fixture
async def office(api: Api, cluster: Cluster) -> AsyncIterator[Office]:
    index, metrics = Index(), Metrics()
    statuses = Statuses(index, cluster, metrics, lambda _: ENFORCED)
    intake = Intake(index, Reservations(lambda: 0.0), statuses.note)
    statuses.intake = intake
    task = asyncio.create_task(statuses.run())
    made = Office(api, index, intake, statuses, metrics)
    made.write(raw_calendar(), CALENDAR_KIND)
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_both_sides_are_told_and_the_later_is_recorded(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    await until(lambda: office.verdict("a") == "False", "a is told")
    assert office.status("a")["conflictsWith"] == ["b"]
    assert office.status("b")["conflictsWith"] == ["a"]
    assert office.status("b")["observedGeneration"] == 1
    await until(office.events, "an Event")
    assert office.events() == [("Warning", "b")]
    await until(lambda: office.statuses.over == {key("b"): (key("staging"),)}, "it is counted")


async def test_one_that_is_free_again_says_so_and_it_is_recorded(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    gone = office.api.objects[f"{BOOKINGS}/a"]
    office.api.delete(f"{BOOKINGS}/a")
    office.intake.gone(
        BOOKING_KIND, gone | {"metadata": gone["metadata"] | {"resourceVersion": "999"}}
    )
    await until(lambda: office.verdict("b") == "False", "b is free")
    assert office.status("b")["conditions"][0]["reason"] == "Free"
    assert office.status("b")["conflictsWith"] == []
    await until(lambda: len(office.events()) == 2, "an Event")
    assert ("Normal", "b") in office.events()
    assert office.statuses.over == {}


async def test_a_calendar_tells_how_much_is_on_it(office: Office) -> None:
    for number, name in enumerate("abc"):
        office.write(raw_booking(name, *NINE, creationTimestamp=f"2025-11-0{number + 1}T00:00:00Z"))

    def told() -> dict[str, Any]:
        status: dict[str, Any] = office.api.objects[f"{CALENDARS}/staging"].get("status", {})
        return status

    await until(lambda: (told().get("bookings"), told().get("conflicts")) == (3, 2), "the counts")
    assert told()["conditions"][0]["status"] == "True"


async def test_when_a_verdict_changed_stays_while_the_words_do(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    path = f"{BOOKINGS}/b"
    condition = office.api.objects[path]["status"]["conditions"][0]
    condition["lastTransitionTime"] = "2025-01-01T00:00:00Z"
    office.intake.put(BOOKING_KIND, office.api.put(path, office.api.objects[path]))
    office.write(raw_booking("c", *NINE, creationTimestamp="2025-11-03T00:00:00Z"))
    await until(lambda: office.status("b")["conflictsWith"] == ["a", "c"], "c is named")
    condition = office.status("b")["conditions"][0]
    assert condition["lastTransitionTime"] == "2025-01-01T00:00:00Z"


async def test_what_is_true_is_not_written_again(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.verdict("a") == "False", "a is told")
    await until(lambda: office.statuses.lag() == 0, "all is done")
    before = office.api.count("PATCH", f"{BOOKINGS}/a/status")
    raw = office.api.objects[f"{BOOKINGS}/a"]
    office.write(raw | {"metadata": raw["metadata"] | {"labels": {"team": "red"}}})
    await until(lambda: office.statuses.lag() == 0, "all is done")
    assert office.api.count("PATCH", f"{BOOKINGS}/a/status") == before


async def test_a_status_that_somebody_changed_is_put_right(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.verdict("a") == "False", "a is told")
    path = f"{BOOKINGS}/a"
    wrong = office.api.objects[path] | {"status": {}}
    office.intake.put(BOOKING_KIND, office.api.put(path, wrong))
    await until(lambda: office.verdict("a") == "False", "a is told again")


async def test_a_write_that_fails_is_tried_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("double_booked.operator.statuses._AGAIN_SECONDS", 0.05)
    office.api.fail("PATCH", f"{BOOKINGS}/a/status", 403)
    office.write(raw_booking("a", *NINE))
    await until(lambda: office.verdict("a") == "False", "a is told")
    assert (
        office.metrics.registry.get_sample_value("double_booked_operator_reconcile_errors_total")
        == 1
    )


async def test_an_event_that_cannot_be_recorded_is_told(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.api.fail("POST", EVENTS, 403)
    office.write(raw_booking("a", *NINE))
    office.write(raw_booking("b", *NINE, creationTimestamp="2025-11-02T00:00:00Z"))
    await until(lambda: office.verdict("b") == "True", "b is marked")
    await until(lambda: office.statuses.lag() == 0, "all is done")
    assert "cannot record an Event" in capsys.readouterr().out


async def test_a_booking_that_is_another_by_now_is_left_alone(office: Office) -> None:
    office.write(raw_booking("a", *NINE))
    path = f"{BOOKINGS}/a"
    office.api.objects.pop(path)
    office.api.put(path, raw_booking("a", *NINE))
    await until(lambda: office.api.count("PATCH", f"{path}/status"), "it was tried")
    await until(lambda: office.statuses.lag() == 0, "all is done")
    assert office.status("a") == {}
    assert (
        office.metrics.registry.get_sample_value("double_booked_operator_reconcile_errors_total")
        == 0
    )
