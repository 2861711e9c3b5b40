"""The operator as a process on this machine, called by a real API server.

Tests that need no pods use it; test_operator_chart.py tests `helm install` with the operator.
"""

import asyncio
import base64
import datetime as dt
import json
import os
import random
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.web
import yaml

from double_booked.operator.cluster import Cluster, ClusterError, login, path_of
from double_booked.operator.objects import API_VERSION, NamespacedName
from double_booked.operator.webhook_tls import use_key_pair
from double_booked.tls import authority
from e2e.conftest import CHART, Namespace, listens, run, tool
from ports import free_ports
from waiting import wait_until

WEBHOOKS = "validatingwebhookconfiguration"
Finished = subprocess.CompletedProcess[str]
RIVALS = 20
REFUSALS = ("would be double-booked", "exceeded quota", "failed calling webhook", "does not answer")
NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
NEXT = ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z")
_READY_SECONDS = 60
"""Seconds until an operator is ready; it waits for nothing that others have reserved."""

OPERATOR = (sys.executable, "-m", "double_booked", "operator")


def configuration_of(namespace: str) -> str:
    """Return the name of the webhook configuration for an operator in a namespace."""
    return f"double-booked-{namespace}"


def webhooks(port: int, namespaces: Sequence[str], failure_policy: str) -> dict[str, Any]:
    """Return the chart's webhook configuration, for an operator on this machine."""
    rendered = run(
        tool("helm"), "template", "double-booked", str(CHART), "--set=operator.enabled=true",
        f"--set=operator.failurePolicy={failure_policy}",
        f"--set=operator.watchNamespaces={{{','.join(namespaces)}}}",
        "--show-only=templates/operator-validatingwebhookconfiguration.yaml",
    )  # fmt: skip
    configuration: dict[str, Any] = yaml.safe_load(rendered)
    configuration["metadata"] = {"name": configuration_of(namespaces[0])}
    for webhook in configuration["webhooks"]:
        kind = webhook["name"].partition(".")[0]
        webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}/{kind}"}
    return configuration


