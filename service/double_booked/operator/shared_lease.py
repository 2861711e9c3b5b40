"""The Lease that all replicas share, so that no process of release 0.2 or older admits beside them.

Such a process admits alone, by its memory, while it holds the Lease. Replicas of this release admit
together, by the ledgers, while the Lease names the holder SHARED. Whoever looks renews it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.objects import NamespacedName
from double_booked.operator.stored_lease import (
    DURATION_SECONDS,
    RELEASED,
    RETRY_SECONDS,
    TRUST_SECONDS,
    Json,
    Silence,
    StoredLease,
    holder_of,
    monotonic_boottime,
    renewal_of,
    seconds_held,
    transitions_of,
)

OPENING = "ledger-opening"
"""The holder while writes that an older release admitted may still arrive."""

SHARED = "ledger"
"""The holder while all replicas of this release may admit."""

WRITE_SECONDS = 40.0
"""Seconds after its review in which a write that an older release admitted may still arrive.

The API server ends a request that writes after 34 s (requestTimeoutUpperBound in
k8s.io/apiserver/pkg/endpoints/handlers/rest.go); the rest is a margin.
"""

UNKNOWN_SECONDS = DURATION_SECONDS + WRITE_SECONDS
"""The same, for a Lease whose former holder this process has not observed."""


@dataclass(frozen=True, slots=True)
class _Tenure:
    """The time in which a Lease does not change hands; one that is made again has another uid."""

    uid: str
    transitions: int


_NEVER = _Tenure("", -1)


class SharedLease:
    """A Lease that this process shares with all replicas of this release.

    Attributes:
        term: Grows each time the Lease comes to the replicas, at least 1 from then on. It is the
            same for all replicas, unless the Lease was deleted.
    """

    def __init__(
        self,
        cluster: Cluster,
        key: NamespacedName,
        prepare: Callable[[], Awaitable[None]],
        is_new: Callable[[], bool],
        clock: Callable[[], float] = monotonic_boottime,
    ) -> None:
        """Prepare to share the Lease.

        Args:
            cluster: The API server.
            key: The name of the Lease, the same as in older releases.
            prepare: Lists all objects and makes open ledgers. It is called before any replica
                admits, when no write of an older release can arrive any more. It may raise
                ClusterError; the next look calls it again.
            is_new: Returns whether no process can have admitted a write yet.
            clock: Returns monotonic seconds.
        """
        self.term = 0
        self._stored = StoredLease(cluster, key)
        self._prepare = prepare
        self._is_new = is_new
        self._clock = clock
        self._silence = Silence(clock)
        self._tenure = _NEVER
        self._opening = _NEVER
        self._opens_at = 0.0
        self._trusted_until = 0.0
        self._waits = False
        self._log = structlog.get_logger().bind(lease=str(key))

    def is_shared(self) -> bool:
        """Whether the replicas of this release certainly have the Lease now."""
        return self._clock() < self._trusted_until

    def waits_for_old_release(self) -> bool:
        """Whether a process of an older release held the Lease at the last look."""
        return self._waits

    async def run(self) -> None:
        """Take the Lease for the replicas once it is free, and renew it, until cancelled."""
        while True:
            try:
                await self.look()
            except ClusterError as error:
                self._log.warning("lease renewal failed", code=error.code, reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def look(self) -> None:
        """Renew the Lease, or do the next step towards sharing it.

        Raises:
            ClusterError: A request failed.
        """
        started = self._clock()
        lease = await self._stored.read()
        taken = await self._take(lease)
        lease = taken or lease
        holder = holder_of(lease) if lease else RELEASED
        self._waits = bool(lease) and holder not in {OPENING, SHARED, RELEASED}
        if lease and holder == SHARED:
            await self._renew(lease, started)
            return
        self._on_lost(holder)
        if lease and holder == OPENING:
            await self._open(lease)

    async def _take(self, lease: Json | None) -> Json | None:
        """Take the Lease if nobody holds it or its holder is silent; return it if this won."""
        if lease is None:
            wait = 0.0 if self._is_new() else UNKNOWN_SECONDS
            return self._begin(await self._stored.create(OPENING), wait)
        holder = holder_of(lease)
        if holder == RELEASED:
            # It may have been released before its holder had waited for the writes of a former one.
            wait = max(UNKNOWN_SECONDS - seconds_held(lease), 0.0)
            return self._begin(await self._stored.take(lease, OPENING), wait)
        if holder in {OPENING, SHARED} or not self._silence.is_over(lease):
            return None
        self._log.info("lease expired, taking over", former=holder)
        return self._begin(await self._stored.take(lease, OPENING), WRITE_SECONDS)

    def _begin(self, lease: Json | None, wait: float) -> Json | None:
        """Note for how long the replicas may not admit yet, if this process took the Lease."""
        if lease is not None:
            self._opening = _tenure_of(lease)
            self._opens_at = self._clock() + wait
            self._log.info("lease taken for all replicas", admits_in=wait)
        return lease

    async def _open(self, lease: Json) -> None:
        """Let the replicas admit, once writes that others admitted have arrived.

        A process that did not take the Lease itself does not know from whom it was taken.
        """
        if _tenure_of(lease) != self._opening:
            self._begin(lease, UNKNOWN_SECONDS)
        if self._clock() < self._opens_at:
            # If another process is quicker, it has renewed the Lease.
            await self._stored.renew(lease, OPENING)
            return
        await self._prepare()
        # Others have renewed the Lease meanwhile, or an older release has taken it.
        started = self._clock()
        newest = await self._stored.read()
        if newest is None or holder_of(newest) != OPENING or _tenure_of(newest) != self._opening:
            return
        shared = await self._stored.renew(newest, SHARED)
        if shared is not None:
            self._on_shared(shared, started)

    async def _renew(self, lease: Json, started: float) -> None:
        renewed = await self._stored.renew(lease, SHARED)
        if renewed is None:
            renewed = await self._stored.read()
            # A write that was not a renewal, such as of a label, does not make others wait.
            if renewed is None or renewal_of(renewed) == renewal_of(lease):
                return
        if holder_of(renewed) == SHARED:
            self._on_shared(renewed, started)
        else:
            self._on_lost(holder_of(renewed))

    def _on_shared(self, lease: Json, started: float) -> None:
        """Trust the Lease from the start of the look; a new tenure is a new term."""
        tenure = _tenure_of(lease)
        if tenure != self._tenure:
            self._tenure = tenure
            self.term = max(self.term, tenure.transitions) + 1
            self._log.info("lease shared", term=self.term)
        self._trusted_until = started + TRUST_SECONDS

    def _on_lost(self, holder: str) -> None:
        if self._trusted_until:
            self._log.error("lease lost", holder=holder)
        self._trusted_until = 0.0


def _tenure_of(lease: Json) -> _Tenure:
    return _Tenure(lease["metadata"].get("uid") or "", transitions_of(lease))
