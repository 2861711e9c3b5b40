"""The operator without kopf: its parts, and the order in which they start and stop."""

import asyncio
import os
import socket
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from double_booked.operator.admission import CapacityView
from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.deletions import Deletions
from double_booked.operator.enforcement import ExpectedWebhook
from double_booked.operator.lease import Lease, monotonic_boottime
from double_booked.operator.metrics import Gauges, Metrics
from double_booked.operator.objects import NamespacedName
from double_booked.operator.reflector import Reflector
from double_booked.operator.registration import Registration
from double_booked.operator.reservations import Reservations
from double_booked.operator.review_paths import ReviewPaths
from double_booked.operator.reviews import Reviewer
from double_booked.operator.schedule import Schedule
from double_booked.operator.status_writer import StatusWriter
from double_booked.operator.store import BOOKINGS, CALENDARS, Store
from double_booked.operator.webhook import WebhookServer
from double_booked.operator.webhook_monitor import WebhookMonitor
from double_booked.operator.webhook_tls import (
    CertificateSource,
    FileCertificateSource,
    PathKeeper,
    SecretCertificateSource,
    SecretStore,
    WebhookTls,
)
from double_booked.runtime import probes, sockets
from double_booked.runtime.http_server import HttpServer
from double_booked.settings import OperatorSettings, split_names
from double_booked.tls.pem import PemFile, load_authorities

