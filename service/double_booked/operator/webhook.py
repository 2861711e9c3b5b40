"""The HTTPS side that the API server asks: what kopf calls an admission server."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from time import perf_counter
from typing import Any

import kopf
import structlog
from aiohttp import web

from double_booked.operator.metrics import Metrics

MAX_REVIEW_BYTES = 8 * 1024 * 1024
"""An update brings an object twice, each of up to etcd's 1.5 MiB, with room for escapes."""

NOT_ADMITTING = 503

_REASONS = {403: "Forbidden", 422: "Invalid"}
"""The reasons that clients of Kubernetes expect with a code (metav1.StatusReason)."""


class WebhookServer:
    """Listens on sockets of ours, with a context of ours: kopf's own restarts to renew either.

    A process that may not admit answers 503, so that the webhook's failurePolicy decides.

    Attributes:
        is_open: Whether it listens. Before that, and from the moment on in which it stops,
            nothing may be admitted.
    """

    def __init__(
        self,
        listening: Sequence[socket.socket],
        context: ssl.SSLContext,
        may_admit: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        self.is_open = False
        self._listening = listening
        self._context = context
        self._may_admit = may_admit
        self._metrics = metrics

    async def __call__(self, review: kopf.WebhookFn) -> AsyncIterator[kopf.WebhookClientConfig]:
        """Serves until it is cancelled; then connections are closed at once."""

        async def answer(request: web.Request) -> web.StreamResponse:
            started = perf_counter()
            kind = request.match_info["kind"]
            response, result = await self._answer(review, kind, await request.read())
            self._metrics.reviews.labels(kind, result).observe(perf_counter() - started)
            return response

        app = web.Application(client_max_size=MAX_REVIEW_BYTES)
        app.router.add_post("/{kind:bookings|calendars}", answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.01)
        await runner.setup()
        try:
            for each in self._listening:
                await web.SockSite(runner, each, ssl_context=self._context).start()
            self.is_open = True
            yield kopf.WebhookClientConfig()
            await asyncio.Event().wait()
        finally:
            self.is_open = False
            await runner.cleanup()

    async def _answer(
        self, review: kopf.WebhookFn, kind: str, content: bytes
    ) -> tuple[web.Response, str]:
        """The answer to a review, and in one word what came of it."""
        if not self._may_admit():
            return _unable("this process may not admit now"), "unavailable"
        try:
            asked = json.loads(content)
            _check(asked)
            answered = await review(asked, webhook=kind)
        except (ValueError, KeyError, TypeError) as error:
            text = f"this is no AdmissionReview of {kind}: {error!r}\n"
            return web.Response(status=400, text=text), "invalid"
        return _respond(answered)


def _check(asked: Any) -> None:  # noqa: ANN401 - any JSON
    """Makes sure of what is taken for granted later.

    Raises:
        KeyError: Something is missing.
        TypeError: Something is of another kind.
        ValueError: It is no review.
    """
    request = asked["request"]
    written = request["object"]
    if not isinstance(request["uid"], str) or not isinstance(written["metadata"]["name"], str):
        raise TypeError("uid and name are texts")
    if not isinstance(written["metadata"]["namespace"], str):
        raise TypeError("namespace is a text")
    if request["operation"] == "UPDATE" and not request.get("oldObject"):
        raise ValueError("an update without oldObject")


def _respond(answered: Any) -> tuple[web.Response, str]:  # noqa: ANN401 - kopf types it as a dict
    response = answered["response"]
    status = response.get("status", {})
    if status.get("code") == NOT_ADMITTING:
        return _unable(status["message"]), "unavailable"
    if status.get("code") in _REASONS:
        status["reason"] = _REASONS[status["code"]]
    result = "allowed" if response["allowed"] else "refused"
    if response["allowed"] and response.get("warnings"):
        result = "warned"
    return web.json_response(answered), result


def _unable(reason: str) -> web.Response:
    structlog.get_logger().warning("not admitting", reason=reason)
    return web.Response(status=NOT_ADMITTING, text=f"{reason}\n", headers={"Retry-After": "1"})
