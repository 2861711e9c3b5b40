"""Lifecycle of the server: start, ready, drain, stop."""

import asyncio
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

import grpc
import structlog

from double_booked.conflicts import kernel
from double_booked.runtime import http_server, logs, probes, sockets
from double_booked.runtime.http_server import HttpServer
from double_booked.server import malloc, memory, tracing
from double_booked.server.budget import Budget, CallLimit
from double_booked.server.calls import ServerContext
from double_booked.server.core import Core
from double_booked.server.metrics import Metrics
from double_booked.server.observer import Observer, log_error
from double_booked.server.receiving import ReceiveGuard
from double_booked.server.routes import add_routes
from double_booked.server.service import ConflictService, Engine
from double_booked.server.standard import Health, Reflection
from double_booked.server.time_limits import TimeLimits
from double_booked.server.tls import ServerTls, TlsSource
from double_booked.server.tracing import TracingError
from double_booked.server.workers import Workers
from double_booked.settings import Settings
from double_booked.tls.pem import CertificateError

_ABORT_SECONDS = 0.8
"""Seconds that aborted calls may take to send their status."""

_CORE_STOP_SECONDS = 0.8
"""Seconds that gRPC's core may then take to end the calls of clients that do not read."""

_MAX_PENDING_CALLS = 100_000
"""How many calls gRPC's core may queue until this server accepts them.

By default, the core drops calls at random beyond 1,000: of a burst of 5,000 on one connection,
2,273 ended as CANCELLED, neither counted nor logged (grpcio 1.85.3, 2026-11-26). This server
accepts calls immediately, and rejects those over MAX_CONCURRENT_RPCS.
"""

_FLUSH_SECONDS = 1.0
"""Seconds that the export of the remaining spans may take."""

HANDSHAKE_SECONDS = 20.0
"""Seconds in which a new connection must complete its handshake."""

_OTHER_FILES = 3 * http_server.MAX_CONNECTIONS
"""Open files that gRPC does not get: those of HTTP, also if just accepted, and of the process.

Without a free file, gRPC's core retries to accept connections in a busy loop.
"""

_STOPPING = (grpc.StatusCode.UNAVAILABLE, "the server is stopping")


def serve(settings: Settings, engine: Engine = kernel.get_conflicts) -> None:
    """Serve until SIGTERM or SIGINT, then drain and stop.

    Raises:
        SystemExit: The server cannot listen on an address, use a certificate or trace calls. The
            message is one line that says why.
    """
    logs.configure(settings.log_level, settings.log_format)
    malloc.limit_malloc_arenas()
    sockets.raise_open_files_limit()
    try:
        asyncio.run(_serve(settings, engine))
    except (sockets.ListenError, CertificateError, TracingError) as error:
        sys.exit(f"double-booked: {error}")


async def _serve(settings: Settings, engine: Engine) -> None:
    stop = _first_stop_signal()
    server = Server(settings, engine)
    await server.start()
    await stop.wait()
    await server.drain()
    await server.stop()


def _first_stop_signal() -> asyncio.Event:
    """Return an event that the first stop signal sets; the second one exits immediately."""
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        structlog.get_logger().info(
            "forced exit" if stop.is_set() else "stopping", signal=signal.Signals(number).name
        )
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    return stop


