"""A simulated API server and replicas of the operator, with faults, in simulated time.

The replicas run the operator's own code: caches, reflectors, commits and reviews. Only the client
of the API server is replaced. Requests and watch events take random time, and a run depends on its
seed alone: nothing waits for real time or uses the network.
"""

import asyncio
import itertools
import json
import random
import selectors
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from double_booked.operator.cluster import CONFLICT, GONE, NOT_FOUND, ClusterError
from double_booked.operator.commits import Commits, NotAdmittingError
from double_booked.operator.ledger_store import LEDGERS, LedgerStore
from double_booked.operator.metrics import Metrics
from double_booked.operator.reflector import Reflector
from double_booked.operator.reviews import RejectionError, Reviewer
from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS, CALENDARS, Store
from e2e.history import Event, Kind, Outcome, Write, read_event, read_spec

from .factories import TEAM, raw_booking, raw_calendar
from .fake_api_server import ACCESS_REVIEWS, LEDGER

Raw = dict[str, Any]

LATE_SECONDS = 41.0
"""Seconds after its review in which a write may be stored (assumption A1 leaves a margin)."""

WEBHOOK_SECONDS = 10.0
_RETRIES = 5
_USER = {"username": "anna"}
_BOOKMARK_SECONDS = 10.0


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time, and only moves its clock."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_NoWait(self._pass))

    def time(self) -> float:
        """Return the simulated time."""
        return self._now

    def _pass(self, seconds: float | None) -> None:
        assert seconds is not None, "everything waits for something that never comes"
        self._now += max(seconds, 0.0)


