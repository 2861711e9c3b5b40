"""Who may admit: the one process that holds a Lease (coordination.k8s.io/v1), with a margin.

A holder trusts the Lease for less long than others wait before they take it over, each by its
own clock from its own look, so no two clocks are compared.
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
from double_booked.operator.reservations import WRITE_SECONDS

DURATION_SECONDS = 15
"""How long the Lease is over after its last renewal, for others."""

_MARGIN_SECONDS = 5.0
_LOOK_SECONDS = 2.0
_RELEASED = ""


def monotonic_boottime() -> float:
    """Seconds that have passed, also while the machine slept; nothing sets it back."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class _ObservedRecord:
    """A Lease of somebody else, and when it was first seen as it is."""

    holder: str
    renewed: str
    at: float


class Lease:
    """A Lease, which this process holds or waits for.

    Attributes:
        term: How often it has been taken.
    """

    def __init__(
        self,
        cluster: Cluster,
        key: NamespacedName,
        me: str,
        is_new: Callable[[], bool],
        clock: Callable[[], float] = monotonic_boottime,
    ) -> None:
        """Waits for it.

        Args:
            cluster: Where it is.
            key: Its name.
            me: Whom to write into it; a process that follows another of the same name in place
                of it takes over at once, as two of one name never run together.
            is_new: Whether nothing can have been admitted yet, by anybody.
            clock: In seconds.
        """
        self.term = 0
        self._admits_from = 0.0
        self._is_new = is_new
        self._cluster = cluster
        self._key = key
        self._me = me
        self._clock = clock
        group = ("apis", "coordination.k8s.io", "v1")
        self._path = url_path(*group, "namespaces", key.namespace, "leases")
        self._own = f"{self._path}{url_path(key.name)}"
        self._held_until = 0.0
        self._was_held = False
        self._observed = _ObservedRecord("", "", 0.0)
        self._log = structlog.get_logger().bind(lease=str(key), me=me)

    def is_held(self) -> bool:
        """Whether it surely is this process's, now."""
        return self._clock() < self._held_until

    def may_admit(self) -> bool:
        """The same, and what a former holder allowed has been written, or never will be."""
        return self.is_held() and self._clock() >= self._admits_from

    async def run(self) -> None:
        """Takes it as soon as it is free, and renews it, until it is cancelled."""
        while True:
            try:
                await self.renew_or_acquire()
            except ClusterError as error:
                self._log.warning("cannot see to the Lease", code=error.code, reason=str(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def renew_or_acquire(self) -> None:
        """Renews it if it is ours, takes it if it is free, else notes who has it.

        Raises:
            ClusterError: The API server does not answer, or refuses.
        """
        try:
            found = await self._cluster.get(self._own, tries=1)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            await self._create()
            return
        holder = found.setdefault("spec", {}).get("holderIdentity") or _RELEASED
        if holder == self._me:
            await self._write(found, wait=0.0 if self._was_held else WRITE_SECONDS)
        elif holder == _RELEASED:
            await self._write(found, wait=0.0)
        elif self._is_over(found["spec"]):
            self._log.info("the Lease is over, taking it", former=holder)
            await self._write(found, wait=WRITE_SECONDS)
        else:
            self._on_lost(holder)

    async def release(self) -> None:
        """Gives it up, so that another need not wait; only where nothing allowed is open."""
        if not self.is_held():
            return
        self._held_until = 0.0
        found = await self._cluster.get(self._own, tries=1)
        if found["spec"].get("holderIdentity") == self._me:
            found["spec"]["holderIdentity"] = _RELEASED
            await self._cluster.replace(self._own, found)
            self._log.info("gave up the Lease")

    def _is_over(self, spec: dict[str, Any]) -> bool:
        """Whether somebody else's has been seen unrenewed for as long as it lasts."""
        now = self._clock()
        holder, renewed = spec["holderIdentity"], spec.get("renewTime") or ""
        if (holder, renewed) != (self._observed.holder, self._observed.renewed):
            self._observed = _ObservedRecord(holder, renewed, now)
        seconds = max(int(spec.get("leaseDurationSeconds") or 0), DURATION_SECONDS)
        return now - self._observed.at > seconds

    def _on_lost(self, holder: str) -> None:
        if self._was_held:
            self._log.error("the Lease is another's", holder=holder)
        self._held_until = 0.0
        self._was_held = False

    async def _create(self) -> None:
        """Makes the Lease; whoever held one that was deleted may have allowed writes just now."""
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

    async def _write(self, found: dict[str, Any], wait: float) -> None:
        """Renews the Lease, or takes it.

        Args:
            found: The Lease as it is; its resourceVersion lets one of several takers win.
            wait: Seconds until writes that a former holder allowed can come no more.
        """
        started = self._clock()
        transitions = int(found["spec"].get("leaseTransitions") or 0)
        if found["spec"].get("holderIdentity") != self._me:
            found["spec"] |= {"acquireTime": _now()}
            transitions += 1
        found["spec"] |= self._spec(transitions)
        try:
            await self._cluster.replace(self._own, found)
        except ClusterError as error:
            self._ignore_conflict(error)
        else:
            self._on_acquired(started, wait)

    def _ignore_conflict(self, error: ClusterError) -> None:
        """Lets the next look find out, where somebody else was quicker."""
        if error.code != CONFLICT:
            raise error
        self._log.info("the Lease changed meanwhile")

    def _on_acquired(self, since: float, wait: float) -> None:
        if not self._was_held:
            self._admits_from = self._clock() + wait
            self.term += 1
            self._log.info("holds the Lease", admits_in=wait)
        self._was_held = True
        self._held_until = since + DURATION_SECONDS - _MARGIN_SECONDS

    def _spec(self, transitions: int) -> dict[str, Any]:
        return {
            "holderIdentity": self._me,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": _now(),
            "leaseTransitions": transitions,
        }


def _now() -> str:
    """For people; nothing here compares it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
