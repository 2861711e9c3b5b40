"""Finished bookings are deleted after their ttlSecondsAfterFinished, and no others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from double_booked.operator.cluster import Cluster
from double_booked.operator.deletions import Deletions, deleted_at, ttl_of
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import (
    Booking,
    Calendar,
    parse_booking_lenient,
    parse_calendar_lenient,
)
from double_booked.operator.schedule import Schedule
from waiting import until

from .factories import at, booking, calendar, key, raw_booking, raw_calendar, schedule_of
from .fake_api_server import BOOKINGS, EVENTS, FakeApiServer

OVER = ("2025-11-20T09:00:00Z", "2025-11-20T10:00:00Z")
YEARS = 10**9
"""A ttl with which a booking stays while the tests run, in seconds."""


def with_ttl(name: str, ttl: int | None) -> Calendar:
    return parse_calendar_lenient(
        raw_calendar(name, **({} if ttl is None else {"ttlSecondsAfterFinished": ttl}))
    )


@pytest.mark.parametrize(
    ("own", "defaults", "seconds"),
    [
        (None, [None], None),
        (None, [60], 60),
        (None, [60, 3600], 3600),
        (None, [3600, 60], 3600),
        (None, [0, 0], 0),
        (None, [60, None], None),
        (None, [None, 0], None),
        (30, [None], 30),
        (30, [60], 30),
        (90, [60, None], 90),
        (0, [60], 0),
    ],
)
def test_a_booking_has_its_own_ttl_or_the_longest_default(
    own: int | None, defaults: list[int | None], seconds: int | None
) -> None:
    calendars = [with_ttl(f"room-{number}", ttl) for number, ttl in enumerate(defaults)]
    names = [one.metadata.key.name for one in calendars]
    assert ttl_of(booking("a", 9, 10, *names, ttl=own), schedule_of(*calendars)) == seconds


def test_a_booking_on_a_missing_calendar_has_no_default() -> None:
    schedule = schedule_of(with_ttl("room", 60))
    assert ttl_of(booking("a", 9, 10, "room", "missing"), schedule) is None
    assert ttl_of(booking("a", 9, 10, "missing"), schedule) is None
    assert ttl_of(booking("a", 9, 10, "missing", ttl=5), schedule) == 5


def test_a_calendar_of_another_namespace_gives_no_default() -> None:
    raw = raw_calendar("room", ttlSecondsAfterFinished=60)
    raw["metadata"]["namespace"] = "other"
    assert ttl_of(booking("a", 9, 10, "room"), schedule_of(parse_calendar_lenient(raw))) is None


def test_a_booking_is_due_its_ttl_after_its_end() -> None:
    schedule = schedule_of(calendar())
    assert deleted_at(booking("a", 9, 10, ttl=1800), schedule) == at(10.5)
    assert deleted_at(booking("a", 9, 10, ttl=0), schedule) == at(10)
    assert deleted_at(booking("a", 9, 10), schedule) is None


@pytest.mark.parametrize("never", [{"fault": "spec.end is missing"}, {"is_deleting": True}])
def test_an_invalid_or_terminating_booking_is_never_due(never: dict[str, Any]) -> None:
    assert deleted_at(booking("a", 9, 10, ttl=0, **never), schedule_of(calendar())) is None


@pytest.mark.parametrize(
    ("created", "ttl", "hour"),
    [
        ("2025-12-01T09:59:59Z", 0, 10),
        ("2025-12-01T10:00:00Z", 0, 11),
        ("2025-12-01T12:00:00Z", 0, 13),
        ("2025-12-01T12:00:00Z", 4 * 3600, 14),
    ],
)
def test_a_booking_created_after_its_end_stays_an_hour(created: str, ttl: int, hour: float) -> None:
    raw = raw_booking("a", "2025-12-01T09:00:00Z", "2025-12-01T10:00:00Z")
    raw["spec"]["ttlSecondsAfterFinished"] = ttl
    raw["metadata"]["creationTimestamp"] = created
    assert deleted_at(parse_booking_lenient(raw), schedule_of(calendar())) == at(hour)


@dataclass
class Cleaner:
    """Running deletions, with the objects that they see."""

    api: FakeApiServer
    schedule: Schedule
    metrics: Metrics
    may_delete: Callable[[], bool] = lambda: True

    def ask(self) -> bool:
        """Return whether it may delete now."""
        return self.may_delete()

    def put(self, raw: dict[str, Any]) -> Booking:
        """Store a booking, and cache it."""
        cached = parse_booking_lenient(self.api.put(f"{BOOKINGS}/{raw['metadata']['name']}", raw))
        assert self.schedule.upsert_booking(cached)
        return cached

    def names(self) -> list[str]:
        paths = sorted(path for path in self.api.objects if path.startswith(BOOKINGS))
        return [path.rpartition("/")[2] for path in paths]

    def tries(self, name: str = "a") -> int:
        return self.api.count("DELETE", f"{BOOKINGS}/{name}")

    def counted(self) -> tuple[float | None, ...]:
        """Return how many deletions succeeded, and how many failed."""
        name = "double_booked_operator_deletions_total"
        return tuple(
            self.metrics.registry.get_sample_value(name, {"result": result})
            for result in ("success", "failure")
        )

    def events(self) -> list[dict[str, Any]]:
        return [raw for path, raw in sorted(self.api.objects.items()) if path.startswith(EVENTS)]


@pytest.fixture
async def cleaner(
    api: FakeApiServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cleaner]:
    monkeypatch.setattr("double_booked.operator.deletions._CHECK_SECONDS", 0.01)
    monkeypatch.setattr("double_booked.operator.deletions._PER_SECOND", 200.0)
    cleaner = Cleaner(api, schedule_of(calendar(), calendar("gpu")), Metrics())
    deletions = Deletions(cleaner.schedule, cluster, cleaner.metrics, cleaner.ask)
    task = asyncio.create_task(deletions.run())
    yield cleaner
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def finished(name: str, *calendars: str, ttl: int | None = 0) -> dict[str, Any]:
    """Make a finished booking that was created before its end."""
    spec = {} if ttl is None else {"ttlSecondsAfterFinished": ttl}
    return raw_booking(name, *OVER, *calendars, spec=spec)


async def test_a_deletion_is_counted_and_recorded_on_each_calendar(
    cleaner: Cleaner,
) -> None:
    cleaner.put(finished("a", "staging", "gpu", "missing"))
    await until(lambda: len(cleaner.events()) == 2, "two Events")
    assert cleaner.names() == []
    assert cleaner.counted() == (1, 0)
    about = sorted(event["involvedObject"]["name"] for event in cleaner.events())
    assert about == ["gpu", "staging"]
    for event in cleaner.events():
        assert (event["reason"], event["type"]) == ("BookingDeleted", "Normal")
        assert event["involvedObject"]["kind"] == "Calendar"
        assert event["message"] == (
            "Deleted booking a, which ended 2025-11-20T10:00:00Z,"
            " after its ttlSecondsAfterFinished of 0 s."
        )


async def test_a_deletion_is_counted_once_if_the_watch_is_late(cleaner: Cleaner) -> None:
    cleaner.put(finished("a"))
    await until(lambda: cleaner.tries() >= 3, "tried again while it is cached")
    assert cleaner.counted() == (1, 0)
    assert len(cleaner.events()) == 1


async def test_only_due_bookings_are_deleted(cleaner: Cleaner) -> None:
    cleaner.put(finished("due"))
    cleaner.put(finished("later", ttl=YEARS))
    cleaner.put(finished("kept", ttl=None))
    cleaner.put(raw_booking("future", "2999-01-01T00:00:00Z", "2999-01-02T00:00:00Z"))
    cleaner.put(raw_booking("broken", "soon", "later", spec={"ttlSecondsAfterFinished": 0}))
    cleaner.put(finished("z-due"))
    await until(lambda: cleaner.tries("z-due") >= 2, "two rounds")
    assert cleaner.names() == ["broken", "future", "kept", "later"]


async def test_a_booking_that_changed_in_the_cluster_is_not_deleted(cleaner: Cleaner) -> None:
    cleaner.put(finished("a"))
    cleaner.api.put(f"{BOOKINGS}/a", finished("a", ttl=YEARS))
    await until(lambda: cleaner.tries() >= 2, "tried")
    assert cleaner.names() == ["a"]
    assert cleaner.counted() == (0, 0)
    assert cleaner.events() == []


async def test_a_booking_created_again_is_not_deleted(cleaner: Cleaner) -> None:
    cached = cleaner.put(finished("a"))
    del cleaner.api.objects[f"{BOOKINGS}/a"]
    new = cleaner.api.put(f"{BOOKINGS}/a", finished("a", ttl=YEARS))
    new["metadata"]["resourceVersion"] = str(cached.metadata.version)
    await until(lambda: cleaner.tries() >= 2, "tried")
    assert cleaner.names() == ["a"]
    assert cleaner.counted() == (0, 0)


async def test_a_booking_that_changed_in_the_cache_is_not_requested(cleaner: Cleaner) -> None:
    calls = []

    def change_it() -> bool:
        calls.append(cleaner.put(finished("a", ttl=YEARS)))
        return True

    cleaner.may_delete = change_it
    cleaner.put(finished("a"))
    await until(lambda: calls, "it is due")
    cleaner.may_delete = lambda: True
    cleaner.put(finished("z"))
    await until(lambda: cleaner.tries("z"), "another was deleted")
    assert (cleaner.tries("a"), len(calls)) == (0, 1)
    assert cleaner.names() == ["a"]


async def test_a_process_without_the_lease_deletes_nothing(cleaner: Cleaner) -> None:
    calls = 0

    def deny() -> bool:
        nonlocal calls
        calls += 1
        return False

    cleaner.may_delete = deny
    cleaner.put(finished("a"))
    await until(lambda: calls >= 3, "three rounds have run")
    assert cleaner.tries() == 0
    cleaner.may_delete = lambda: True
    await until(lambda: cleaner.names() == [], "deleted once it may")


@pytest.mark.parametrize("code", [403, 500])
async def test_a_failed_deletion_is_counted_logged_and_retried(cleaner: Cleaner, code: int) -> None:
    cleaner.api.fail("DELETE", f"{BOOKINGS}/a", code)
    with capture_logs() as logged:
        cleaner.put(finished("a"))
        await until(lambda: cleaner.names() == [], "deleted in the end")
        await until(cleaner.events, "an Event")
    assert cleaner.counted() == (1, 1)
    [failed, deleted] = logged
    assert (failed["event"], failed["code"]) == ("booking deletion failed", code)
    assert (deleted["event"], deleted["booking"]) == ("finished booking deleted", "team/a")


async def test_the_rate_of_deletions_is_limited(
    cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("double_booked.operator.deletions._PER_SECOND", 20.0)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for number in range(4):
        cleaner.put(finished(f"b-{number}"))
    await until(lambda: cleaner.names() == [], "all are deleted")
    assert loop.time() - begun >= 3 / 20


async def test_the_default_of_a_calendar_deletes_bookings(cleaner: Cleaner) -> None:
    raw = raw_calendar("room", ttlSecondsAfterFinished=0)
    cleaner.schedule.upsert_calendar(parse_calendar_lenient(raw))
    cleaner.put(finished("a", "room", ttl=None))
    await until(lambda: cleaner.names() == [], "deleted")
    assert key("a") in cleaner.schedule.bookings