class Server:
    """The gRPC service, and its HTTP port for probes and metrics.

    As an asynchronous context manager, it serves inside the block. TLS is for gRPC only: probes and
    Prometheus use plain HTTP inside the cluster.

    Attributes:
        port: Port of gRPC; 0 until started.
        http_port: Port of HTTP; 0 until started.

    Raises:
        CertificateError: TLS is configured, and a file cannot be used.
        TracingError: Tracing is configured, and cannot work.
    """

    def __init__(self, settings: Settings, engine: Engine = kernel.get_conflicts) -> None:
        self.port = self.http_port = 0
        self._settings = settings
        self._ready = False
        metrics = Metrics()
        self._tracing = tracing.from_environment()
        self._observer = Observer(metrics, settings.log_calls, self._tracing)
        source = TlsSource.from_settings(settings)
        self._tls = ServerTls(source, metrics.certificate) if source else None
        bounds = memory.Bounds.compute(
            settings.max_bytes_in_flight, settings.max_message_bytes, memory.available_bytes()
        )
        settings = _limit_to_open_files(_limit_to_memory(settings, bounds))
        self._workers = Workers(settings.worker_threads, settings.max_message_bytes // 4)
        self._grpc = Core(_channel_options(settings), log_error)
        budget = Budget(bounds.in_flight)
        metrics.add_bytes_in_flight(lambda: budget.bytes_in_flight, budget.max_bytes)
        self._guard = ReceiveGuard(self._observer.calls, bounds)
        self._health = Health()
        add_routes(
            ServerContext(
                self._grpc,
                self._observer,
                self._workers,
                budget,
                work_limit=CallLimit("calls", settings.max_concurrent_rpcs),
                health_and_reflection_limit=CallLimit(
                    "streams of health and reflection", settings.max_concurrent_rpcs
                ),
                max_message_bytes=settings.max_message_bytes,
            ),
            metrics,
            ConflictService(engine, settings.limits()),
            self._health,
            Reflection() if settings.reflection else None,
        )
        self._http = HttpServer(probes.make_app(metrics.registry, lambda: self._ready))
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping: asyncio.Task[None] | None = None

    @property
    def open_calls(self) -> int:
        """Return how many calls of all services are open."""
        return len(self._observer.calls)

    async def start(self) -> None:
        """Listen on both addresses, then report ready.

        Raises:
            ListenError: The server cannot listen on an address; it then listens on neither.
        """
        await self._http.start(self._settings.health_check_host, probes.HOST_SETTING)
        try:
            self.port = self._bind_grpc()
        except sockets.ListenError:
            await self._http.stop()
            raise
        watchers = [
            self._guard.watch(),
            TimeLimits.from_settings(self._settings).watch(self._observer.calls),
            *([self._tls.watch()] if self._tls else []),
        ]
        self._tasks = [asyncio.create_task(watcher) for watcher in watchers]
        self.http_port = self._http.port
        await self._grpc.start()
        self._health.set(is_serving=True)
        self._ready = True
        structlog.get_logger().info("listening", grpc_port=self.port, http_port=self.http_port)

    async def drain(self) -> None:
        """Report not ready, and keep serving for the drain delay so that clients move away."""
        self._ready = False
        self._health.stop()
        await asyncio.sleep(self._settings.drain_delay)

    async def stop(self) -> None:
        """Reject new calls, and abort open calls that do not finish within the grace period."""
        if not self._stopping:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        rejecting, stopped = asyncio.Event(), asyncio.Event()
        self._grpc.shutdown(_from_thread(rejecting.set), _from_thread(stopped.set))
        self._abort_endless_streams()
        await _finishes_within(self._settings.shutdown_grace, self._finish_calls(rejecting))
        self._abort_calls()
        await self._stop_core(stopped)
        for task in self._tasks:
            task.cancel()
        self._workers.shutdown()
        if self._tracing:
            await asyncio.to_thread(self._tracing.shutdown, _FLUSH_SECONDS)
        await self._http.stop()
        structlog.get_logger().info("stopped")

    def _abort_endless_streams(self) -> None:
        """Abort streams of health and reflection, which last as long as their client wants."""
        for call in tuple(self._observer.calls):
            if not call.method.is_work:
                call.abort(*_STOPPING)

    async def _finish_calls(self, rejecting: asyncio.Event) -> None:
        """Wait until all calls have ended, including those that are just starting."""
        await rejecting.wait()
        idle = asyncio.Event()
        self._observer.on_idle = _from_thread(idle.set)
        if self._observer.calls:
            await idle.wait()

    def _abort_calls(self) -> None:
        calls = tuple(self._observer.calls)
        for call in calls:
            call.abort(*_STOPPING)
        if calls:
            methods = Counter(call.name for call in calls)
            structlog.get_logger().warning("calls aborted", calls=len(calls), methods=dict(methods))

    async def _stop_core(self, stopped: asyncio.Event) -> None:
        if not await _finishes_within(_ABORT_SECONDS, stopped.wait()):
            # The calls that remain have clients that do not read.
            self._grpc.cancel_all_calls()
            if not await _finishes_within(_CORE_STOP_SECONDS, stopped.wait()):
                structlog.get_logger().warning("gRPC core did not stop in time")
                return
        await asyncio.to_thread(self._grpc.join)

    def _bind_grpc(self) -> int:
        # gRPC's core reports neither which address failed nor why, so a plain socket tries first.
        address = self._settings.service_host
        sockets.close(sockets.listen(address, "SERVICE_HOST"))
        port = self._grpc.add_port(
            str(address) if address.host else f"[::]{address}",
            self._tls.credentials() if self._tls else None,
        )
        if not port:
            raise sockets.ListenError(address, "SERVICE_HOST", "gRPC's core cannot listen on it")
        return port

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.drain()
        await self.stop()


def _limit_to_memory(settings: Settings, bounds: memory.Bounds) -> Settings:
    """Return the settings with message sizes reduced to the budget of bytes in flight."""
    if settings.max_message_bytes > bounds.in_flight:
        structlog.get_logger().warning(
            "MAX_MESSAGE_BYTES reduced to MAX_BYTES_IN_FLIGHT",
            max_message_bytes=settings.max_message_bytes,
            max_bytes_in_flight=bounds.in_flight,
        )
    max_answer_bytes = settings.max_answer_bytes or min(
        settings.limits().max_answer_bytes, bounds.in_flight
    )
    return replace(
        settings,
        max_message_bytes=min(settings.max_message_bytes, bounds.in_flight),
        max_answer_bytes=max_answer_bytes,
    )


def _limit_to_open_files(settings: Settings) -> Settings:
    """Return the settings with connections reduced to the files that the process may open."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    maximum = max(1, open_files - _OTHER_FILES)
    if settings.max_connections > maximum:
        structlog.get_logger().warning(
            "MAX_CONNECTIONS reduced to the limit of open files",
            max_connections=settings.max_connections,
            allowed=maximum,
            open_files=open_files,
        )
    return replace(settings, max_connections=min(settings.max_connections, maximum))


def _from_thread(function: Callable[[], None]) -> Callable[[], None]:
    """Return a function that other threads call to run `function` in the running loop."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        # The loop has ended, and nothing waits for this event any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(function)

    return call


async def _finishes_within(seconds: float, work: Awaitable[object]) -> bool:
    """Wait at most `seconds` for an awaitable; return whether it finished."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True


def _connection_age(settings: Settings) -> list[tuple[str, int]]:
    """Return the channel arguments for the age of connections; none without a limit."""
    if not settings.max_connection_age:
        return []
    return [
        ("grpc.max_connection_age_ms", round(settings.max_connection_age * 1000)),
        ("grpc.max_connection_age_grace_ms", round(settings.max_connection_age_grace * 1000)),
    ]


def _channel_options(settings: Settings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # See compression.py.
        ("grpc.per_message_decompression", 0),
        # A second server on the port must fail, not silently share the traffic.
        ("grpc.so_reuseport", 0),
        # Keep the flow control window at 64 KiB for calls whose message is not awaited yet.
        ("grpc.http2.bdp_probe", 0),
        # Detect dead clients within 80 s (60 s idle, 20 s timeout).
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Let clients send a keepalive ping every 10 s.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        # As many calls again may have ended for the client but not yet in this process: an answered
        # call counts until the serving thread has recorded its end. Without this allowance, a
        # client that keeps to the limit is rejected.
        ("grpc.http2.max_deallocating_streams", settings.max_concurrent_streams),
        ("grpc.server.max_pending_requests", _MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING_CALLS),
        # Close connections that send nothing during the handshake.
        ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_SECONDS * 1000)),
        *_connection_age(settings),
    ]
