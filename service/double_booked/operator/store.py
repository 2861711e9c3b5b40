"""The cache of Calendars and Bookings, which accepts observations in any order."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from double_booked.operator.ledger import Reservation, settled_version
from double_booked.operator.objects import (
    Booking,
    Calendar,
    NamespacedName,
    RawObject,
    parse_booking_lenient,
    parse_calendar_lenient,
)
from double_booked.operator.schedule import Schedule

CachedObject: TypeAlias = Booking | Calendar

MAX_DELETIONS = 10_000
"""How many deletions are remembered. A reservation whose deletion is forgotten stays until it
expires."""


class OnChange(Protocol):
    """A function that is called with each change of a cached object."""

    def __call__(self, old: CachedObject | None, new: CachedObject | None) -> None:
        """Handle a change from `old` to `new`; None stands for an absent object."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object.

    Attributes:
        plural: Its name in the paths of the API server.
        parse: Parses an object into the form that is cached.
    """

    plural: str
    parse: Callable[[RawObject], Any]


CALENDARS = Kind("calendars", parse_calendar_lenient)
BOOKINGS = Kind("bookings", parse_booking_lenient)


class Store:
    """Caches observed objects, in whatever order they arrive, and reports what changed.

    Objects arrive from watches, lists, single GETs and responses to writes; all but watches may be
    late. A late observation must not bring back an object that was deleted meanwhile. An object
    that is not cached is therefore accepted only if it is newer than the watch's watermark: the
    watch has reported every object that existed then, and its deletion.

    Attributes:
        schedule: The cached objects.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._subscribers: list[OnChange] = []
        self._on_advance: Callable[[], None] = lambda: None
        self._watermarks: dict[tuple[str, str], int] = {}
        self._deletions: OrderedDict[str, int] = OrderedDict()

    def subscribe(self, on_change: OnChange) -> None:
        """Call a function with each later change of a cached object."""
        self._subscribers.append(on_change)

    def unsubscribe(self, on_change: OnChange) -> None:
        """No longer call a function."""
        self._subscribers.remove(on_change)

    def notify_of_advances(self, on_advance: Callable[[], None]) -> None:
        """Call a function each time a watermark may have advanced."""
        self._on_advance = on_advance

    def parse(self, kind: Kind, raw: RawObject) -> CachedObject:
        """Parse an object, or return the cached one if it has the same resourceVersion."""
        metadata = raw["metadata"]
        cached = self._cached(kind).get(NamespacedName(metadata["namespace"], metadata["name"]))
        if cached and str(cached.metadata.version) == metadata["resourceVersion"]:
            return cached
        parsed: CachedObject = kind.parse(raw)
        return parsed

    def upsert(self, kind: Kind, raw: RawObject) -> bool:
        """Cache an object unless a newer state is cached; return whether it was."""
        return self._upsert(kind, self.parse(kind, raw))

    def on_deleted(self, kind: Kind, raw: RawObject) -> None:
        """Handle a DELETED event.

        Args:
            kind: The kind of the object.
            raw: Its last state, with the resourceVersion of the deletion.
        """
        deleted: CachedObject = kind.parse(raw)
        self._deletions[deleted.metadata.uid] = deleted.metadata.version
        if len(self._deletions) > MAX_DELETIONS:
            self._deletions.popitem(last=False)
        self._drop(kind, deleted.metadata.key, deleted.metadata.version)

    def drop_if_stale(self, kind: Kind, key: NamespacedName, version: int) -> bool:
        """Drop a cached object after a 404 unless it is newer; return whether it was dropped.

        Args:
            kind: The kind of the object.
            key: Its name.
            version: The resourceVersion that was cached before the request; 0 for none.
        """
        return self._drop(kind, key, version)

    def replace_all(
        self, kind: Kind, objects: Iterable[CachedObject], version: int, namespace: str
    ) -> None:
        """Replace the cached objects of a kind by a list; objects that are newer stay.

        Args:
            kind: The kind of the objects.
            objects: All objects of the list.
            version: The resourceVersion of the list.
            namespace: The namespace that was listed; empty for all.
        """
        listed = set()
        for listed_object in objects:
            listed.add(listed_object.metadata.key)
            self._upsert(kind, listed_object)
        for key in list(self._cached(kind)):
            if key not in listed and namespace in {"", key.namespace}:
                self._drop(kind, key, version)
        self.advance(kind, version, namespace)

    def advance(self, kind: Kind, version: int, namespace: str) -> None:
        """Advance the watermark: every event up to a resourceVersion has been handled.

        Args:
            kind: The kind that is watched.
            version: The resourceVersion of a list, or of an event or bookmark of the watch.
            namespace: The namespace that is watched; empty for all.
        """
        scope = kind.plural, namespace
        self._watermarks[scope] = max(version, self._watermarks.get(scope, 0))
        self._on_advance()

    def watermark(self, kind: Kind, namespace: str) -> int:
        """Return the resourceVersion up to which a namespace has been observed.

        Only watches and lists advance it: the response to a GET or a write shows one object.
        """
        scopes = ((kind.plural, ""), (kind.plural, namespace))
        return max(self._watermarks.get(scope, 0) for scope in scopes)

    def settled_version(self, reservation: Reservation) -> int:
        """Return the resourceVersion at which a reservation was seen settled; 0 if it was not."""
        wanted = reservation.wanted
        kind = BOOKINGS if isinstance(wanted, Booking) else CALENDARS
        observed = self._cached(kind).get(reservation.key)
        return settled_version(reservation, observed, self._deletions.get(wanted.metadata.uid, 0))

    def version_of(self, kind: Kind, key: NamespacedName) -> int:
        """Return the resourceVersion of a cached object; 0 if it is not cached."""
        cached = self._cached(kind).get(key)
        return cached.metadata.version if cached else 0

    def _cached(self, kind: Kind) -> dict[NamespacedName, Booking] | dict[NamespacedName, Calendar]:
        return self.schedule.bookings if kind is BOOKINGS else self.schedule.calendars

    def _upsert(self, kind: Kind, new: CachedObject) -> bool:
        old = self._cached(kind).get(new.metadata.key)
        if old is None and new.metadata.version <= self.watermark(kind, new.metadata.key.namespace):
            return False
        if isinstance(new, Booking):
            is_new = self.schedule.upsert_booking(new)
        else:
            is_new = self.schedule.upsert_calendar(new)
        if is_new:
            self._publish(old, new)
        return is_new

    def _drop(self, kind: Kind, key: NamespacedName, version: int) -> bool:
        drop = self.schedule.drop_booking if kind is BOOKINGS else self.schedule.drop_calendar
        old = drop(key, version)
        if old is not None:
            self._publish(old, None)
        return old is not None

    def _publish(self, old: CachedObject | None, new: CachedObject | None) -> None:
        for on_change in self._subscribers:
            on_change(old=old, new=new)
