"""Send forged reviews to a real operator, as a client that can only reach its port."""

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml
from tests.operator.factories import raw_booking, raw_calendar
from tests.operator.fake_api_server import BOOKINGS, CALENDARS, LEASES, WEBHOOKS, FakeApiServer
from tests.operator.fake_api_server import serving as serving_api

from bench.hostile.goals import Figure
from bench.hostile.server import cpu_seconds
from ports import free_port

MAX_CPU_SECONDS = 1.0
"""CPU seconds allowed for a thousand forged reviews."""

_KEPT = 10_000
_RECONNECTED = 1_000
_FORGERS = 20
_START_SECONDS = 30
_DETAILS_SECONDS = 3
"""Seconds until the details of a status follow its verdict (2 s), with a margin."""

_CONFIGURATION = f"{WEBHOOKS}/double-booked-operator"
_SECRET_NAME = "secret-plan"  # noqa: S105 - the name of a booking, which nobody is to learn
_TAKEN = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
_FREE = ("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z")
_TRAVERSAL = "../../../../api/v1/namespaces/team/secrets/double-booked-operator-webhook?a="
_RESERVATIONS = re.compile(r"^double_booked_operator_reservations ([\d.e+]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator in its own process, and the API server that it uses."""

    api: FakeApiServer
    process: subprocess.Popen[bytes]
    webhook: str
    http: str

    def path(self) -> str:
        """Return the secret path for reviews of bookings, as the API server knows it."""
        [first, *_] = self.api.objects[_CONFIGURATION]["webhooks"]
        return urlsplit(first["clientConfig"]["url"]).path or "/bookings"

    async def get(self, path: str) -> str:
        """Return the body of an HTTP answer; "" unless the status is 200."""
        with suppress(aiohttp.ClientError):
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.http}/{path}") as answer,
            ):
                return await answer.text() if answer.ok else ""
        return ""

    async def reservations(self) -> float:
        """Return its number of reservations."""
        found = _RESERVATIONS.search(await self.get("metrics"))
        return float(found[1]) if found else 0.0

    def requests(self) -> int:
        """Return its number of requests, except for its Lease and its webhook configuration."""
        own = (LEASES, WEBHOOKS)
        return sum(not path.startswith(own) for _, path in self.api.requests)


@dataclass(slots=True)
class Answers:
    """Answers to forged reviews: the number of each status, and whether a name leaked."""

    statuses: Counter[int] = field(default_factory=Counter)
    names: bool = False


async def measure(kept: int = _KEPT, reconnected: int = _RECONNECTED) -> list[Figure]:
    """Return the effect and the cost of forged reviews."""
    async with operating() as operator:
        requests_before, reserved = operator.requests(), await operator.reservations()
        answers = Answers()
        cost = await _cost(operator, answers, kept, keep=True)
        cost_connected = await _cost(operator, answers, reconnected, keep=False)
        requests = operator.requests() - requests_before
        reservations = await operator.reservations() - reserved
        async with _forging(keep=True) as session:
            honest = await _review(session, operator.webhook + operator.path(), _booking("honest"))
    return [
        _effect(answers, requests, reservations, honest),
        Figure(
            f"{kept:,} forged reviews on {_FORGERS} connections",
            f"a thousand cost less than {MAX_CPU_SECONDS:.0f} CPU s",
            f"{cost:.2f} CPU s; with a connection each, for its handshake, {cost_connected:.2f}",
            cost < MAX_CPU_SECONDS,
        ),
    ]


def _effect(
    answers: Answers, requests: int, reservations: float, honest: tuple[int, str]
) -> Figure:
    """Return the effect of forged reviews and of a genuine one after them."""
    status, text = honest
    is_harmless = set(answers.statuses) == {404} and not (requests or reservations or answers.names)
    is_admitted = status == HTTPStatus.OK and json.loads(text)["response"]["allowed"]
    statuses = ", ".join(f"{count:,} times {code}" for code, count in answers.statuses.items())
    return Figure(
        "forged reviews",
        "404, no reservation, no request to the API server, no name; an honest one is admitted",
        f"{statuses}; {reservations:,.0f} reservations, {requests:,} requests, "
        f"{'a name' if answers.names else 'no name'}; an honest one is "
        f"{'admitted' if is_admitted else f'not admitted ({status})'}",
        is_harmless and is_admitted,
    )


