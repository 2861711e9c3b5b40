"""Clients that write at random, and a recorder of what they and watches see."""

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from double_booked.operator.cluster import ClusterError, path_of
from e2e.history import Event, Kind, Outcome, Reserved, Write, read_event, read_spec
from e2e.operator_process import NINE, Team
from waiting import until

_REFUSED = 403
_NOT_FOUND = 404
_DELAY_SECONDS = 1.0
_DENIED = '.double-booked.io" denied the request'

DAY = "2027-03-01"
HALF_HOURS = 40
CLIENTS = 12
CAPACITIES = {"one": (1,), "two": (1, 2, 2, 3), "pool": (2, 3, 4, 5)}
"""The capacities that each calendar alternates between."""


@dataclass(slots=True)
class Recorder:
    """Records requests of clients and events of watches with one clock.

    Attributes:
        may_fail: Whether requests may fail in any way, since things are being broken.
        writes: The requests.
        events: The events.
        reserved: The reservations of the ledger.
    """

    bookers: Team
    may_fail: bool = False
    writes: list[Write] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reserved: list[Reserved] = field(default_factory=list)

    async def watch(self, kind: Kind) -> None:
        """Record the events of a kind until cancelled."""
        path = path_of(kind, namespace=self.bookers.namespace)
        params = {"watch": "1", "resourceVersion": "0", "timeoutSeconds": "7200"}
        async for line in self.bookers.cluster.lines(path, params, 7200):
            self.events.append(read_event(kind, json.loads(line), time.monotonic()))

    async def watch_ledger(self) -> None:
        """Record the reservations of the ledger until cancelled."""
        path = path_of("ledgers", namespace=self.bookers.namespace)
        params = {"watch": "1", "resourceVersion": "0", "timeoutSeconds": "7200"}
        present: dict[str, Reserved] = {}
        try:
            async for line in self.bookers.cluster.lines(path, params, 7200):
                event, now = json.loads(line), time.monotonic()
                gone = event["type"] == "DELETED"
                entries = () if gone else event["object"].get("reservations") or ()
                ids = {entry["id"] for entry in entries}
                self.reserved += [
                    replace(one, end=now) for key, one in present.items() if key not in ids
                ]
                present = {
                    entry["id"]: present.get(entry["id"]) or _read_reserved(entry, now)
                    for entry in entries
                }
        finally:
            self.reserved += present.values()

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
            outcome = "refused" if _DENIED in message else "failed"
            known = {_NOT_FOUND, 409} | ({_REFUSED} if outcome == "refused" else set())
            assert self.may_fail or error.code in known, error  # noqa: PT017
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
    replaces: bool = True
    """Whether its bookings replace others."""

    async def work(self, is_enough: Callable[[], bool]) -> None:
        """Send requests until enough are recorded."""
        while not is_enough():
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
        return [plan for plan in self.plans if plan != name] if self.replaces else []


def _read_reserved(entry: dict[str, Any], now: float) -> Reserved:
    """Return a reservation; it was stored a moment before the watch brought it."""
    kind: Kind = "bookings" if entry["kind"] == "Booking" else "calendars"
    spec = read_spec(kind, entry["name"], entry.get("rules") or entry)
    return Reserved(entry["name"], spec, now - _DELAY_SECONDS, float("inf"))


def _time(half_hours: int) -> str:
    return f"{DAY}T{half_hours // 2:02}:{half_hours % 2 * 30:02}:00Z"