@dataclass(slots=True)
class Process:
    """An operator process.

    Attributes:
        log: The file with its log.
        command: The command that runs it.
        started: Time of its start in seconds since 1970.
    """

    namespace: str
    port: int
    http: int
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    command: Sequence[str] = OPERATOR
    popen: subprocess.Popen[bytes] | None = None
    started: float = 0.0

    def start(self) -> None:
        """Start it without waiting."""
        settings = {
            "WEBHOOK_HOST": f"127.0.0.1:{self.port}",
            "HEALTH_CHECK_HOST": f"127.0.0.1:{self.http}",
            "WATCH_NAMESPACES": self.namespace,
            "OPERATOR_NAMESPACE": self.namespace,
            "WEBHOOK_CONFIGURATION": configuration_of(self.namespace),
            "LOG_FORMAT": "json",
        }
        self.started = time.time()
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command,
                env=os.environ | settings | self.environment,
                stdout=log,
                stderr=log,
            )

    def is_ready(self) -> bool:
        """Return whether it reports that it is ready to admit."""
        return b"ok" in self._get("readyz")

    def until_ready(self) -> None:
        """Wait until it is ready to admit."""

        def is_ready_or_dead() -> bool:
            return self.is_ready() or not self.popen or self.popen.poll() is not None

        wait_until(is_ready_or_dead, "the operator is ready", _READY_SECONDS)
        assert self.is_ready(), self.log.read_text()

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels."""
        for line in self.text("metrics").splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise AssertionError(f"there is no {name}")

    def text(self, path: str) -> str:
        """Return the body of its HTTP answer."""
        return self._get(path).decode()

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over the series with some labels; 0 if there are none."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        series = (line.rpartition(" ") for line in self.text("metrics").splitlines())
        return sum(
            float(value)
            for text, _, value in series
            if re.match(rf"{name}[{{ ]", f"{text} ") and all(label in text for label in wanted)
        )

    def metric_of(self, name: str, result: str) -> float:
        """Return the value of a metric for a `result`, its only label."""
        return self.metric(f'{name}{{result="{result}"}}')

    def entries(self) -> list[dict[str, Any]]:
        """Return the entries of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.popen
        self.popen.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it with a signal; return its exit code. It answers on for 10 s after SIGTERM."""
        self.send(number)
        assert self.popen
        return self.popen.wait(30)

    def kill(self) -> None:
        """Kill it, also while it is stopped."""
        if self.popen:
            self.popen.kill()
            self.popen.wait()

    def _get(self, path: str) -> bytes:
        if not listens("127.0.0.1", self.http):
            return b""
        command = [tool("curl"), "--silent", f"http://127.0.0.1:{self.http}/{path}"]
        return subprocess.run(command, capture_output=True, check=False).stdout


@contextmanager
def operating(
    namespace: str,
    folder: Path,
    failure_policy: str = "Fail",
    also: Sequence[str] = (),
    **environment: str,
) -> Iterator[Process]:
    """Run an operator that reviews the writes of a namespace.

    Args:
        namespace: The namespace; the operator keeps its Lease and its Secret there too.
        folder: The folder for its log.
        failure_policy: The webhook's failurePolicy.
        also: More namespaces to review.
        environment: Environment variables of the operator.
    """
    port, http = free_ports(2)
    namespaces = (namespace, *also)
    configuration = webhooks(port, namespaces, failure_policy)
    environment = {"WATCH_NAMESPACES": ",".join(namespaces)} | environment
    run(tool("kubectl"), "apply", "--filename=-", text=json.dumps(configuration))
    process = Process(namespace, port, http, folder / "operator.log", environment)
    process.start()
    try:
        process.until_ready()
        yield process
    finally:
        assert process.popen
        process.popen.kill()
        process.popen.wait()
        run(tool("kubectl"), "delete", "--ignore-not-found", WEBHOOKS, configuration_of(namespace))


@asynccontextmanager
async def operating_meanwhile(
    namespace: str, folder: Path, also: Sequence[str] = (), **environment: str
) -> AsyncIterator[Process]:
    """Run an operator like `operating`, without blocking the event loop."""
    context = operating(namespace, folder, also=also, **environment)
    process = await asyncio.to_thread(context.__enter__)
    try:
        yield process
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


@dataclass(frozen=True, slots=True)
class Team:
    """Access to a namespace through the API server."""

    namespace: str
    cluster: Cluster

    async def calendar(self, name: str, **spec: Any) -> Any:
        """Create a Calendar."""
        return await self.cluster.create(
            path_of("calendars", namespace=self.namespace), self._raw("Calendar", name, spec)
        )

    async def book(
        self,
        name: str,
        start: str,
        end: str,
        *calendars: str,
        dry_run: bool = False,
        replaces: Sequence[str] = (),
    ) -> Any:
        """Create a Booking.

        Raises:
            ClusterError: The Booking is rejected.
        """
        spec: dict[str, Any] = {"calendars": list(calendars), "start": start, "end": end}
        if replaces:
            spec["replaces"] = list(replaces)
        path = path_of("bookings", namespace=self.namespace)
        return await self.cluster.create(
            path + ("?dryRun=All" if dry_run else ""), self._raw("Booking", name, spec)
        )

    async def race(self, names: Sequence[str], *when: str) -> dict[str, str]:
        """Create Bookings concurrently; return the error of each by name, or ""."""
        answers = await asyncio.gather(
            *(self.book(name, *when) for name in names), return_exceptions=True
        )
        for result in answers:
            if isinstance(result, BaseException) and not isinstance(result, ClusterError):
                raise result
        return {
            name: str(answer) if isinstance(answer, ClusterError) else ""
            for name, answer in zip(names, answers, strict=True)
        }

    async def change(self, kind: str, name: str, **content: Any) -> Any:
        """Merge-patch an object."""
        return await self.cluster.patch(
            path_of(kind, NamespacedName(self.namespace, name)), content
        )

    async def delete(self, kind: str, name: str) -> Any:
        """Delete an object; return the API server's answer.

        Raises:
            ClusterError: The object does not exist.
        """
        return await self.cluster.delete(path_of(kind, NamespacedName(self.namespace, name)))

    async def get(self, kind: str, name: str = "") -> Any:
        """Return an object, or all objects of a kind."""
        if name:
            return await self.cluster.get(path_of(kind, NamespacedName(self.namespace, name)))
        found = await self.cluster.get(path_of(kind, namespace=self.namespace))
        return found["items"]

    async def verdict(self, name: str) -> str:
        """Return the status of a Booking's condition DoubleBooked; "" if there is none yet."""
        return condition(await self.get("bookings", name), "DoubleBooked").get("status", "")

    def _raw(self, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }


