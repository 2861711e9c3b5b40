"""A span a call, exported by the OpenTelemetry SDK."""

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
"""The default that OpenTelemetry's specification recommends (OTLP exporter, "Specify Protocol")."""

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
"""Codes that are the server's error (semantic conventions for gRPC, server spans)."""

_NOT_SERVED = "unknown"
"""Service and method, in metrics and here, of a call to a method that is not served."""

_SECONDS_BETWEEN_LOGS = 300.0


class Tracing:
    """Starts and ends the spans of calls, and exports those that are sampled.

    One thread starts and ends spans. Neither waits for the collector: while it is
    unreachable, spans beyond OTEL_BSP_MAX_QUEUE_SIZE are dropped.

    Raises:
        TracingError: A variable is unusable.
    """

    def __init__(self) -> None:
        logs = logging.getLogger("opentelemetry")
        logs.addHandler(_RATE_LIMITED)
        logs.propagate = False
        sampler_name = _setting("TRACES_SAMPLER") or _DEFAULT_SAMPLER
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
        """Start the span of a call, below the caller's span if the metadata name one.

        Args:
            service: Name with its package, such as "Scheduling.ConflictService".
            method: Name without the service. Both are "unknown" if it is not served.
            metadata: What the caller sent.

        Returns:
            None if the call is not sampled.
        """
        carrier = _trace_headers(metadata)
        if self._is_parent_based and _is_unsampled(carrier):
            # The sampler would decide the same, in 10 us instead of 2.
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
            span: What `start` returned.
            code: How the call ended.
            events: Number of events in the request, if it was read.
            groups: Number of groups of conflicting events in the answer, if there is one.
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
        """Return the trace that a span belongs to, as 32 hexadecimal digits."""
        return format_trace_id(span.get_span_context().trace_id)

    def shutdown(self, seconds: float) -> None:
        """Export the spans that wait, and drop those that remain after so many seconds.

        Blocks for so long at most, whatever the collector does.
        """
        # The SDK's own shutdown waits for 30 s, and takes no other time.
        flushing = Thread(target=self._provider.shutdown, name="flush spans", daemon=True)
        flushing.start()
        flushing.join(seconds)
        if flushing.is_alive():
            structlog.get_logger().warning("spans not exported", waited_seconds=seconds)
            self._exporter.shutdown()


class _RateLimited(logging.Handler):
    """Passes a message on to the root logger, and the same again only minutes later.

    The exporters log two lines for each batch that they cannot export, so without
    this an unreachable collector would fill the log.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, unless one from the same line of code was passed lately."""
        line, now = (record.pathname, record.lineno), monotonic()
        last = self._passed_at.get(line)
        if last is None or now - last >= _SECONDS_BETWEEN_LOGS:
            self._passed_at[line] = now
            logging.getLogger().handle(record)


_RATE_LIMITED = _RateLimited()


def _trace_headers(metadata: Iterable[tuple[str, str | bytes]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in metadata:
        if key in {"traceparent", "tracestate"} and isinstance(value, str):
            found.setdefault(key, []).append(value)
    return found


def _is_unsampled(carrier: dict[str, list[str]]) -> bool:
    """Return whether the caller decided against recording this trace."""
    values = carrier.get("traceparent")
    parent = parse_traceparent(values[0]) if values else None
    return parent is not None and not parent.is_sampled


def _setting(name: str) -> str:
    """Return a variable of OpenTelemetry, for which empty means unset."""
    return os.environ.get(f"OTEL_{name}", "").strip()


def _otlp_setting(name: str) -> str:
    """Return a variable of the OTLP exporter, for which that of traces takes precedence."""
    return _setting(f"EXPORTER_OTLP_TRACES_{name}") or _setting(f"EXPORTER_OTLP_{name}")


def _exporter() -> SpanExporter:
    protocol = _otlp_setting("PROTOCOL") or _DEFAULT_PROTOCOL
    if protocol not in _EXPORTERS:
        raise TracingError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is '{protocol}', not one of {', '.join(_EXPORTERS)}"
        )
    endpoint = _otlp_setting("ENDPOINT")
    if protocol != "grpc" and not endpoint.startswith(("http://", "https://")):
        raise TracingError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is '{endpoint}', not a URL such as http://collector:4318"
        )
    for name in filter(None, map(_otlp_setting, _FILES)):
        # The exporters log a missing file, or fail with each batch.
        Path(name).read_bytes()
    return _EXPORTERS[protocol]()


def _sampler(name: str) -> sampling.Sampler:
    if name in _SAMPLERS:
        return _SAMPLERS[name]
    if name not in _RATIO_SAMPLERS:
        known = ", ".join([*_SAMPLERS, *_RATIO_SAMPLERS])
        raise TracingError(f"OTEL_TRACES_SAMPLER is '{name}', not one of {known}")
    ratio = _setting("TRACES_SAMPLER_ARG") or "1"
    try:
        return _RATIO_SAMPLERS[name](float(ratio))
    except ValueError:
        raise TracingError(
            f"OTEL_TRACES_SAMPLER_ARG is '{ratio}', not a number from 0 to 1"
        ) from None


def _resource() -> Resource:
    """Return this service's name and version, and what OTEL_* variables say instead."""
    own = Resource({"service.name": "double-booked", "service.version": VERSION})
    return Resource.create(own.merge(OTELResourceDetector().detect()).attributes)
