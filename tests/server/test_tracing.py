"""Spans of calls, as an OTLP collector receives them."""

import os
import site
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import aiohttp
import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.runtime.version import VERSION
from double_booked.server import tracing
from double_booked.server.tracing import TracingError
from ports import free_port, refusing_port, silent_port
from server.conftest import serve
from server.test_lifecycle import refusal
from server.test_observer import until_handled
from server.test_service import PAIR

SERVICE, METHOD = "Scheduling.ConflictService", "GetConflicts"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-01")
UNSAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-00")
PROTOCOLS = ["grpc", "http/protobuf"]
SECONDS = 10.0


@dataclass(slots=True)
class Collector:
    """An OTLP receiver on loopback.

    Attributes:
        endpoint: Value for OTEL_EXPORTER_OTLP_ENDPOINT.
        gate: While it is cleared, the HTTP receiver does not answer.
        requests: The received requests.
    """

    endpoint: str = ""
    gate: Event = field(default_factory=Event)
    requests: list[otlp.ExportTraceServiceRequest] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def resource(self) -> dict[str, str]:
        resource = self.requests[0].resource_spans[0].resource
        return {item.key: item.value.string_value for item in resource.attributes}


class _Servicer(otlp_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(  # noqa: N802 - as the contract has it
        self, request: otlp.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> otlp.ExportTraceServiceResponse:
        del context
        self._collector.requests.append(request)
        return otlp.ExportTraceServiceResponse()


@contextmanager
def grpc_collector() -> Iterator[Collector]:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    otlp_grpc.add_TraceServiceServicer_to_server(_Servicer(collector), server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


@contextmanager
def http_collector() -> Iterator[Collector]:
    collector = Collector()
    collector.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.gate.wait(SECONDS)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                collector.requests.append(otlp.ExportTraceServiceRequest.FromString(body))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever).start()
        collector.endpoint = f"http://127.0.0.1:{server.server_port}"
        try:
            yield collector
        finally:
            server.shutdown()


COLLECTORS = {"grpc": grpc_collector, "http/protobuf": http_collector}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture(params=PROTOCOLS)
def collector(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Collector]:
    """Return a collector that the environment variables select."""
    with COLLECTORS[request.param]() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
        yield running


def trace(*metadata: tuple[str, str | bytes], code: grpc.StatusCode = grpc.StatusCode.OK) -> str:
    """Trace one call, export it, and return its trace id; "" if it is not sampled."""
    traced = tracing.from_environment()
    assert traced
    span = traced.start(SERVICE, METHOD, metadata)
    trace_id = ""
    if span:
        trace_id = traced.trace_id_of(span)
        traced.end(span, code, None, None)
    traced.shutdown(SECONDS)
    return trace_id


def attributes(span: Span) -> dict[str, str | int]:
    return {item.key: item.value.string_value or item.value.int_value for item in span.attributes}


def test_span_of_a_call_has_only_these_attributes(collector: Collector) -> None:
    traced = tracing.from_environment()
    assert traced
    before = time.time_ns()
    span = traced.start(SERVICE, METHOD, [("user-agent", "client"), ("x-secret", "hunter2")])
    assert span
    traced.end(span, grpc.StatusCode.OK, 10, 3)
    traced.shutdown(SECONDS)
    [exported] = collector.spans
    assert exported.name == "Scheduling.ConflictService/GetConflicts"
    assert exported.kind == Span.SPAN_KIND_SERVER
    assert attributes(exported) == {
        "rpc.system.name": "grpc",
        "rpc.method": "Scheduling.ConflictService/GetConflicts",
        "rpc.response.status_code": "OK",
        "double_booked.events": 10,
        "double_booked.groups": 3,
    }
    assert before <= exported.start_time_unix_nano <= exported.end_time_unix_nano <= time.time_ns()
    assert b"hunter2" not in collector.requests[0].SerializeToString()


def test_call_without_traceparent_starts_a_trace(collector: Collector) -> None:
    trace_id = trace()
    [exported] = collector.spans
    assert exported.trace_id == bytes.fromhex(trace_id)
    assert len(exported.trace_id) == 16
    assert exported.parent_span_id == b""


def test_call_joins_the_trace_of_its_client(collector: Collector) -> None:
    assert trace(SAMPLED, ("tracestate", "a=1"), ("tracestate", "b=2")) == TRACE
    [exported] = collector.spans
    assert exported.trace_id.hex() == TRACE
    assert exported.parent_span_id.hex() == PARENT
    assert exported.trace_state == "a=1,b=2"


@pytest.mark.parametrize("version", ["00", "cc"])
def test_call_of_an_unsampled_trace_is_not_exported(collector: Collector, version: str) -> None:
    assert trace(("traceparent", f"{version}-{TRACE}-{PARENT}-00")) == ""
    assert collector.requests == []


@pytest.mark.parametrize(
    ("sampler", "ratio", "caller", "is_sampled"),
    [
        ("always_on", "", UNSAMPLED, True),
        ("always_off", "", SAMPLED, False),
        ("parentbased_always_on", "", UNSAMPLED, False),
        ("parentbased_always_off", "", ("none", ""), False),
        ("parentbased_always_off", "", SAMPLED, True),
        ("traceidratio", "0", SAMPLED, False),
        ("traceidratio", "", UNSAMPLED, True),
        ("parentbased_traceidratio", "0.0", ("none", ""), False),
        ("parentbased_traceidratio", "0.0", SAMPLED, True),
        ("parentbased_traceidratio", "1.0", UNSAMPLED, False),
        ("", "", ("none", ""), True),
    ],
)
def test_sampler_variable_selects_the_exported_calls(
    monkeypatch: pytest.MonkeyPatch,
    sampler: str,
    ratio: str,
    caller: tuple[str, str],
    is_sampled: bool,  # noqa: FBT001 - a parameter
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        assert bool(trace(caller)) == is_sampled
        assert bool(collector.spans) == is_sampled


SERVER_ERRORS = {
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
}


@pytest.mark.parametrize("code", grpc.StatusCode)
def test_span_is_an_error_if_the_code_is_a_server_error(
    monkeypatch: pytest.MonkeyPatch, code: grpc.StatusCode
) -> None:
    with http_collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        trace(code=code)
        [exported] = collector.spans
    actual = attributes(exported)
    assert actual["rpc.response.status_code"] == code.name
    assert "double_booked.events" not in actual
    if code.name in SERVER_ERRORS:
        assert exported.status.code == Status.STATUS_CODE_ERROR
        assert actual["error.type"] == code.name
    else:
        assert exported.status.code == Status.STATUS_CODE_UNSET
        assert "error.type" not in actual


def test_span_of_an_unknown_method_does_not_name_it(collector: Collector) -> None:
    traced = tracing.from_environment()
    assert traced
    span = traced.start("unknown", "unknown", [])
    assert span
    traced.end(span, grpc.StatusCode.UNIMPLEMENTED, None, None)
    traced.shutdown(SECONDS)
    [exported] = collector.spans
    assert exported.name == "grpc"
    assert attributes(exported)["rpc.method"] == "_OTHER"


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "double-booked"),
        ({"OTEL_SERVICE_NAME": "staging"}, "staging"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=other,k8s.pod.name=pod-1"}, "other"),
    ],
)
def test_resource_has_name_and_version_of_the_service(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    trace()
    assert collector.resource["service.name"] == name
    assert collector.resource["service.version"] == VERSION
    if name == "other":
        assert collector.resource["k8s.pod.name"] == "pod-1"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_trace_variables_take_precedence_over_general_ones(
    monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "invalid")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with COLLECTORS[protocol]() as collector:
        path = "/v1/traces" if protocol == "http/protobuf" else ""
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", protocol)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector.endpoint + path)
        trace()
        assert len(collector.spans) == 1


KEYS = st.one_of(st.sampled_from(["traceparent", "tracestate", "x-bin", "baggage"]), st.text())
TEXTS = st.one_of(
    st.text(),
    st.sampled_from([SAMPLED[1], UNSAMPLED[1], "a=1", "a=1,a=2", "=,=", "a=" + "b" * 600]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=st.lists(st.tuples(KEYS, st.one_of(TEXTS, st.binary())), max_size=6))
def test_start_accepts_any_metadata(
    monkeypatch: pytest.MonkeyPatch, metadata: list[tuple[str, str | bytes]]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    traced = tracing.from_environment()
    assert traced
    span = traced.start(SERVICE, METHOD, metadata)
    assert span
    assert len(traced.trace_id_of(span)) == 32
    traced.shutdown(SECONDS)


UNREACHABLE = pytest.mark.parametrize("unreachable", [refusing_port, silent_port])


@pytest.mark.parametrize("protocol", PROTOCOLS)
@UNREACHABLE
def test_unreachable_collector_delays_neither_calls_nor_shutdown(
    monkeypatch: pytest.MonkeyPatch, protocol: str, unreachable: Callable[[], Any]
) -> None:
    with unreachable() as port:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        traced = tracing.from_environment()
        assert traced
        begun = time.monotonic()
        for _ in range(5_000):  # more than the queue holds
            span = traced.start(SERVICE, METHOD, [])
            assert span
            traced.end(span, grpc.StatusCode.OK, 1, 0)
        ended = time.monotonic()
        traced.shutdown(0.5)
        stopped = time.monotonic()
    assert ended - begun < 8  # the exporter retries a batch for 10 seconds
    assert 0.4 < stopped - ended < 3


def test_shutdown_drops_spans_not_exported_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_collector() as collector:
        collector.gate.clear()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
        others = set(threading.enumerate())
        traced = tracing.from_environment()
        assert traced
        for _ in range(50):
            span = traced.start(SERVICE, METHOD, [])
            assert span
            traced.end(span, grpc.StatusCode.OK, 1, 0)
        traced.shutdown(0.3)
        collector.gate.set()
        for thread in set(threading.enumerate()) - others:
            thread.join(SECONDS)
            assert not thread.is_alive()
    assert len(collector.spans) <= 10  # the batch that was being exported


TRACE_AND_EXIT = """
import sys, grpc
from double_booked.runtime import logs
from double_booked.server import tracing
from double_booked.settings import Settings
logs.configure("info", "json")
traced = tracing.from_environment()
for _ in range(int(sys.argv[1])):
    traced.end(traced.start("S", "M", []), grpc.StatusCode.OK, 1, 0)
traced.shutdown(float(sys.argv[2]))
"""


def run(
    program: str, *arguments: str, flags: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *flags, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
        timeout=60,
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
@UNREACHABLE
def test_process_exits_cleanly_while_the_collector_is_unreachable(
    protocol: str, unreachable: Callable[[], Any]
) -> None:
    with unreachable() as port:
        begun = time.monotonic()
        ran = run(
            TRACE_AND_EXIT,
            "600",
            "0.3",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_TIMEOUT="40",
        )
    assert ran.returncode == 0
    assert '"event":"spans not exported"' in ran.stderr
    assert "Traceback" not in ran.stderr
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unreachable_collector_does_not_fill_the_log(protocol: str) -> None:
    ran = run(
        TRACE_AND_EXIT,
        "2000",
        "20",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}",
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_EXPORTER_OTLP_TIMEOUT="0.1",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10",  # so 200 batches
    )
    assert ran.returncode == 0
    lines = ran.stderr.splitlines()
    assert 1 <= len(lines) <= 3
    assert '"level":"error"' in lines[0]
    assert '"event":"Failed to export' in lines[0]


LOADED = """
import sys
from double_booked.server import tracing
print(tracing.from_environment(), [name for name in sys.modules if "opentelemetry" in name])
"""


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_TRACES_SAMPLER": "always_on"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_opentelemetry_is_not_imported_without_an_endpoint(variables: dict[str, str]) -> None:
    ran = run(LOADED, **variables)
    assert (ran.stdout, ran.stderr) == ("None []\n", "")


WITHOUT_THE_EXTRA = """
from double_booked.server import tracing
try:
    tracing.from_environment()
except tracing.TracingError as error:
    print(error)
"""


def test_missing_opentelemetry_is_reported_with_what_to_install(tmp_path: Path) -> None:
    # The packages of this environment, except those of the extra.
    for folder in site.getsitepackages():
        # Debian's Python lists a folder that need not exist.
        for package in Path(folder).glob("*"):
            if not package.name.startswith("opentelemetry"):
                (tmp_path / package.name).symlink_to(package)
    service = Path(tracing.__file__).parents[2]
    ran = run(
        WITHOUT_THE_EXTRA,
        flags=("-S",),
        PYTHONPATH=f"{service}:{tmp_path}",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
    )
    assert ran.stderr == ""
    assert ran.stdout == (
        "OTEL_EXPORTER_OTLP_ENDPOINT is set, but opentelemetry is not installed; "
        "install double-booked[otel], or unset it\n"
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'"),
        ({"EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "'collector:4318', not a URL"),
        ({"EXPORTER_OTLP_CERTIFICATE": "/none/ca.pem"}, "/none/ca.pem"),
        ({"EXPORTER_OTLP_PROTOCOL": "grpc", "EXPORTER_OTLP_TIMEOUT": "soon"}, "'soon'"),
        ({"EXPORTER_OTLP_PROTOCOL": "grpc", "EXPORTER_OTLP_COMPRESSION": "zip"}, '"zip"'),
        ({"TRACES_SAMPLER": "sometimes"}, "OTEL_TRACES_SAMPLER is 'sometimes', not one of"),
        (
            {"TRACES_SAMPLER": "traceidratio", "TRACES_SAMPLER_ARG": "2"},
            "OTEL_TRACES_SAMPLER_ARG is '2', not a number from 0 to 1",
        ),
        (
            {"TRACES_SAMPLER": "parentbased_traceidratio", "TRACES_SAMPLER_ARG": "half"},
            "OTEL_TRACES_SAMPLER_ARG is 'half'",
        ),
        ({"BSP_MAX_QUEUE_SIZE": "0"}, "max_queue_size must be a positive integer"),
    ],
)
def test_unusable_otel_variable_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_{name}", value)
    with pytest.raises(TracingError) as raised:
        tracing.from_environment()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_server_exports_spans_of_sampled_calls_but_not_of_health_checks(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
    async with serve() as served:
        stub = ConflictServiceStub(served.channel)
        for _ in range(50):
            for header in (SAMPLED, UNSAMPLED):
                await stub.GetConflicts(PAIR, metadata=[header], timeout=SECONDS)
        with pytest.raises(grpc.aio.AioRpcError):
            await served.channel.unary_unary("/no.Such/method")(b"")
        await HealthStub(served.channel).Check(HealthCheckRequest())
    names = Counter(span.name for span in collector.spans)
    assert names == {f"{SERVICE}/{METHOD}": 50, "grpc": 1}
    [span] = [span for span in collector.spans if span.name != "grpc"][:1]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert {item.key: item.value.int_value for item in span.attributes}["double_booked.events"] == 3


@pytest.mark.parametrize(("header", "is_exemplar"), [(SAMPLED, True), (UNSAMPLED, False)])
async def test_trace_of_a_client_is_logged_and_if_sampled_an_exemplar(
    log_lines: Any, header: tuple[str, str], *, is_exemplar: bool
) -> None:
    async with serve() as served, aiohttp.ClientSession() as session:
        await ConflictServiceStub(served.channel).GetConflicts(PAIR, metadata=[header])
        await until_handled(served, "OK")
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with session.get(f"{served.http}/metrics", headers=accept) as answer:
            text = await answer.text()
    [line] = [entry for entry in log_lines() if entry["event"] == "rpc"]
    assert line["trace_id"] == TRACE
    assert (f'# {{trace_id="{TRACE}"}}' in text) is is_exemplar


def test_server_that_cannot_trace_reports_why_in_one_line() -> None:
    code, error = refusal(OTEL_EXPORTER_OTLP_ENDPOINT="nowhere")
    assert code == 1
    assert error == (
        "double-booked: OTEL_EXPORTER_OTLP_ENDPOINT is 'nowhere', "
        "not a URL such as http://collector:4318\n"
    )
