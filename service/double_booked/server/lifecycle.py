"""The life of the server: start, ready, drain, stop."""

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
from double_booked.runtime import logs, probes, sockets
from double_booked.runtime.probes import HttpServer
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
"""How long calls that are cut off may take to send their status."""

_END_SECONDS = 0.8
"""How long gRPC's core may then take to end the calls of callers that do not read."""

_MAX_PENDING_CALLS = 100_000
"""How many calls gRPC's core queues for this server to take.

By default it drops calls at random from 1,000 on: of a burst of 5,000 on one connection 2,273 ended
as CANCELLED, neither counted nor logged (grpcio 1.85.3, 2026-11-26). The server itself takes them
at once, and refuses what is over MAX_CONCURRENT_RPCS.
"""

_FLUSH_SECONDS = 1.0
"""How long the spans that wait may take to be exported."""

_HANDSHAKE_SECONDS = 20.0

_OTHER_FILES = 3 * probes.MAX_CONNECTIONS
"""How many open files are not for gRPC: HTTP's, also those just accepted, and the process's own.

Without a file to accept with, gRPC's core tries again and again.
"""

_STOPPING = (grpc.StatusCode.UNAVAILABLE, "the server is stopping")


def serve(settings: Settings, engine: Engine = kernel.get_conflicts) -> None:
    """Serve until SIGTERM or SIGINT, then drain and stop.

    Raises:
        SystemExit: An address cannot be listened on, a certificate not used, or calls not
            traced; it says so in one line.
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
    """An event that the first signal to stop sets; the second ends the process at once."""
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        structlog.get_logger().info(
            "ending at once" if stop.is_set() else "stopping", signal=signal.Signals(number).name
        )
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    return stop


class Server:
    """The gRPC service and its HTTP side.

    As an asynchronous context manager it serves inside the block. With TLS, gRPC has it and
    HTTP stays plain: that is for probes and Prometheus, inside the cluster.

    Attributes:
        port: Where gRPC listens, once started.
        http_port: Where HTTP listens, once started.

    Raises:
        CertificateError: TLS is asked for, and a file cannot be used.
        TracingError: Traces are asked for, and cannot be made.
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
                work=CallLimit("calls", settings.max_concurrent_rpcs),
                standard_streams=CallLimit(
                    "streams of health and reflection", settings.max_concurrent_rpcs
                ),
                max_message_bytes=settings.max_message_bytes,
            ),
            metrics,
            ConflictService(engine, settings.limits()),
            self._health,
            Reflection() if settings.reflection else None,
        )
        self._http = HttpServer(metrics.registry, lambda: self._ready)
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping: asyncio.Task[None] | None = None

    @property
    def open_calls(self) -> int:
        """How many calls have begun and not ended, of all services."""
        return len(self._observer.calls)

    async def start(self) -> None:
        """Listen, and take traffic once all does.

        Raises:
            ListenError: An address cannot be had; nothing listens then.
        """
        await self._http.start(self._settings.health_check_host)
        try:
            self.port = self._bind_grpc()
        except sockets.ListenError:
            await self._http.stop()
            raise
        watched = [
            self._guard.watch(),
            TimeLimits.from_settings(self._settings).watch(self._observer.calls),
            *([self._tls.watch()] if self._tls else []),
        ]
        self._tasks = [asyncio.create_task(each) for each in watched]
        self.http_port = self._http.port
        await self._grpc.start()
        self._health.set(is_serving=True)
        self._ready = True
        structlog.get_logger().info("listening", grpc_port=self.port, http_port=self.http_port)

    async def drain(self) -> None:
        """Report that it is not ready, and serve on so that callers can move away."""
        self._ready = False
        self._health.stop()
        await asyncio.sleep(self._settings.drain_delay)

    async def stop(self) -> None:
        """Refuse new calls, let those under way finish within the grace, then end them."""
        if not self._stopping:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        refusing, stopped = asyncio.Event(), asyncio.Event()
        self._grpc.shutdown(_from_thread(refusing.set), _from_thread(stopped.set))
        self._abort_endless_streams()
        await _finishes_within(self._settings.shutdown_grace, self._finish_calls(refusing))
        self._abort_calls()
        await self._end_core(stopped)
        for task in self._tasks:
            task.cancel()
        self._workers.shutdown()
        if self._tracing:
            await asyncio.to_thread(self._tracing.shutdown, _FLUSH_SECONDS)
        await self._http.stop()
        structlog.get_logger().info("stopped")

    def _abort_endless_streams(self) -> None:
        """End what is open for health and reflection; it would last as long as its caller."""
        for call in tuple(self._observer.calls):
            if not call.method.is_work:
                call.abort(*_STOPPING)

    async def _finish_calls(self, refusing: asyncio.Event) -> None:
        """Wait until the calls under way have ended, and those that begin in this instant."""
        await refusing.wait()
        idle = asyncio.Event()
        self._observer.on_idle = _from_thread(idle.set)
        if self._observer.calls:
            await idle.wait()

    def _abort_calls(self) -> None:
        cut_off = tuple(self._observer.calls)
        for call in cut_off:
            call.abort(*_STOPPING)
        if cut_off:
            methods = Counter(call.name for call in cut_off)
            structlog.get_logger().warning("cut off", calls=len(cut_off), methods=dict(methods))

    async def _end_core(self, stopped: asyncio.Event) -> None:
        if not await _finishes_within(_ABORT_SECONDS, stopped.wait()):
            # What still has not ended has a caller that does not read.
            self._grpc.cancel_all_calls()
            if not await _finishes_within(_END_SECONDS, stopped.wait()):
                structlog.get_logger().warning("gRPC's core does not end; leaving it")
                return
        await asyncio.to_thread(self._grpc.join)

    def _bind_grpc(self) -> int:
        # gRPC's core says neither which address it lacks nor why, so a socket of ours asks first.
        address = self._settings.service_host
        sockets.close(sockets.listen(address, "SERVICE_HOST"))
        port = self._grpc.add_port(
            str(address) if address.host else f"[::]{address}",
            self._tls.credentials() if self._tls else None,
        )
        if not port:
            raise sockets.ListenError(address, "SERVICE_HOST", "gRPC's core refuses it")
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
    """Return the settings with messages that are no larger than the memory allows."""
    if settings.max_message_bytes > bounds.in_flight:
        structlog.get_logger().warning(
            "MAX_MESSAGE_BYTES is more than MAX_BYTES_IN_FLIGHT, which holds for messages too",
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
    """Return the settings with no more connections than this process may open files."""
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    maximum = max(1, open_files - _OTHER_FILES)
    if settings.max_connections > maximum:
        structlog.get_logger().warning(
            "MAX_CONNECTIONS is more than the limit of open files allows",
            max_connections=settings.max_connections,
            allowed=maximum,
            open_files=open_files,
        )
    return replace(settings, max_connections=min(settings.max_connections, maximum))


def _from_thread(function: Callable[[], None]) -> Callable[[], None]:
    """Return a function for other threads that runs this one in the running loop."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        # What ends after the loop did has nobody left who waits for it.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(function)

    return call


async def _finishes_within(seconds: float, work: Awaitable[object]) -> bool:
    """Wait for some work no longer than so many seconds; return whether it was done."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True


def _connection_age(settings: Settings) -> list[tuple[str, int]]:
    """How old connections may become, where that is limited at all."""
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
        # A second server on the port is an error, not a silent share of the traffic.
        ("grpc.so_reuseport", 0),
        # A call whose message is not awaited yet may send 64 KiB, whatever the line could carry.
        ("grpc.http2.bdp_probe", 0),
        # Callers that are gone without a word are found within 80 seconds.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Callers may ask as often as every 10 seconds whether we are still there.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_concurrent_streams", settings.max_concurrent_streams),
        # Calls that their caller reset but that are still queued here count too, up to as many.
        # Without this allowance a caller that keeps to the limit is refused: a call that is
        # answered counts until the serving thread has noted its end.
        ("grpc.http2.max_deallocating_streams", settings.max_concurrent_streams),
        ("grpc.server.max_pending_requests", _MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING_CALLS),
        # Who connects and says nothing is let go.
        ("grpc.server_handshake_timeout_ms", round(_HANDSHAKE_SECONDS * 1000)),
        *_connection_age(settings),
    ]
