"""Observations of objects, from watches, lists, single looks and responses to writes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from double_booked.operator.objects import (
    Booking,
    Calendar,
    Key,
    RawObject,
    hold_booking,
    hold_calendar,
)
from double_booked.operator.reservations import Reservations
from double_booked.operator.schedule import Index

Held: TypeAlias = Booking | Calendar


class OnChange(Protocol):
    """Called with each change of a cached object."""

    def __call__(self, old: Held | None, new: Held | None) -> None:
        """Handle a change from `old` to `new`; None means absent."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects.

    Attributes:
        plural: Its name in paths.
        hold: Parses an object into the form that is cached.
    """

    plural: str
    hold: Callable[[RawObject], Held]


CALENDARS = Kind("calendars", hold_calendar)
BOOKINGS = Kind("bookings", hold_booking)


class Intake:
    """Applies observations of objects to the index, in any order, and reports what changed.

    Watches, lists, single looks and responses to writes all arrive here, and any but a watch may
    be late. A late observation of an object that was deleted meanwhile must not bring it back, so
    one of an object that is not cached counts only if it is newer than what the watch has passed:
    the watch would have reported an object that existed then, and its deletion.
    """

    def __init__(self, index: Index, reservations: Reservations, on_change: OnChange) -> None:
        self._index = index
        self._reservations = reservations
        self._on_change = on_change
        self._passed: dict[tuple[str, str], int] = {}

    def hold(self, kind: Kind, raw: RawObject) -> Held:
        """Parse an object; return the cached one if its resourceVersion is the same."""
        metadata = raw["metadata"]
        held = self._held(kind).get(Key(metadata["namespace"], metadata["name"]))
        if held and str(held.identity.version) == metadata["resourceVersion"]:
            return held
        return kind.hold(raw)

    def put(self, kind: Kind, raw: RawObject) -> bool:
        """Apply an object as it was at its resourceVersion; return whether that is news."""
        return self._put(kind, self.hold(kind, raw))

    def gone(self, kind: Kind, raw: RawObject) -> None:
        """Apply a deletion.

        Args:
            kind: The kind of the object.
            raw: Its last state, with the resourceVersion of the deletion.
        """
        gone = kind.hold(raw)
        self._reservations.see_deleted(gone)
        self._drop(kind, gone.identity.key, gone.identity.version)

    def forget(self, kind: Kind, key: Key, version: int) -> bool:
        """Drop a cached object that a look did not find, unless it is newer than a version."""
        return self._drop(kind, key, version)

    def replace(self, kind: Kind, objects: Iterable[Held], version: int, namespace: str) -> None:
        """Apply a whole list.

        Args:
            kind: The kind of the objects.
            objects: Every object of the list.
            version: The resourceVersion of the list.
            namespace: The namespace that was listed; empty for all.
        """
        listed = set()
        for item in objects:
            listed.add(item.identity.key)
            self._put(kind, item)
        for key in list(self._held(kind)):
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
        self._passed[scope] = max(version, self._passed.get(scope, 0))

    def version_of(self, kind: Kind, key: Key) -> int:
        """Return the resourceVersion of a cached object; 0 if there is none."""
        held = self._held(kind).get(key)
        return held.identity.version if held else 0

    def _held(self, kind: Kind) -> dict[Key, Booking] | dict[Key, Calendar]:
        return self._index.bookings if kind is BOOKINGS else self._index.calendars

    def _put(self, kind: Kind, new: Held) -> bool:
        self._reservations.see(new)
        old = self._held(kind).get(new.identity.key)
        if old is None and new.identity.version <= self._passed_by_watch(kind, new.identity.key):
            return False
        if isinstance(new, Booking):
            is_news = self._index.put_booking(new)
        else:
            is_news = self._index.put_calendar(new)
        if is_news:
            self._on_change(old=old, new=new)
        return is_news

    def _passed_by_watch(self, kind: Kind, key: Key) -> int:
        """Return the resourceVersion that the watch over an object's namespace has passed."""
        scopes = ((kind.plural, ""), (kind.plural, key.namespace))
        return max(self._passed.get(scope, 0) for scope in scopes)

    def _drop(self, kind: Kind, key: Key, version: int) -> bool:
        drop = self._index.drop_booking if kind is BOOKINGS else self._index.drop_calendar
        old = drop(key, version)
        if old is not None:
            self._on_change(old=old, new=None)
        return old is not None
