"""The ledger of a namespace: the admitted writes that have not been observed yet.

Every replica of the operator decides by the same ledger. It writes a reservation into the ledger
before it admits a write, by compare-and-swap, so of two decisions at once only one is written.
docs/admission.md describes the protocol; the names of guards in comments are those of its table.
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from double_booked.operator.objects import (
    API_VERSION,
    Booking,
    Calendar,
    NamespacedName,
    ObjectMeta,
    RawObject,
    Rules,
    format_time,
    parse_metadata,
    parse_rules,
    parse_time,
)

LEDGER_NAME = "bookings"
"""The name of the Ledger in each namespace."""

EXPIRY_SECONDS = 60.0
"""Seconds after which a process that has observed a reservation looks whether its write was stored.

The API server ends a request that writes after 34 s (requestTimeoutUpperBound in
k8s.io/apiserver/pkg/endpoints/handlers/rest.go), and etcd's client may take 7 s more. The rest is
a margin, which costs nothing but time in which a write that failed blocks other bookings.
"""

MAX_RESERVATIONS = 256
MAX_BYTES = 128 * 1024
"""Maximum size of the reservations of a ledger as JSON, in bytes: etcd keeps every version of it
until the next compaction."""

_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Reservation:
    """An admitted write.

    Attributes:
        id: Distinguishes it from all others, also from those of earlier reviews of the same write.
        wanted: The object as it will be stored; only what a decision needs.
        old_version: The resourceVersion of the object that is changed; 0 for a CREATE. The API
            server writes only if that is still the newest, else it asks for a new review.
    """

    id: str
    wanted: Booking | Calendar
    old_version: int

    @property
    def key(self) -> NamespacedName:
        """The name of the object."""
        return self.wanted.metadata.key


def reserve(wanted: Booking | Calendar, before: Booking | Calendar | None) -> Reservation:
    """Return a reservation of a write, with a new id.

    Args:
        wanted: The object as it will be stored.
        before: The stored object that the review was asked for; None for a CREATE.
    """
    # Guard new-id-on-renewal: each observer counts from when it first saw the id.
    return Reservation(
        secrets.token_hex(_ID_BYTES), wanted, before.metadata.version if before else 0
    )


class Reservations:
    """The reservations of a namespace, as a decision sees them."""

    def __init__(
        self,
        reservations: Iterable[Reservation] = (),
        seconds_left: Mapping[str, float] | None = None,
    ) -> None:
        """Take some reservations of one namespace.

        Args:
            reservations: The reservations.
            seconds_left: The seconds until each of them expires, by id; EXPIRY_SECONDS by default.
        """
        self._reservations = tuple(reservations)
        self._seconds_left = seconds_left or {}

    def __iter__(self) -> Iterator[Reservation]:
        return iter(self._reservations)

    def __len__(self) -> int:
        return len(self._reservations)

    def plus(self, added: Reservation) -> "Reservations":
        """Return these and another one, which replaces an earlier one of the same write."""
        kept = (one for one in self._reservations if not _writes_same(one, added))
        return Reservations((*kept, added), self._seconds_left)

    def bookings(self) -> Iterator[Booking]:
        """Yield the reserved bookings."""
        for reservation in self._reservations:
            if isinstance(reservation.wanted, Booking):
                yield reservation.wanted

    def wanted_on(self, calendar: NamespacedName) -> Iterator[Booking]:
        """Yield the reserved bookings that are on a calendar."""
        return (wanted for wanted in self.bookings() if wanted.is_on(calendar))

    def has_booking(self, key: NamespacedName) -> bool:
        """Whether a booking of this name is reserved."""
        return any(wanted.key == key for wanted in self.bookings())

    def rules_for(self, calendar: NamespacedName) -> Iterator[Rules]:
        """Yield the rules that reserved writes may give a calendar."""
        for reservation in self._reservations:
            if isinstance(reservation.wanted, Calendar) and reservation.key == calendar:
                yield reservation.wanted.rules

    def seconds_left(self, key: NamespacedName) -> float:
        """Return the seconds until the last reservation of a booking expires; 0 if it has none."""
        return max(
            (
                self._seconds_left.get(reservation.id, EXPIRY_SECONDS)
                for reservation in self._reservations
                if reservation.key == key and isinstance(reservation.wanted, Booking)
            ),
            default=0.0,
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """A Ledger object.

    Attributes:
        metadata: Its metadata; uid and version are empty before it is stored.
        reservations: The reservations.
        bookings_version: The watermark of bookings: a process that decides must have observed
            every booking up to this resourceVersion.
        calendars_version: The watermark of calendars.
        closed: A random id while the ledger is closed, so that nothing may be decided by it; else
            empty.
        opened_as: Its uid when it was last opened; empty if it never was. Another uid means that it
            was restored from a backup.
    """

    metadata: ObjectMeta
    reservations: tuple[Reservation, ...] = ()
    bookings_version: int = 0
    calendars_version: int = 0
    closed: str = ""
    opened_as: str = ""

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.metadata.key.namespace

    @property
    def is_open(self) -> bool:
        """Whether decisions may be made by it: it is the object that was opened."""
        return not self.closed and self.opened_as == self.metadata.uid

    @property
    def was_open(self) -> bool:
        """Whether it was ever open, so that reservations of it may have been lost."""
        return bool(self.opened_as)


def new_ledger(namespace: str) -> Ledger:
    """Return the ledger to create in a namespace; guard new-ledger-closed.

    Reservations may have been lost with an earlier ledger, so nobody decides by a new one yet.
    """
    return Ledger(ObjectMeta(ledger_key(namespace), "", 0, 0), closed=_random_id())


def close(ledger: Ledger) -> Ledger:
    """Return a ledger closed, with an id that no process has observed."""
    return replace(ledger, closed=_random_id(), opened_as=ledger.opened_as or "unreadable")


def open_ledger(ledger: Ledger, bookings_version: int, calendars_version: int) -> Ledger:
    """Return a ledger open, with the watermarks of a list.

    Args:
        ledger: The closed ledger.
        bookings_version: The highest resourceVersion of the listed bookings. That of the list
            itself may be higher, and then no event of a watch may reach it.
        calendars_version: The same of the calendars.
    """
    return replace(
        ledger,
        closed="",
        opened_as=ledger.metadata.uid,
        bookings_version=bookings_version,
        calendars_version=calendars_version,
    )


def ledger_key(namespace: str) -> NamespacedName:
    """Return the name of the ledger of a namespace."""
    return NamespacedName(namespace, LEDGER_NAME)


def settled_version(
    reservation: Reservation, observed: Booking | Calendar | None, deleted: int
) -> int:
    """Return the resourceVersion at which a reservation was seen settled; 0 if it was not.

    A CREATE is settled by an object with its uid: its write was stored (guard uid-settles). An
    UPDATE is settled by an object that is newer than the one that was reviewed: its write was
    stored, or no longer can be (guard later-version-settles).

    Args:
        reservation: The reservation.
        observed: The newest observed object of its name; None without one.
        deleted: The resourceVersion at which a watch reported the deletion of its object; 0 if
            none did.
    """
    versions = [deleted]
    uid = reservation.wanted.metadata.uid
    if observed and (reservation.old_version or observed.metadata.uid == uid):
        versions.append(observed.metadata.version)
    version = max(versions)
    return version if version > reservation.old_version else 0


def prune(ledger: Ledger, settled: Mapping[str, int]) -> Ledger:
    """Return a ledger without settled reservations, and with watermarks that cover them.

    Args:
        ledger: The ledger.
        settled: The resourceVersion at which reservations were seen settled, by id; 0 for those
            whose write never came.
    """
    dropped = [one for one in ledger.reservations if one.id in settled]
    # Guard raise-watermark: who decides without these reservations must have observed their writes.
    return replace(
        ledger,
        reservations=tuple(one for one in ledger.reservations if one.id not in settled),
        bookings_version=max(
            ledger.bookings_version,
            *(settled[one.id] for one in dropped if isinstance(one.wanted, Booking)),
            0,
        ),
        calendars_version=max(
            ledger.calendars_version,
            *(settled[one.id] for one in dropped if isinstance(one.wanted, Calendar)),
            0,
        ),
    )


def size_of(reservation: Reservation) -> int:
    """Return how many bytes a reservation takes in a ledger, as JSON."""
    return len(json.dumps(_reservation_json(reservation)))


def parse_ledger(raw: RawObject) -> Ledger:
    """Parse a Ledger. One that was edited into something invalid counts as not opened."""
    metadata = parse_metadata(raw)
    try:
        return Ledger(
            metadata,
            tuple(_parse_reservation(one, metadata.key) for one in raw.get("reservations") or ()),
            int(raw.get("bookingsVersion") or 0),
            int(raw.get("calendarsVersion") or 0),
            raw.get("closed") or "",
            raw.get("openedAs") or "",
        )
    except (ValueError, KeyError, TypeError):
        return Ledger(metadata)


def ledger_json(ledger: Ledger) -> dict[str, Any]:
    """Return a ledger as the API server stores it."""
    metadata = ledger.metadata
    identity = {"name": metadata.key.name, "namespace": metadata.key.namespace}
    if metadata.uid:
        # Guard cas: the API server answers 409 if the stored ledger is another one.
        identity |= {"uid": metadata.uid, "resourceVersion": str(metadata.version)}
    return {
        "apiVersion": API_VERSION,
        "kind": "Ledger",
        "metadata": identity,
        "closed": ledger.closed,
        "openedAs": ledger.opened_as,
        "bookingsVersion": str(ledger.bookings_version),
        "calendarsVersion": str(ledger.calendars_version),
        "reservations": [_reservation_json(one) for one in ledger.reservations],
    }


def _reservation_json(reservation: Reservation) -> dict[str, Any]:
    wanted = reservation.wanted
    entry = {
        "id": reservation.id,
        "kind": type(wanted).__name__,
        "name": wanted.metadata.key.name,
        "uid": wanted.metadata.uid,
        "oldVersion": str(reservation.old_version or ""),
    }
    if isinstance(wanted, Calendar):
        rules = wanted.rules
        policy = "Reject" if rules.rejects else "Report"
        given = {"capacity": rules.capacity, "policy": policy, "minGap": rules.gap_text}
        return entry | {"rules": given}
    return entry | {
        "start": format_time(wanted.start),
        "end": format_time(wanted.end),
        "calendars": list(wanted.calendars),
        "replaces": list(wanted.replaces),
    }


def _parse_reservation(raw: RawObject, ledger: NamespacedName) -> Reservation:
    """Parse a reservation.

    Raises:
        ValueError: It is invalid.
        KeyError: A field is missing.
        TypeError: A field has another type.
    """
    metadata = ObjectMeta(NamespacedName(ledger.namespace, raw["name"]), raw["uid"], 0, 0)
    old_version = int(raw.get("oldVersion") or 0)
    if raw["kind"] == "Calendar":
        return Reservation(raw["id"], Calendar(metadata, parse_rules(raw["rules"])), old_version)
    booking = Booking(
        metadata,
        "",
        parse_time(raw["start"]),
        parse_time(raw["end"]),
        tuple(raw["calendars"]),
        replaces=tuple(raw.get("replaces") or ()),
    )
    return Reservation(raw["id"], booking, old_version)


def _writes_same(one: Reservation, other: Reservation) -> bool:
    """Whether two reviews were of the same write, because the API server asked twice."""
    return _content(one) == _content(other)


def _content(reservation: Reservation) -> tuple[object, ...]:
    wanted = reservation.wanted
    state = (reservation.key, wanted.metadata.uid, reservation.old_version)
    if isinstance(wanted, Calendar):
        return (*state, wanted.rules)
    return (*state, wanted.start, wanted.end, wanted.calendars, wanted.replaces)


def _random_id() -> str:
    return secrets.token_hex(_ID_BYTES)
