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
from urllib.parse import urlsplit

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
    task: asyncio.Task[None] | None = None
    answer: dict[str, Any] = field(default_factory=lambda: {"allowed": True})
    reviews: list[tuple[str, Any]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    error: Exception | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def review(self, request: Any, *, webhook: str) -> Any:
        """Review in place of kopf."""
        self.reviews.append((webhook, request))
        if self.hold:
            await self.hold.wait()
        if self.error:
            raise self.error
        return {"response": {"uid": request["request"]["uid"]} | self.answer}

    async def post(self, content: Any, path: str = f"bookings/{SECRET}") -> tuple[int, str]:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        async with self.session.post(f"{self.url}/{path}", data=BytesIO(data)) as answer:
            self.headers = dict(answer.headers)
            return answer.status, await answer.text()

    def stop(self) -> None:
        """Cancel the server once, as kopf does."""
        assert self.task
        self.task.cancel()

    def counted(self, result: str) -> float | None:
        name = "double_booked_operator_review_seconds_count"
        return self.metrics.registry.get_sample_value(name, {"kind": "bookings", "result": result})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def drain_seconds() -> float:
    """Return the seconds of the drain; none, unless a test needs it."""
    return 0.0


@pytest.fixture
def grace_seconds() -> float:
    return 60.0


@pytest.fixture
async def listener(
    clock: Clock, drain_seconds: float, grace_seconds: float
) -> AsyncIterator[Listener]:
    material = authority.ensure_fresh(None, ("127.0.0.1",), dt.datetime.now(dt.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    use_key_pair(context, material.key_pair())
    listening = sockets.listen(Address("127.0.0.1", 0), "WEBHOOK_HOST")
    metrics, listener = Metrics(), None
    paths = ReviewPaths(clock)
    paths.accept([SECRET])
    server = WebhookServer(
        listening,
        context,
        paths,
        lambda: bool(listener and listener.may_admit),
        metrics,
        drain_seconds=drain_seconds,
        grace_seconds=grace_seconds,
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

        task = listener.task = asyncio.create_task(serve())
        await started.wait()
        yield listener
        for _ in range(2):  # a drain, and its end
            task.cancel()
            await asyncio.sleep(0)
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


async def pending_review(listener: Listener) -> "asyncio.Task[tuple[int, str]]":
    """Return a review that has arrived and waits."""
    listener.hold = asyncio.Event()
    pending = asyncio.create_task(listener.post(asking()))
    await until(lambda: listener.reviews or pending.done(), "the review arrives")
    assert not pending.done(), await pending
    return pending


async def test_a_review_ends_with_the_timeout_of_the_api_server(listener: Listener) -> None:
    listener.hold = asyncio.Event()
    status, text = await listener.post(asking(), f"bookings/{SECRET}?timeout=1s")
    assert (status, text) == (503, "the review took too long\n")
    assert listener.headers["Retry-After"] == "1"
    assert listener.counted("unavailable") == 1


async def test_a_timeout_inside_a_review_is_an_internal_error(listener: Listener) -> None:
    listener.error = TimeoutError()
    assert (await listener.post(asking()))[0] == 500


async def test_a_second_cancellation_ends_reviews_at_once(listener: Listener) -> None:
    pending = await pending_review(listener)
    listener.stop()
    await until(lambda: listener.server.is_draining, "it drains")
    assert not pending.done()
    listener.stop()
    with pytest.raises(aiohttp.ClientError):
        await pending
    assert not listener.server.is_open


@pytest.mark.parametrize("grace_seconds", [0.0])
async def test_a_review_that_takes_longer_than_the_grace_period_gets_no_answer(
    listener: Listener,
) -> None:
    pending = await pending_review(listener)
    listener.stop()
    with pytest.raises(aiohttp.ClientError):
        await pending
    await ended(listener)


async def test_a_review_in_progress_at_the_end_of_the_drain_is_answered(
    listener: Listener,
) -> None:
    pending = await pending_review(listener)
    listener.stop()
    await until(lambda: listener.server.is_draining, "it drains")
    await refused(listener)
    assert listener.server.is_open
    assert listener.hold
    listener.hold.set()
    assert (await pending)[0] == 200
    assert listener.headers["Connection"] == "close"
    await ended(listener)
    assert not listener.server.is_open


@pytest.mark.parametrize("drain_seconds", [60.0])
async def test_during_the_drain_reviews_are_answered_and_connections_closed(
    listener: Listener,
) -> None:
    assert (await listener.post(asking()))[0] == 200
    assert "Connection" not in listener.headers
    assert listener.server.is_ready
    listener.stop()
    await until(lambda: listener.server.is_draining, "it drains")
    assert listener.server.is_open
    assert not listener.server.is_ready
    for _ in range(3):  # the first is on the connection that was kept
        status, text = await listener.post(asking())
        assert (status, json.loads(text)["response"]["allowed"]) == (200, True)
        assert listener.headers["Connection"] == "close"
    assert (await listener.post(asking(), "other"))[0] == 404
    assert listener.headers["Connection"] == "close"


@pytest.mark.parametrize("drain_seconds", [60.0])
async def test_a_second_cancellation_ends_the_drain(listener: Listener) -> None:
    listener.stop()
    await until(lambda: listener.server.is_draining, "it drains")
    listener.stop()
    await ended(listener)
    assert not listener.server.is_open


async def test_after_the_drain_connections_are_refused(listener: Listener) -> None:
    assert (await listener.post(asking()))[0] == 200
    listener.stop()
    await ended(listener)
    with pytest.raises(aiohttp.ClientConnectorError):
        await listener.post(asking())


async def ended(listener: Listener) -> None:
    """Wait until the server has ended."""
    assert listener.task
    with suppress(asyncio.CancelledError):
        await listener.task


async def refused(listener: Listener) -> None:
    """Wait until the server accepts no connections."""
    parts = urlsplit(listener.url)

    async def is_refused() -> bool:
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except ConnectionRefusedError:
            return True
        writer.close()
        return False

    await until(is_refused, "connections are refused")
