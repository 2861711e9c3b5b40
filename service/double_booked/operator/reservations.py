"""Reservations: admitted writes that have not been observed yet. Their time stays occupied."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from double_booked.operator.objects import Booking, Calendar, NamespacedName, ObjectMeta, Rules

WRITE_SECONDS = 40.0
"""How long an allowed write may still come.

The API server ends a request that writes after 34 s (requestTimeoutUpperBound in
k8s.io/apiserver/pkg/endpoints/handlers/rest.go); the rest is a margin.
"""

MAX_RESERVATIONS = 1000
"""How many writes of one namespace may be under way. A write is observed within milliseconds, so
only writes that are admitted and then fail, by a quota for one, stay for WRITE_SECONDS."""


class TooManyReservationsError(Exception):
    """A namespace has too many writes under way; the message says when to try again."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A write that was admitted.

    Attributes:
        wanted: The object as it will be.
        until: When the API server is asked whether the write came, in seconds of the clock.
        reviewed_version: The resourceVersion of the object that is changed; 0 for a creation. The
            API server writes only if that is still the newest, else it asks for a new review.
    """

    wanted: Booking | Calendar
    until: float
    reviewed_version: int

    @property
    def metadata(self) -> ObjectMeta:
        """The object, with the generation that the write gives it."""
        return self.wanted.metadata


class Reservations:
    """The admitted writes of one process that are under way."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_namespace: dict[str, dict[tuple[type, NamespacedName], list[Reservation]]] = {}

    def __len__(self) -> int:
        return sum(map(self._count, self._by_namespace))

    def _count(self, namespace: str) -> int:
        return sum(map(len, self._by_namespace.get(namespace, {}).values()))

    def add(self, wanted: Booking | Calendar, reviewed_version: int = 0) -> None:
        """Reserve for a write; a repeated review of one write renews its reservation.

        Args:
            wanted: The object as it will be.
            reviewed_version: The resourceVersion of the object that is changed; 0 for a creation.

        Raises:
            TooManyReservationsError: The namespace has MAX_RESERVATIONS.
        """
        self._release(wanted, lambda each: _writes_same(each.wanted, wanted))
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
        """Yield the bookings whose write may put them on a calendar."""
        for wanted in self.bookings(calendar.namespace):
            if wanted.is_on(calendar):
                yield wanted

    def bookings(self, namespace: str) -> Iterator[Booking]:
        """Yield the bookings of a namespace whose write may come."""
        for reservations in self._by_namespace.get(namespace, {}).values():
            for reservation in reservations:
                if isinstance(reservation.wanted, Booking):
                    yield reservation.wanted

    def has_booking(self, key: NamespacedName) -> bool:
        """Whether a write of a booking of this name may come."""
        return (Booking, key) in self._by_namespace.get(key.namespace, {})

    def seconds_left(self, key: NamespacedName) -> float:
        """Return the seconds until it is known of each write of a booking whether it came."""
        reservations = self._by_namespace.get(key.namespace, {}).get((Booking, key), ())
        last = max((reservation.until for reservation in reservations), default=0.0)
        return max(last - self._clock(), 0.0)

    def rules_for(self, calendar: NamespacedName) -> Iterator[Rules]:
        """Yield the rules that a write may give a calendar."""
        held = self._by_namespace.get(calendar.namespace, {})
        for reservation in held.get((Calendar, calendar), ()):
            if isinstance(reservation.wanted, Calendar):
                yield reservation.wanted.rules

    def on_observed(self, seen: Booking | Calendar) -> None:
        """Release the writes that an observed object settles: they came, or never will.

        A creation came if its uid is there. A change came, or can come no more, if anything of
        that name is newer than what it was to change.
        """
        self._release(seen, lambda each: _is_settled(each, seen))

    def on_deleted(self, gone: Booking | Calendar) -> None:
        """Release the writes to an object that is gone, with the version of its deletion."""
        self._release(gone, lambda each: _is_settled(each, gone))

    def expire(self, reservation: Reservation) -> None:
        """Release a reservation whose write did not come."""
        self._release(reservation.wanted, lambda each: each is reservation)

    def expired(self) -> list[Reservation]:
        """Return the reservations whose write must have come by now, if it came."""
        now = self._clock()
        return [
            each
            for slots in self._by_namespace.values()
            for several in slots.values()
            for each in several
            if each.until <= now
        ]

    def _release(self, of: Booking | Calendar, ends: Callable[[Reservation], bool]) -> None:
        namespace = of.metadata.key.namespace
        slots = self._by_namespace.pop(namespace, {})
        held = slots.pop(_slot(of), [])
        if left := [each for each in held if not ends(each)]:
            slots[_slot(of)] = left
        if slots:
            self._by_namespace[namespace] = slots


def _is_settled(reservation: Reservation, seen: Booking | Calendar) -> bool:
    if reservation.reviewed_version:
        return seen.metadata.version > reservation.reviewed_version
    return seen.metadata.uid == reservation.metadata.uid


def _slot(of: Booking | Calendar) -> tuple[type, NamespacedName]:
    return type(of), of.metadata.key


def _writes_same(one: Booking | Calendar, other: Booking | Calendar) -> bool:
    """Whether two reviews are of one write: the same state and the same content."""
    return _content(one) == _content(other)


def _content(wanted: Booking | Calendar) -> tuple[object, ...]:
    state = (wanted.metadata.uid, wanted.metadata.generation)
    if isinstance(wanted, Calendar):
        return (*state, wanted.rules)
    return (*state, wanted.start, wanted.end, wanted.calendars, wanted.replaces)
