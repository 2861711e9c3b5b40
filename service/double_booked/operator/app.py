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

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.commits import Commits
from double_booked.operator.deletions import Deletions
from double_booked.operator.enforcement import ExpectedWebhook
from double_booked.operator.leader import Leader
from double_booked.operator.ledger_store import LEDGERS, LedgerStore
from double_booked.operator.metrics import Gauges, Metrics
from double_booked.operator.objects import NamespacedName
from double_booked.operator.reflector import Cache, Reflector
from double_booked.operator.registration import Registration
from double_booked.operator.review_paths import ReviewPaths
from double_booked.operator.reviews import Reviewer
from double_booked.operator.schedule import Schedule
from double_booked.operator.shared_lease import SharedLease
from double_booked.operator.statuses import Statuses
from double_booked.operator.store import BOOKINGS, CALENDARS, Kind, Store
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
        self._monitor = WebhookMonitor(self._cluster, self._schedule, self._expected_webhook)
        store = Store(self._schedule)
        ledgers = LedgerStore()
        self._leader = self._make_leader()
        self._statuses = Statuses(
            store, self._cluster, self._metrics, self._monitor, self._leader.is_leading
        )
        self._deletions = Deletions(
            self._schedule, self._cluster, self._metrics, self._leader.is_leading
        )
        namespaces = split_names(settings.watch_namespaces) or ("",)
        self._reflectors = [
            self._reflector(kind, namespace, store)
            for namespace in namespaces
            for kind in (CALENDARS, BOOKINGS)
        ]
        self._ledger_reflectors = [
            self._reflector(LEDGERS, namespace, ledgers) for namespace in namespaces
        ]
        self._lease = SharedLease(
            self._cluster,
            NamespacedName(self._namespace(), settings.lease_name),
            prepare=self._open_ledgers,
            is_new=lambda: not self._schedule.bookings,
        )
        self._synced_term = 0
        self._commits = Commits(self._cluster, store, ledgers, self.may_admit, self._metrics)
        self.reviewer = Reviewer(store, self._cluster, self._commits)
        self._paths = ReviewPaths()
        self._tls = WebhookTls(self._certificate_source(), self._metrics.certificate)
        if settings.webhook_client_ca_file:
            file = PemFile(settings.webhook_client_ca_file, "WEBHOOK_CLIENT_CA_FILE")
            self._tls.require_clients(load_authorities(file))
        listening = sockets.listen(settings.webhook_host, "WEBHOOK_HOST")
        self.webhook = WebhookServer(
            listening, self._tls.context, self._paths, self.may_admit, self._metrics
        )
        self._http = HttpServer(probes.make_app(self._metrics.registry, self.is_ready))
        self._tasks: list[asyncio.Task[None]] = []

    def may_admit(self) -> bool:
        """Whether this process may answer reviews now."""
        return (
            self.webhook.is_open
            and self._lease.is_shared()
            # Guard list-before-answering: an older release has admitted by its memory alone.
            and self._synced_term == self._lease.term
        )

    def is_ready(self) -> bool:
        """Whether the API server may send reviews to this process.

        A process that only waits for one of an older release is ready too: the Deployment then
        goes on to end that one. Reviews that come meanwhile are sent again.
        """
        return self.webhook.is_ready and (self.may_admit() or self._lease.waits_for_old_release())

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
        reflectors = (*self._reflectors, *self._ledger_reflectors)
        for reflector in reflectors:
            self._spawn(reflector.run())
        for reflector in reflectors:
            await reflector.synced.wait()
        await self._monitor.refresh()
        for coroutine in (
            self._leader.run(),
            self._statuses.run(),
            self._lease.run(),
            self._resync_on_new_term(),
            self._commits.run(self._leader.is_leading),
            # A leader has these duties also while it has no certificate.
            self._monitor.run(),
            self._deletions.run(),
        ):
            self._spawn(coroutine)
        await self._tls.wait_ready()
        await self._monitor.refresh()
        self._spawn(self._tls.run())

    async def stop(self) -> None:
        """Stop all tasks, and let another process lead. The other Lease stays with the replicas."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(ClusterError):
            await self._leader.release()
        await self._cluster.close()
        await self._http.stop()
        self.ended.set()
        structlog.get_logger().info("stopped")

    async def _resync_on_new_term(self) -> None:
        """List all objects once in each term, when no write of an older release can arrive."""
        while True:
            term = self._lease.term
            if self._lease.is_shared() and term != self._synced_term:
                try:
                    await self._list()
                    self._synced_term = term
                    # Writes failed until now, and their errors may have disclosed the path.
                    self._paths.note_outage()
                    structlog.get_logger().info("admitting", term=term)
                except ClusterError as error:
                    structlog.get_logger().warning(
                        "list failed", code=error.code, reason=str(error)
                    )
            await asyncio.sleep(_TERM_CHECK_SECONDS)

    async def _open_ledgers(self) -> None:
        """Open a ledger in each namespace with bookings, for the first term of this release."""
        await self._list()
        await self._commits.open_all()

    async def _list(self) -> None:
        await asyncio.gather(*(reflector.list() for reflector in self._reflectors))

    def _reflector(self, kind: Kind, namespace: str, cache: Cache) -> Reflector:
        return Reflector(self._cluster, kind, namespace, cache, self._metrics.watch_errors.inc)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        task.add_done_callback(self._on_task_end)
        self._tasks.append(task)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            structlog.get_logger().error("operator task failed", exc_info=error)
            self.has_failed = True
            self.ended.set()

    def _make_leader(self) -> Leader:
        key = NamespacedName(self._namespace(), f"{self._settings.lease_name}-leader")
        identity = self._settings.lease_holder or f"{socket.gethostname()}_{os.getpid()}_{uuid4()}"
        return Leader(self._cluster, key, identity)

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
            self._leader.is_leading,
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
            reservations=self._commits.pending,
            admitting=self.may_admit,
            leading=self._leader.is_leading,
            lag=self._statuses.lag,
            details=self._statuses.pending_details,
            webhook_configured=lambda: not self._monitor.state.reason,
            unenforced=self._monitor.unenforced,
            foreign_webhooks=lambda: len(self._monitor.foreign),
        )
        self._metrics.export(self._schedule, self._statuses.over, gauges)
