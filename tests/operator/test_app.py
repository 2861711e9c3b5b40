"""The whole operator with kopf, against a fake API server."""

import asyncio
import base64
import json
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

from double_booked.operator.webhook import DRAIN_SECONDS
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
    """An operator in a process of its own, since kopf cancels all tasks of its event loop."""

    api: FakeApiServer
    process: asyncio.subprocess.Process
    webhook: str
    http: str
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.http}/{path}") as answer:
            return answer.status, await answer.text()

    async def review(self, raw: dict[str, Any], path: str = "bookings") -> dict[str, Any]:
        """Return the response to the review of a CREATE."""
        status, content = await self.review_answer(raw, path)
        assert status == 200, content
        response: dict[str, Any] = json.loads(content)["response"]
        return response

    async def review_answer(self, raw: dict[str, Any], path: str = "bookings") -> tuple[int, str]:
        """Return the status and the body of the response to the review of a CREATE."""
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
            return answer.status, await answer.text()

    def secret(self) -> str:
        """Return the secret part of the paths to which the API server sends reviews."""
        url: str = self.api.objects[CONFIGURATION]["webhooks"][0]["clientConfig"]["url"]
        return url.rpartition("/")[2]

    async def end(self) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    def holder(self, lease: str = "double-booked-operator") -> str:
        """Return the holder of a Lease."""
        holder: str = self.api.objects[f"{LEASES}/{lease}"]["spec"]["holderIdentity"]
        return holder


@pytest.fixture
def environment(api: FakeApiServer, tmp_path: Path) -> dict[str, str]:
    """Return settings for the fake API server, which has a webhook configuration."""
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
        operator = Running(api, process, webhook, http, session)
        try:
            yield operator
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@pytest.fixture
async def running(api: FakeApiServer, environment: dict[str, str]) -> AsyncIterator[Running]:
    async with started(api, environment) as operator:
        await ready(operator)
        yield operator


async def ready(running: Running) -> None:
    """Wait until it reports ready."""
    async with asyncio.timeout(20):
        while True:
            with suppress(aiohttp.ClientError):
                if (await running.get("readyz"))[0] == 200:
                    return
            assert running.process.returncode is None, await running.process.communicate()
            await asyncio.sleep(0.02)


async def test_operator_admits_rejects_and_warns(running: Running) -> None:
    running.api.put(f"{CALENDARS}/window", raw_calendar("window", policy="Report"))
    assert (await running.review(raw_calendar(), "calendars"))["allowed"] is True
    running.api.put(f"{CALENDARS}/staging", raw_calendar())
    assert await running.review(raw_booking("a", *NINE)) == {"uid": "1", "allowed": True}
    rejected = await running.review(raw_booking("b", *NINE))
    assert rejected["allowed"] is False
    assert rejected["status"]["code"] == 403
    assert "from 2026-12-01T09:00:00Z" in rejected["status"]["message"]
    assert "it is being booked by a just now" in rejected["status"]["message"]
    await running.review(raw_booking("a", *NINE, "window"))
    warned = await running.review(raw_booking("b", *NINE, "window"))
    assert warned["allowed"] is True
    assert "calendar window takes 1" in warned["warnings"][0]
    invalid = await running.review(raw_booking("c", "soon", NINE[1]))
    assert invalid["status"]["code"] == 422


async def test_operator_writes_the_statuses_of_stored_bookings(running: Running) -> None:
    running.api.put(f"{CALENDARS}/staging", raw_calendar())
    for number, name in enumerate("ab", start=1):
        when = f"2025-11-0{number}T00:00:00Z"
        running.api.put(f"{BOOKINGS}/{name}", raw_booking(name, *NINE, creationTimestamp=when))

    def verdicts() -> list[str]:
        statuses = [running.api.objects[f"{BOOKINGS}/{name}"].get("status", {}) for name in "ab"]
        return [status["conditions"][0]["status"] if status else "" for status in statuses]

    await until(lambda: verdicts() == ["False", "True"], "the later is double-booked")
    _, metrics = await running.get("metrics")
    assert 'double_booked_operator_bookings{calendar="staging",namespace="team"} 2.0' in metrics
    assert 'double_booked_operator_conflicts{calendar="staging",namespace="team"} 1.0' in metrics


async def test_operator_beside_one_of_an_older_release_does_not_admit(running: Running) -> None:
    assert (await running.get("healthz"))[0] == 200
    lease = running.api.objects[f"{LEASES}/double-booked-operator"]
    lease["spec"]["holderIdentity"] = "another"
    lease["metadata"]["resourceVersion"] = "another"

    async def metrics() -> str:
        return (await running.get("metrics"))[1]

    async def is_not_admitting() -> bool:
        return "double_booked_operator_admitting 0.0" in await metrics()

    await until(is_not_admitting, "it does not admit", 60)
    assert (await running.get("healthz"))[0] == 200


async def test_operator_is_not_ready_before_it_has_a_certificate(
    api: FakeApiServer, environment: dict[str, str]
) -> None:
    configuration = api.objects.pop(CONFIGURATION)
    async with started(api, environment) as running:
        await until(lambda: f"{LEASES}/double-booked-operator" in api.objects, "it has the Lease")
        await until(lambda: api.count("GET", CONFIGURATION) > 1, "it has read the configuration")
        assert (await running.get("readyz"))[0] == 503
        api.put(CONFIGURATION, configuration)
        await ready(running)


