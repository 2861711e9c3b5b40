"""Elects the one replica that writes statuses, Events, the certificate and the webhook's path.

Safety does not depend on the leader: two at once write the same, or resolve conflicts by version.
"""

import asyncio
from collections.abc import Callable

import structlog

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.objects import NamespacedName
from double_booked.operator.stored_lease import (
    RELEASED,
    RETRY_SECONDS,
    TRUST_SECONDS,
    Json,
    Silence,
    StoredLease,
    holder_of,
    monotonic_boottime,
)


class Leader:
    """A Lease that this process holds or waits for."""

    def __init__(
        self,
        cluster: Cluster,
        key: NamespacedName,
        identity: str,
        clock: Callable[[], float] = monotonic_boottime,
    ) -> None:
        """Prepare to acquire the Lease.

        Args:
            cluster: The API server.
            key: The name of the Lease.
            identity: The holderIdentity of this process. A process with the same identity as the
                holder takes over at once.
            clock: Returns monotonic seconds.
        """
        self._stored = StoredLease(cluster, key)
        self._identity = identity
        self._clock = clock
        self._silence = Silence(clock)
        self._leads_until = 0.0
        self._was_leading = False
        self._log = structlog.get_logger().bind(lease=str(key), identity=identity)

    def is_leading(self) -> bool:
        """Whether this process holds the Lease now."""
        return self._clock() < self._leads_until

    async def run(self) -> None:
        """Acquire the Lease once it is free, and renew it, until cancelled."""
        while True:
            try:
                await self.renew_or_acquire()
            except ClusterError as error:
                self._log.warning("leader election failed", code=error.code, reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def renew_or_acquire(self) -> None:
        """Renew the Lease if this process holds it, or take it if it is free or expired.

        Raises:
            ClusterError: A request failed.
        """
        started = self._clock()
        lease = await self._stored.read()
        written = await self._write(lease)
        if written is not None:
            self._leads_until = started + TRUST_SECONDS
        elif lease is not None and holder_of(lease) != self._identity:
            self._leads_until = 0.0
        self._log_change()

    async def _write(self, lease: Json | None) -> Json | None:
        """Write the Lease if this process may; return it if it did."""
        if lease is None:
            return await self._stored.create(self._identity)
        holder = holder_of(lease)
        if holder == self._identity:
            return await self._stored.renew(lease, self._identity)
        if holder == RELEASED or self._silence.is_over(lease):
            return await self._stored.take(lease, self._identity)
        return None

    def _log_change(self) -> None:
        if self.is_leading() != self._was_leading:
            self._was_leading = not self._was_leading
            self._log.info("leading" if self._was_leading else "no longer leading")

    async def release(self) -> None:
        """Release the Lease, so that another process leads at once.

        Raises:
            ClusterError: A request failed.
        """
        if not self.is_leading():
            return
        self._leads_until = 0.0
        lease = await self._stored.read()
        if lease is not None and holder_of(lease) == self._identity:
            await self._stored.release(lease)
            self._log.info("leadership released")
