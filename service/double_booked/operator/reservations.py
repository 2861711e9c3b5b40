"""Reservations: admitted writes that have not been observed yet, and occupy their time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from double_booked.operator.objects import Booking, Calendar, NamespacedName, ObjectMeta, Rules

WRITE_SECONDS = 40.0
"""Seconds after its review in which an admitted write may still arrive.

The API server ends a request that writes after 34 s (requestTimeoutUpperBound in
k8s.io/apiserver/pkg/endpoints/handlers/rest.go); the rest is a margin.
"""

MAX_RESERVATIONS = 1000
"""Maximum number of reservations of one namespace.

A write is observed within milliseconds; only one that is admitted and then fails, for example by a
quota, stays reserved for WRITE_SECONDS.
"""


class TooManyReservationsError(Exception):
    """A namespace has MAX_RESERVATIONS; the message says when to try again."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """An admitted write.

    Attributes:
        wanted: The object as it will be stored.
        until: Seconds of the clock at which the operator asks the API server whether the write
            was stored.
        reviewed_version: The resourceVersion of the object that is changed; 0 for a CREATE. The API
            server writes only if that is still the newest, else it asks for a new review.
    """

    wanted: Booking | Calendar
    until: float
    reviewed_version: int

    @property
    def metadata(self) -> ObjectMeta:
        """The metadata of the object, with the generation that the write gives it."""
        return self.wanted.metadata


class Reservations:
    """The reservations of one operator process, by namespace and object."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_namespace: dict[str, dict[tuple[type, NamespacedName], list[Reservation]]] = {}

    def __len__(self) -> int:
        return sum(map(self._count, self._by_namespace))

    def _count(self, namespace: str) -> int:
        return sum(map(len, self._by_namespace.get(namespace, {}).values()))

    def add(self, wanted: Booking | Calendar, reviewed_version: int = 0) -> None:
        """Add a reservation; a repeated review of the same write renews it.

        Args:
            wanted: The object as it will be stored.
            reviewed_version: The resourceVersion of the object that is changed; 0 for a CREATE.

        Raises:
            TooManyReservationsError: The namespace has MAX_RESERVATIONS.
        """
        self._release(wanted, lambda reservation: _writes_same(reservation.wanted, wanted))
        namespace = wanted.metadata.key.namespace
        if self._count(namespace) >= MAX_RESERVATIONS:
            raise TooManyReservationsError(
                f"{MAX_RESERVATIONS} writes of namespace {namespace} are under way, and no more"
                f" are admitted until some are stored; try again in {WRITE_SECONDS:.0f} seconds."
            )
        reservation = Reservation(wanted, self._clock() + WRITE_SECONDS, reviewed_version)
        self._by_namespace.setdefault(namespace, {}).setdefault(_slot(wanted), []).append(
            reservation
        )

    def wanted_on(self, calendar: NamespacedName) -> Iterator[Booking]:
        """Yield the reserved bookings that are on a calendar."""
        for wanted in self.bookings(calendar.namespace):
            if wanted.is_on(calendar):
                yield wanted

    def bookings(self, namespace: str) -> Iterator[Booking]:
        """Yield the reserved bookings of a namespace."""
        for reservations in self._by_namespace.get(namespace, {}).values():
            for reservation in reservations:
                if isinstance(reservation.wanted, Booking):
                    yield reservation.wanted

    def has_booking(self, key: NamespacedName) -> bool:
        """Whether a booking of this name is reserved."""
        return (Booking, key) in self._by_namespace.get(key.namespace, {})

    def seconds_left(self, key: NamespacedName) -> float:
        """Return the seconds until the last reservation of a booking expires; 0 if it has none."""
        reservations = self._by_namespace.get(key.namespace, {}).get((Booking, key), ())
        last = max((reservation.until for reservation in reservations), default=0.0)
        return max(last - self._clock(), 0.0)

    def rules_for(self, calendar: NamespacedName) -> Iterator[Rules]:
        """Yield the rules that reserved writes may give a calendar."""
        slots = self._by_namespace.get(calendar.namespace, {})
        for reservation in slots.get((Calendar, calendar), ()):
            if isinstance(reservation.wanted, Calendar):
                yield reservation.wanted.rules

    def on_observed(self, observed: Booking | Calendar) -> None:
        """Release the reservations that an observed object fulfils or supersedes.

        A CREATE was stored if the object has its uid. An UPDATE was stored, or no longer can be,
        if the object is newer than the one that was reviewed.
        """
        self._release(observed, lambda reservation: _is_settled(reservation, observed))

    def on_deleted(self, deleted: Booking | Calendar) -> None:
        """Release the reservations of a deleted object; it has the version of its deletion."""
        self._release(deleted, lambda reservation: _is_settled(reservation, deleted))

    def expire(self, reservation: Reservation) -> None:
        """Release a reservation whose write was not stored in time."""
        self._release(reservation.wanted, lambda other: other is reservation)

    def expired(self) -> list[Reservation]:
        """Return the reservations whose write would have been stored by now."""
        now = self._clock()
        return [
            reservation
            for slots in self._by_namespace.values()
            for reservations in slots.values()
            for reservation in reservations
            if reservation.until <= now
        ]

    def _release(self, target: Booking | Calendar, is_over: Callable[[Reservation], bool]) -> None:
        namespace = target.metadata.key.namespace
        slots = self._by_namespace.pop(namespace, {})
        reservations = slots.pop(_slot(target), [])
        if kept := [reservation for reservation in reservations if not is_over(reservation)]:
            slots[_slot(target)] = kept
        if slots:
            self._by_namespace[namespace] = slots


def _is_settled(reservation: Reservation, observed: Booking | Calendar) -> bool:
    if reservation.reviewed_version:
        return observed.metadata.version > reservation.reviewed_version
    return observed.metadata.uid == reservation.metadata.uid


def _slot(target: Booking | Calendar) -> tuple[type, NamespacedName]:
    return type(target), target.metadata.key


def _writes_same(one: Booking | Calendar, other: Booking | Calendar) -> bool:
    """Whether two reviews are of the same write: they have one uid, generation and spec."""
    return _content(one) == _content(other)


def _content(wanted: Booking | Calendar) -> tuple[object, ...]:
    state = (wanted.metadata.uid, wanted.metadata.generation)
    if isinstance(wanted, Calendar):
        return (*state, wanted.rules)
    return (*state, wanted.start, wanted.end, wanted.calendars, wanted.replaces)
