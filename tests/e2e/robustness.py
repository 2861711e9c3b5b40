"""Runs replicas under load while things break, and checks what was recorded."""

import asyncio
import base64
import datetime as dt
import json
import os
import platform
import random
import signal
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp.web

from double_booked.operator.cluster import Cluster, ClusterError, path_of, url_path
from double_booked.operator.objects import NamespacedName
from double_booked.operator.webhook_tls import use_key_pair
from double_booked.tls import authority
from e2e.conftest import ROOT, run, tool
from e2e.history import Kind, unjustified, violations
from e2e.operator_process import (
    NINE,
    WEBHOOKS,
    Process,
    Proxy,
    Team,
    abort,
    proxied,
    team,
    webhooks,
)
from e2e.recording import CAPACITIES, CLIENTS, Client, Recorder
from e2e.replicas import Balancer, operating_replicas

REPLICAS = 3
FAILPOINTS = ("decided", "committed", "answering")
COMMAND = (sys.executable, "-m", "e2e.failpoints")
_LONGEST_SLEEP = 29.0


class PatientCluster(Cluster):
    """A client that waits as long as the API server takes, so that every result is known."""

    async def _send(self, request: Any, tries: int) -> Any:
        del tries
        async with self._respond(request, aiohttp.ClientTimeout(total=90)) as response:
            return json.loads(await response.read())


@asynccontextmanager
async def patient_team(namespace: str) -> AsyncIterator[Team]:
    """Yield access to a namespace by a PatientCluster."""
    cluster = PatientCluster()
    try:
        yield Team(namespace, cluster)
    finally:
        await cluster.close()


@dataclass(slots=True)
class Rival:
    """Another validating webhook, which is called while the operator is.

    Attributes:
        sleeps: The share of reviews that it answers only after up to 29 s.
        refuses: The share of reviews that it refuses.
        transports: All its connections so far.
    """

    sleeps: float = 0.0
    refuses: float = 0.0
    transports: set[asyncio.Transport] = field(default_factory=set)

    async def answer(self, request: aiohttp.web.Request) -> aiohttp.web.Response:
        """Answer a review."""
        if request.transport:
            self.transports.add(request.transport)
        review = await request.json()
        if random.random() < self.sleeps:  # noqa: S311 - no secret
            await asyncio.sleep(random.uniform(0.0, _LONGEST_SLEEP))  # noqa: S311
        allowed = random.random() >= self.refuses  # noqa: S311 - no secret
        status = {} if allowed else {"status": {"code": 409, "message": "rival"}}
        response = {"uid": review["request"]["uid"], "allowed": allowed} | status
        kind = {"apiVersion": review["apiVersion"], "kind": review["kind"]}
        return aiohttp.web.json_response(kind | {"response": response})


