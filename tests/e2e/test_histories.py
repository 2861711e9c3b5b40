"""Test thousands of concurrent writes: no leftovers, double bookings or unjustified rejections."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from double_booked.operator.cluster import ClusterError
from e2e.conftest import Namespace
from e2e.history import (
    Booking,
    Event,
    Kind,
    unjustified,
    violations,
)
from e2e.operator_process import NINE, Process, Team, operating, operating_meanwhile, proxied, team
from e2e.recording import CAPACITIES, CLIENTS, Client, Recorder
from waiting import until

WRITES = 3_000
SEED = 15
_REFUSED = 403
_NOT_FOUND = 404


@dataclass(slots=True)
class Churn:
    """Bookings that are repeatedly created and deleted.

    Attributes:
        left: Number of remaining creates and deletes.
        refused: Number of rejected creates.
    """

    bookers: Team
    left: int
    refused: int = 0
    chooser: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311

    async def work(self, worker: int) -> None:
        """Create and delete bookings until none are left to do.

        Half of the names are reused. The others are not, because a new object of the same name
        would hide an old one that was cached by mistake.
        """
        while self.left > 0:
            number = self.chooser.randrange(3) if self.chooser.random() < 0.5 else self.left
            name = f"w{worker}-{number}"
            if self.chooser.random() < 0.02:
                await self._cycle_calendar(f"brief-{worker}", name)
            else:
                calendars = self.chooser.choices(
                    ["pool", "staging", "window"], weights=[60, 20, 20]
                )
                await self._cycle(name, *calendars)

    async def _cycle(self, name: str, *calendars: str) -> None:
        """Create a booking, and delete it before, while or after its status is written."""
        try:
            await self.bookers.book(name, *NINE, *calendars)
        except ClusterError as error:
            assert error.code == _REFUSED, error  # noqa: PT017
            self.refused += 1
            return
        await asyncio.sleep(self.chooser.choice((0, 0, 0.01, 0.05, 0.2)))
        await self.bookers.delete("bookings", name)
        self.left -= 2

    async def _cycle_calendar(self, calendar: str, name: str) -> None:
        await self.bookers.calendar(calendar)
        await self._cycle(name, calendar)
        await self.bookers.delete("calendars", calendar)


@asynccontextmanager
async def brief_namespace(name: str) -> AsyncIterator[Namespace]:
    """Create a namespace; delete it at the end if it still exists."""
    namespace = Namespace(name)
    await asyncio.to_thread(namespace.kubectl, "create", "namespace", name)
    try:
        yield namespace
    finally:
        await asyncio.to_thread(
            namespace.kubectl, "delete", "namespace", name, "--ignore-not-found", "--timeout=120s"
        )


async def test_thousands_of_deleted_bookings_leave_nothing_behind(
    place: Namespace, tmp_path: Path
) -> None:
    """Answers are late and watches end as too old, so that lists overlap with everything else.

    A list removes objects that are cached by mistake, so watches do not end in the last third.
    """
    async with (
        brief_namespace(f"{place.name}-gone") as gone,
        proxied(tmp_path, answer_delay=0.2, watch_seconds=2.0) as proxy,
        operating_meanwhile(
            place.name, tmp_path, also=[gone.name], KUBECONFIG=proxy.kubeconfig
        ) as process,
        team(place.name) as bookers,
        team(gone.name) as guests,
    ):
        await bookers.calendar("pool", capacity=60)
        await bookers.calendar("staging")
        await bookers.calendar("window", policy="Report")
        await guests.calendar("pool", capacity=60)
        await asyncio.gather(*(guests.book(f"g{n}", *NINE, "pool") for n in range(30)))
        churn = Churn(bookers, WRITES)
        work = asyncio.gather(*(churn.work(worker) for worker in range(24)))
        await asyncio.to_thread(gone.kubectl, "delete", "namespace", gone.name, "--timeout=120s")

        async def is_last_third() -> bool:
            return churn.left < WRITES / 3

        await until(is_last_third, "most is done", 180)
        proxy.watch_seconds = 0.0
        await work
        assert churn.refused > WRITES / 100
        lists = [entry for entry in process.entries() if entry["event"] == "listed"]
        assert len(lists) > 20
        await assert_empty(bookers, process)
        assert process.total("double_booked_operator_bookings", namespace=gone.name) == 0
        await assert_all_is_free(bookers)


async def assert_all_is_free(bookers: Team) -> None:
    """Assert that deleted bookings occupy no capacity either."""
    answers = await bookers.race([f"p{n}" for n in range(60)], *NINE, "pool")
    assert list(filter(None, answers.values())) == []
    with pytest.raises(ClusterError, match="takes 60 at a time"):
        await bookers.book("one-too-many", *NINE, "pool")
    await bookers.book("lone", *NINE, "staging", "window")

    async def is_free() -> bool:
        return await bookers.verdict("lone") == "False"

    await until(is_free, "a lone booking is free", 60)
    lone = (await bookers.get("bookings", "lone"))["status"]
    assert lone["conditions"][0]["reason"] == "Free"
    assert lone["conflictsWith"] == []


async def assert_empty(bookers: Team, process: Process) -> None:
    """Assert that statuses and metrics show no bookings and three calendars within 90 s."""
    assert await bookers.get("bookings") == []
    left: dict[str, Any] = {}

    async def is_empty() -> bool:
        statuses = [calendar["status"] for calendar in await bookers.get("calendars")]
        left["statuses"] = [status["bookings"] for status in statuses]
        for name in ("bookings", "reservations", "conflicts"):
            metric = f"double_booked_operator_{name}"
            left[name] = await asyncio.to_thread(process.total, metric)
        left["calendars"] = await asyncio.to_thread(
            process.metric, "double_booked_operator_calendars"
        )
        return left == {
            "statuses": [0, 0, 0],
            "bookings": 0,
            "reservations": 0,
            "conflicts": 0,
            "calendars": 3,
        }

    with suppress(AssertionError):
        await until(is_empty, "everything is empty", 90)
    assert await is_empty(), left


def unrelated(events: Iterable[Event]) -> list[Event]:
    """Return the events with every `replaces` removed."""
    return [
        replace(event, spec=replace(event.spec, replaces=frozenset()))
        if isinstance(event.spec, Booking)
        else event
        for event in events
    ]


async def test_no_write_of_a_history_exceeds_a_capacity_and_each_rejection_is_justified(
    place: Namespace, tmp_path: Path
) -> None:
    with operating(place.name, tmp_path):
        async with team(place.name) as bookers:
            recorder = Recorder(bookers)
            for name, capacities in CAPACITIES.items():
                await recorder.ask("create", "calendars", name, {"capacity": capacities[-1]})
            kinds: tuple[Kind, ...] = ("bookings", "calendars")
            watches = [asyncio.create_task(recorder.watch(kind)) for kind in kinds]
            plans: dict[str, dict[str, Any]] = {}
            clients = [
                Client(number, recorder, plans, random.Random(f"{SEED}-{number}"))  # noqa: S311
                for number in range(CLIENTS)
            ]

            def is_enough() -> bool:
                return len(recorder.writes) >= WRITES * 1.05

            await asyncio.gather(*(client.work(is_enough) for client in clients))
            await recorder.until_seen("end")
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
    events, writes = recorder.events, recorder.writes
    decided = [write for write in writes if write.outcome != "failed"]
    refused = [write for write in writes if write.outcome == "refused"]
    assert len(decided) > WRITES
    assert len(refused) > WRITES / 20
    assert violations(events, writes)[:3] == []
    assert unjustified(events, writes)[:3] == []
    # The history has bookings that replaced others in time without room for both.
    assert len(violations(unrelated(events), writes)) > WRITES / 100
