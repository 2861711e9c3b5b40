"""Metrics, one log line and a span for each call."""

import re
import traceback
from collections.abc import Callable, Iterable
from random import getrandbits
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote

import grpc
import structlog

from double_booked.server.metrics import Metrics
from double_booked.server.trace_context import parse_traceparent

if TYPE_CHECKING:
    from double_booked.server.calls import Call
    from double_booked.server.spans import Tracing

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_MAX_NAME_LENGTH = 200
_INFO = 20

Metadata: TypeAlias = Iterable[tuple[str, str | bytes]]


class Observer:
    """Counts, times, logs and traces every call, and keeps the set of open calls.

    Except for `calls`, everything is for the serving thread.

    Attributes:
        calls: The open calls.
        on_idle: Called when the last open call ends.
    """

    def __init__(self, metrics: Metrics, log_calls: str, tracing: "Tracing | None") -> None:
        """Create an observer without calls.

        Args:
            metrics: Where events and groups are counted.
            log_calls: Calls to log: "all", "errors" (those that do not end with OK) or "none".
            tracing: Starts and ends spans; None without tracing.
        """
        self.calls: set[Call] = set()
        self.on_idle: Callable[[], object] = _nothing
        self._metrics = metrics
        self._tracing = tracing
        # Bound once, because structlog's lazy logger binds itself at each use.
        self._log = structlog.get_logger().bind()
        is_logged = log_calls != "none" and self._log.is_enabled_for(_INFO)
        self._logs_errors = is_logged
        self._logs_ok = is_logged and log_calls == "all"

    def begin(self, call: "Call") -> None:
        """Record that a call has started."""
        self.calls.add(call)
        metrics = call.method.metrics
        metrics.started += 1
        if self._tracing and call.method.is_traced:
            _, service, method = metrics.labels
            call.span = self._tracing.start(service, method, call.event.invocation_metadata)

    def end(self, call: "Call", code: grpc.StatusCode) -> None:
        """Record that a call has ended with a code."""
        try:
            self._record(call, code)
        finally:
            # Last: when no call is open, all of them have been recorded.
            self.calls.discard(call)
            if not self.calls:
                self.on_idle()

    def _record(self, call: "Call", code: grpc.StatusCode) -> None:
        seconds = perf_counter() - call.started
        metrics = call.method.metrics
        metrics.handled[code] += 1
        trace_id, is_sampled = self._trace_of(call)
        metrics.seconds.add(seconds, trace_id if is_sampled else None)
        if self._tracing and call.span:
            self._tracing.end(call.span, code, call.events, call.groups)
        if call.events is not None and call.groups is not None:
            self._metrics.add_answer(call.events, call.groups)
        if self._logs_ok or (self._logs_errors and code is not grpc.StatusCode.OK):
            self._log_call(call, code, seconds, trace_id)

    def _trace_of(self, call: "Call") -> tuple[str | None, bool]:
        """Return the trace id of a call, or None, and whether the trace is sampled."""
        if self._tracing and call.span:
            return self._tracing.trace_id_of(call.span), True
        for key, value in call.event.invocation_metadata:
            if key == "traceparent" and isinstance(value, str):
                parent = parse_traceparent(value)
                return (parent.trace_id, parent.is_sampled) if parent else (None, False)
        return None, False

    def _log_call(
        self, call: "Call", code: grpc.StatusCode, seconds: float, trace_id: str | None
    ) -> None:
        """Log one line for a call, without any content of its messages."""
        self._log.info(
            "rpc",
            method=call.name[:_MAX_NAME_LENGTH],
            code=code.name,
            duration=round(seconds, 6),
            events=call.events,
            groups=call.groups,
            peer=unquote(call.peer.decode("utf-8", "replace")),
            request_id=request_id(call.event.invocation_metadata),
            trace_id=trace_id,
        )


def _nothing() -> None:
    """Do nothing."""


def request_id(metadata: Metadata) -> str:
    """Return the client's x-request-id if it is short and plain, else a new one."""
    for key, value in metadata:
        if key == "x-request-id" and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    # It only has to distinguish calls; it is no secret.
    return f"{getrandbits(64):016x}"


def log_error(error: Exception, method: str | None = None) -> None:
    """Log an unexpected error: its type and traceback.

    Its message is left out because it may quote an event.
    """
    stack = "".join(traceback.format_tb(error.__traceback__))
    structlog.get_logger().error(
        "unexpected error", method=method, type=type(error).__qualname__, traceback=stack
    )