_TERM_CHECK_SECONDS = 0.2
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Operator:
    """The parts of the operator, which kopf's handlers start, use and stop.

    Attributes:
        reviewer: Answers admission reviews.
        webhook: Receives them.
        ended: Set when the operator stops or must stop; kopf watches it.
        has_failed: Whether one of the tasks failed.

    Raises:
        ListenError: An address cannot be listened on.
        ClusterError: There are no credentials for a cluster.
        CertificateError: WEBHOOK_CLIENT_CA_FILE cannot be used.
    """

    def __init__(self, settings: OperatorSettings) -> None:
        self.ended = asyncio.Event()
        self.has_failed = False
        self._settings = settings
        self._metrics = Metrics()
        self._cluster = Cluster()
        self._schedule = Schedule()
        self._reservations = Reservations(monotonic_boottime)
        self._monitor = WebhookMonitor(self._cluster, self._schedule, self._expected_webhook)
        store = Store(self._schedule, self._reservations)
        self._status_writer = StatusWriter(
            self._schedule, store, self._cluster, self._metrics, self._monitor.enforcement
        )
        store.subscribe(self._status_writer.on_change)
        self._monitor.subscribe(self._status_writer.on_enforcement_change)
        self._deletions = Deletions(self._schedule, self._cluster, self._metrics, self.may_admit)
        self._reflectors = [
            Reflector(
                self._cluster, kind, namespace, store, on_error=self._metrics.watch_errors.inc
            )
            for namespace in split_names(settings.watch_namespaces) or ("",)
            for kind in (CALENDARS, BOOKINGS)
        ]
        self._lease = self._make_lease()
        self._synced_term = 0
        view = CapacityView(self._schedule, self._reservations)
        self.reviewer = Reviewer(view, store, self._cluster, self.may_admit)
        self._paths = ReviewPaths()
        self._tls = WebhookTls(self._certificate_source(), self._metrics.certificate)
        if settings.webhook_client_ca_file:
            file = PemFile(settings.webhook_client_ca_file, "WEBHOOK_CLIENT_CA_FILE")
            self._tls.require_clients(load_authorities(file))
        listening = sockets.listen(settings.webhook_host, "WEBHOOK_HOST")
        self.webhook = WebhookServer(
            listening, self._tls.context, self._paths, self.may_admit, self._metrics
        )
        self._http = HttpServer(probes.make_app(self._metrics.registry, self.may_admit))
        self._tasks: list[asyncio.Task[None]] = []

    def may_admit(self) -> bool:
        """Whether this process may answer reviews now."""
        return (
            self.webhook.is_open
            and self._lease.may_admit()
            and self._synced_term == self._lease.term
        )

    async def start(self) -> None:
        """Start all tasks; return when the cache is filled and a certificate is served."""
        try:
            await self._start()
        except asyncio.CancelledError:
            # kopf does not call the cleanup handler if the startup handler was cancelled.
            await self.stop()
            raise

    async def _start(self) -> None:
        await self._http.start(self._settings.health_check_host, probes.HOST_SETTING)
        self._export_gauges()
        for reflector in self._reflectors:
            self._spawn(reflector.run())
        for reflector in self._reflectors:
            await reflector.synced.wait()
        await self._monitor.refresh()
        for coroutine in (
            self._status_writer.run(),
            self._lease.run(),
            self._resync_on_new_term(),
            self.reviewer.expire_reservations(),
        ):
            self._spawn(coroutine)
        await self._tls.wait_ready()
        await self._monitor.refresh()
        self._spawn(self._tls.run())
        self._spawn(self._monitor.run())
        self._spawn(self._deletions.run())

    async def stop(self) -> None:
        """Stop all tasks, and release the Lease unless admitted writes are pending."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._reservations:
            log = structlog.get_logger()
            log.info("lease not released: writes pending", reservations=len(self._reservations))
        else:
            with suppress(ClusterError):
                await self._lease.release()
        await self._cluster.close()
        await self._http.stop()
        self.ended.set()
        structlog.get_logger().info("stopped")

    async def _resync_on_new_term(self) -> None:
        """List all objects once in each term, when no write of a former holder can arrive."""
        while True:
            term = self._lease.term
            if self._lease.may_admit() and term != self._synced_term:
                try:
                    await asyncio.gather(*(reflector.list() for reflector in self._reflectors))
                    self._synced_term = term
                    # Writes failed until now, and their errors may have disclosed the path.
                    self._paths.note_outage()
                    structlog.get_logger().info("admitting", term=term)
                except ClusterError as error:
                    structlog.get_logger().warning(
                        "list failed", code=error.code, reason=str(error)
                    )
            await asyncio.sleep(_TERM_CHECK_SECONDS)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._on_task_end)
        self._tasks.append(task)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            structlog.get_logger().error("operator task failed", exc_info=error)
            self.has_failed = True
            self.ended.set()

    def _make_lease(self) -> Lease:
        key = NamespacedName(self._namespace(), self._settings.lease_name)
        identity = self._settings.lease_holder or f"{socket.gethostname()}_{os.getpid()}_{uuid4()}"
        return Lease(self._cluster, key, identity, is_new=lambda: not self._schedule.bookings)

    def _namespace(self) -> str:
        if self._settings.operator_namespace:
            return self._settings.operator_namespace
        with suppress(OSError):
            return _POD_NAMESPACE.read_text().strip()
        return self._cluster.default_namespace

    def _certificate_source(self) -> CertificateSource:
        settings = self._settings
        names = split_names(settings.webhook_names)
        keeper = PathKeeper(
            SecretStore(self._cluster, NamespacedName(self._namespace(), settings.webhook_secret)),
            Registration(self._cluster, settings.webhook_configuration, names),
            self._paths,
            self._lease.is_held,
        )
        if settings.webhook_cert_file:
            return FileCertificateSource(
                PemFile(settings.webhook_cert_file, "WEBHOOK_CERT_FILE"),
                PemFile(settings.webhook_key_file, "WEBHOOK_KEY_FILE"),
                keeper,
            )
        return SecretCertificateSource(keeper, names)

    def _expected_webhook(self) -> ExpectedWebhook:
        settings = self._settings
        return ExpectedWebhook(
            settings.webhook_configuration,
            split_names(settings.webhook_names),
            self._tls.certificate,
            self._paths.accepted(),
        )

    def _export_gauges(self) -> None:
        gauges = Gauges(
            reservations=lambda: len(self._reservations),
            admitting=self.may_admit,
            lag=self._status_writer.lag,
            details=self._status_writer.pending_details,
            webhook_configured=lambda: not self._monitor.state.reason,
            unenforced=self._monitor.unenforced,
            foreign_webhooks=lambda: len(self._monitor.foreign),
        )
        self._metrics.export(self._schedule, self._status_writer.over, gauges)
