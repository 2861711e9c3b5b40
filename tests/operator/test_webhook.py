"""The HTTPS server that receives admission reviews."""

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

from double_booked.operator.metrics import Metrics
from double_booked.operator.review_paths import OVERLAP_SECONDS, ReviewPaths
from double_booked.operator.webhook import MAX_REVIEW_BYTES, WebhookServer
from double_booked.operator.webhook_tls import use_key_pair
from double_booked.runtime import sockets
from double_booked.runtime.address import Address
from double_booked.tls import authority
from waiting import until

from .factories import Clock, raw_booking

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")
SECRET = "0123456789abcdef" * 2


@dataclass
class Listener:
    """A running webhook server, and a client of it."""

    server: WebhookServer
    url: str
    session: aiohttp.ClientSession
    metrics: Metrics
    paths: ReviewPaths
    may_admit: bool = True
    answer: dict[str, Any] = field(default_factory=lambda: {"allowed": True})
    reviews: list[tuple[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None

    async def review(self, request: Any, *, webhook: str) -> Any:
        """Review in place of kopf."""
        self.reviews.append((webhook, request))
        if self.hold:
            await self.hold.wait()
        return {"response": {"uid": request["request"]["uid"]} | self.answer}

    async def post(self, content: Any, path: str = f"bookings/{SECRET}") -> tuple[int, str]:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        async with self.session.post(f"{self.url}/{path}", data=BytesIO(data)) as answer:
            return answer.status, await answer.text()

    def counted(self, result: str) -> float | None:
        name = "double_booked_operator_review_seconds_count"
        return self.metrics.registry.get_sample_value(name, {"kind": "bookings", "result": result})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def listener(clock: Clock) -> AsyncIterator[Listener]:
    material = authority.ensure_fresh(None, ("127.0.0.1",), dt.datetime.now(dt.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    use_key_pair(context, material.key_pair())
    listening = sockets.listen(Address("127.0.0.1", 0), "WEBHOOK_HOST")
    metrics, listener = Metrics(), None
    paths = ReviewPaths(clock)
    paths.accept([SECRET])
    server = WebhookServer(
        listening, context, paths, lambda: bool(listener and listener.may_admit), metrics
    )
    verifying = ssl.create_default_context(cadata=material.authorities.decode())
    verifying.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=verifying)) as session:
        url = f"https://127.0.0.1:{listening[0].getsockname()[1]}"
        listener = Listener(server, url, session, metrics, paths)
        started = asyncio.Event()

        async def serve() -> None:
            async for _ in server(listener.review):  # type: ignore[arg-type]
                started.set()

        task = asyncio.create_task(serve())
        await started.wait()
        yield listener
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def asking(raw: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    """Return a review of a CREATE."""
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
    assert listener.reviews[0][0] == "bookings"
    assert listener.counted("allowed") == 1


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"allowed": False, "status": {"code": 403, "message": "no"}}, "refused"),
        ({"allowed": True, "warnings": ["hm"]}, "warned"),
    ],
)
async def test_results_of_reviews_are_counted(
    listener: Listener, answer: dict[str, Any], result: str
) -> None:
    listener.answer = answer
    status, text = await listener.post(asking())
    assert status == 200
    assert json.loads(text)["response"]["allowed"] is answer["allowed"]
    assert listener.counted(result) == 1


@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid")])
async def test_a_rejection_has_the_reason_that_clients_expect(
    listener: Listener, code: int, reason: str
) -> None:
    listener.answer = {"allowed": False, "status": {"code": code, "message": "no"}}
    _, text = await listener.post(asking())
    status = json.loads(text)["response"]["status"]
    assert status == {"code": code, "message": "no", "reason": reason}


async def test_a_process_that_may_not_admit_answers_503_without_a_review(
    listener: Listener,
) -> None:
    listener.may_admit = False
    status, text = await listener.post(asking())
    assert (status, text) == (503, "this process may not admit now\n")
    assert listener.reviews == []
    assert listener.counted("unavailable") == 1


async def test_a_process_that_loses_the_lease_in_a_review_answers_503(listener: Listener) -> None:
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
        b"[" * 100_000,
        b" " * (MAX_REVIEW_BYTES + 1),
        asking(operation="UPDATE"),
        asking(object=None),
    ],
)
async def test_an_invalid_review_gets_400_and_a_sentence(
    listener: Listener, capsys: pytest.CaptureFixture[str], content: Any
) -> None:
    status, text = await listener.post(content)
    assert status == 400
    assert text.startswith("this is not an AdmissionReview of bookings: ")
    assert "Traceback" not in capsys.readouterr().out
    assert listener.reviews == []
    assert listener.counted("invalid") == 1


async def test_a_review_of_the_largest_objects_is_read(listener: Listener) -> None:
    raw = raw_booking("a", *NINE, annotations={"note": "x" * 1_500_000})
    status, _ = await listener.post(asking(raw, operation="UPDATE", oldObject=raw))
    assert status == 200


async def test_a_body_without_a_length_is_limited(listener: Listener) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(MAX_REVIEW_BYTES // 2**20 + 1):
            yield b" " * 2**20

    url = f"{listener.url}/bookings/{SECRET}"
    async with listener.session.post(url, data=body()) as answer:
        assert answer.status == 400
    assert listener.counted("invalid") == 1


@pytest.mark.parametrize(
    "path",
    [
        "",
        "bookings",
        "calendars",
        "pods",
        f"pods/{SECRET}",
        f"bookings/{SECRET}/",
        f"bookings/{SECRET[:-1]}0",
        f"bookings/{SECRET.upper()}",
        f"{SECRET}/bookings",
        "bookings/\u00e9",
    ],
)
async def test_any_other_path_gets_the_same_404_without_a_review(
    listener: Listener, path: str
) -> None:
    assert await listener.post(asking(), path) == (404, "not found\n")
    assert await listener.post(b" " * (MAX_REVIEW_BYTES + 1), path) == (404, "not found\n")
    assert listener.reviews == []
    name = "double_booked_operator_unknown_requests_total"
    assert listener.metrics.registry.get_sample_value(name) == 2


async def test_a_get_of_the_right_path_gets_404(listener: Listener) -> None:
    async with listener.session.get(f"{listener.url}/bookings/{SECRET}") as answer:
        assert (answer.status, answer.headers["Server"]) == (404, "double-booked")


async def test_the_previous_path_is_accepted_for_a_minute(listener: Listener, clock: Clock) -> None:
    successor = SECRET[::-1]
    listener.paths.accept([successor, SECRET])
    clock.now += 1000
    assert (await listener.post(asking()))[0] == 200
    listener.paths.confirm()
    clock.now += OVERLAP_SECONDS - 1
    assert (await listener.post(asking()))[0] == 200
    clock.now += 1
    assert (await listener.post(asking()))[0] == 404
    assert (await listener.post(asking(), f"bookings/{successor}"))[0] == 200


async def test_an_internal_error_is_logged_and_answered_500(
    listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    listener.answer = {"allowed": True, "warnings": 7, "status": 7}
    status, text = await listener.post(asking())
    assert (status, text) == (500, "the review failed; the log says why\n")
    assert "review failed" in capsys.readouterr().out


async def test_a_stop_closes_connections_at_once_and_stops_admitting(listener: Listener) -> None:
    listener.hold = asyncio.Event()
    pending = asyncio.create_task(listener.post(asking()))
    await until(lambda: listener.reviews or pending.done(), "the review arrives")
    assert not pending.done(), await pending
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
