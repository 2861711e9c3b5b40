"""The newest known ledger of each namespace, and since when its reservations have been observed."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from double_booked.operator.ledger import EXPIRY_SECONDS, Ledger, parse_ledger
from double_booked.operator.objects import RawObject
from double_booked.operator.store import Kind

LEDGERS = Kind("ledgers", parse_ledger)


@dataclass(slots=True)
class _Known:
    """What is known about the ledger of a namespace.

    Attributes:
        ledger: Its newest observed state.
        changed: When that was first observed.
        first_seen: When each id of it was first observed: of reservations, and of its closing.
        looked: The resourceVersion at which expired reservations were seen settled, by id; 0 for
            those whose write never came.
    """

    ledger: Ledger
    changed: float
    first_seen: dict[str, float] = field(default_factory=dict)
    looked: dict[str, int] = field(default_factory=dict)


class LedgerStore:
    """Caches ledgers in whatever order their states arrive.

    A state may be old. Whoever writes by it then fails, because the write is conditional on the
    resourceVersion.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Make an empty store.

        Args:
            clock: Returns seconds of a clock that never runs ahead of the real time. While the
                machine is suspended it may stand still (CLOCK_MONOTONIC).
        """
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def get(self, namespace: str) -> Ledger | None:
        """Return the newest known ledger of a namespace; None without one."""
        known = self._known.get(namespace)
        return known.ledger if known else None

    def all(self) -> list[Ledger]:
        """Return the newest known ledgers."""
        return [known.ledger for known in self._known.values()]

    def observe(self, ledger: Ledger) -> None:
        """Cache a ledger unless a newer state is cached."""
        namespace = ledger.namespace
        known = self._known.get(namespace)
        if known and known.ledger.metadata.version >= ledger.metadata.version:
            return
        now = self._clock()
        first_seen = known.first_seen if known else {}
        looked = known.looked if known else {}
        ids = [one.id for one in ledger.reservations]
        seen = {one: first_seen.get(one, now) for one in (*ids, ledger.closed)}
        kept = {one: looked[one] for one in ids if one in looked}
        self._known[namespace] = _Known(ledger, now, seen, kept)

    def forget(self, namespace: str, version: int) -> None:
        """Drop the ledger of a namespace, which is gone, unless it is newer than `version`."""
        ledger = self.get(namespace)
        if ledger and ledger.metadata.version <= version:
            del self._known[namespace]

    def age(self, ledger: Ledger, one: str) -> float:
        """Return for how many seconds this process has known an id; 0 for an unknown one."""
        known = self._known.get(ledger.namespace)
        now = self._clock()
        return now - known.first_seen.get(one, now) if known else 0.0

    def seconds_unchanged(self, namespace: str) -> float:
        """Return for how many seconds this process has known the present state of a ledger.

        0 if it is gone, as with a namespace that was deleted meanwhile.
        """
        known = self._known.get(namespace)
        return self._clock() - known.changed if known else 0.0

    def seconds_left(self, namespace: str) -> Mapping[str, float]:
        """Return the seconds until each reservation expires, by id."""
        known = self._known.get(namespace)
        if known is None:
            return {}
        now = self._clock()
        return {
            one: max(since + EXPIRY_SECONDS - now, 0.0) for one, since in known.first_seen.items()
        }

    def note_look(self, namespace: str, one: str, version: int) -> None:
        """Note what a look at the object of an expired reservation showed.

        Args:
            namespace: The namespace of the ledger.
            one: The id of the reservation.
            version: The resourceVersion at which it was seen settled; 0 if its write never came.
        """
        known = self._known.get(namespace)
        if known and one in known.first_seen:
            known.looked[one] = version

    def looked(self, namespace: str) -> Mapping[str, int]:
        """Return what looks at the objects of expired reservations showed, by id."""
        known = self._known.get(namespace)
        return known.looked if known else {}

    def parse(self, kind: Kind, raw: RawObject) -> Ledger:  # noqa: ARG002 - as in Store
        """Parse a ledger."""
        return parse_ledger(raw)

    def upsert(self, kind: Kind, raw: RawObject) -> None:  # noqa: ARG002 - as in Store
        """Cache a ledger unless a newer state is cached."""
        self.observe(parse_ledger(raw))

    def on_deleted(self, kind: Kind, raw: RawObject) -> None:  # noqa: ARG002 - as in Store
        """Handle a DELETED event."""
        deleted = parse_ledger(raw)
        self.forget(deleted.namespace, deleted.metadata.version)

    def replace_all(
        self,
        kind: Kind,  # noqa: ARG002 - as in Store
        objects: Iterable[Ledger],
        version: int,
        namespace: str,
    ) -> None:
        """Replace the cached ledgers by a list; those that are newer stay."""
        listed = set()
        for ledger in objects:
            listed.add(ledger.namespace)
            self.observe(ledger)
        for known in set(self._known) - listed:
            if namespace in {"", known}:
                self.forget(known, version)

    def advance(self, kind: Kind, version: int, namespace: str) -> None:
        """Do nothing: no decision depends on how far the watch of ledgers has come."""