async def _cost(operator: Operator, answers: Answers, number: int, *, keep: bool) -> float:
    """Forge reviews; return the operator's CPU seconds per thousand."""
    before = cpu_seconds(operator.process.pid)
    async with _forging(keep=keep) as session:
        forgers = (_forge(operator, session, answers, number, forger) for forger in range(_FORGERS))
        await asyncio.gather(*forgers)
    return (cpu_seconds(operator.process.pid) - before) / number * 1_000


@asynccontextmanager
async def _forging(*, keep: bool) -> AsyncIterator[aiohttp.ClientSession]:
    """Connect to the webhook without verifying its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(ssl=context, limit=_FORGERS, force_close=not keep)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


async def _forge(
    operator: Operator, session: aiohttp.ClientSession, answers: Answers, number: int, first: int
) -> None:
    """Forge every twentieth review, for a taken slot, a free slot, or another path."""
    paths = ("bookings", "calendars", "", f"{'0' * 32}/bookings")
    for index in range(first, number, _FORGERS):
        path = paths[index % 40 // 10] if index % 3 == 0 else "bookings"
        times = _TAKEN if index % 2 else _FREE
        forged = raw_booking(f"forged-{index}", *times)
        if index % 7 == 0:
            forged["metadata"]["namespace"] = _TRAVERSAL
        status, text = await _review(session, f"{operator.webhook}/{path}", forged)
        answers.statuses[status] += 1
        answers.names |= _SECRET_NAME in text


def _booking(name: str) -> dict[str, Any]:
    booking = raw_booking(name, *_FREE)
    booking["metadata"].pop("creationTimestamp")
    return booking


async def _review(session: aiohttp.ClientSession, url: str, raw: dict[str, Any]) -> tuple[int, str]:
    """Return status and text of the answer to a creation; status 0 if there is no answer."""
    kind = {"group": "double-booked.io", "version": "v1alpha1", "resource": "bookings"}
    request = {
        "uid": "1",
        "operation": "CREATE",
        "resource": kind,
        "object": raw,
        "oldObject": None,
        "userInfo": {},
    }
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    try:
        async with session.post(url, json=review) as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientError as error:
        return 0, repr(error)


@asynccontextmanager
async def operating() -> AsyncIterator[Operator]:
    """Run an admitting operator with one calendar and one booking with a secret name."""
    async with serving_api() as (api, _):
        _fill(api)
        with _process(api) as operator:
            await _until_ready(operator)
            yield operator


@contextmanager
def _process(api: FakeApiServer) -> Iterator[Operator]:
    with TemporaryDirectory() as folder:
        kubeconfig = Path(folder, "kubeconfig")
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(api.url)))
        webhook, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        settings = {
            "KUBECONFIG": str(kubeconfig),
            "WEBHOOK_HOST": webhook,
            "HEALTH_CHECK_HOST": http,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "double_booked", "operator"],
            env=os.environ | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Operator(api, process, f"https://{webhook}", f"http://{http}")
        finally:
            process.kill()
            process.wait()


def _fill(api: FakeApiServer) -> None:
    names = ("bookings.double-booked.io", "calendars.double-booked.io")
    webhooks = [{"name": name, "clientConfig": {"url": "https://localhost:1"}} for name in names]
    api.put(_CONFIGURATION, {"webhooks": webhooks})
    api.put(f"{CALENDARS}/staging", raw_calendar())


def _kubeconfig(url: str) -> dict[str, Any]:
    context = {"cluster": "test", "user": "test", "namespace": "team"}
    return {
        "current-context": "test",
        "contexts": [{"name": "test", "context": context}],
        "clusters": [{"name": "test", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {}}],
    }


async def _until_ready(operator: Operator) -> None:
    """Wait until the operator admits and has written the status of a booking."""
    path = f"{BOOKINGS}/{_SECRET_NAME}"
    async with asyncio.timeout(_START_SECONDS):
        while not await operator.get("readyz"):
            assert operator.process.poll() is None, "the operator ended"
            await asyncio.sleep(0.1)
        # Bookings at its start would make it wait for writes admitted by a previous operator.
        operator.api.put(path, raw_booking(_SECRET_NAME, *_TAKEN))
        while not operator.api.objects[path].get("status"):
            await asyncio.sleep(0.1)
    await asyncio.sleep(_DETAILS_SECONDS)
