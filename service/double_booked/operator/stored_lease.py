"""A Lease (coordination.k8s.io/v1) in the API server, and how long its holder has been silent."""

import datetime as dt
import time
from collections.abc import Callable
from math import inf
from typing import Any

import structlog

from double_booked.operator.cluster import CONFLICT, NOT_FOUND, Cluster, ClusterError, url_path
from double_booked.operator.objects import NamespacedName

DURATION_SECONDS = 15
"""Seconds without renewal after which another process may take a Lease."""

TRUST_SECONDS = 10.0
"""Seconds from the start of a renewal for which its process trusts the Lease. They are fewer than
DURATION_SECONDS. Each process measures both by its own clock, so no clocks are compared."""

RETRY_SECONDS = 2.0
RELEASED = ""
"""The holder of a Lease that nobody holds."""


Json = dict[str, Any]


def monotonic_boottime() -> float:
    """Return monotonic seconds that include the time in which the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def holder_of(lease: Json) -> str:
    """Return the holder of a Lease; RELEASED if nobody holds it."""
    return (lease.get("spec") or {}).get("holderIdentity") or RELEASED


def renewal_of(lease: Json) -> str:
    """Return the text that changes with each renewal."""
    return (lease.get("spec") or {}).get("renewTime") or ""


def transitions_of(lease: Json) -> int:
    """Return how many times a Lease has changed hands."""
    return int((lease.get("spec") or {}).get("leaseTransitions") or 0)


def seconds_held(lease: Json) -> float:
    """Return for how long the last holder had a Lease; infinity if it has no times.

    Both times are by the clock of that holder.
    """
    spec = lease.get("spec") or {}
    try:
        acquired, renewed = (
            dt.datetime.fromisoformat(spec[name]) for name in ("acquireTime", "renewTime")
        )
        return (renewed - acquired).total_seconds()
    except (KeyError, TypeError, ValueError):
        return inf


class StoredLease:
    """A Lease in the API server; its resourceVersion lets only one of several writers win."""

    def __init__(self, cluster: Cluster, key: NamespacedName) -> None:
        self._cluster = cluster
        self._key = key
        group = ("apis", "coordination.k8s.io", "v1")
        self._collection = url_path(*group, "namespaces", key.namespace, "leases")
        self._path = f"{self._collection}{url_path(key.name)}"
        self._log = structlog.get_logger().bind(lease=str(key))

    async def read(self) -> Json | None:
        """Return the Lease; None if it does not exist.

        Raises:
            ClusterError: The request failed.
        """
        try:
            lease: Json = await self._cluster.get(self._path, tries=1)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            return None
        return lease

    async def create(self, holder: str) -> Json | None:
        """Create the Lease; return None if another process was quicker.

        Raises:
            ClusterError: The request failed.
        """
        metadata = {"name": self._key.name, "namespace": self._key.namespace}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": _renewal(holder, 0) | {"acquireTime": _now()},
        }
        try:
            created: Json = await self._cluster.create(self._collection, lease)
        except ClusterError as error:
            self._ignore_conflict(error)
            return None
        return created

    async def renew(self, lease: Json, holder: str) -> Json | None:
        """Renew the Lease in the name of a holder that has it or shares it.

        Args:
            lease: The Lease as it was read.
            holder: The holder to write.

        Returns:
            The stored Lease; None if another process was quicker.

        Raises:
            ClusterError: The request failed.
        """
        return await self._write(lease, _renewal(holder, transitions_of(lease)))

    async def take(self, lease: Json, holder: str) -> Json | None:
        """Take the Lease from its former holder, with the result of `renew`."""
        spec = _renewal(holder, transitions_of(lease) + 1) | {"acquireTime": _now()}
        return await self._write(lease, spec)

    async def release(self, lease: Json) -> None:
        """Let the next process take the Lease at once.

        Raises:
            ClusterError: The request failed, or another process was quicker.
        """
        spec = lease["spec"] | {"holderIdentity": RELEASED}
        await self._cluster.replace(self._path, lease | {"spec": spec})

    async def _write(self, lease: Json, spec: Json) -> Json | None:
        content = lease | {"spec": (lease.get("spec") or {}) | spec}
        try:
            written: Json = await self._cluster.replace(self._path, content)
        except ClusterError as error:
            self._ignore_conflict(error)
            return None
        return written

    def _ignore_conflict(self, error: ClusterError) -> None:
        """Ignore that another process was quicker; the next read shows what it wrote."""
        if error.code != CONFLICT:
            raise error
        self._log.debug("lease write conflict")


class Silence:
    """Measures by a clock of this process for how long a Lease has not been renewed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._observed = ("", "")
        self._since = 0.0

    def is_over(self, lease: Json) -> bool:
        """Whether a holder has not renewed its Lease for its full duration."""
        now = self._clock()
        observed = holder_of(lease), renewal_of(lease)
        if observed != self._observed:
            self._observed, self._since = observed, now
        seconds = int((lease.get("spec") or {}).get("leaseDurationSeconds") or 0)
        return now - self._since > max(seconds, DURATION_SECONDS)


def _renewal(holder: str, transitions: int) -> Json:
    return {
        "holderIdentity": holder,
        "leaseDurationSeconds": DURATION_SECONDS,
        "renewTime": _now(),
        "leaseTransitions": transitions,
    }


def _now() -> str:
    """Return the time for people to read; no process compares it with its clock."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
