"""News of objects, wherever it comes from: watches, lists, and single looks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from double_booked.operator.index import Index
from double_booked.operator.objects import (
    Booking,
    Calendar,
    Key,
    RawObject,
    hold_booking,
    hold_calendar,
)
from double_booked.operator.reservations import Reservations

Held: TypeAlias = Booking | Calendar


class OnChange(Protocol):
    """What is told of each change of what is known."""

    def __call__(self, old: Held | None, new: Held | None) -> None:
        """Hears what an object was, and is; None is not there."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects.

    Attributes:
        plural: Its name in paths.
        hold: Makes of an object what the operator holds of it.
    """

    plural: str
    hold: Callable[[RawObject], Held]


CALENDARS = Kind("calendars", hold_calendar)
BOOKINGS = Kind("bookings", hold_booking)


class Intake:
    """Takes news in, in any order, and tells what changes by it."""

    def __init__(self, index: Index, reservations: Reservations, on_change: OnChange) -> None:
        self._index = index
        self._reservations = reservations
        self._on_change = on_change

    def hold(self, kind: Kind, raw: RawObject) -> Held:
        """What is to be held of an object; the same as before if it has not changed."""
        metadata = raw["metadata"]
        held = self._held(kind).get(Key(metadata["namespace"], metadata["name"]))
        if held and str(held.identity.version) == metadata["resourceVersion"]:
            return held
        return kind.hold(raw)

    def put(self, kind: Kind, raw: RawObject) -> bool:
        """Takes an object as it was at its resourceVersion; answers whether that is news."""
        return self._put(kind.hold(raw))

    def gone(self, kind: Kind, raw: RawObject) -> None:
        """Takes that an object is gone, as it was last; the resourceVersion is that of its end."""
        gone = kind.hold(raw)
        self._reservations.see_deleted(gone)
        self._drop(kind, gone.identity.key, gone.identity.version)

    def forget(self, kind: Kind, key: Key, version: int) -> bool:
        """Takes that none of a name is there, if what is held is no newer than a version."""
        return self._drop(kind, key, version)

    def replace(self, kind: Kind, objects: Iterable[Held], version: int, namespace: str) -> None:
        """Takes a whole list.

        Args:
            kind: Of what.
            objects: All that there were.
            version: The resourceVersion of the list.
            namespace: Of which namespace; empty for all.
        """
        there = set()
        for each in objects:
            there.add(each.identity.key)
            self._put(each)
        for key in list(self._held(kind)):
            if key not in there and namespace in {"", key.namespace}:
                self._drop(kind, key, version)

    def version_of(self, kind: Kind, key: Key) -> int:
        """The resourceVersion of what is held; 0 for nothing."""
        held = self._held(kind).get(key)
        return held.identity.version if held else 0

    def _held(self, kind: Kind) -> dict[Key, Booking] | dict[Key, Calendar]:
        return self._index.bookings if kind is BOOKINGS else self._index.calendars

    def _put(self, new: Held) -> bool:
        self._reservations.see(new)
        if isinstance(new, Booking):
            old: Held | None = self._index.bookings.get(new.key)
            is_news = self._index.put_booking(new)
        else:
            old = self._index.calendars.get(new.identity.key)
            is_news = self._index.put_calendar(new)
        if is_news:
            self._on_change(old=old, new=new)
        return is_news

    def _drop(self, kind: Kind, key: Key, version: int) -> bool:
        drop = self._index.drop_booking if kind is BOOKINGS else self._index.drop_calendar
        old = drop(key, version)
        if old is not None:
            self._on_change(old=old, new=None)
        return old is not None
