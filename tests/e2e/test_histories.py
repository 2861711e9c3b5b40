"""Test thousands of concurrent writes: no leftovers, double bookings or unjustified rejections."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from double_booked.operator.cluster import ClusterError, path_of
from e2e.conftest import Namespace
from e2e.history import (
    Booking,
    Event,
    Kind,
    Outcome,
    Write,
    read_event,
    read_spec,
    unjustified,
    violations,
)
from e2e.operator_process import NINE, Process, Team, operating, operating_meanwhile, proxied, team
from waiting import until

WRITES = 10_000
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


async def test_ten_thousand_deleted_bookings_leave_nothing_behind(
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
        assert churn.refused > 100
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


DAY = "2027-03-01"
HALF_HOURS = 40
CLIENTS = 12
CAPACITIES = {"one": (1,), "two": (1, 2, 2, 3), "pool": (2, 3, 4, 5)}
"""The capacities that each calendar alternates between."""


@dataclass(slots=True)
class Recorder:
    """Records requests of clients and events of watches with one clock.

    Attributes:
        writes: The requests.
        events: The events.
    """

    bookers: Team
    writes: list[Write] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    async def watch(self, kind: Kind) -> None:
        """Record the events of a kind until cancelled."""
        path = path_of(kind, namespace=self.bookers.namespace)
        params = {"watch": "1", "resourceVersion": "0", "timeoutSeconds": "900"}
        async for line in self.bookers.cluster.lines(path, params, 900):
            self.events.append(read_event(kind, json.loads(line), time.monotonic()))

    async def ask(
        self, verb: str, kind: Kind, name: str, spec: dict[str, Any] | None = None
    ) -> Outcome:
        """Send a request and record it; a patch has a complete spec, too."""
        wanted = read_spec(kind, name, spec) if spec else None
        started, version, message = time.monotonic(), 0, ""
        outcome: Outcome = "stored"
        try:
            answer = await self._send(verb, kind, name, spec or {})
            version = int(answer["metadata"].get("resourceVersion") or 0)
        except ClusterError as error:
            message = str(error)
            outcome = "refused" if "denied the request" in message else "failed"
            known = {_NOT_FOUND, 409} | ({_REFUSED} if outcome == "refused" else set())
            assert error.code in known, error  # noqa: PT017
        ended = time.monotonic()
        creates = verb == "create"
        self.writes.append(
            Write(started, ended, kind, name, wanted, outcome, version, message, creates)
        )
        return outcome

    async def _send(self, verb: str, kind: Kind, name: str, spec: dict[str, Any]) -> Any:
        if verb == "delete":
            return await self.bookers.delete(kind, name)
        if verb == "change":
            return await self.bookers.change(kind, name, spec=spec)
        if kind == "calendars":
            return await self.bookers.calendar(name, **spec)
        more = {"replaces": spec["replaces"]}
        return await self.bookers.book(name, spec["start"], spec["end"], *spec["calendars"], **more)

    async def until_seen(self, name: str) -> None:
        """Wait until the watches have brought all writes so far."""
        await self.bookers.calendar(name)
        await self.bookers.book(name, *NINE, name)

        async def is_seen() -> bool:
            return {event.kind for event in self.events if event.name == name} == {
                "calendars",
                "bookings",
            }

        await until(is_seen, "the watches have caught up", 60)


@dataclass(slots=True)
class Client:
    """A client that books, moves, renames and deletes at random, mostly names of its own."""

    number: int
    recorder: Recorder
    plans: dict[str, dict[str, Any]]
    """The spec of each Booking that clients expect to exist; shared by all clients."""

    chooser: random.Random

    async def work(self) -> None:
        """Send requests until enough are recorded."""
        while len(self.recorder.writes) < WRITES * 1.05:
            await self._one()

    async def _one(self) -> None:
        dice = self.chooser.random()
        if dice < 0.03:
            await self._change_capacity()
            return
        owner = self.number if dice > 0.1 else self.chooser.randrange(CLIENTS)
        name = f"c{owner}-{self.chooser.randrange(4)}"
        plan = self.plans.get(name)
        if plan is None:
            await self._write("create", name, self._spec(name))
        elif self.chooser.random() < 0.4:
            await self.recorder.ask("delete", "bookings", name)
            self.plans.pop(name, None)
        elif self.chooser.random() < 0.5:
            await self._write("change", name, self._spec(name))
        else:
            await self._write("change", name, plan | {"replaces": self._names(name)})

    async def _write(self, verb: str, name: str, spec: dict[str, Any]) -> None:
        outcome = await self.recorder.ask(verb, "bookings", name, spec)
        if outcome == "stored":
            self.plans[name] = spec
        elif outcome == "failed":
            await self._look(name)

    async def _look(self, name: str) -> None:
        """Read the current state of a name after another client changed it."""
        self.plans.pop(name, None)
        with suppress(ClusterError):
            self.plans[name] = (await self.recorder.bookers.get("bookings", name))["spec"]

    async def _change_capacity(self) -> None:
        name = self.chooser.choice(list(CAPACITIES))
        capacity = self.chooser.choice(CAPACITIES[name])
        await self.recorder.ask("change", "calendars", name, {"capacity": capacity})

    def _spec(self, name: str) -> dict[str, Any]:
        """Return a spec for a Booking; often the spec of another one, which it then replaces."""
        others = self._others(name)
        if others and self.chooser.random() < 0.3:
            other = self.chooser.choice(others)
            return self.plans[other] | {"replaces": [other]}
        start = self.chooser.randrange(HALF_HOURS)
        end = start + self.chooser.randint(1, 4)
        return {
            "start": _time(start),
            "end": _time(end),
            "calendars": self.chooser.sample(list(CAPACITIES), self.chooser.choice((1, 1, 2))),
            "replaces": self._names(name),
        }

    def _names(self, name: str) -> list[str]:
        """Return the names that a Booking replaces: mostly none."""
        others = self._others(name)
        count = self.chooser.choice((0, 0, 1, 2))
        return self.chooser.sample(others, min(count, len(others)))

    def _others(self, name: str) -> list[str]:
        return [plan for plan in self.plans if plan != name]


def _time(half_hours: int) -> str:
    return f"{DAY}T{half_hours // 2:02}:{half_hours % 2 * 30:02}:00Z"


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
            await asyncio.gather(*(client.work() for client in clients))
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
    assert len(violations(unrelated(events), writes)) > 100
