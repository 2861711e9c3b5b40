"""The cache of Calendars and Bookings, which accepts observations in any order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from double_booked.operator.objects import (
    Booking,
    Calendar,
    NamespacedName,
    RawObject,
    parse_booking_lenient,
    parse_calendar_lenient,
)
from double_booked.operator.reservations import Reservations
from double_booked.operator.schedule import Schedule

CachedObject: TypeAlias = Booking | Calendar


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
    parse: Callable[[RawObject], CachedObject]


CALENDARS = Kind("calendars", parse_calendar_lenient)
BOOKINGS = Kind("bookings", parse_booking_lenient)


class Store:
    """Caches observed objects, in whatever order they arrive, and reports what changed.

    Objects arrive from watches, lists, single GETs and responses to writes; all but watches may be
    late. A late observation must not bring back an object that was deleted meanwhile. An object
    that is not cached is therefore accepted only if it is newer than the watch's watermark: the
    watch has reported every object that existed then, and its deletion.
    """

    def __init__(self, schedule: Schedule, reservations: Reservations) -> None:
        self._schedule = schedule
        self._reservations = reservations
        self._subscribers: list[OnChange] = []
        self._watermarks: dict[tuple[str, str], int] = {}

    def subscribe(self, on_change: OnChange) -> None:
        """Call a function with each later change of a cached object."""
        self._subscribers.append(on_change)

    def parse(self, kind: Kind, raw: RawObject) -> CachedObject:
        """Parse an object, or return the cached one if it has the same resourceVersion."""
        metadata = raw["metadata"]
        cached = self._cached(kind).get(NamespacedName(metadata["namespace"], metadata["name"]))
        if cached and str(cached.metadata.version) == metadata["resourceVersion"]:
            return cached
        return kind.parse(raw)

    def upsert(self, kind: Kind, raw: RawObject) -> bool:
        """Cache an object unless a newer state is cached; return whether it was."""
        return self._upsert(kind, self.parse(kind, raw))

    def on_deleted(self, kind: Kind, raw: RawObject) -> None:
        """Handle a DELETED event.

        Args:
            kind: The kind of the object.
            raw: Its last state, with the resourceVersion of the deletion.
        """
        deleted = kind.parse(raw)
        self._reservations.on_deleted(deleted)
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

    def version_of(self, kind: Kind, key: NamespacedName) -> int:
        """Return the resourceVersion of a cached object; 0 if it is not cached."""
        cached = self._cached(kind).get(key)
        return cached.metadata.version if cached else 0

    def _cached(self, kind: Kind) -> dict[NamespacedName, Booking] | dict[NamespacedName, Calendar]:
        return self._schedule.bookings if kind is BOOKINGS else self._schedule.calendars

    def _upsert(self, kind: Kind, new: CachedObject) -> bool:
        self._reservations.on_observed(new)
        old = self._cached(kind).get(new.metadata.key)
        if old is None and new.metadata.version <= self._watermark(kind, new.metadata.key):
            return False
        if isinstance(new, Booking):
            is_new = self._schedule.upsert_booking(new)
        else:
            is_new = self._schedule.upsert_calendar(new)
        if is_new:
            self._publish(old, new)
        return is_new

    def _watermark(self, kind: Kind, key: NamespacedName) -> int:
        """Return the resourceVersion up to which an object's namespace has been observed."""
        scopes = ((kind.plural, ""), (kind.plural, key.namespace))
        return max(self._watermarks.get(scope, 0) for scope in scopes)

    def _drop(self, kind: Kind, key: NamespacedName, version: int) -> bool:
        drop = self._schedule.drop_booking if kind is BOOKINGS else self._schedule.drop_calendar
        old = drop(key, version)
        if old is not None:
            self._publish(old, None)
        return old is not None

    def _publish(self, old: CachedObject | None, new: CachedObject | None) -> None:
        for on_change in self._subscribers:
            on_change(old=old, new=new)
