"""Spans of calls, exported by the OpenTelemetry SDK."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from threading import Thread
from time import monotonic

import grpc
import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from double_booked.runtime.version import VERSION
from double_booked.server.trace_context import parse_traceparent
from double_booked.server.tracing import TracingError

_EXPORTERS: dict[str, type[SpanExporter]] = {
    "http/protobuf": HttpSpanExporter,
    "grpc": GrpcSpanExporter,
}
_DEFAULT_PROTOCOL = "http/protobuf"
"""Recommended by OpenTelemetry's specification (OTLP exporter, "Specify Protocol")."""

_SAMPLERS: dict[str, sampling.Sampler] = {
    "always_on": sampling.ALWAYS_ON,
    "always_off": sampling.ALWAYS_OFF,
    "parentbased_always_on": sampling.DEFAULT_ON,
    "parentbased_always_off": sampling.DEFAULT_OFF,
}
_RATIO_SAMPLERS = {
    "traceidratio": sampling.TraceIdRatioBased,
    "parentbased_traceidratio": sampling.ParentBasedTraceIdRatio,
}
_DEFAULT_SAMPLER = "parentbased_always_on"

_FILES = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")

_SERVER_ERRORS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""Codes that mark a server span as an error (semantic conventions for gRPC)."""

_NOT_SERVED = "unknown"
"""Service and method of calls to unknown methods, as in the metrics."""

_SECONDS_BETWEEN_LOGS = 300.0


class Tracing:
    """Starts and ends the spans of calls, and exports the sampled ones.

    One thread starts and ends spans. It never waits for the collector: while that is unreachable,
    spans beyond OTEL_BSP_MAX_QUEUE_SIZE are dropped.

    Raises:
        TracingError: An OTEL_* variable is unusable.
    """

    def __init__(self) -> None:
        logs = logging.getLogger("opentelemetry")
        logs.addHandler(_RATE_LIMITED)
        logs.propagate = False
        sampler_name = _variable("TRACES_SAMPLER") or _DEFAULT_SAMPLER
        self._is_parent_based = sampler_name.startswith("parentbased_")
        try:
            self._exporter = _exporter()
            self._provider = TracerProvider(
                _sampler(sampler_name), _resource(), shutdown_on_exit=False
            )
            self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        except TracingError:
            raise
        except Exception as error:  # the exporters raise bare exceptions too
            raise TracingError(f"an OTEL_* variable is unusable: {error}") from error
        self._tracer = self._provider.get_tracer("double_booked", VERSION)
        self._propagator = TraceContextTextMapPropagator()

    def start(
        self, service: str, method: str, metadata: Iterable[tuple[str, str | bytes]]
    ) -> Span | None:
        """Start the span of a call, as a child of the client's span if the metadata name one.

        Args:
            service: Full name of the service, such as "Scheduling.ConflictService".
            method: Name of the method. Both are "unknown" for an unknown method.
            metadata: Metadata that the client sent.

        Returns:
            The span; None if the call is not sampled.
        """
        carrier = _trace_headers(metadata)
        if self._is_parent_based and _is_unsampled(carrier):
            # The sampler would decide the same, but in 10 us instead of 2.
            return None
        name = f"{service}/{method}"
        span = self._tracer.start_span(
            "grpc" if service == _NOT_SERVED else name,
            self._propagator.extract(carrier, Context()),
            SpanKind.SERVER,
            {
                "rpc.system.name": "grpc",
                "rpc.method": "_OTHER" if service == _NOT_SERVED else name,
            },
        )
        return span if span.is_recording() else None

    @staticmethod
    def end(span: Span, code: grpc.StatusCode, events: int | None, groups: int | None) -> None:
        """End a span.

        Args:
            span: The span from `start`.
            code: Status code of the call.
            events: Number of events in the request; None if it was not answered.
            groups: Number of groups of conflicting events in the answer; None likewise.
        """
        span.set_attribute("rpc.response.status_code", code.name)
        if events is not None:
            span.set_attribute("double_booked.events", events)
        if groups is not None:
            span.set_attribute("double_booked.groups", groups)
        if code in _SERVER_ERRORS:
            span.set_attribute("error.type", code.name)
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    @staticmethod
    def trace_id_of(span: Span) -> str:
        """Return the trace id of a span, as 32 hexadecimal digits."""
        return format_trace_id(span.get_span_context().trace_id)

    def shutdown(self, seconds: float) -> None:
        """Export the queued spans for at most `seconds`, and drop the rest."""
        # The SDK's own shutdown waits for 30 s, which cannot be changed.
        flushing = Thread(target=self._provider.shutdown, name="flush spans", daemon=True)
        flushing.start()
        flushing.join(seconds)
        if flushing.is_alive():
            structlog.get_logger().warning("spans not exported", waited_seconds=seconds)
            self._exporter.shutdown()


class _RateLimited(logging.Handler):
    """Passes a record to the root logger at most every `_SECONDS_BETWEEN_LOGS`.

    The exporters log two lines for each batch that they cannot export. Without this handler, an
    unreachable collector would fill the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the record on, unless one from the same line of code was passed recently."""
        line, now = (record.pathname, record.lineno), monotonic()
        last = self._passed_at.get(line)
        if last is None or now - last >= _SECONDS_BETWEEN_LOGS:
            self._passed_at[line] = now
            logging.getLogger().handle(record)


_RATE_LIMITED = _RateLimited()


def _trace_headers(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for key, value in metadata:
        if key in {"traceparent", "tracestate"} and isinstance(value, str):
            headers.setdefault(key, []).append(value)
    return headers


def _is_unsampled(carrier: dict[str, list[str]]) -> bool:
    """Return whether the client decided not to record this trace."""
    values = carrier.get("traceparent")
    parent = parse_traceparent(values[0]) if values else None
    return parent is not None and not parent.is_sampled


def _variable(name: str) -> str:
    """Return the value of an OTEL_* variable; empty if it is unset."""
    return os.environ.get(f"OTEL_{name}", "").strip()


def _otlp_variable(name: str) -> str:
    """Return the value of a variable of the OTLP exporter; that for traces takes precedence."""
    return _variable(f"EXPORTER_OTLP_TRACES_{name}") or _variable(f"EXPORTER_OTLP_{name}")


def _exporter() -> SpanExporter:
    protocol = _otlp_variable("PROTOCOL") or _DEFAULT_PROTOCOL
    if protocol not in _EXPORTERS:
        raise TracingError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is '{protocol}', not one of {', '.join(_EXPORTERS)}"
        )
    endpoint = _otlp_variable("ENDPOINT")
    if protocol != "grpc" and not endpoint.startswith(("http://", "https://")):
        raise TracingError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is '{endpoint}', not a URL such as http://collector:4318"
        )
    for name in filter(None, map(_otlp_variable, _FILES)):
        # Fail now: the exporters only log a missing file, or fail for each batch.
        Path(name).read_bytes()
    return _EXPORTERS[protocol]()


def _sampler(name: str) -> sampling.Sampler:
    if name in _SAMPLERS:
        return _SAMPLERS[name]
    if name not in _RATIO_SAMPLERS:
        known = ", ".join([*_SAMPLERS, *_RATIO_SAMPLERS])
        raise TracingError(f"OTEL_TRACES_SAMPLER is '{name}', not one of {known}")
    ratio = _variable("TRACES_SAMPLER_ARG") or "1"
    try:
        return _RATIO_SAMPLERS[name](float(ratio))
    except ValueError:
        raise TracingError(
            f"OTEL_TRACES_SAMPLER_ARG is '{ratio}', not a number from 0 to 1"
        ) from None


def _resource() -> Resource:
    """Return the resource: name and version of this service, unless OTEL_* variables set others."""
    own = Resource({"service.name": "double-booked", "service.version": VERSION})
    return Resource.create(own.merge(OTELResourceDetector().detect()).attributes)
