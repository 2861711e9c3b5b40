"""The life of the server: start, ready, drain, stop."""

import asyncio
import os
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from double_booked import logs, sockets
from double_booked.certificates import BadCertificate
from double_booked.conflicts import kernel
from double_booked.http import HttpServer
from double_booked.server import memory
from double_booked.server.interceptors import CallObserver
from double_booked.server.metrics import Metrics
from double_booked.server.service import CONFLICT_SERVICE, ConflictService, Engine
from double_booked.server.tls import IdentitySource, ServerTls
from double_booked.settings import Settings

_CUT_OFF_SECONDS = 1.0
"""What calls that are being cut off have to tell their callers so."""

_MAX_PENDING_CALLS = 100_000
"""How many calls gRPC's core queues for this server to take.

By default it drops calls at random from 1,000 on: of a burst of 5,000 on one connection 2,273 ended
as CANCELLED, neither counted nor logged (grpcio 1.85.3, 2026-11-26). The server itself takes them
at once, and refuses what is over MAX_CONCURRENT_RPCS.
"""

_HANDSHAKE_SECONDS = 20.0

_SERVICES_WITH_HEALTH = ("", CONFLICT_SERVICE)
_HealthStatus = health_pb2.HealthCheckResponse


def serve(settings: Settings, engine: Engine = kernel.get_conflicts) -> None:
    """Serves until SIGTERM or SIGINT, then drains and stops.

    Raises:
        SystemExit: An address cannot be listened on, or a certificate not used; it
            says so in one line.
    """
    logs.configure(settings)
    memory.share_one_arena()
    try:
        asyncio.run(_serve(settings, engine))
    except (sockets.CannotListen, BadCertificate) as error:
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
        BadCertificate: TLS is asked for, and a file cannot be used.
    """

    def __init__(self, settings: Settings, engine: Engine = kernel.get_conflicts) -> None:
        self.port = self.http_port = 0
        self._settings = settings
        self._ready = False
        metrics = Metrics()
        self._observer = CallObserver(metrics)
        identity = IdentitySource.of(settings)
        self._tls = ServerTls(identity, metrics) if identity else None
        self._workers = ThreadPoolExecutor(settings.worker_threads, "engine")
        self._health = health.HealthServicer()
        self._grpc = grpc.aio.server(
            interceptors=[self._observer], options=_channel_options(settings)
        )
        service = ConflictService(
            engine, self._workers, settings.limits(), settings.max_concurrent_rpcs
        )
        self._grpc.add_generic_rpc_handlers([service.handler()])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        if settings.reflection:
            services = (CONFLICT_SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(services, self._grpc)
        self._http = HttpServer(metrics.registry, lambda: self._ready)

    @property
    def calls_under_way(self) -> int:
        """How many calls have begun and not ended, of all services."""
        return len(self._observer.calls)

    async def start(self) -> None:
        """Listens, and takes traffic once all does.

        Raises:
            CannotListen: An address cannot be had; nothing listens then.
        """
        await self._set_health(_HealthStatus.NOT_SERVING)
        await self._http.start(self._settings.health_check_host)
        try:
            self.port = self._bind_grpc()
        except sockets.CannotListen:
            await self._http.stop()
            raise
        self._renewal = asyncio.create_task(self._tls.watch()) if self._tls else None
        self.http_port = self._http.port
        await self._grpc.start()
        await self._set_health(_HealthStatus.SERVING)
        self._ready = True
        structlog.get_logger().info("listening", grpc_port=self.port, http_port=self.http_port)

    async def drain(self) -> None:
        """Says that it is not ready, and serves on so that callers can move away."""
        self._ready = False
        # Not awaited: a Watch whose caller does not read would hold up the stop.
        self._falling = asyncio.create_task(self._health.enter_graceful_shutdown())
        await asyncio.sleep(self._settings.drain_delay)

    async def stop(self) -> None:
        """Refuses new calls, lets those under way finish within the grace, then ends them."""
        grace = self._settings.shutdown_grace
        closing = asyncio.create_task(self._grpc.stop(grace + _CUT_OFF_SECONDS))
        self._end_endless_calls()
        await self._finish_calls(grace)
        # What still has not ended has a caller that does not read.
        await asyncio.wait([closing], timeout=_CUT_OFF_SECONDS)
        await self._grpc.stop(None)
        if self._renewal:
            self._renewal.cancel()
        self._workers.shutdown(wait=False, cancel_futures=True)
        await self._http.stop()
        structlog.get_logger().info("stopped")

    def _end_endless_calls(self) -> None:
        """Ends what is open for health and reflection; it would last as long as its caller."""
        for call in self._observer.calls:
            if call.method.service != CONFLICT_SERVICE:
                call.end()

    async def _finish_calls(self, grace: float) -> None:
        if self._observer.calls:
            await asyncio.wait([call.task for call in self._observer.calls], timeout=grace)
        cut_off = tuple(self._observer.calls)
        for call in cut_off:
            call.end()
        if cut_off:
            methods = Counter(call.name for call in cut_off)
            structlog.get_logger().warning("cut off", calls=len(cut_off), methods=dict(methods))

    def _bind_grpc(self) -> int:
        # gRPC's core says neither which address it lacks nor why, so a socket of ours asks first.
        address = self._settings.service_host
        sockets.close(sockets.listen(address, "SERVICE_HOST"))
        try:
            return self._add_port(str(address) if address.host else f"[::]{address}")
        except RuntimeError as error:
            raise sockets.CannotListen(address, "SERVICE_HOST", str(error)) from error

    def _add_port(self, address: str) -> int:
        if self._tls:
            return self._grpc.add_secure_port(address, self._tls.credentials())
        return self._grpc.add_insecure_port(address)

    async def _set_health(self, status: int) -> None:
        for service in _SERVICES_WITH_HEALTH:
            await self._health.set(service, status)

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
        # A second server on the port is an error, not a silent share of the traffic.
        ("grpc.so_reuseport", 0),
        # Callers that are gone without a word are found within 80 seconds.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Callers may ask as often as every 10 seconds whether we are still there.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.server.max_pending_requests", _MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING_CALLS),
        # Who connects and says nothing is let go.
        ("grpc.server_handshake_timeout_ms", round(_HANDSHAKE_SECONDS * 1000)),
        *_connection_age(settings),
    ]
