"""Answers admission reviews: what a write would do is found and reserved in one go."""

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from double_booked.operator.admission import Ledger, find_clashes, refuse, warn, warn_of_rules
from double_booked.operator.capacity import Clash
from double_booked.operator.cluster import NOT_FOUND, Cluster, ClusterError, path_of
from double_booked.operator.intake import BOOKINGS, CALENDARS, Intake, Kind
from double_booked.operator.objects import (
    Booking,
    Calendar,
    InvalidObject,
    Key,
    RawObject,
    hold_booking,
    hold_calendar,
    read_booking,
    read_calendar,
    read_identity,
)
from double_booked.operator.reservations import Reservation

MAX_CONFIRMED = 50
"""How many bookings in the way are looked at before a refusal; of more than that none is."""

FORBIDDEN = 403
"""The code of a refusal. 409 would read as an optimistic-lock conflict: kubectl diff crashes on
it, kubectl apply retries for seconds, and server-side apply advises --force-conflicts."""

INVALID = 422

_ROUNDS = 3
_SETTLE_SECONDS = 1.0


_Object = TypeVar("_Object")


class Refused(Exception):  # noqa: N818 - it reads as what it says
    """A write is refused; the message says why.

    Attributes:
        code: The HTTP status that the caller gets.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotAdmitting(Exception):  # noqa: N818 - as above
    """This process may not answer reviews now; the message says why."""


class Reviewer:
    """Answers reviews, by what is known and by a look at what is in the way."""

    def __init__(
        self, ledger: Ledger, intake: Intake, cluster: Cluster, may_admit: Callable[[], bool]
    ) -> None:
        self._ledger = ledger
        self._intake = intake
        self._cluster = cluster
        self._may_admit = may_admit

    async def review_booking(
        self, new: RawObject, old: RawObject | None, *, dry_run: bool
    ) -> list[str]:
        """Lets a booking be written, and reserves what it takes; answers warnings.

        Args:
            new: The booking as it would be.
            old: The booking as it is; None for one that is made.
            dry_run: Whether it is not written in the end.

        Raises:
            Refused: It cannot be used, or would put a calendar over its capacity.
            NotAdmitting: Another process may be answering reviews.
        """
        before = hold_booking(old) if old else None
        if _is_deleted(new):
            return []
        wanted = _usable(read_booking, new)
        if before and _takes_no_more(wanted, before):
            return []
        await self._learn_calendars(wanted)
        refused: list[Clash] = []
        for _ in range(_ROUNDS):
            # No await from here to the reservation: of two reviews, one sees what the other took.
            clashes = find_clashes(wanted, before, self._ledger)
            refused = [clash for clash in clashes if clash.rules.rejects]
            if not refused:
                self._reserve(wanted, dry_run=dry_run)
                return [warn(clash) for clash in clashes]
            if not await self._confirm(refused):
                break
        raise Refused(FORBIDDEN, refuse(wanted, refused))

    async def review_calendar(
        self, new: RawObject, old: RawObject | None, *, dry_run: bool
    ) -> list[str]:
        """Lets a calendar be written; answers a warning if more is booked than it would admit.

        Raises:
            Refused: It cannot be used.
            NotAdmitting: Another process may be answering reviews.
        """
        wanted = _usable(read_calendar, new)
        if old and (_is_deleted(new) or hold_calendar(old).rules == wanted.rules):
            return []
        self._reserve(wanted, dry_run=dry_run)
        return warn_of_rules(wanted, self._ledger.index)

    async def settle_reservations(self) -> None:
        """Ends reservations whose write surely came or never will, until it is cancelled."""
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            for reservation in self._ledger.reservations.due():
                try:
                    await self.settle(reservation)
                except ClusterError as error:
                    structlog.get_logger().warning(
                        "cannot settle a reservation", code=error.code, reason=str(error)
                    )
                    break

    def _reserve(self, wanted: Booking | Calendar, *, dry_run: bool) -> None:
        if not self._may_admit():
            raise NotAdmitting("this process does not hold the Lease")
        if not dry_run:
            self._ledger.reservations.add(wanted)

    async def settle(self, reservation: Reservation) -> None:
        """Ends a reservation whose write surely came or never will.

        Raises:
            ClusterError: No look is possible; the reservation stays.
        """
        kind = BOOKINGS if isinstance(reservation.wanted, Booking) else CALENDARS
        await self._look(kind, reservation.identity.key, tries=5)
        # Had the write come, the look would have ended the reservation.
        self._ledger.reservations.expire(reservation)

    async def _learn_calendars(self, wanted: Booking) -> None:
        """Looks for calendars that are not known: they may come in the same apply."""
        for key in wanted.calendar_keys():
            if key not in self._ledger.index.calendars:
                try:
                    await self._look(CALENDARS, key)
                except ClusterError as error:
                    raise NotAdmitting(f"cannot look for calendar {key}: {error}") from error

    async def _confirm(self, clashes: Iterable[Clash]) -> bool:
        """Looks whether what is in the way is there still; answers whether anything changed."""
        keys = {key for clash in clashes for key in clash.others}
        if len(keys) > MAX_CONFIRMED:
            return False
        looks = (self._look(BOOKINGS, key) for key in sorted(keys))
        found = await asyncio.gather(*looks, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException) and not isinstance(each, ClusterError):
                raise each
        return any(each is True for each in found)

    async def _look(self, kind: Kind, key: Key, tries: int = 1) -> bool:
        """Asks the API server for an object; answers whether that is news."""
        held = self._intake.version_of(kind, key)
        try:
            raw = await self._cluster.get(path_of(kind.plural, key), tries=tries)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            return self._intake.forget(kind, key, held)
        return self._intake.put(kind, raw)


def _usable(read: Callable[[RawObject], _Object], raw: RawObject) -> _Object:
    try:
        return read(raw)
    except InvalidObject as error:
        raise Refused(INVALID, f"{read_identity(raw).key.name}: {error}") from error


def _is_deleted(raw: RawObject) -> bool:
    return bool(raw["metadata"].get("deletionTimestamp"))


def _takes_no_more(wanted: Booking, before: Booking) -> bool:
    """Whether a booking takes nothing that it had not."""
    start, end = wanted.occupies(0)
    first, last = before.occupies(0)
    return set(wanted.calendars) <= set(before.calendars) and first <= start and end <= last
