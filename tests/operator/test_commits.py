"""Replicas that decide at once never admit more than fits, however their caches lag."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from double_booked.operator.admission import CapacityView, find_overlaps
from double_booked.operator.cluster import Cluster
from double_booked.operator.commits import (
    Commits,
    Decision,
    NotAdmittingError,
    RestoredError,
)
from double_booked.operator.ledger import EXPIRY_SECONDS, MAX_RESERVATIONS, reserve
from double_booked.operator.ledger_store import LedgerStore
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import Booking, parse_booking, parse_calendar_lenient
from double_booked.operator.reflector import list_objects
from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS as BOOKING_KIND
from double_booked.operator.store import CALENDARS as CALENDAR_KIND
from double_booked.operator.store import Store

from .factories import TEAM, Clock, key, raw_booking, raw_calendar
from .fake_api_server import BOOKINGS, CALENDARS, LEDGER, LEDGERS, FakeApiServer

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
TEN = ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z")


@dataclass
class Replica:
    """A process that decides; nothing watches, so the test says what it observes."""

    api: FakeApiServer
    cluster: Cluster
    clock: Clock = field(default_factory=Clock)
    may_admit: bool = True
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.store = Store(Schedule())
        self.ledgers = LedgerStore(self.clock)
        self.commits = Commits(
            self.cluster, self.store, self.ledgers, lambda: self.may_admit, self.metrics
        )

    def count(self, name: str, **labels: str) -> float | None:
        """Return the value of a counter."""
        return self.metrics.registry.get_sample_value(
            f"double_booked_operator_{name}_total", labels
        )

    async def sync(self) -> None:
        """Observe all that is stored."""
        for kind in (CALENDAR_KIND, BOOKING_KIND):
            await list_objects(self.cluster, kind, "", self.store)

    async def submit(self, raw: dict[str, Any], old: Booking | None = None) -> bool:
        """Decide about a booking; return whether it is admitted."""
        wanted = parse_booking(raw)
        reservation = reserve(wanted, old)

        def decide(view: CapacityView) -> Decision[bool]:
            fits = not find_overlaps(wanted, old, view)
            return Decision(fits, reservation if fits else None)

        return await self.commits.submit(TEAM, decide)

    async def maintain(self, *, may_clean: bool = False) -> None:
        for ledger in self.ledgers.all():
            await self.commits.maintain(ledger, may_clean=may_clean)


@pytest.fixture
async def replicas(api: FakeApiServer, cluster: Cluster) -> tuple[Replica, Replica]:
    api.put(f"{CALENDARS}/staging", raw_calendar())
    one, other = Replica(api, cluster), Replica(api, cluster)
    await one.sync()
    await other.sync()
    return one, other


@pytest.fixture
def one(replicas: tuple[Replica, Replica]) -> Replica:
    return replicas[0]


@pytest.fixture
def other(replicas: tuple[Replica, Replica]) -> Replica:
    return replicas[1]


def reserved(api: FakeApiServer) -> list[str]:
    return [one["name"] for one in api.objects[LEDGER]["reservations"]]


def land(api: FakeApiServer, raw: dict[str, Any]) -> dict[str, Any]:
    """Store an admitted booking, with the uid that was reviewed."""
    stored = api.put(f"{BOOKINGS}/{raw['metadata']['name']}", raw)
    stored["metadata"]["uid"] = raw["metadata"]["uid"]
    return stored


async def test_first_booking_of_a_namespace_creates_its_ledger(
    api: FakeApiServer, one: Replica
) -> None:
    assert await one.submit(raw_booking("a", *NINE))
    assert reserved(api) == ["a"]
    assert api.objects[LEDGER]["closed"] == ""


async def test_of_two_replicas_at_once_one_admits(api: FakeApiServer, replicas: Any) -> None:
    one, other = replicas
    assert sorted(
        await asyncio.gather(
            one.submit(raw_booking("a", *NINE)), other.submit(raw_booking("b", *NINE))
        )
    ) == [False, True]
    assert len(reserved(api)) == 1


async def test_admission_is_answered_after_the_write(api: FakeApiServer, one: Replica) -> None:
    api.put_open_ledger()
    released = api.held_responses["PUT", LEDGER] = asyncio.Event()
    answer = asyncio.create_task(one.submit(raw_booking("a", *NINE)))
    while not api.count("PUT", LEDGER):
        await asyncio.sleep(0)
    assert not answer.done()
    released.set()
    assert await answer


async def test_all_that_wait_are_committed_by_one_write(api: FakeApiServer, one: Replica) -> None:
    api.put(f"{CALENDARS}/staging", raw_calendar(capacity=70))
    await one.sync()
    api.put_open_ledger()
    assert await one.submit(raw_booking("first", *NINE))
    answers = await asyncio.gather(
        *(one.submit(raw_booking(f"b{number}", *NINE)) for number in range(100))
    )
    assert (answers.count(True), len(reserved(api))) == (69, 70)
    assert answers == [True] * 69 + [False] * 31
    assert api.count("PUT", LEDGER) <= 4


async def test_refusals_write_nothing(api: FakeApiServer, one: Replica) -> None:
    await one.submit(raw_booking("a", *NINE))
    writes = api.count("PUT", LEDGER)
    assert not await one.submit(raw_booking("b", *NINE))
    assert api.count("PUT", LEDGER) == writes


async def test_failed_write_admits_nothing(api: FakeApiServer, one: Replica) -> None:
    api.put_open_ledger()
    api.fail("PUT", LEDGER, 500)
    with pytest.raises(NotAdmittingError, match="the ledger of namespace team cannot be used"):
        await one.submit(raw_booking("a", *NINE))
    assert one.count("ledger_writes", result="failure") == 1
    assert await one.submit(raw_booking("a", *NINE))


async def test_lost_write_is_decided_again_by_the_new_ledger(
    api: FakeApiServer, replicas: Any
) -> None:
    one, other = replicas
    await one.submit(raw_booking("a", *NINE))
    await other.submit(raw_booking("c", *TEN))
    assert not await one.submit(raw_booking("b", *TEN))
    assert one.count("ledger_writes", result="conflict") == 1
    assert reserved(api) == ["a", "c"]


async def test_process_that_may_not_admit_writes_nothing(api: FakeApiServer, one: Replica) -> None:
    api.put_open_ledger()
    one.may_admit = False
    with pytest.raises(NotAdmittingError, match="this process may not admit now"):
        await one.submit(raw_booking("a", *NINE))
    assert reserved(api) == []


async def test_reservation_stays_until_its_booking_is_observed(
    api: FakeApiServer, one: Replica
) -> None:
    await one.submit(raw_booking("a", *NINE))
    land(api, raw_booking("a", *NINE))
    await one.submit(raw_booking("b", *TEN))
    assert reserved(api) == ["a", "b"]
    await one.sync()
    await one.submit(raw_booking("c", "2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z"))
    assert reserved(api) == ["b", "c"]
    stored = api.objects[f"{BOOKINGS}/a"]["metadata"]["resourceVersion"]
    assert api.objects[LEDGER]["bookingsVersion"] == stored


async def test_lagging_replica_waits_for_the_watermark(api: FakeApiServer, replicas: Any) -> None:
    one, other = replicas
    await one.submit(raw_booking("a", *NINE))
    land(api, raw_booking("a", *NINE))
    await one.sync()
    await one.submit(raw_booking("b", *TEN))
    assert reserved(api) == ["b"]
    # Nothing that the other has observed has booking a.
    waiting = asyncio.create_task(other.submit(raw_booking("c", *NINE)))
    while not other.ledgers.all():
        await asyncio.sleep(0)
    assert not waiting.done()
    await other.sync()
    assert not await waiting


async def test_replica_whose_watch_is_stuck_lists_the_namespace(
    api: FakeApiServer, replicas: Any
) -> None:
    one, other = replicas
    await one.submit(raw_booking("a", *NINE))
    land(api, raw_booking("a", *NINE))
    await one.sync()
    await one.submit(raw_booking("b", *TEN))
    assert not await other.submit(raw_booking("c", *NINE))
    assert key("a") in other.store.schedule.bookings


async def test_response_to_a_write_does_not_count_as_caught_up(
    api: FakeApiServer, replicas: Any
) -> None:
    one, other = replicas
    await one.submit(raw_booking("a", *NINE))
    land(api, raw_booking("a", *NINE))
    land(api, raw_booking("late", *TEN))
    await one.sync()
    await one.submit(raw_booking("d", "2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z"))
    # It has read a later booking, and not the earlier one.
    other.store.upsert(BOOKING_KIND, api.objects[f"{BOOKINGS}/late"])
    assert not await other.submit(raw_booking("c", *NINE))


async def test_deletion_settles_a_reservation(api: FakeApiServer, replicas: Any) -> None:
    one, _ = replicas
    await one.submit(raw_booking("a", *NINE))
    gone = land(api, raw_booking("a", *NINE))
    api.delete(f"{BOOKINGS}/a")
    one.store.on_deleted(BOOKING_KIND, gone)
    assert await one.submit(raw_booking("b", *NINE))
    assert reserved(api) == ["b"]


async def test_same_booking_is_not_blocked_by_its_own_reservation(
    api: FakeApiServer, one: Replica
) -> None:
    await one.submit(raw_booking("a", *NINE))
    [first] = api.objects[LEDGER]["reservations"]
    assert await one.submit(raw_booking("a", *NINE))
    [second] = api.objects[LEDGER]["reservations"]
    assert first["id"] != second["id"]
    assert await one.submit(raw_booking("a", *NINE, uid="sent-again"))


async def test_write_that_never_came_is_released_after_a_look(
    api: FakeApiServer, one: Replica
) -> None:
    await one.submit(raw_booking("a", *NINE))
    one.clock.now += EXPIRY_SECONDS - 1
    await one.maintain()
    assert not await one.submit(raw_booking("b", *NINE))
    one.clock.now += 1
    await one.maintain()
    assert api.count("GET", f"{BOOKINGS}/a") == 1
    assert await one.submit(raw_booking("b", *NINE))
    assert reserved(api) == ["b"]


async def test_booking_that_comes_after_its_reservation_expired_is_counted(
    api: FakeApiServer, one: Replica
) -> None:
    await one.submit(raw_booking("a", *NINE))
    one.clock.now += EXPIRY_SECONDS
    await one.maintain()
    assert one.count("late_writes") == 0
    land(api, raw_booking("a", *NINE))
    await one.sync()
    assert one.count("late_writes") == 1


async def test_renewed_reservation_does_not_expire(one: Replica) -> None:
    await one.submit(raw_booking("a", *NINE))
    one.clock.now += EXPIRY_SECONDS - 1
    await one.submit(raw_booking("a", *NINE))
    one.clock.now += 1
    await one.maintain()
    assert not await one.submit(raw_booking("b", *NINE))


async def test_write_that_came_is_found_by_the_look(api: FakeApiServer, one: Replica) -> None:
    await one.submit(raw_booking("a", *NINE))
    land(api, raw_booking("a", *NINE))
    one.clock.now += EXPIRY_SECONDS
    await one.maintain()
    assert not await one.submit(raw_booking("b", *NINE))
    await one.submit(raw_booking("c", *TEN))
    assert reserved(api) == ["c"]
    stored = api.objects[f"{BOOKINGS}/a"]["metadata"]["resourceVersion"]
    assert api.objects[LEDGER]["bookingsVersion"] == stored


async def test_each_process_counts_the_time_of_a_reservation_itself(replicas: Any) -> None:
    one, other = replicas
    await one.submit(raw_booking("a", *NINE))
    one.clock.now += EXPIRY_SECONDS
    assert not await other.submit(raw_booking("b", *NINE))
    await other.maintain()
    assert not await other.submit(raw_booking("b", *NINE))


async def test_calendar_change_applies_before_it_is_observed(
    api: FakeApiServer, replicas: Any
) -> None:
    one, other = replicas
    api.put(f"{CALENDARS}/staging", raw_calendar(capacity=2))
    await one.sync()
    await other.sync()
    old = parse_calendar_lenient(api.objects[f"{CALENDARS}/staging"])
    lowered = parse_calendar_lenient(raw_calendar(capacity=1))
    reservation = reserve(lowered, old)
    await one.commits.submit(TEAM, lambda _: Decision(None, reservation))
    assert await other.submit(raw_booking("a", *NINE))
    assert not await other.submit(raw_booking("b", *NINE))


async def test_ledger_that_appears_beside_bookings_stays_closed(
    api: FakeApiServer, one: Replica
) -> None:
    land(api, raw_booking("a", *NINE))
    await one.sync()
    for _ in range(2):
        with pytest.raises(NotAdmittingError, match=r"lost or restored.* opens in 60 seconds"):
            await one.submit(raw_booking("b", *TEN))
    one.clock.now += EXPIRY_SECONDS
    # A reservation that was lost with the earlier ledger is stored while this one is closed.
    late = land(api, raw_booking("late", *TEN))
    await one.maintain()
    assert not api.objects[LEDGER]["closed"]
    assert api.objects[LEDGER]["bookingsVersion"] == late["metadata"]["resourceVersion"]
    assert not await one.submit(raw_booking("b", *TEN))


async def test_ledger_without_bookings_opens_only_if_the_list_is_empty_too(
    api: FakeApiServer, one: Replica
) -> None:
    land(api, raw_booking("a", *NINE))  # which nothing has observed
    with pytest.raises(NotAdmittingError, match="is closed"):
        await one.submit(raw_booking("b", *TEN))
    assert api.objects[LEDGER]["closed"]


async def test_restored_ledger_is_closed_though_nothing_is_booked(
    api: FakeApiServer, one: Replica
) -> None:
    api.put_open_ledger()["openedAs"] = "the-former-uid"
    with pytest.raises(NotAdmittingError, match="lost or restored"):
        await one.submit(raw_booking("a", *NINE))
    one.clock.now += EXPIRY_SECONDS
    assert await one.submit(raw_booking("a", *NINE))


async def test_watermark_of_another_history_closes_the_ledger(
    api: FakeApiServer, one: Replica
) -> None:
    api.put_open_ledger(bookingsVersion="999999")
    with pytest.raises(NotAdmittingError, match="lost or restored"):
        await one.submit(raw_booking("a", *NINE))
    assert api.objects[LEDGER]["closed"]


async def test_ledger_of_a_restored_api_server_is_closed(api: FakeApiServer, one: Replica) -> None:
    restored = deepcopy(api.put_open_ledger())
    await one.submit(raw_booking("a", *NINE))
    api.objects[LEDGER] = restored
    api.fail("PUT", LEDGER, 409, 500)
    with pytest.raises(NotAdmittingError, match="cannot be used"):
        await one.submit(raw_booking("b", *TEN))
    assert not restored.get("closed")
    with pytest.raises(NotAdmittingError, match="were restored"):
        await one.submit(raw_booking("b", *TEN))
    assert api.objects[LEDGER]["closed"]
    # What it has cached is of another history.
    with pytest.raises(RestoredError):
        await one.commits.run(lambda: False)


async def test_deleted_ledger_is_created_again(api: FakeApiServer, one: Replica) -> None:
    await one.submit(raw_booking("a", *NINE))
    api.delete(LEDGER)
    assert await one.submit(raw_booking("b", *TEN))
    assert reserved(api) == ["b"]


async def test_ledgers_of_all_namespaces_with_bookings_are_opened(
    api: FakeApiServer, one: Replica
) -> None:
    booked = land(api, raw_booking("a", *NINE))
    await one.sync()
    await one.commits.open_all()
    assert api.objects[LEDGER]["closed"] == ""
    assert api.objects[LEDGER]["bookingsVersion"] == booked["metadata"]["resourceVersion"]
    assert not await one.submit(raw_booking("b", *NINE))


async def test_full_ledger_admits_no_more(api: FakeApiServer, one: Replica) -> None:
    api.put(f"{CALENDARS}/staging", raw_calendar(capacity=1000))
    await one.sync()
    answers = await asyncio.gather(
        *(one.submit(raw_booking(f"b{number}", *NINE)) for number in range(MAX_RESERVATIONS + 1)),
        return_exceptions=True,
    )
    assert answers[:-1] == [True] * MAX_RESERVATIONS
    assert isinstance(answers[-1], NotAdmittingError)
    assert "256 writes of namespace team are under way" in str(answers[-1])


async def test_quiet_ledger_is_cleaned_by_the_leader(api: FakeApiServer, one: Replica) -> None:
    await one.submit(raw_booking("a", *NINE))
    land(api, raw_booking("a", *NINE))
    await one.sync()
    one.clock.now += 100
    await one.maintain(may_clean=True)
    assert reserved(api) == ["a"]
    one.clock.now += 100
    await one.maintain()
    assert reserved(api) == ["a"]
    await one.maintain(may_clean=True)
    assert reserved(api) == []


async def test_decision_that_fails_does_not_stop_the_queue(
    api: FakeApiServer, one: Replica
) -> None:
    api.put_open_ledger()

    def fail(_: CapacityView) -> Decision[None]:
        raise ZeroDivisionError

    failed, other = await asyncio.gather(
        one.commits.submit(TEAM, fail), one.submit(raw_booking("b", *TEN)), return_exceptions=True
    )
    assert isinstance(failed, ZeroDivisionError)
    assert other is True
    assert await one.submit(raw_booking("a", *NINE))


async def test_review_that_is_given_up_during_a_conflict_reserves_nothing(
    api: FakeApiServer, replicas: Any
) -> None:
    one, other = replicas
    await one.submit(raw_booking("a", *NINE))
    await other.submit(raw_booking("b", *TEN))
    released = api.held_responses["PUT", LEDGER] = asyncio.Event()
    later = ("2026-12-02T10:00:00Z", "2026-12-02T11:00:00Z")
    given_up = asyncio.create_task(one.submit(raw_booking("c", *later)))
    before = api.count("PUT", LEDGER)
    while api.count("PUT", LEDGER) == before:
        await asyncio.sleep(0)
    given_up.cancel()
    released.set()
    assert await one.submit(raw_booking("d", "2026-12-03T10:00:00Z", "2026-12-03T11:00:00Z"))
    assert reserved(api) == ["a", "b", "d"]


async def test_repeated_review_fits_in_a_full_ledger(api: FakeApiServer, one: Replica) -> None:
    api.put(f"{CALENDARS}/staging", raw_calendar(capacity=1000))
    await one.sync()
    names = [f"b{number}" for number in range(MAX_RESERVATIONS)]
    assert all(await asyncio.gather(*(one.submit(raw_booking(name, *NINE)) for name in names)))
    assert await one.submit(raw_booking("b0", *NINE))


async def test_given_up_review_is_not_decided(api: FakeApiServer, one: Replica) -> None:
    api.put_open_ledger()
    released = api.held_responses["PUT", LEDGER] = asyncio.Event()
    first = asyncio.create_task(one.submit(raw_booking("a", *NINE)))
    while not api.count("PUT", LEDGER):
        await asyncio.sleep(0)
    second = asyncio.create_task(one.submit(raw_booking("b", *TEN)))
    await asyncio.sleep(0)
    second.cancel()
    released.set()
    assert await first
    assert reserved(api) == ["a"]


async def test_ledger_that_cannot_be_created_is_reported(api: FakeApiServer, one: Replica) -> None:
    api.fail("POST", LEDGERS, 403)
    with pytest.raises(NotAdmittingError, match="cannot be used: configured to fail with 403"):
        await one.submit(raw_booking("a", *NINE))