def condition(raw: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the condition of a type from the status of an object; {} if it has none."""
    conditions = raw.get("status", {}).get("conditions", [])
    return next((dict(candidate) for candidate in conditions if candidate["type"] == kind), {})


def manifest(name: str, start: str, end: str, *calendars: str, **more: Any) -> dict[str, Any]:
    """Return a Booking to apply."""
    spec = {"calendars": list(calendars), "start": start, "end": end} | more
    return {
        "apiVersion": API_VERSION,
        "kind": "Booking",
        "metadata": {"name": name},
        "spec": spec,
    }


def hour(number: int) -> tuple[str, str]:
    """Return start and end of an hour that is different for each number, from 2027 on."""
    day, clock = divmod(number, 23)
    return (
        f"2027-{day // 28 + 1:02}-{day % 28 + 1:02}T{clock:02}:00:00Z",
        f"2027-{day // 28 + 1:02}-{day % 28 + 1:02}T{clock + 1:02}:00:00Z",
    )


async def winners(bookers: Team, round_: int, calendar: str) -> list[str]:
    """Race for one hour; return the names admitted. The others were rejected or not answered."""
    names = [f"r{round_}-{number}" for number in range(RIVALS)]
    answers = await bookers.race(names, *hour(round_), calendar)
    for answer in filter(None, answers.values()):
        assert any(known in answer for known in REFUSALS), answer
    return [name for name, answer in answers.items() if not answer]


async def kubectl(place: Namespace, *arguments: str, content: Any = None) -> Finished:
    """Run kubectl in a namespace without blocking the event loop."""
    return await asyncio.to_thread(
        subprocess.run,
        place.command(*arguments),
        input=None if content is None else json.dumps(content),
        text=True,
        capture_output=True,
        check=False,
    )


@asynccontextmanager
async def listening_in(namespace: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Serve a webhook that admits every write of a namespace; yield the requested reviews."""
    reviews: list[dict[str, Any]] = []
    transports: set[asyncio.Transport] = set()

    async def allow(request: aiohttp.web.Request) -> aiohttp.web.Response:
        if request.transport:
            transports.add(request.transport)
        review = await request.json()
        reviews.append(review["request"])
        response = {"uid": review["request"]["uid"], "allowed": True}
        kind = {"apiVersion": review["apiVersion"], "kind": review["kind"]}
        return aiohttp.web.json_response(kind | {"response": response})

    material = authority.ensure_fresh(None, ("127.0.0.1",), dt.datetime.now(dt.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    use_key_pair(context, material.key_pair())
    app = aiohttp.web.Application()
    app.router.add_post("/{kind}", allow)
    runner = aiohttp.web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    configuration = webhooks(runner.addresses[0][1], [namespace], "Fail")
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"]["caBundle"] = base64.b64encode(material.authorities).decode()
    run(tool("kubectl"), "apply", "--filename=-", text=json.dumps(configuration))
    try:
        yield reviews
    finally:
        run(tool("kubectl"), "delete", "--ignore-not-found", WEBHOOKS, configuration_of(namespace))
        await runner.cleanup()
        await abort(transports)


async def abort(transports: Iterable[asyncio.Transport]) -> None:
    """Abort connections: their peers keep them, and TLS would wait for them to close."""
    for transport in transports:
        transport.abort()
    await asyncio.sleep(0)  # the event loop closes them in its next iteration


@asynccontextmanager
async def team(namespace: str) -> AsyncIterator[Team]:
    """Yield access to a namespace."""
    cluster = Cluster()
    try:
        yield Team(namespace, cluster)
    finally:
        await cluster.close()


@dataclass(slots=True)
class Proxy:
    """A proxy of the API server that delays answers and ends watches.

    Attributes:
        kubeconfig: The path of a kubeconfig for it.
        watch_delay: Seconds that it holds back watch events, together with those that follow.
        answer_delay: Maximum of the random delay of other answers, in seconds.
        watch_seconds: Seconds after which it ends a watch; 0 for never. It ends half of them as
            too old (410 Gone), so that the operator has to list again.
        is_cut: Whether it closes every connection without an answer.
        transports: All its connections so far.
    """

    server: str
    session: aiohttp.ClientSession
    watch_delay: float = 0.0
    answer_delay: float = 0.0
    watch_seconds: float = 0.0
    is_cut: bool = False
    kubeconfig: str = ""
    transports: set[asyncio.Transport] = field(default_factory=set)

    def cut(self) -> None:
        """Close all connections, and the later ones until `is_cut` is reset."""
        self.is_cut = True
        for transport in self.transports:
            transport.abort()
        self.transports.clear()

    async def forward(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        """Forward one request."""
        if request.transport:
            self.transports.add(request.transport)
            if self.is_cut:
                request.transport.abort()
        data = await request.read() or None
        kind = {"Content-Type": request.headers.get("Content-Type", "application/json")}
        url = f"{self.server}{request.path_qs}"
        async with self.session.request(request.method, url, data=data, headers=kind) as answer:
            headers = {"Content-Type": answer.headers["Content-Type"]}
            response = aiohttp.web.StreamResponse(status=answer.status, headers=headers)
            if "watch" not in request.query:
                content = await answer.read()
                await asyncio.sleep(random.uniform(0, self.answer_delay))  # noqa: S311 - no secret
            with suppress(ConnectionError):  # the operator has closed the connection
                await response.prepare(request)
                if "watch" not in request.query:
                    await response.write(content)
                else:
                    await self._pass_events_on(answer, response)
            return response

    async def _pass_events_on(
        self, answer: aiohttp.ClientResponse, response: aiohttp.web.StreamResponse
    ) -> None:
        """Forward the events of a watch as whole lines until the watch ends."""
        rest = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.watch_seconds or None):
                async for chunk in answer.content.iter_any():
                    await asyncio.sleep(self.watch_delay)
                    lines, newline, rest = (rest + chunk).rpartition(b"\n")
                    if newline:
                        await response.write(lines + newline)
                return
        if random.random() < 0.5:  # noqa: S311 - no secret
            return
        status = {"kind": "Status", "apiVersion": "v1", "code": 410, "message": "too old"}
        await response.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")


@asynccontextmanager
async def proxied(
    folder: Path,
    watch_delay: float = 0.0,
    answer_delay: float = 0.0,
    watch_seconds: float = 0.0,
) -> AsyncIterator[Proxy]:
    """Serve a Proxy."""
    info = login()
    connector = aiohttp.TCPConnector(ssl=info.as_ssl_context(), limit=0)
    async with aiohttp.ClientSession(
        connector=connector, headers=info.as_http_headers()
    ) as session:
        app = aiohttp.web.Application()
        proxy = Proxy(info.server, session, watch_delay, answer_delay, watch_seconds)
        app.router.add_route("*", "/{path:.*}", proxy.forward)
        runner = aiohttp.web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            proxy.kubeconfig = _kubeconfig(folder, runner.addresses[0][1])
            yield proxy
        finally:
            await runner.cleanup()
            await abort(proxy.transports)


def _kubeconfig(folder: Path, port: int) -> str:
    """Write a kubeconfig for a proxy on this machine; return its path."""
    server = f"http://127.0.0.1:{port}"
    config = {
        "current-context": "slow",
        "contexts": [{"name": "slow", "context": {"cluster": "slow", "user": "slow"}}],
        "clusters": [{"name": "slow", "cluster": {"server": server}}],
        "users": [{"name": "slow", "user": {}}],
    }
    path = folder / f"proxy-{port}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)
