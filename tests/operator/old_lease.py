"""The Lease as the operator of release 0.2.0 has it, for tests of upgrades.

It elects the one process that may admit: the holder of a Lease (coordination.k8s.io/v1).

The holder trusts the Lease for a shorter time than the others wait before they take it. Each
process measures this time from its own last request by its own clock, so no clocks are compared.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from double_booked.operator.cluster import CONFLICT, NOT_FOUND, Cluster, ClusterError, url_path
from double_booked.operator.objects import NamespacedName

WRITE_SECONDS = 40.0
"""Seconds after its review in which an admitted write may still arrive."""

DURATION_SECONDS = 15
"""Seconds without renewal after which another replica may take the Lease."""

_MARGIN_SECONDS = 5.0
_RETRY_SECONDS = 2.0
_RELEASED = ""


def monotonic_boottime() -> float:
    """Return monotonic seconds that include the time in which the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class _ObservedRecord:
    """The last state of another holder's Lease, and when this process first observed it."""

    holder: str
    renewed: str
    at: float


class Lease:
    """A Lease that this process holds or waits for.

    Attributes:
        term: How many times this process has acquired it.
    """

    def __init__(
        self,
        cluster: Cluster,
        key: NamespacedName,
        identity: str,
        is_new: Callable[[], bool],
        clock: Callable[[], float] = monotonic_boottime,
    ) -> None:
        """Prepare to acquire the Lease.

        Args:
            cluster: The API server.
            key: The name of the Lease.
            identity: The holderIdentity of this process. A process with the same identity as the
                holder takes over at once, as two of one identity never run at the same time.
            is_new: Returns whether no process can have admitted a write yet.
            clock: Returns monotonic seconds.
        """
        self.term = 0
        self._admits_from = 0.0
        self._is_new = is_new
        self._cluster = cluster
        self._key = key
        self._identity = identity
        self._clock = clock
        group = ("apis", "coordination.k8s.io", "v1")
        self._path = url_path(*group, "namespaces", key.namespace, "leases")
        self._own = f"{self._path}{url_path(key.name)}"
        self._held_until = 0.0
        self._was_held = False
        self._observed = _ObservedRecord("", "", 0.0)
        self._log = structlog.get_logger().bind(lease=str(key), identity=identity)

    def is_held(self) -> bool:
        """Whether this process certainly holds the Lease now."""
        return self._clock() < self._held_until

    def may_admit(self) -> bool:
        """Whether this process holds the Lease, and writes admitted by former holders are over."""
        return self.is_held() and self._clock() >= self._admits_from

    async def run(self) -> None:
        """Acquire the Lease once it is free, and renew it, until cancelled."""
        while True:
            try:
                await self.renew_or_acquire()
            except ClusterError as error:
                self._log.warning("lease renewal failed", code=error.code, reason=str(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def renew_or_acquire(self) -> None:
        """Renew the Lease if this process holds it, or take it if it is free or expired.

        Raises:
            ClusterError: A request failed.
        """
        try:
            lease = await self._cluster.get(self._own, tries=1)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            await self._create()
            return
        holder = lease.setdefault("spec", {}).get("holderIdentity") or _RELEASED
        if holder == self._identity:
            await self._write(lease, wait=0.0 if self._was_held else WRITE_SECONDS)
        elif holder == _RELEASED:
            await self._write(lease, wait=0.0)
        elif self._is_expired(lease["spec"]):
            self._log.info("lease expired, taking over", former=holder)
            await self._write(lease, wait=WRITE_SECONDS)
        else:
            self._on_lost(holder)

    async def release(self) -> None:
        """Release the Lease, so that another process need not wait for it to expire.

        Call it only when every admitted write has been observed.

        Raises:
            ClusterError: A request failed.
        """
        if not self.is_held():
            return
        self._held_until = 0.0
        lease = await self._cluster.get(self._own, tries=1)
        if lease["spec"].get("holderIdentity") == self._identity:
            lease["spec"]["holderIdentity"] = _RELEASED
            await self._cluster.replace(self._own, lease)
            self._log.info("lease released")

    def _is_expired(self, spec: dict[str, Any]) -> bool:
        """Whether another holder's Lease has gone unrenewed for its full duration, by our clock."""
        now = self._clock()
        holder, renewed = spec["holderIdentity"], spec.get("renewTime") or ""
        if (holder, renewed) != (self._observed.holder, self._observed.renewed):
            self._observed = _ObservedRecord(holder, renewed, now)
        seconds = max(int(spec.get("leaseDurationSeconds") or 0), DURATION_SECONDS)
        return now - self._observed.at > seconds

    def _on_lost(self, holder: str) -> None:
        if self._was_held:
            self._log.error("lease lost", holder=holder)
        self._held_until = 0.0
        self._was_held = False

    async def _create(self) -> None:
        """Create the Lease. If one was deleted, its holder may have admitted writes just now."""
        started = self._clock()
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._key.name, "namespace": self._key.namespace},
            "spec": self._spec(0) | {"acquireTime": _now()},
        }
        try:
            await self._cluster.create(self._path, lease)
        except ClusterError as error:
            self._ignore_conflict(error)
        else:
            self._on_acquired(started, 0.0 if self._is_new() else DURATION_SECONDS + WRITE_SECONDS)

    async def _write(self, lease: dict[str, Any], wait: float) -> None:
        """Renew the Lease, or take it.

        Args:
            lease: The stored Lease; its resourceVersion lets only one of several processes win.
            wait: Seconds until no write that a former holder admitted can arrive any more.
        """
        started = self._clock()
        transitions = int(lease["spec"].get("leaseTransitions") or 0)
        if lease["spec"].get("holderIdentity") != self._identity:
            lease["spec"] |= {"acquireTime": _now()}
            transitions += 1
        lease["spec"] |= self._spec(transitions)
        try:
            await self._cluster.replace(self._own, lease)
        except ClusterError as error:
            self._ignore_conflict(error)
        else:
            self._on_acquired(started, wait)

    def _ignore_conflict(self, error: ClusterError) -> None:
        """Ignore that another process was quicker; the next request shows who holds the Lease."""
        if error.code != CONFLICT:
            raise error
        self._log.info("lease write conflict")

    def _on_acquired(self, since: float, wait: float) -> None:
        if not self._was_held:
            self._admits_from = self._clock() + wait
            self.term += 1
            self._log.info("lease acquired", admits_in=wait)
        self._was_held = True
        self._held_until = since + DURATION_SECONDS - _MARGIN_SECONDS

    def _spec(self, transitions: int) -> dict[str, Any]:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": _now(),
            "leaseTransitions": transitions,
        }


def _now() -> str:
    """Return the time for people to read; no process compares it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
