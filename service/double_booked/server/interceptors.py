"""What every RPC leaves behind: its metrics and one canonical log line."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, TypeAlias
from urllib.parse import unquote

import grpc
import structlog

from double_booked.server.calls import Call, Handler, Method, current_call, observed
from double_booked.server.metrics import MethodMetrics, Metrics
from double_booked.server.tally import current_tally

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_MAX_NAME_LENGTH = 200
_KINDS = {
    (False, False): "unary",
    (False, True): "server_stream",
    (True, False): "client_stream",
    (True, True): "bidi_stream",
}

_Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]


class CallObserver(grpc.aio.ServerInterceptor):
    """Counts, times and logs every call, and knows which are under way.

    Attributes:
        calls: The calls under way.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.calls: set[Call] = set()
        self._metrics = metrics
        self._methods: dict[str, Method] = {}
        # Methods that are not served share a label, or any caller could fill the registry.
        unknown = MethodMetrics(metrics, "unary", "unknown", "unknown")
        self._unknown = Method("unknown", unknown, None)
        # Bound here, because structlog's lazy logger binds itself anew at each use.
        self._log = structlog.get_logger().bind()

    async def intercept_service(
        self, continuation: _Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Notes that a call starts, and sees to it that its end is noted.

        It ends when its task is done. That holds for every call, also for one that
        gRPC's core refuses before the handler runs.
        """
        name = handler_call_details.method
        method = self._methods.get(name)
        if method is None:
            method = self._add_method(name, await continuation(handler_call_details))
        task: asyncio.Task[Any] = asyncio.current_task()  # type: ignore[assignment]  # gRPC's own
        call = Call(name, method, handler_call_details.invocation_metadata, task)
        current_call.set(call)
        current_tally.set(call.tally)
        self.calls.add(call)
        method.metrics.started.inc()
        task.add_done_callback(lambda _: self._finish(call))
        return method.handler

    def _add_method(self, name: str, handler: Handler | None) -> Method:
        if handler is None:
            return self._unknown
        service, method = name.removeprefix("/").split("/")
        kind = _KINDS[handler.request_streaming, handler.response_streaming]
        metrics = MethodMetrics(self._metrics, kind, service, method)
        added = Method(service, metrics, observed(handler, metrics))
        self._methods[name] = added
        return added

    def _finish(self, call: Call) -> None:
        self.calls.discard(call)
        seconds = perf_counter() - call.started
        code = call.end_code() if call.method.handler else grpc.StatusCode.UNIMPLEMENTED
        call.method.metrics.seconds.observe(seconds)
        call.method.metrics.handled[code].inc()
        tally = call.tally
        if tally.events is not None and tally.groups is not None:
            self._metrics.events.inc(tally.events)
            self._metrics.events_per_list.observe(tally.events)
            self._metrics.groups.inc(tally.groups)
        if self._log.is_enabled_for(20):
            self._log.info("rpc", **_canonical(call, code, seconds))


def _canonical(call: Call, code: grpc.StatusCode, seconds: float) -> dict[str, object]:
    """What is told of a call: nothing that its messages say."""
    return {
        "method": call.name[:_MAX_NAME_LENGTH],
        "code": code.name,
        "duration": round(seconds, 6),
        "events": call.tally.events,
        "groups": call.tally.groups,
        "peer": unquote(call.peer) if call.peer else None,
        "request_id": request_id(call.metadata),
    }


def request_id(metadata: Any) -> str:  # noqa: ANN401 - pairs of text and text or bytes
    """The caller's x-request-id if it is short and plain, else one made here."""
    for key, value in metadata:
        if key == "x-request-id" and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return secrets.token_hex(8)
