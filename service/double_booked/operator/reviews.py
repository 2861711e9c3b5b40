"""Answers admission reviews: a write is checked and its time reserved in one step."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog

from double_booked.operator.admission import (
    CapacityView,
    capacity_warnings,
    find_overlaps,
    links_message,
    loses_links,
    missing_calendar_warnings,
    past_warnings,
    rejection_message,
    warning_message,
)
from double_booked.operator.capacity import Overlap, name_some
from double_booked.operator.cluster import (
    FORBIDDEN,
    NOT_FOUND,
    Cluster,
    ClusterError,
    path_of,
    url_path,
)
from double_booked.operator.free_times import next_free_time
from double_booked.operator.objects import (
    GROUP,
    Booking,
    Calendar,
    InvalidObjectError,
    NamespacedName,
    RawObject,
    parse_booking,
    parse_booking_lenient,
    parse_calendar,
    parse_calendar_lenient,
    parse_metadata,
)
from double_booked.operator.reservations import Reservation, TooManyReservationsError
from double_booked.operator.store import BOOKINGS, CALENDARS, Kind, Store

MAX_RECHECKED = 50
"""How many bookings in the way are looked at before a refusal; of more than that none is."""

INVALID = 422

_ROUNDS = 3
_SETTLE_SECONDS = 1.0


_Object = TypeVar("_Object")


class RejectionError(Exception):
    """A write is refused; the message says why.

    Attributes:
        code: The HTTP status that the caller gets.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotAdmittingError(Exception):
    """This process may not answer reviews now; the message says why."""


