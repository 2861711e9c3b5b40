"""Test an upgrade from the last release that admitted alone, and a rollback, under load."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import ROOT, Namespace, tool
from e2e.history import Kind, violations
from e2e.operator_process import NINE, Process, hour
from e2e.recording import CAPACITIES, CLIENTS, Client, Recorder
from e2e.replicas import balanced, until_all_ready
from e2e.robustness import patient_team
from ports import free_ports
from waiting import until

OLD = "8c56a818"
"""The last commit at which one process admits, by a Lease and its memory."""

SOURCES = ROOT / "service"
CREATES = 400
GAP_SECONDS = 70.0
"""Seconds after the end of one release within which the other must admit; the goal is 60."""


@pytest.fixture(scope="module")
def old_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Extract the sources of the old release, with the compiled modules of this one."""
    git, folder = [tool("git"), "-C", str(ROOT)], tmp_path_factory.mktemp("old")
    exists = subprocess.run([*git, "cat-file", "-e", OLD], check=False, capture_output=True)
    if exists.returncode:
        pytest.skip(f"this clone does not have {OLD}")
    archive = subprocess.run([*git, "archive", OLD, "service"], check=True, capture_output=True)
    subprocess.run([tool("tar"), "-x", "-C", folder], input=archive.stdout, check=True)
    for compiled in (SOURCES).rglob("*.so"):
        shutil.copy(compiled, folder / compiled.relative_to(ROOT))
    return folder / "service"


def processes(
    place: Namespace, folder: Path, name: str, count: int, sources: Path
) -> list[Process]:
    environment = {"PYTHONPATH": str(sources)}
    return [
        Process(place.name, *free_ports(2), folder / f"{name}-{number}.log", dict(environment))
        for number in range(count)
    ]


async def test_upgrade_admits_again_within_a_minute_and_not_too_much(
    place: Namespace, tmp_path: Path, old_sources: Path, record_property: Callable[[str, Any], None]
) -> None:
    old = processes(place, tmp_path, "old", 1, old_sources)
    new = processes(place, tmp_path, "new", 2, SOURCES)
    seconds = await changed(place, old, new)
    record_property("seconds until the new release admits", round(seconds))


async def test_rollback_admits_again_within_a_minute_and_not_too_much(
    place: Namespace, tmp_path: Path, old_sources: Path, record_property: Callable[[str, Any], None]
) -> None:
    old = processes(place, tmp_path, "old", 1, old_sources)
    new = processes(place, tmp_path, "new", 2, SOURCES)
    seconds = await changed(place, new, old)
    record_property("seconds until the old release admits", round(seconds))


@pytest.mark.skipif("ROBUSTNESS_SECONDS" not in os.environ, reason="make robustness measures it")
async def test_a_create_takes_little_longer_than_with_the_old_release(
    place: Namespace, tmp_path: Path, old_sources: Path, record_property: Callable[[str, Any], None]
) -> None:
    """Create bookings in turns, in a namespace of each release."""
    other = Namespace(f"{place.name}-old")
    other.kubectl("create", "namespace", other.name)
    try:
        async with (
            balanced(place.name, processes(place, tmp_path, "new", 2, SOURCES)) as new,
            balanced(other.name, processes(other, tmp_path, "old", 1, old_sources)) as old,
            patient_team(place.name) as bookers,
            patient_team(other.name) as former_bookers,
        ):
            for balancer in (new, old):
                for process in balancer.replicas:
                    process.start()
                    await asyncio.to_thread(process.until_ready)
                await until_all_ready(balancer)
            teams = [bookers, former_bookers]
            seconds: dict[str, list[float]] = {one.namespace: [] for one in teams}
            for one in teams:
                await one.calendar("staging")
                await one.book("first", *NINE, "staging")
            for number in range(CREATES):
                for one in teams:
                    begin = time.monotonic()
                    await one.book(f"b{number}", *hour(number), "staging")
                    seconds[one.namespace].append(time.monotonic() - begin)
    finally:
        other.kubectl("delete", "namespace", other.name, "--wait=false")
    now, before = (sorted(seconds[one.namespace]) for one in teams)
    for name, position in (("p50", CREATES // 2), ("p99", CREATES * 99 // 100)):
        figures = f"{before[position] * 1000:.1f} before, {now[position] * 1000:.1f} now"
        record_property(f"milliseconds of a create, {name}", figures)
    # The goals are 5 ms and 25 ms on a quiet machine.
    assert now[CREATES // 2] - before[CREATES // 2] < 0.03
    assert now[CREATES * 99 // 100] - before[CREATES * 99 // 100] < 0.2


async def changed(place: Namespace, before: Sequence[Process], after: Sequence[Process]) -> float:
    """Replace processes by others under load; return for how many seconds nothing was decided."""
    end = float("inf")
    async with (
        balanced(place.name, [*before, *after]) as balancer,
        patient_team(place.name) as bookers,
    ):
        recorder = Recorder(bookers, may_fail=True)
        for process in before:
            process.start()
        for process in before:
            await asyncio.to_thread(process.until_ready)
        await until(lambda: len(balancer.ready()) == len(before), "the balancer sees them", 10)
        for name, capacities in CAPACITIES.items():
            await recorder.ask("create", "calendars", name, {"capacity": capacities[-1]})
        kinds: tuple[Kind, ...] = ("bookings", "calendars")
        watches = [asyncio.create_task(recorder.watch(kind)) for kind in kinds]
        plans: dict[str, dict[str, Any]] = {}
        clients = [
            # The old release may count a booking too few while another one stops replacing it.
            Client(number, recorder, plans, random.Random(number), replaces=False)  # noqa: S311
            for number in range(CLIENTS)
        ]
        working = asyncio.gather(
            *(client.work(lambda: time.monotonic() > end) for client in clients)
        )
        await asyncio.sleep(5)
        for process in after:
            process.start()
        await asyncio.sleep(10)
        for process in before:
            process.send(signal.SIGTERM)
        for process in before:
            assert process.popen
            await asyncio.to_thread(process.popen.wait, 30)
        stopped = time.monotonic()
        end = stopped + GAP_SECONDS + 10.0
        await working
        await asyncio.sleep(2)  # until the watches have brought the last writes
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
    assert violations(recorder.events, recorder.writes)[:3] == []
    # Deletions and some changes need no decision.
    decided = sorted(
        write.ended for write in recorder.writes if write.outcome != "failed" and write.creates
    )
    late = [ended for ended in decided if ended > stopped]
    assert late, "nothing is decided"
    assert late[-1] > end - 5
    gap = max(following - one for one, following in pairwise([stopped, *late]))
    assert gap < GAP_SECONDS
    return gap