@asynccontextmanager
async def rivalling(namespace: str) -> AsyncIterator[Rival]:
    """Serve a Rival for a namespace."""
    rival = Rival()
    material = authority.ensure_fresh(None, ("127.0.0.1",), dt.datetime.now(dt.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    use_key_pair(context, material.key_pair())
    app = aiohttp.web.Application()
    app.router.add_post("/{kind}", rival.answer)
    runner = aiohttp.web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    configuration = webhooks(runner.addresses[0][1], [namespace], "Fail")
    name = configuration["metadata"]["name"] = f"rival-{namespace}"
    for webhook in configuration["webhooks"]:
        webhook["name"] = f"{webhook['name'].partition('.')[0]}.rival.example"
        webhook["timeoutSeconds"] = 30
        webhook["clientConfig"]["caBundle"] = base64.b64encode(material.authorities).decode()
    text = json.dumps(configuration)
    await asyncio.to_thread(run, tool("kubectl"), "apply", "--filename=-", text=text)
    try:
        yield rival
    finally:
        command = ("delete", "--ignore-not-found", WEBHOOKS, name)
        await asyncio.to_thread(run, tool("kubectl"), *command)
        await runner.cleanup()
        await abort(rival.transports)


@dataclass(slots=True)
class Nemesis:
    """Breaks things at random.

    Attributes:
        injected: How often each fault was injected.
    """

    balancer: Balancer
    proxies: list[Proxy]
    files: list[Path]
    rival: Rival
    bookers: Team
    injected: Counter[str] = field(default_factory=Counter)
    _busy: set[int] = field(default_factory=set)

    def faults(self) -> list[Callable[[int], Coroutine[Any, Any, None]]]:
        """Return the faults of a replica."""
        return [
            self.kill, self.stop, self.fail, self.fail, self.hold_watches, self.cut,
        ]  # fmt: skip

    async def break_replicas(self) -> None:
        """Inject faults into replicas, one at a time in each, until cancelled."""
        while True:
            await asyncio.sleep(random.uniform(1.0, 6.0))  # noqa: S311 - no secret
            free = [one for one in range(len(self.proxies)) if one not in self._busy]
            if len(free) < 2:
                continue
            replica = random.choice(free)  # noqa: S311 - no secret
            fault = random.choice(self.faults())  # noqa: S311 - no secret
            self._busy.add(replica)
            try:
                await fault(replica)
            finally:
                self._busy.discard(replica)

    async def kill(self, replica: int) -> None:
        """Kill a replica, and start it again."""
        self.injected["kill -9"] += 1
        process = self._process(replica)
        process.kill()
        await asyncio.sleep(random.uniform(0.0, 5.0))  # noqa: S311 - no secret
        process.start()

    async def stop(self, replica: int) -> None:
        """Stop a replica for up to a minute."""
        self.injected["SIGSTOP"] += 1
        self._process(replica).send(signal.SIGSTOP)
        await self._go_on(replica)

    async def fail(self, replica: int) -> None:
        """Have a replica stop itself at a failpoint."""
        failpoint = random.choice(FAILPOINTS)  # noqa: S311 - no secret
        file = self.files[replica]
        file.write_text(failpoint)
        with suppress(TimeoutError):
            async with asyncio.timeout(15):
                while file.exists():
                    await asyncio.sleep(0.05)
        if file.exists():
            file.unlink(missing_ok=True)
            return
        self.injected[f"SIGSTOP when {failpoint}"] += 1
        if random.random() < 0.3:  # noqa: S311 - no secret
            await self.kill(replica)
        else:
            await self._go_on(replica)

    async def hold_watches(self, replica: int) -> None:
        """Hold back the watches of a replica for 30 to 120 s."""
        self.injected["watches held back"] += 1
        seconds = random.uniform(30.0, 120.0)  # noqa: S311 - no secret
        self.proxies[replica].watch_delay = seconds
        await asyncio.sleep(seconds)
        self.proxies[replica].watch_delay = 0.0

    async def cut(self, replica: int) -> None:
        """Cut all connections of a replica with the API server."""
        self.injected["connections cut"] += 1
        self.proxies[replica].cut()
        await asyncio.sleep(random.uniform(0.0, 20.0))  # noqa: S311 - no secret
        self.proxies[replica].is_cut = False

    async def break_others(self) -> None:
        """Inject faults that concern all replicas, until cancelled."""
        rare = [self.lose_ledger, self.release_lease]
        while True:
            await asyncio.sleep(20)
            await rare[0]()
            rare.reverse()
            for _ in range(10):
                await random.choice([self.rival_acts, self.limit, self.pause])()  # noqa: S311

    async def pause(self) -> None:
        """Let nothing of this kind happen for a while."""
        await asyncio.sleep(15)

    async def rival_acts(self) -> None:
        """Let the other webhook answer late, and refuse."""
        self.injected["other webhook late or refusing"] += 1
        self.rival.sleeps, self.rival.refuses = 0.03, 0.1
        await asyncio.sleep(20)
        self.rival.sleeps = self.rival.refuses = 0.0

    async def limit(self) -> None:
        """Let a quota refuse creates."""
        self.injected["quota"] += 1
        namespace = self.bookers.namespace
        quotas = url_path("api", "v1", "namespaces", namespace, "resourcequotas")
        hard = {"count/bookings.double-booked.io": "12"}
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}}
        await self.bookers.cluster.create(quotas, quota | {"spec": {"hard": hard}})
        await asyncio.sleep(10)
        await self.bookers.cluster.delete(f"{quotas}/few")

    async def lose_ledger(self) -> None:
        """Delete the ledger with all its reservations; a booking always exists."""
        self.injected["ledger deleted"] += 1
        key = NamespacedName(self.bookers.namespace, "bookings")
        with suppress(ClusterError):
            await self.bookers.cluster.delete(path_of("ledgers", key))

    async def release_lease(self) -> None:
        """Release the Lease that all replicas share."""
        self.injected["Lease released"] += 1
        namespace = self.bookers.namespace
        group = ("apis", "coordination.k8s.io", "v1", "namespaces", namespace, "leases")
        leases = await self.bookers.cluster.get(url_path(*group))
        for lease in leases["items"]:
            if lease["spec"].get("holderIdentity") == "ledger":
                path = url_path(*group, lease["metadata"]["name"])
                await self.bookers.cluster.patch(path, {"spec": {"holderIdentity": ""}})

    async def _go_on(self, replica: int) -> None:
        await asyncio.sleep(random.uniform(1.0, 60.0))  # noqa: S311 - no secret
        self._process(replica).send(signal.SIGCONT)

    def _process(self, replica: int) -> Process:
        return self.balancer.replicas[replica]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found.

    Attributes:
        seconds: How long clients sent requests.
        outcomes: How many requests had each outcome.
        injected: How often each fault was injected.
        over: What exceeded a capacity.
        unjustified: Rejections that nothing stored or reserved explains.
    """

    seconds: float
    outcomes: dict[str, int]
    injected: dict[str, int]
    over: list[str]
    unjustified: list[str]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        machine = f"{os.cpu_count()} cores, {platform.system()} {platform.release()}"
        figures = {
            "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"),
            "machine": machine,
            "replicas": REPLICAS,
            "clients": CLIENTS,
            "seconds": round(self.seconds),
            "outcomes": self.outcomes,
            "faults": self.injected,
            "over capacity": self.over,
            "unjustified rejections": self.unjustified,
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n")


async def run_with_faults(namespace: str, folder: Path, seconds: float) -> Result:
    """Run clients and faults for some seconds; return what the recorded history shows."""
    async with AsyncExitStack() as stack:
        proxies = [await stack.enter_async_context(proxied(folder)) for _ in range(REPLICAS)]
        files = [folder / f"failpoint-{number}" for number in range(REPLICAS)]
        environments = [
            _environment(proxy, file) for proxy, file in zip(proxies, files, strict=True)
        ]
        # Clocks that run slowly make reservations last longer, and nothing else.
        environments[-1] |= {"CLOCK_SPEED": "0.5", "CLOCK_JUMPS": "86400"}
        balancer = await stack.enter_async_context(
            operating_replicas(namespace, folder, REPLICAS, COMMAND, environments)
        )
        rival = await stack.enter_async_context(rivalling(namespace))
        admin = await stack.enter_async_context(team(namespace))
        bookers = await stack.enter_async_context(patient_team(namespace))
        recorder = Recorder(bookers, may_fail=True)
        nemesis = Nemesis(balancer, proxies, files, rival, admin)
        started = time.monotonic()
        await _record(recorder, nemesis, started + seconds)
        return Result(
            time.monotonic() - started,
            dict(Counter(write.outcome for write in recorder.writes)),
            dict(nemesis.injected),
            violations(recorder.events, recorder.writes),
            [
                f"{one.name}: {one.message}"
                for one in unjustified(recorder.events, recorder.writes, recorder.reserved)
            ],
        )


def _environment(proxy: Proxy, file: Path) -> dict[str, str]:
    path = os.pathsep.join((str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")))
    return {"KUBECONFIG": proxy.kubeconfig, "FAILPOINT_FILE": str(file), "PYTHONPATH": path}


async def _record(recorder: Recorder, nemesis: Nemesis, end: float) -> None:
    for name, capacities in CAPACITIES.items():
        await recorder.ask("create", "calendars", name, {"capacity": capacities[-1]})
    await recorder.bookers.calendar("apart")
    await recorder.bookers.book("anchor", *NINE, "apart")
    kinds: tuple[Kind, ...] = ("bookings", "calendars")
    background = [asyncio.create_task(recorder.watch(kind)) for kind in kinds]
    background.append(asyncio.create_task(recorder.watch_ledger()))
    background += [asyncio.create_task(nemesis.break_replicas()) for _ in range(2)]
    background.append(asyncio.create_task(nemesis.break_others()))
    plans: dict[str, dict[str, Any]] = {}
    clients = [
        Client(number, recorder, plans, random.Random(number))  # noqa: S311 - no secret
        for number in range(CLIENTS)
    ]
    try:
        await asyncio.gather(*(client.work(lambda: time.monotonic() > end) for client in clients))
        for task in background[3:]:
            assert not task.done(), task
            task.cancel()
        await asyncio.sleep(2)  # until the watches have brought the last writes
        assert not any(task.done() for task in background[:3]), "a watch has ended"
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