async def test_new_process_waits_for_an_older_release_and_is_ready(
    api: FakeApiServer, environment: dict[str, str]
) -> None:
    """Otherwise a rolling update would never end the older release."""
    lease = {"holderIdentity": "older", "leaseDurationSeconds": 15, "renewTime": "now"}
    api.put(f"{LEASES}/double-booked-operator", {"spec": lease})
    async with started(api, environment) as running:
        await ready(running)
        assert (await running.review_answer(raw_booking("a", *NINE)))[0] == 503
        released = api.objects[f"{LEASES}/double-booked-operator"]["spec"] | {"holderIdentity": ""}
        released |= {"acquireTime": "2026-11-01T00:00:00Z", "renewTime": "2026-11-01T01:00:00Z"}
        api.put(f"{LEASES}/double-booked-operator", {"spec": released})

        async def is_admitting() -> bool:
            return (await running.review_answer(raw_booking("a", *NINE)))[0] == 200

        await until(is_admitting, "it admits", 20)
        assert running.holder() == "ledger"


async def test_a_second_signal_stops_the_operator_at_once(running: Running) -> None:
    started = asyncio.get_running_loop().time()
    running.process.send_signal(signal.SIGTERM)

    async def is_closing() -> bool:
        async with running.session.get(f"{running.webhook}/", ssl=False) as answer:
            return answer.headers.get("Connection") == "close"

    await until(is_closing, "it drains")
    assert await running.end() == 0
    assert asyncio.get_running_loop().time() - started < DRAIN_SECONDS


async def test_two_replicas_admit_together(api: FakeApiServer, environment: dict[str, str]) -> None:
    api.put(f"{CALENDARS}/staging", raw_calendar())
    other = environment | {
        "WEBHOOK_HOST": f"127.0.0.1:{free_port()}",
        "HEALTH_CHECK_HOST": f"127.0.0.1:{free_port()}",
    }
    async with started(api, environment) as one, started(api, other) as two:
        await ready(one)
        await ready(two)
        answers = await asyncio.gather(
            *(
                replica.review(raw_booking(f"{name}{number}", *NINE))
                for number in range(5)
                for name, replica in (("one", one), ("two", two))
            )
        )
        assert [answer["allowed"] for answer in answers].count(True) == 1
        leading = [
            "double_booked_operator_leading 1.0" in (await replica.get("metrics"))[1]
            for replica in (one, two)
        ]
        assert leading.count(True) == 1


async def test_killed_replica_does_not_delay_the_other(
    api: FakeApiServer, environment: dict[str, str]
) -> None:
    api.put(f"{CALENDARS}/staging", raw_calendar())
    other = environment | {
        "WEBHOOK_HOST": f"127.0.0.1:{free_port()}",
        "HEALTH_CHECK_HOST": f"127.0.0.1:{free_port()}",
    }
    async with started(api, environment) as one, started(api, other) as two:
        await ready(one)
        await ready(two)
        assert (await one.review(raw_booking("a", *NINE)))["allowed"]
        one.process.kill()
        rejected = await two.review(raw_booking("b", *NINE))
        assert "it is being booked by a just now" in rejected["status"]["message"]
        later = ("2026-12-02T09:00:00Z", "2026-12-02T10:00:00Z")
        assert (await two.review(raw_booking("c", *later)))["allowed"]


async def test_sigterm_drains_and_lets_another_process_lead(running: Running) -> None:
    assert running.holder("double-booked-operator-leader") != ""
    running.process.send_signal(signal.SIGTERM)

    async def is_unready() -> bool:
        return (await running.get("readyz"))[0] == 503

    await until(is_unready, "it is not ready", 5)
    assert (await running.review(raw_booking("a", *NINE)))["allowed"]
    assert await running.process.wait() == 0
    assert running.holder("double-booked-operator-leader") == ""
    assert running.holder() == "ledger"


async def failure_of(environment: dict[str, str]) -> tuple[int | None, str]:
    """Return the exit code and the last line of an operator that cannot start."""
    process = await start(environment)
    try:
        async with asyncio.timeout(30):
            _, text = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, text.decode().splitlines()[-1]


async def test_a_port_in_use_is_reported_in_one_line(environment: dict[str, str]) -> None:
    occupied = sockets.listen(Address.parse(environment["WEBHOOK_HOST"]), "")
    try:
        code, line = await failure_of(environment)
    finally:
        sockets.close(occupied)
    assert code == 1
    assert line == (
        f"double-booked: cannot listen on {environment['WEBHOOK_HOST']} (WEBHOOK_HOST): Address"
        " already in use"
    )


async def test_a_missing_cluster_is_reported_in_one_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    code, line = await failure_of(environment | {"KUBECONFIG": str(tmp_path / "none")})
    assert code == 1
    assert line.startswith("double-booked: the kubeconfig cannot be used: ")
    code, line = await failure_of(environment | {"KUBECONFIG": "", "HOME": str(tmp_path)})
    assert code == 1
    assert line == "double-booked: no cluster: this is not a pod, and there is no kubeconfig"


async def test_an_error_in_kopf_is_reported_in_one_line(
    api: FakeApiServer, environment: dict[str, str]
) -> None:
    api.fail("GET", "/apis", 200)
    code, line = await failure_of(environment)
    assert code == 1
    assert line == "double-booked: the operator failed: KeyError('groups')"


async def test_a_certificate_without_its_key_is_a_usage_error(environment: dict[str, str]) -> None:
    code, line = await failure_of(environment | {"WEBHOOK_CERT_FILE": "tls.crt"})
    assert code == 2
    assert "both WEBHOOK_CERT_FILE and WEBHOOK_KEY_FILE" in line