class Reviewer:
    """Answers reviews from the cache, after a look at what is in the way."""

    def __init__(
        self, view: CapacityView, store: Store, cluster: Cluster, may_admit: Callable[[], bool]
    ) -> None:
        self._view = view
        self._store = store
        self._cluster = cluster
        self._may_admit = may_admit

    async def review_booking(
        self, new: RawObject, old: RawObject | None, user: RawObject, *, dry_run: bool
    ) -> list[str]:
        """Admit a booking, and reserve the time that it adds; return warnings.

        Args:
            new: The booking as it would be.
            old: The booking as it is; None for one that is created.
            user: Who writes it, as the review's userInfo.
            dry_run: Whether it is not written in the end.

        Raises:
            RejectionError: It cannot be used, would put a calendar over its capacity, or replaces a
                booking that the user may not delete.
            NotAdmittingError: Another process may be answering reviews.
        """
        before = parse_booking_lenient(old) if old else None
        if _is_deleted(new):
            return []
        wanted = _usable(parse_booking, new)
        await self._check_replaced(wanted, before, user)
        if before and self._takes_no_more(wanted, before):
            return []
        await self._fetch_missing_calendars(wanted)
        warnings = await self._admit(wanted, before, dry_run=dry_run)
        if before is None:
            warnings += past_warnings(wanted, time.time_ns())
        return warnings + missing_calendar_warnings(wanted, self._view)

    async def review_calendar(
        self,
        new: RawObject,
        old: RawObject | None,
        user: RawObject,  # noqa: ARG002 - as in review_booking
        *,
        dry_run: bool,
    ) -> list[str]:
        """Admit a calendar; return a warning if more is booked than it would admit.

        Raises:
            RejectionError: It cannot be used.
            NotAdmittingError: Another process may be answering reviews.
        """
        wanted = _usable(parse_calendar, new)
        before = parse_calendar_lenient(old) if old else None
        if before and (_is_deleted(new) or before.rules == wanted.rules):
            return []
        self._reserve(wanted, before, dry_run=dry_run)
        return capacity_warnings(wanted, self._view.schedule)

    async def expire_reservations(self) -> None:
        """Release reservations whose write surely came or never will, until it is cancelled."""
        while True:
            await asyncio.sleep(_SETTLE_SECONDS)
            for reservation in self._view.reservations.expired():
                try:
                    await self.expire(reservation)
                except ClusterError as error:
                    structlog.get_logger().warning(
                        "cannot settle a reservation", code=error.code, reason=str(error)
                    )
                    break

    async def expire(self, reservation: Reservation) -> None:
        """Release a reservation whose write surely came or never will.

        Raises:
            ClusterError: No look is possible; the reservation stays.
        """
        kind = BOOKINGS if isinstance(reservation.wanted, Booking) else CALENDARS
        await self._refresh(kind, reservation.metadata.key, tries=5)
        # Had the write come, the look would have released the reservation.
        self._view.reservations.expire(reservation)

    async def _admit(self, wanted: Booking, before: Booking | None, *, dry_run: bool) -> list[str]:
        """Reserve the time of a booking if it fits, after a look at what is in the way.

        Raises:
            RejectionError: It does not fit.
        """
        overlaps = find_overlaps(wanted, before, self._view)
        for _ in range(_ROUNDS):
            in_the_way = _rejecting(overlaps)
            if not in_the_way:
                break
            is_changed = await self._recheck_conflicts(in_the_way)
            overlaps = find_overlaps(wanted, before, self._view)
            if not is_changed:
                break
        # No await since the overlaps were found: of two reviews, one sees what the other took.
        if refused := _rejecting(overlaps):
            free = next_free_time(wanted, self._view, time.time_ns())
            # Not 409, an optimistic-lock conflict to clients: kubectl diff crashes on it, kubectl
            # apply retries for seconds, and server-side apply advises --force-conflicts.
            raise RejectionError(FORBIDDEN, rejection_message(wanted, refused, free))
        self._reserve(wanted, before, dry_run=dry_run)
        return [warning_message(overlap) for overlap in overlaps]

    def _reserve(
        self, wanted: Booking | Calendar, before: Booking | Calendar | None, *, dry_run: bool
    ) -> None:
        if not self._may_admit():
            raise NotAdmittingError("this process does not hold the Lease")
        if dry_run:
            return
        try:
            self._view.reservations.add(wanted, before.metadata.version if before else 0)
        except TooManyReservationsError as error:
            raise RejectionError(FORBIDDEN, f"{wanted.metadata.key.name}: {error}") from error

    def _takes_no_more(self, wanted: Booking, before: Booking) -> bool:
        """Whether a booking takes nothing that it had not, and still counts once with others."""
        start, end = wanted.occupies(0)
        first, last = before.occupies(0)
        return (
            set(wanted.calendars) <= set(before.calendars)
            and first <= start
            and end <= last
            and not loses_links(wanted, before, self._view)
        )

    async def _check_replaced(
        self, wanted: Booking, before: Booking | None, user: RawObject
    ) -> None:
        """Check that a user may replace the bookings that a write adds to `replaces`.

        A booking gives way to one that replaces it, as if it were deleted, so the right to
        delete it is what the user needs. Names of bookings that do not exist are allowed.
        """
        named_before = before.replaces if before else ()
        added = [
            key
            for key in wanted.replaced_keys()
            if key.name not in named_before and key != wanted.key
        ]
        if not added:
            return
        try:
            await asyncio.gather(*map(self._fetch_missing_booking, added))
            existing = [key for key in added if self._view.exists(key)]
            allowed = await asyncio.gather(*(self._may_delete(key, user) for key in existing))
        except ClusterError as error:
            raise NotAdmittingError(f"cannot check who may be replaced: {error}") from error
        denied = [key.name for key, may in zip(existing, allowed, strict=True) if not may]
        if denied:
            raise RejectionError(
                FORBIDDEN,
                f"{wanted.key.name}: spec.replaces names {name_some(denied, len(denied))}, and"
                f" {user.get('username', 'this user')} may not delete that in namespace"
                f" {wanted.key.namespace}: ask for the right to delete it, or leave the name out.",
            )
        if message := links_message(wanted, self._view):
            raise RejectionError(FORBIDDEN, message)

    async def _may_delete(self, key: NamespacedName, user: RawObject) -> bool:
        """Ask the API server whether a user may delete a booking."""
        group = ("apis", "authorization.k8s.io", "v1")
        path = url_path(*group, "namespaces", key.namespace, "localsubjectaccessreviews")
        answer = await self._cluster.create(path, _deletion_review(key, user))
        return bool(answer.get("status", {}).get("allowed"))

    async def _fetch_missing_booking(self, key: NamespacedName) -> None:
        """Look for a booking that is not cached: it may come in the same apply."""
        if not self._view.exists(key):
            await self._refresh(BOOKINGS, key)

    async def _fetch_missing_calendars(self, wanted: Booking) -> None:
        """Look for calendars that are not cached: they may come in the same apply."""
        for key in wanted.calendar_keys():
            if key not in self._view.schedule.calendars:
                try:
                    await self._refresh(CALENDARS, key)
                except ClusterError as error:
                    raise NotAdmittingError(f"cannot look for calendar {key}: {error}") from error

    async def _recheck_conflicts(self, overlaps: Iterable[Overlap]) -> bool:
        """Look whether what is in the way is there still; return whether anything changed."""
        keys = {key for overlap in overlaps for key in overlap.others}
        if len(keys) > MAX_RECHECKED:
            return False
        versions = {key: self._store.version_of(BOOKINGS, key) for key in keys}
        looks = (self._refresh(BOOKINGS, key) for key in sorted(keys))
        for failure in await asyncio.gather(*looks, return_exceptions=True):
            if failure is not None and not isinstance(failure, ClusterError):
                raise failure
        # The watch may have brought the change while the look was under way.
        return versions != {key: self._store.version_of(BOOKINGS, key) for key in keys}

    async def _refresh(self, kind: Kind, key: NamespacedName, tries: int = 1) -> None:
        """Get an object from the API server, and cache it as it is."""
        cached = self._store.version_of(kind, key)
        try:
            raw = await self._cluster.get(path_of(kind.plural, key), tries=tries)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            self._store.drop_if_stale(kind, key, cached)
        else:
            self._store.upsert(kind, raw)


def _deletion_review(key: NamespacedName, user: RawObject) -> dict[str, Any]:
    """Return the question whether a user may delete a booking."""
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": key.namespace},
        "spec": {
            "user": user.get("username", ""),
            "uid": user.get("uid", ""),
            "groups": list(user.get("groups") or ()),
            "extra": {name: list(values) for name, values in (user.get("extra") or {}).items()},
            "resourceAttributes": {
                "group": GROUP,
                "resource": BOOKINGS.plural,
                "verb": "delete",
                "namespace": key.namespace,
                "name": key.name,
            },
        },
    }


def _rejecting(overlaps: Iterable[Overlap]) -> list[Overlap]:
    """Return the overlaps on calendars that reject."""
    return [overlap for overlap in overlaps if overlap.rules.rejects]


def _usable(read: Callable[[RawObject], _Object], raw: RawObject) -> _Object:
    try:
        return read(raw)
    except InvalidObjectError as error:
        raise RejectionError(INVALID, f"{parse_metadata(raw).key.name}: {error}") from error


def _is_deleted(raw: RawObject) -> bool:
    return bool(raw["metadata"].get("deletionTimestamp"))
