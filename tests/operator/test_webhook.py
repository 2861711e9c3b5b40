"""The listener that the API server asks."""

import asyncio
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from double_booked import sockets
from double_booked.operator import authority
from double_booked.operator.metrics import Metrics
from double_booked.operator.webhook import MAX_REVIEW_BYTES, WebhookServer
from double_booked.operator.webhook_tls import Served, load_pair
from double_booked.settings import Address
from operator_making import raw_booking

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")


@dataclass
class Listener:
    """A webhook that runs, and who asks it."""

    server: WebhookServer
    url: str
    session: aiohttp.ClientSession
    metrics: Metrics
    may_admit: bool = True
    answer: dict[str, Any] = field(default_factory=lambda: {"allowed": True})
    asked: list[tuple[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def review(self, request: Any, *, webhook: str) -> Any:
        """What kopf would be."""
        self.asked.append((webhook, request))
        if self.hold:
            await self.hold.wait()
        return {"response": {"uid": request["request"]["uid"]} | self.answer}

    async def post(self, content: Any, path: str = "bookings") -> tuple[int, str]:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        async with self.session.post(f"{self.url}/{path}", data=BytesIO(data)) as answer:
            return answer.status, await answer.text()

    def counted(self, result: str) -> float | None:
        name = "double_booked_operator_review_seconds_count"
        return self.metrics.registry.get_sample_value(name, {"kind": "bookings", "result": result})


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    material = authority.renew(None, ("127.0.0.1",), dt.datetime.now(dt.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, Served(material.certificate, material.key, material.expiry()))
    listening = sockets.listen(Address("127.0.0.1", 0), "WEBHOOK_HOST")
    metrics, made = Metrics(), None
    server = WebhookServer(listening, context, lambda: bool(made and made.may_admit), metrics)
    verifying = ssl.create_default_context(cadata=material.authorities.decode())
    verifying.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=verifying)) as session:
        url = f"https://127.0.0.1:{listening[0].getsockname()[1]}"
        made = Listener(server, url, session, metrics)
        started = asyncio.Event()

        async def serve() -> None:
            async for _ in server(made.review):  # type: ignore[arg-type]
                started.set()

        task = asyncio.create_task(serve())
        await started.wait()
        yield made
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def asking(raw: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    """A review of a creation."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "object": raw or raw_booking("a", *NINE),
        }
        | request,
    }


async def test_a_review_is_answered_and_counted(listener: Listener) -> None:
    status, text = await listener.post(asking())
    assert (status, json.loads(text)) == (200, {"response": {"uid": "1", "allowed": True}})
    assert listener.asked[0][0] == "bookings"
    assert listener.counted("allowed") == 1


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"allowed": False, "status": {"code": 403, "message": "no"}}, "refused"),
        ({"allowed": True, "warnings": ["hm"]}, "warned"),
    ],
)
async def test_what_came_of_it_is_counted(
    listener: Listener, answer: dict[str, Any], result: str
) -> None:
    listener.answer = answer
    status, text = await listener.post(asking())
    assert status == 200
    assert json.loads(text)["response"]["allowed"] is answer["allowed"]
    assert listener.counted(result) == 1


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid")])
async def test_a_refusal_has_the_reason_that_clients_expect(
    listener: Listener, code: int, reason: str
) -> None:
    listener.answer = {"allowed": False, "status": {"code": code, "message": "no"}}
    _, text = await listener.post(asking())
    status = json.loads(text)["response"]["status"]
    assert status == {"code": code, "message": "no", "reason": reason}


async def test_who_may_not_admit_answers_503_and_asks_nobody(listener: Listener) -> None:
    listener.may_admit = False
    status, text = await listener.post(asking())
    assert (status, text) == (503, "this process may not admit now\n")
    assert listener.asked == []
    assert listener.counted("unavailable") == 1


async def test_who_may_not_admit_any_more_answers_503_too(listener: Listener) -> None:
    listener.answer = {"allowed": False, "status": {"code": 503, "message": "lost the Lease"}}
    assert await listener.post(asking()) == (503, "lost the Lease\n")


@pytest.mark.parametrize(
    "content",
    [
        b"no json",
        b"[]",
        {"request": None},
        {"request": {"uid": "1", "object": {"metadata": {}}}},
        asking({"metadata": {"name": 7}}),
        asking({"metadata": {"name": "a", "namespace": None}}),
        asking(operation="UPDATE"),
        asking(object=None),
    ],
)
async def test_what_is_no_review_gets_400_and_a_sentence(listener: Listener, content: Any) -> None:
    status, text = await listener.post(content)
    assert status == 400
    assert text.startswith("this is no AdmissionReview of bookings: ")
    assert listener.asked == []
    assert listener.counted("invalid") == 1


async def test_a_review_of_the_largest_objects_is_read(listener: Listener) -> None:
    raw = raw_booking("a", *NINE, annotations={"note": "x" * 1_500_000})
    status, _ = await listener.post(asking(raw, operation="UPDATE", oldObject=raw))
    assert status == 200
    status, _ = await listener.post(b" " * (MAX_REVIEW_BYTES + 1))
    assert status == 413


async def test_other_paths_are_not_there(listener: Listener) -> None:
    assert (await listener.post(asking(), path="pods"))[0] == 404


async def test_a_stop_closes_connections_at_once_and_admits_no_more(listener: Listener) -> None:
    listener.hold = asyncio.Event()
    pending = asyncio.create_task(listener.post(asking()))
    while not listener.asked:
        assert not pending.done(), await pending
        await asyncio.sleep(0.01)
    [serving] = [
        task
        for task in asyncio.all_tasks()
        if task.get_coro().__name__ == "serve"  # type: ignore[union-attr]
    ]
    serving.cancel()
    with pytest.raises(aiohttp.ClientError):
        await pending
    assert not listener.server.is_open
    with pytest.raises(aiohttp.ClientError):
        await listener.post(asking())
