"""Test that replicas never admit too much, whatever breaks, and what each fault costs.

`make robustness` runs the first test for longer, and writes its figures to build/robustness.json.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from double_booked.operator.cluster import ClusterError
from e2e.conftest import ROOT, Namespace
from e2e.operator_process import NEXT, NINE, Team, hour, team
from e2e.replicas import Balancer, operating_replicas
from e2e.robustness import patient_team, run_with_faults
from waiting import until

SECONDS = float(os.environ.get("ROBUSTNESS_SECONDS", "90"))
RIVALS = 100
Record = Callable[[str, object], None]
MAX_LEDGER_BYTES = 5 * 1024


async def test_no_fault_lets_replicas_exceed_a_capacity(place: Namespace, tmp_path: Path) -> None:
    result = await run_with_faults(place.name, tmp_path, SECONDS)
    result.write(ROOT / "build/robustness.json")
    assert result.over[:3] == []
    assert result.unjustified[:3] == []
    assert result.outcomes["stored"] > SECONDS


async def test_one_of_a_hundred_bookings_for_one_slot_wins(
    place: Namespace, tmp_path: Path
) -> None:
    names = [f"b{number}" for number in range(RIVALS)]
    async with operating_replicas(place.name, tmp_path), patient_team(place.name) as bookers:
        await bookers.calendar("staging")
        await bookers.book("first", *hour(0), "staging")
        answers = await bookers.race(names, *NINE, "staging")
        [winner] = [name for name, answer in answers.items() if not answer]
        for answer in filter(None, answers.values()):
            assert "denied the request" in answer
            assert f"{winner} has it" in answer or f"booked by {winner}" in answer
        assert [raw["metadata"]["name"] for raw in await bookers.get("bookings")] == [
            winner, "first",
        ]  # fmt: skip


async def test_a_hundred_bookings_at_once_are_decided_within_seconds(
    place: Namespace, tmp_path: Path, record_property: Record
) -> None:
    async with (
        operating_replicas(place.name, tmp_path) as balancer,
        patient_team(place.name) as bookers,
    ):
        await bookers.calendar("staging")
        await bookers.book("first", *NINE, "staging")
        before = await written(balancer)

        async def book(number: int) -> float:
            begin = time.monotonic()
            await bookers.book(f"b{number}", *hour(number), "staging")
            return time.monotonic() - begin

        seconds = sorted(await asyncio.gather(*map(book, range(RIVALS))))
        record_property("seconds of 100 at once, longest", round(seconds[-1], 2))
        # The goal is 1 s on a quiet machine, and this one also runs all clients.
        assert seconds[-1] < 4
        assert await written(balancer) - before <= RIVALS


async def test_refusals_dry_runs_and_shorter_times_write_no_ledger(
    place: Namespace, tmp_path: Path
) -> None:
    async with operating_replicas(place.name, tmp_path, 2) as balancer, team(place.name) as bookers:
        await bookers.calendar("staging")
        await bookers.book("first", *NINE, "staging")
        before = await written(balancer)
        with pytest.raises(ClusterError, match="first has it"):
            await bookers.book("second", *NINE, "staging")
        await bookers.book("third", *NEXT, "staging", dry_run=True)
        await bookers.change("bookings", "first", spec={"end": "2026-12-01T09:30:00Z"})
        await bookers.change("bookings", "first", metadata={"labels": {"team": "red"}})
        assert await written(balancer) == before


async def written(balancer: Balancer) -> float:
    """Return how often all replicas together have written a ledger."""
    name = "double_booked_operator_ledger_writes_total"
    totals = [asyncio.to_thread(one.total, name, result="success") for one in balancer.replicas]
    return sum(await asyncio.gather(*totals))


async def test_a_ledger_stays_small(
    place: Namespace, tmp_path: Path, record_property: Record
) -> None:
    async with operating_replicas(place.name, tmp_path), team(place.name) as bookers:
        await bookers.calendar("staging")
        sizes = []
        begin = time.monotonic()
        for number in range(200):
            await bookers.book(f"b{number}", *hour(number), "staging")
            if number % 10 == 0:
                ledger = await bookers.get("ledgers", "bookings")
                sizes.append(len(json.dumps(ledger["reservations"])))
            await asyncio.sleep(max(begin + (number + 1) / 20 - time.monotonic(), 0.0))
        record_property("largest ledger in bytes", max(sizes))
        assert max(sizes) < MAX_LEDGER_BYTES


@dataclass(slots=True)
class Load:
    """Creates of bookings at a steady rate.

    Attributes:
        failed: When a create was sent that failed, in seconds since the start.
        sent: How many creates were sent.
    """

    bookers: Team
    rate: float = 20.0
    failed: list[float] = field(default_factory=list)
    sent: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, seconds: float) -> None:
        """Send creates for some seconds, and wait for their answers."""
        begin = time.monotonic()
        while (at := time.monotonic() - begin) < seconds:
            self.sent += 1
            self._tasks.add(asyncio.create_task(self._book(at, self.sent)))
            await asyncio.sleep(max(begin + self.sent / self.rate - time.monotonic(), 0.0))
        await asyncio.gather(*self._tasks)

    async def _book(self, at: float, number: int) -> None:
        try:
            await self.bookers.book(f"load-{number}", *hour(number % 600), "wide")
        except ClusterError:
            self.failed.append(at)


@asynccontextmanager
async def loaded_team(namespace: str) -> AsyncIterator[Team]:
    """Yield access to a namespace with a wide calendar, and wait for every answer."""
    async with patient_team(namespace) as bookers:
        await bookers.calendar("wide", capacity=1000)
        await bookers.book("first", *NINE, "wide")
        yield bookers


async def test_a_killed_replica_costs_writes_for_at_most_three_seconds(
    place: Namespace, tmp_path: Path, record_property: Record
) -> None:
    async with (
        operating_replicas(place.name, tmp_path, 2) as balancer,
        loaded_team(place.name) as bookers,
    ):
        load = Load(bookers)
        running = asyncio.create_task(load.run(12))
        await asyncio.sleep(3)
        balancer.replicas[0].kill()
        await running
        record_property("failed writes and when", load.failed)
        assert max(load.failed, default=0) < 3 + 3


async def test_a_stopped_replica_costs_a_third_of_the_writes_for_a_while(
    place: Namespace, tmp_path: Path, record_property: Record
) -> None:
    async with (
        operating_replicas(place.name, tmp_path, 3) as balancer,
        loaded_team(place.name) as bookers,
    ):
        await bookers.calendar("staging")
        load = Load(bookers)
        running = asyncio.create_task(load.run(70))
        await asyncio.sleep(3)
        balancer.replicas[0].send(signal.SIGSTOP)
        await asyncio.sleep(60)
        # It goes on with what it knew a minute ago.
        balancer.replicas[0].send(signal.SIGCONT)
        for number in range(20):
            answers = await bookers.race(["a", "b", "c"], *hour(1000 + number), "staging")
            assert list(answers.values()).count("") == 1
            for name, answer in answers.items():
                if not answer:
                    await bookers.delete("bookings", name)
        await running
        while_stopped = [at for at in load.failed if at < 3 + 20]
        record_property("failed writes and when", load.failed)
        assert load.failed == while_stopped
        assert len(while_stopped) <= 20 * load.rate / 2


async def test_a_slot_that_a_quota_refused_is_free_after_a_minute(
    place: Namespace, tmp_path: Path, record_property: Record
) -> None:
    async with operating_replicas(place.name, tmp_path, 2), team(place.name) as bookers:
        await bookers.calendar("staging")
        place.kubectl("create", "quota", "none", "--hard=count/bookings.double-booked.io=0")
        await asyncio.sleep(1)  # until the quota has been counted
        with pytest.raises(ClusterError, match="exceeded quota"):
            await bookers.book("a", *NINE, "staging")
        begin = time.monotonic()
        place.kubectl("delete", "quota", "none")
        with pytest.raises(ClusterError, match="booked by a just now"):
            await bookers.book("b", *NINE, "staging", dry_run=True)
        await bookers.book("a", *NINE, "staging", dry_run=True)

        async def is_free() -> bool:
            try:
                await bookers.book("b", *NINE, "staging")
            except ClusterError:
                return False
            return True

        await until(is_free, "the slot is free again", 70)
        record_property("seconds until free", round(time.monotonic() - begin))
