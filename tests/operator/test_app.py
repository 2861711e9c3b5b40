"""The whole operator, kopf included, against an API server on loopback."""

import asyncio
import base64
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from double_booked.runtime import sockets
from double_booked.runtime.address import Address
from ports import free_port
from waiting import until

from .factories import raw_booking, raw_calendar
from .fake_api_server import BOOKINGS, CALENDARS, LEASES, SECRETS, WEBHOOKS, FakeApiServer

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
CONFIGURATION = f"{WEBHOOKS}/double-booked-operator"


@dataclass
class Running:
    """An operator that runs as a process of its own: kopf ends every task that it finds."""

    api: FakeApiServer
    process: asyncio.subprocess.Process
    webhook: str
    http: str
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.http}/{path}") as answer:
            return answer.status, await answer.text()

    async def review(self, raw: dict[str, Any], path: str = "bookings") -> dict[str, Any]:
        """What it answers to a creation."""
        kind = {"group": "double-booked.io", "version": "v1alpha1", "resource": path}
        request = {
            "uid": "1",
            "operation": "CREATE",
            "resource": kind,
            "object": raw,
            "oldObject": None,
            "userInfo": {},
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        secret = self.api.objects[f"{SECRETS}/double-booked-operator-webhook"]
        authorities = base64.b64decode(secret["data"]["ca.crt"]).decode()
        verifying = ssl.create_default_context(cadata=authorities)
        async with self.session.post(
            f"{self.webhook}/{path}/{self.secret()}",
            json=review | {"request": request},
            ssl=verifying,
        ) as answer:
            response: dict[str, Any] = (await answer.json())["response"]
            return response

    def secret(self) -> str:
        """The secret part of the paths at which the API server asks."""
        url: str = self.api.objects[CONFIGURATION]["webhooks"][0]["clientConfig"]["url"]
        return url.rpartition("/")[2]

    async def end(self) -> int:
        """Asks it to end; answers its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    def holder(self) -> str:
        """Who holds the Lease."""
        lease = self.api.objects[f"{LEASES}/double-booked-operator"]
        holder: str = lease["spec"]["holderIdentity"]
        return holder


@pytest.fixture
def environment(api: FakeApiServer, tmp_path: Path) -> dict[str, str]:
    """Settings for the API server, which has a configuration of the webhook."""
    config = {
        "current-context": "test",
        "contexts": [
            {"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "team"}}
        ],
        "clusters": [{"name": "test", "cluster": {"server": api.url}}],
        "users": [{"name": "test", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    webhooks = [
        {"name": f"{kind}.double-booked.io", "clientConfig": {"url": "https://localhost:1"}}
        for kind in ("bookings", "calendars")
    ]
    api.put(CONFIGURATION, {"webhooks": webhooks})
    return os.environ | {
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "WEBHOOK_HOST": f"127.0.0.1:{free_port()}",
        "HEALTH_CHECK_HOST": f"127.0.0.1:{free_port()}",
        "WATCH_NAMESPACES": "team, other",
    }


async def start(environment: dict[str, str]) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "double_booked", "operator")
    return await asyncio.create_subprocess_exec(
        *command, env=environment, stderr=asyncio.subprocess.PIPE
    )


@asynccontextmanager
async def started(api: FakeApiServer, environment: dict[str, str]) -> AsyncIterator[Running]:
    process = await start(environment)
    async with aiohttp.ClientSession() as session:
        webhook = f"https://{environment['WEBHOOK_HOST']}"
        http = f"http://{environment['HEALTH_CHECK_HOST']}"
        made = Running(api, process, webhook, http, session)
        try:
            yield made
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def running(api: FakeApiServer, environment: dict[str, str]) -> AsyncIterator[Running]:
    async with started(api, environment) as made:
        await ready(made)
        yield made


async def ready(running: Running) -> None:
    """Waits until it says that it may admit."""
    async with asyncio.timeout(20):
        while True:
            with suppress(aiohttp.ClientError):
                if (await running.get("readyz"))[0] == 200:
                    return
            assert running.process.returncode is None, await running.process.communicate()
            await asyncio.sleep(0.02)


async def test_it_admits_what_fits_refuses_what_does_not_and_warns(running: Running) -> None:
    running.api.put(f"{CALENDARS}/window", raw_calendar("window", policy="Report"))
    assert (await running.review(raw_calendar(), "calendars"))["allowed"] is True
    running.api.put(f"{CALENDARS}/staging", raw_calendar())
    assert await running.review(raw_booking("a", *NINE)) == {"uid": "1", "allowed": True}
    refused = await running.review(raw_booking("b", *NINE))
    assert refused["allowed"] is False
    assert refused["status"]["code"] == 403
    assert "from 2026-12-01T09:00:00Z" in refused["status"]["message"]
    assert "it is being booked by a just now" in refused["status"]["message"]
    await running.review(raw_booking("a", *NINE, "window"))
    warned = await running.review(raw_booking("b", *NINE, "window"))
    assert warned["allowed"] is True
    assert "calendar window takes 1" in warned["warnings"][0]
    invalid = await running.review(raw_booking("c", "soon", NINE[1]))
    assert invalid["status"]["code"] == 422


async def test_it_tells_statuses_of_what_got_in(running: Running) -> None:
    running.api.put(f"{CALENDARS}/staging", raw_calendar())
    for number, name in enumerate("ab", start=1):
        when = f"2025-11-0{number}T00:00:00Z"
        running.api.put(f"{BOOKINGS}/{name}", raw_booking(name, *NINE, creationTimestamp=when))

    def verdicts() -> list[str]:
        found = [running.api.objects[f"{BOOKINGS}/{name}"].get("status", {}) for name in "ab"]
        return [each["conditions"][0]["status"] if each else "" for each in found]

    await until(lambda: verdicts() == ["False", "True"], "the later is marked")
    _, metrics = await running.get("metrics")
    assert 'double_booked_operator_bookings{calendar="staging",namespace="team"} 2.0' in metrics
    assert 'double_booked_operator_conflicts{calendar="staging",namespace="team"} 1.0' in metrics


async def test_it_is_alive_and_ready_once_it_may_admit(running: Running) -> None:
    assert (await running.get("healthz"))[0] == 200
    lease = running.api.objects[f"{LEASES}/double-booked-operator"]
    lease["spec"]["holderIdentity"] = "another"
    lease["metadata"]["resourceVersion"] = "another"
    while (await running.get("readyz"))[0] == 200:
        await asyncio.sleep(0.05)
    assert (await running.get("healthz"))[0] == 200


async def test_before_it_can_prove_itself_it_is_not_ready(
    api: FakeApiServer, environment: dict[str, str]
) -> None:
    configuration = api.objects.pop(CONFIGURATION)
    async with started(api, environment) as running:
        await until(lambda: f"{LEASES}/double-booked-operator" in api.objects, "it has the Lease")
        await until(lambda: api.count("GET", CONFIGURATION) > 1, "it looked for the configuration")
        assert (await running.get("readyz"))[0] == 503
        api.put(CONFIGURATION, configuration)
        await ready(running)


async def test_a_signal_ends_it_and_gives_up_the_lease(running: Running) -> None:
    started = asyncio.get_running_loop().time()
    assert await running.end() == 0
    assert asyncio.get_running_loop().time() - started < 4
    assert running.holder() == ""


async def test_with_a_write_under_way_it_leaves_the_lease_to_run_out(running: Running) -> None:
    await running.review(raw_booking("a", *NINE))
    assert await running.end() == 0
    assert running.holder() != ""


async def said(environment: dict[str, str]) -> tuple[int | None, str]:
    """What an operator that cannot run says last, and its exit code."""
    process = await start(environment)
    try:
        async with asyncio.timeout(30):
            _, text = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, text.decode().splitlines()[-1]


async def test_a_port_that_is_taken_is_one_line(environment: dict[str, str]) -> None:
    taken = sockets.listen(Address.parse(environment["WEBHOOK_HOST"]), "")
    try:
        code, line = await said(environment)
    finally:
        sockets.close(taken)
    assert code == 1
    assert line == (
        f"double-booked: cannot listen on {environment['WEBHOOK_HOST']} (WEBHOOK_HOST): Address"
        " already in use"
    )


async def test_without_a_cluster_it_is_one_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code, line = await said(environment | {"KUBECONFIG": str(tmp_path / "none")})
    assert code == 1
    assert line.startswith("double-booked: the kubeconfig cannot be used: ")
    code, line = await said(environment | {"KUBECONFIG": "", "HOME": str(tmp_path)})
    assert code == 1
    assert line == "double-booked: no cluster: this is no pod, and there is no kubeconfig"


async def test_what_ends_kopf_is_logged_and_one_line(
    api: FakeApiServer, environment: dict[str, str]
) -> None:
    api.fail("GET", "/apis", 200)
    code, line = await said(environment)
    assert code == 1
    assert line == "double-booked: the operator failed: KeyError('groups')"


async def test_half_a_pair_of_files_is_a_usage_error(environment: dict[str, str]) -> None:
    code, line = await said(environment | {"WEBHOOK_CERT_FILE": "tls.crt"})
    assert code == 2
    assert "both WEBHOOK_CERT_FILE and WEBHOOK_KEY_FILE" in line
