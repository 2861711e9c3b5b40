"""The HTTPS server that receives admission reviews: what kopf calls an admission server."""

import asyncio
import logging
import re
import signal
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any

import kopf
import structlog
from aiohttp import web

from double_booked.operator.admission_review import InvalidReviewError, parse_review
from double_booked.operator.metrics import Metrics
from double_booked.operator.review_paths import ReviewPaths
from double_booked.runtime.http_server import SERVER_HEADER

MAX_REVIEW_BYTES = 8 * 1024 * 1024
"""An UPDATE has two objects, each of up to etcd's 1.5 MiB; the rest is for JSON escapes."""

NOT_ADMITTING = 503

_REASONS = {403: "Forbidden", 422: "Invalid"}
"""The metav1.StatusReason that Kubernetes clients expect with each code."""

DRAIN_SECONDS = 10.0
"""How long a process that must stop answers on. API servers learn in this time from readiness, the
EndpointSlice and each node's proxy that it stops."""

GRACE_SECONDS = 5.0
"""How long reviews that are in progress after the drain may take."""

_LINGER_SECONDS = 1.0
"""Seconds to read the rest of a request after the response, so that the response arrives."""

_SHARE_OF_TIMEOUT = 0.5
"""A review that takes this share of its timeout may be too late for the API server, whose clock
starts earlier, with the connection. It then prints the URL in its error."""

_SILENT = logging.getLogger("double_booked.webhook.http")
_SILENT.setLevel(logging.CRITICAL + 1)


