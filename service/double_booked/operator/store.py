"""Observations of objects, from watches, lists, single looks and responses to writes."""

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
    """Called with each change of a cached object."""

    def __call__(self, old: CachedObject | None, new: CachedObject | None) -> None:
        """Handle a change from `old` to `new`; None means absent."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects.

    Attributes:
        plural: Its name in paths.
        parse: Parses an object into the form that is cached.
    """

    plural: str
    parse: Callable[[RawObject], CachedObject]


CALENDARS = Kind("calendars", parse_calendar_lenient)
BOOKINGS = Kind("bookings", parse_booking_lenient)


class Store:
    """Applies observations of objects to the schedule, in any order, and reports what changed.

    Watches, lists, single looks and responses to writes all arrive here, and any but a watch may
    be late. A late observation of an object that was deleted meanwhile must not bring it back, so
    one of an object that is not cached counts only if it is newer than what the watch has passed:
    the watch would have reported an object that existed then, and its deletion.
    """

    def __init__(self, schedule: Schedule, reservations: Reservations) -> None:
        self._schedule = schedule
        self._reservations = reservations
        self._subscribers: list[OnChange] = []
        self._watermarks: dict[tuple[str, str], int] = {}

    def subscribe(self, on_change: OnChange) -> None:
        """Have a function called with each later change of a cached object."""
        self._subscribers.append(on_change)

    def parse(self, kind: Kind, raw: RawObject) -> CachedObject:
        """Parse an object; return the cached one if its resourceVersion is the same."""
        metadata = raw["metadata"]
        cached = self._cached(kind).get(NamespacedName(metadata["namespace"], metadata["name"]))
        if cached and str(cached.metadata.version) == metadata["resourceVersion"]:
            return cached
        return kind.parse(raw)

    def upsert(self, kind: Kind, raw: RawObject) -> bool:
        """Apply an object as it was at its resourceVersion; return whether that is news."""
        return self._upsert(kind, self.parse(kind, raw))

    def on_deleted(self, kind: Kind, raw: RawObject) -> None:
        """Apply a deletion.

        Args:
            kind: The kind of the object.
            raw: Its last state, with the resourceVersion of the deletion.
        """
        gone = kind.parse(raw)
        self._reservations.on_deleted(gone)
        self._drop(kind, gone.metadata.key, gone.metadata.version)

    def drop_if_stale(self, kind: Kind, key: NamespacedName, version: int) -> bool:
        """Drop a cached object that a look did not find, unless it is newer than a version."""
        return self._drop(kind, key, version)

    def replace_all(
        self, kind: Kind, objects: Iterable[CachedObject], version: int, namespace: str
    ) -> None:
        """Apply a whole list.

        Args:
            kind: The kind of the objects.
            objects: Every object of the list.
            version: The resourceVersion of the list.
            namespace: The namespace that was listed; empty for all.
        """
        listed = set()
        for item in objects:
            listed.add(item.metadata.key)
            self._upsert(kind, item)
        for key in list(self._cached(kind)):
            if key not in listed and namespace in {"", key.namespace}:
                self._drop(kind, key, version)
        self.advance(kind, version, namespace)

    def advance(self, kind: Kind, version: int, namespace: str) -> None:
        """Record that every event of a kind up to a resourceVersion has been applied.

        Args:
            kind: The kind that is watched.
            version: The resourceVersion of a list, or of an event or bookmark of the watch.
            namespace: The namespace that is watched; empty for all.
        """
        scope = kind.plural, namespace
        self._watermarks[scope] = max(version, self._watermarks.get(scope, 0))

    def version_of(self, kind: Kind, key: NamespacedName) -> int:
        """Return the resourceVersion of a cached object; 0 if there is none."""
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
            is_news = self._schedule.upsert_booking(new)
        else:
            is_news = self._schedule.upsert_calendar(new)
        if is_news:
            self._publish(old, new)
        return is_news

    def _watermark(self, kind: Kind, key: NamespacedName) -> int:
        """Return the resourceVersion that the watch over an object's namespace has passed."""
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