class _NoWait(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self, pass_time: Callable[[float | None], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> Any:
        self._pass_time(timeout)
        return super().select(0)


def now() -> float:
    """Return the simulated time."""
    return asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True)
class Faults:
    """How often and how much things go wrong.

    Attributes:
        delay: The mean time of a request, in seconds.
        hang: The probability that a request takes up to 60 s, as if its process stood still.
        lost: The probability that the answer to a write of a ledger is lost.
        lag: The longest time that watches of a replica are held back, in seconds.
        late: The probability that an admitted write is stored late.
        refused: The probability that something else refuses an admitted write.
        crash: The mean seconds between two crashes; 0 for none.
        loss: The mean seconds between two losses of the ledger; 0 for none.
        slow: The lowest speed of a replica's clock.
    """

    delay: float = 0.02
    hang: float = 0.0
    lost: float = 0.0
    lag: float = 0.0
    late: float = 0.0
    refused: float = 0.0
    crash: float = 0.0
    loss: float = 0.0
    slow: float = 1.0


@dataclass(slots=True)
class ApiServer:
    """Stores objects, and logs every event.

    Attributes:
        objects: The stored objects, by path.
        log: Version, path and event of every write.
        changed: Is set, and replaced, with every write.
        never: Is never set.
    """

    objects: dict[str, Raw] = field(default_factory=dict)
    log: list[tuple[int, str, Raw, float]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    never: asyncio.Event = field(default_factory=asyncio.Event)
    _uids: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def version(self) -> int:
        """The newest resourceVersion."""
        return self.log[-1][0] if self.log else 1

    def put(self, path: str, raw: Raw) -> Raw:
        """Store an object."""
        old = self.objects.get(path)
        stored = deepcopy(raw)
        metadata = stored["metadata"]
        metadata["uid"] = old["metadata"]["uid"] if old else metadata.get("uid") or self.new_uid()
        self._publish(path, "MODIFIED" if old else "ADDED", stored)
        self.objects[path] = stored
        return stored

    def delete(self, path: str) -> None:
        """Delete an object if it exists."""
        if stored := self.objects.pop(path, None):
            self._publish(path, "DELETED", deepcopy(stored))

    def new_uid(self) -> str:
        """Return a uid."""
        return f"uid-{next(self._uids)}"

    def bookings(self) -> list[Raw]:
        """Return the stored bookings."""
        return [raw for path, raw in self.objects.items() if "/bookings/" in path]

    def handle(self, method: str, path: str, content: Raw | None) -> Raw:
        """Answer a request of a replica.

        Raises:
            ClusterError: The object does not exist, or a precondition does not hold.
        """
        if path == ACCESS_REVIEWS:
            return {"status": {"allowed": True}}
        if method == "POST":
            assert content
            path = f"{path}/{content['metadata']['name']}"
            if path in self.objects:
                raise ClusterError(CONFLICT, "it exists")
            return self.put(path, content)
        if path not in self.objects:
            raise ClusterError(NOT_FOUND, "not found")
        stored = self.objects[path]
        if method == "PUT":
            assert content
            for name in ("uid", "resourceVersion"):
                wanted = content["metadata"].get(name)
                if wanted and wanted != stored["metadata"][name]:
                    raise ClusterError(CONFLICT, f"another {name}")
            stored = self.put(path, content)
        return deepcopy(stored)

    def list(self, plural: str) -> Raw:
        """Return all objects of a kind."""
        items = [raw for path, raw in self.objects.items() if f"/{plural}/" in path]
        return {"metadata": {"resourceVersion": str(self.version)}, "items": deepcopy(items)}

    def _publish(self, path: str, kind: str, raw: Raw) -> None:
        version = self.version + 1
        raw["metadata"]["resourceVersion"] = str(version)
        self.log.append((version, path, {"type": kind, "object": deepcopy(raw)}, now()))
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(slots=True)
class Link:
    """A replica's client of the API server, which stands for its process too.

    Attributes:
        lag: Seconds that watch events are held back.
        is_dead: Whether the process has ended, so that nothing it waits for ever comes.
    """

    api: ApiServer
    faults: Faults
    chooser: random.Random
    lag: float = 0.0
    is_dead: bool = False
    _acts: set[asyncio.Task[Raw]] = field(default_factory=set)

    async def get(self, path: str, params: Mapping[str, str] | None = None, tries: int = 1) -> Raw:
        """Get an object or a list."""
        del params, tries
        plural = path.rpartition("/")[2]
        if plural in {"bookings", "calendars", "ledgers"} and path != LEDGER:
            return await self._send(lambda: self.api.list(plural))
        return await self._send(lambda: self.api.handle("GET", path, None))

    async def create(self, path: str, content: Raw) -> Raw:
        """Create an object."""
        return await self._send(lambda: self.api.handle("POST", path, content))

    async def replace(self, path: str, content: Raw) -> Raw:
        """Replace an object."""
        content = json.loads(json.dumps(content))
        answer = await self._send(lambda: self.api.handle("PUT", path, content))
        if self.chooser.random() < self.faults.lost:
            raise ClusterError(0, "the answer is lost")
        return answer

    async def lines(
        self, path: str, params: Mapping[str, str], silence: float
    ) -> AsyncIterator[bytes]:
        """Yield watch events in order, held back by the lag of the moment, and bookmarks."""
        del silence
        since, part = int(params["resourceVersion"]), f"/{path.rpartition('/')[2]}/"
        if self.chooser.random() < 0.1:
            raise ClusterError(GONE, "too old")
        position = 0
        while True:
            log = self.api.log
            while position < len(log):
                version, stored, event, time = log[position]
                if version > since and part in stored:
                    await self._pause(max(time + self.lag - now(), 0.0))
                    yield json.dumps(event).encode()
                position += 1
            bookmark = self.api.version
            changed = self.api.changed
            try:
                async with asyncio.timeout(_BOOKMARK_SECONDS):
                    await changed.wait()
            except TimeoutError:
                metadata = {"resourceVersion": str(bookmark)}
                event = {"type": "BOOKMARK", "object": {"metadata": metadata}}
                await self._pause(self.lag)
                yield json.dumps(event).encode()

    async def _send(self, act: Callable[[], Raw]) -> Raw:
        """Let the API server act, and answer. It acts even if nobody waits for it any more."""
        task = asyncio.create_task(self._act(act))
        self._acts.add(task)
        task.add_done_callback(self._on_done)
        answer = await asyncio.shield(task)
        await self._pause(self._delay())
        return answer

    async def _act(self, act: Callable[[], Raw]) -> Raw:
        await asyncio.sleep(self._delay())
        return act()

    def _on_done(self, task: asyncio.Task[Raw]) -> None:
        self._acts.discard(task)
        _ignore_error(task)

    def _delay(self) -> float:
        if self.chooser.random() < self.faults.hang:
            return self.chooser.uniform(1.0, 60.0)
        return self.chooser.expovariate(1 / self.faults.delay)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.is_dead:
            await self.api.never.wait()


class Replica:
    """A process of the operator."""

    def __init__(self, api: ApiServer, faults: Faults, chooser: random.Random) -> None:
        self.link: Any = Link(api, faults, chooser)
        self.store = Store(Schedule())
        speed, begin = chooser.uniform(faults.slow, 1.0), now()
        ledgers = LedgerStore(lambda: (now() - begin) * speed)
        self.commits = Commits(self.link, self.store, ledgers, lambda: True, Metrics())
        self.reviewer = Reviewer(self.store, self.link, self.commits)
        self._reflectors = [
            Reflector(self.link, CALENDARS, "", self.store),
            Reflector(self.link, BOOKINGS, "", self.store),
            Reflector(self.link, LEDGERS, "", ledgers),
        ]
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Fill the cache, and keep it up to date."""
        for run in (*(reflector.run() for reflector in self._reflectors), self._maintain()):
            self._tasks.append(asyncio.create_task(run))
        for reflector in self._reflectors:
            await reflector.synced.wait()

    async def review(self, kind: Kind, new: Raw, old: Raw | None) -> None:
        """Review a write; guard list-before-answering lets a replica answer only then."""
        if not all(reflector.synced.is_set() for reflector in self._reflectors):
            raise NotAdmittingError("not ready")
        review = (
            self.reviewer.review_booking if kind == "bookings" else self.reviewer.review_calendar
        )
        await review(deepcopy(new), deepcopy(old), _USER, dry_run=False)

    def end(self) -> None:
        """End like a process that is killed; requests that it has sent are still acted on."""
        self.link.is_dead = True
        for task in self._tasks:
            task.cancel()

    async def _maintain(self) -> None:
        await self.commits.run(lambda: True)


class Simulation:
    """Replicas, clients, and what breaks.

    Attributes:
        api: The API server.
        replicas: The replicas that run.
        writes: The requests of clients.
    """

    def __init__(self, seed: object, faults: Faults, replicas: int = 2) -> None:
        self.chooser = random.Random(f"{seed}")  # noqa: S311 - no secret
        self.api = ApiServer()
        self.faults = faults
        self.replicas = [self._replica() for _ in range(replicas)]
        self.writes: list[Write] = []

    async def start(self) -> None:
        """Start the replicas."""
        await asyncio.gather(*(replica.start() for replica in self.replicas))

    def store(self, path: str, raw: Raw) -> Raw:
        """Store an object without a review."""
        metadata = {"name": path.rpartition("/")[2], "namespace": TEAM}
        return self.api.put(path, raw | {"metadata": metadata})

    def store_open_ledger(self) -> None:
        """Store a ledger that is open."""
        stored = self.store(LEDGER, {"reservations": []})
        stored["openedAs"] = stored["metadata"]["uid"]

    def events(self) -> list[Event]:
        """Return the events of bookings and calendars so far."""
        kinds: tuple[Kind, ...] = ("bookings", "calendars")
        return [
            read_event(kind, event, time)
            for _, path, event, time in self.api.log
            for kind in kinds
            if f"/{kind}/" in path
        ]

    async def create(self, name: str, spec: Raw) -> Outcome:
        """Create a booking as a client."""
        raw = raw_booking(name, **arguments_of(spec), uid=self.api.new_uid(), resourceVersion="")
        path = path_of("bookings", name)

        async def write() -> int:
            await self._admit("bookings", raw, None)
            if path in self.api.objects:
                raise _FailedError
            return _version(self.api.put(path, raw))

        return await self._record("bookings", raw, write, creates=True)

    async def change(self, kind: Kind, name: str, spec: Raw) -> Outcome:
        """Change an object as a client, reviewed again if it changes meanwhile."""
        path = path_of(kind, name)
        wanted = (
            raw_calendar(name, **spec)
            if kind == "calendars"
            else raw_booking(name, **arguments_of(spec))
        )

        async def write() -> int:
            for _ in range(_RETRIES):
                old = self.api.objects.get(path)
                if old is None:
                    break
                new = wanted | {"metadata": deepcopy(old["metadata"])}
                await self._admit(kind, new, old)
                if self.api.objects.get(path) is old:
                    return _version(self.api.put(path, new))
            raise _FailedError

        return await self._record(kind, wanted, write)

    def delete(self, name: str) -> None:
        """Delete a booking."""
        self.api.delete(path_of("bookings", name))

    async def crash(self) -> None:
        """Kill a replica and start another one."""
        victim = self.chooser.choice(self.replicas)
        victim.end()
        self.replicas.remove(victim)
        self.replicas.append(self._replica())
        await self.replicas[-1].start()

    def _replica(self) -> Replica:
        chooser = random.Random(self.chooser.random())  # noqa: S311 - no secret
        return Replica(self.api, self.faults, chooser)

    async def _record(
        self,
        kind: Kind,
        raw: Raw,
        write: Callable[[], Coroutine[Any, Any, int]],
        *,
        creates: bool = False,
    ) -> Outcome:
        started, version, message = now(), 0, ""
        outcome: Outcome = "stored"
        try:
            version = await write()
        except RejectionError as error:
            outcome, message = "refused", str(error)
        except _FailedError:
            outcome = "failed"
        name = raw["metadata"]["name"]
        wanted = read_spec(kind, name, raw["spec"])
        self.writes.append(
            Write(started, now(), kind, name, wanted, outcome, version, message, creates)
        )
        return outcome

    async def _admit(self, kind: Kind, new: Raw, old: Raw | None) -> None:
        """Have a write reviewed as the API server does, then let the time until its storing pass.

        Raises:
            RejectionError: It is rejected.
            _FailedError: It is not admitted, or something else refuses it.
        """
        begun = now()
        for _ in range(_RETRIES):
            if await self._review(kind, new, old):
                break
        else:
            raise _FailedError
        faults, chooser = self.faults, self.chooser
        late = chooser.uniform(0.0, max(begun + LATE_SECONDS - now(), 0.0))
        await asyncio.sleep(late if chooser.random() < faults.late else faults.delay)
        if chooser.random() < faults.refused:
            raise _FailedError

    async def _review(self, kind: Kind, new: Raw, old: Raw | None) -> bool:
        """Send a review to some replica; return False if it is to be sent again."""
        replica = self.chooser.choice(self.replicas)
        task = asyncio.create_task(replica.review(kind, new, old))
        task.add_done_callback(_ignore_error)
        done, _ = await asyncio.wait([task], timeout=WEBHOOK_SECONDS)
        if not done:
            if self.chooser.random() < 0.5:
                task.cancel()  # the connection is seen to be closed
            raise _FailedError
        if replica.link.is_dead:
            raise _FailedError
        try:
            task.result()
        except NotAdmittingError:
            await asyncio.sleep(1.0)
            return False
        return True


class _FailedError(Exception):
    """A request failed, though the operator has not rejected it."""


def path_of(kind: str, name: str) -> str:
    """Return the path of an object."""
    return f"{LEDGER.rpartition('/ledgers/')[0]}/{kind}/{name}"


def arguments_of(spec: Raw) -> Raw:
    """Return the arguments of `raw_booking` for a spec."""
    return {"start": spec["start"], "end": spec["end"], "spec": spec}


def _ignore_error(task: asyncio.Task[Any]) -> None:
    """Mark an error as seen: maybe nobody waits for the task any more."""
    if not task.cancelled():
        task.exception()


def _version(stored: Raw) -> int:
    return int(stored["metadata"]["resourceVersion"])