class WebhookServer:
    """Listens on given sockets with a given SSL context.

    kopf's own server restarts when its certificate changes. A process that may not admit answers
    503, so that the webhook's failurePolicy decides.

    Attributes:
        is_open: Whether it answers reviews. While it does not, nothing may be admitted.
        is_draining: Whether it will stop soon, so that no new reviews should be sent to it.
    """

    def __init__(
        self,
        listening: Sequence[socket.socket],
        context: ssl.SSLContext,
        paths: ReviewPaths,
        may_admit: Callable[[], bool],
        metrics: Metrics,
        *,
        drain_seconds: float = DRAIN_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Prepare to listen.

        Args:
            listening: The sockets.
            context: Has the certificate.
            paths: The paths of reviews.
            may_admit: Returns whether this process may admit now.
            metrics: Counts the results.
            drain_seconds: Seconds to answer on when it must stop.
            grace_seconds: Seconds that reviews in progress may take after the drain.
        """
        self.is_open = False
        self.is_draining = False
        self._drain_seconds = drain_seconds
        self._grace_seconds = grace_seconds
        self._in_progress = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._listening = listening
        self._context = context
        self._paths = paths
        self._may_admit = may_admit
        self._metrics = metrics

    @property
    def is_ready(self) -> bool:
        """Whether new reviews should be sent to this process."""
        return self.is_open and not self.is_draining

    async def __call__(self, review: kopf.WebhookFn) -> AsyncIterator[kopf.WebhookClientConfig]:
        """Serve until cancelled, and then for the drain.

        A second cancellation, or a signal during the drain, ends it at once.

        kopf cancels it once at SIGTERM, waits for it without a limit, and only then calls the
        cleanup handlers. Until then all tasks of the Operator go on.
        """

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            return await self._answer_and_count(review, request)

        # _SILENT: bytes that are not HTTP, and failed handshakes, would log tracebacks.
        server = web.Server(answer, access_log=None, logger=_SILENT, lingering_time=_LINGER_SECONDS)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.01)
        await runner.setup()
        try:
            for listening in self._listening:
                await web.SockSite(runner, listening, ssl_context=self._context).start()
            self.is_open = True
            yield kopf.WebhookClientConfig()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await self._drain(runner)
            raise
        finally:
            self.is_open = False  # nothing is in progress, or whatever is gets no answer
            await runner.cleanup()

    async def _drain(self, runner: web.ServerRunner) -> None:
        """Answer on for the drain; then accept no connections, and finish the last reviews."""
        self.is_draining = True
        _cancel_at_signal(asyncio.current_task())
        structlog.get_logger().info("draining", seconds=self._drain_seconds)
        await asyncio.sleep(self._drain_seconds)
        for site in runner.sites:
            await site.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace_seconds):
                await self._idle.wait()

    async def _answer_and_count(
        self, review: kopf.WebhookFn, request: web.BaseRequest
    ) -> web.Response:
        """Answer a request; while draining, have its connection closed after the response."""
        self._in_progress += 1
        self._idle.clear()
        try:
            response = await self._answer(review, request)
        finally:
            self._in_progress -= 1
            if not self._in_progress:
                self._idle.set()
        if self.is_draining:
            response.force_close()
        return response

    async def _answer(self, review: kopf.WebhookFn, request: web.BaseRequest) -> web.Response:
        """Return the response to a request; all but reviews at a secret path get the same 404."""
        kind = self._paths.kind_of(request.path) if request.method == "POST" else None
        if kind is None:
            self._metrics.unknown_requests.inc()
            return _respond_with(404, "not found")
        started = perf_counter()
        response, result = await self._review(review, kind, request)
        seconds = perf_counter() - started
        self._metrics.reviews.labels(kind, result).observe(seconds)
        if seconds >= _SHARE_OF_TIMEOUT * _timeout(request):
            self._paths.note_outage()
        return response

    async def _review(
        self, review: kopf.WebhookFn, kind: str, request: web.BaseRequest
    ) -> tuple[web.Response, str]:
        """Return the response to a review, and its result as in the metrics."""
        limit = asyncio.timeout(_timeout(request))
        try:
            async with limit:
                parsed: Any = parse_review(await _read(request), kind)
                if not self._may_admit():
                    return _unavailable("this process may not admit now"), "unavailable"
                return _to_response(await review(parsed, webhook=kind))
        except (InvalidReviewError, RecursionError) as error:
            reason = (
                str(error) if isinstance(error, InvalidReviewError) else "it is nested too deeply"
            )
            text = f"this is not an AdmissionReview of {kind}: {reason}"
            return _respond_with(400, text), "invalid"
        except Exception as error:  # noqa: BLE001 - one review must not end the others
            if isinstance(error, TimeoutError) and limit.expired():
                return _unavailable("the review took too long"), "unavailable"
            structlog.get_logger().exception("review failed", kind=kind)
            return _respond_with(500, "the review failed; the log says why"), "failed"


def _cancel_at_signal(task: "asyncio.Task[Any] | None") -> None:
    """Have the next SIGTERM or SIGINT cancel a task; kopf handles only the first."""
    loop = asyncio.get_running_loop()
    if task and threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)


async def _read(request: web.BaseRequest) -> bytes:
    """Return the body of a request.

    Raises:
        InvalidReviewError: It is larger than MAX_REVIEW_BYTES.
    """
    fault = InvalidReviewError(f"the body is larger than {MAX_REVIEW_BYTES} bytes")
    if (request.content_length or 0) > MAX_REVIEW_BYTES:
        raise fault
    content = bytearray()
    async for chunk in request.content.iter_any():
        content += chunk
        if len(content) > MAX_REVIEW_BYTES:
            raise fault
    return bytes(content)


def _timeout(request: web.BaseRequest) -> float:
    """Return the seconds that the API server waits, from the query parameter `timeout=10s`."""
    match = re.fullmatch(r"(\d{1,3})s", request.query.get("timeout", ""), re.ASCII)
    return float(match[1]) if match else 10.0


def _to_response(review: Any) -> tuple[web.Response, str]:  # noqa: ANN401 - kopf types it as a dict
    response = review["response"]
    status = response.get("status", {})
    if status.get("code") == NOT_ADMITTING:
        return _unavailable(status["message"]), "unavailable"
    if status.get("code") in _REASONS:
        status["reason"] = _REASONS[status["code"]]
    result = "allowed" if response["allowed"] else "refused"
    if response["allowed"] and response.get("warnings"):
        result = "warned"
    return web.json_response(review, headers=SERVER_HEADER), result


def _unavailable(reason: str) -> web.Response:
    structlog.get_logger().warning("not admitting", reason=reason)
    return _respond_with(NOT_ADMITTING, reason, **{"Retry-After": "1"})


def _respond_with(status: int, text: str, **headers: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers=SERVER_HEADER | headers)
