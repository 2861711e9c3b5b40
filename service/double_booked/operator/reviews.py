"""Answers admission reviews: checks a write and reserves its time in one step."""

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
from double_booked.operator.capacity import CalendarOverlap, name_some
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
"""Up to how many conflicting bookings are read again; if there are more, the cache is trusted."""

INVALID = 422

_MAX_RECHECKS = 3
_EXPIRY_CHECK_SECONDS = 1.0


_Object = TypeVar("_Object")


class RejectionError(Exception):
    """A write is rejected; the message says why.

    Attributes:
        code: The HTTP status that the client receives.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotAdmittingError(Exception):
    """This process may not answer reviews now; the message says why."""


class Reviewer:
    """Answers reviews from the cache, and reads conflicting bookings again before a rejection."""

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
        """Admit a booking and reserve the time that it adds; return warnings.

        Args:
            new: The booking as it would be stored.
            old: The stored booking; None for a CREATE.
            user: The userInfo of the review.
            dry_run: Whether the write will not be stored.

        Raises:
            RejectionError: Its spec is invalid, it would put a calendar over its capacity, it
                replaces a booking that the user may not delete or too many bookings, or too many
                admitted writes are pending in its namespace.
            NotAdmittingError: Another process may be answering reviews, or the API server cannot
                be read.
        """
        before = parse_booking_lenient(old) if old else None
        if _is_deleted(new):
            return []
        wanted = _parse_or_reject(parse_booking, new)
        await self._check_replaced(wanted, before, user)
        if before and self._adds_nothing(wanted, before):
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
        """Admit a calendar; return a warning if more is booked on it than its new rules allow.

        Raises:
            RejectionError: Its spec is invalid, or too many admitted writes are pending.
            NotAdmittingError: Another process may be answering reviews.
        """
        wanted = _parse_or_reject(parse_calendar, new)
        before = parse_calendar_lenient(old) if old else None
        if before and (_is_deleted(new) or before.rules == wanted.rules):
            return []
        self._reserve(wanted, before, dry_run=dry_run)
        return capacity_warnings(wanted, self._view.schedule)

    async def expire_reservations(self) -> None:
        """Release reservations whose time is over, until cancelled."""
        while True:
            await asyncio.sleep(_EXPIRY_CHECK_SECONDS)
            for reservation in self._view.reservations.expired():
                try:
                    await self.expire(reservation)
                except ClusterError as error:
                    structlog.get_logger().warning(
                        "reservation check failed", code=error.code, reason=str(error)
                    )
                    break

    async def expire(self, reservation: Reservation) -> None:
        """Read a reserved object, and release its reservation.

        Raises:
            ClusterError: The object cannot be read; the reservation stays.
        """
        kind = BOOKINGS if isinstance(reservation.wanted, Booking) else CALENDARS
        await self._refresh(kind, reservation.metadata.key, tries=5)
        # If the write was stored, the refresh has already released the reservation.
        self._view.reservations.expire(reservation)

    async def _admit(self, wanted: Booking, before: Booking | None, *, dry_run: bool) -> list[str]:
        """Reserve the time of a booking if it fits, and return warnings.

        Raises:
            RejectionError: It does not fit.
        """
        overlaps = find_overlaps(wanted, before, self._view)
        for _ in range(_MAX_RECHECKS):
            rejecting = _rejecting(overlaps)
            if not rejecting:
                break
            is_changed = await self._recheck_conflicts(rejecting)
            overlaps = find_overlaps(wanted, before, self._view)
            if not is_changed:
                break
        # There is no await between find_overlaps and _reserve, so of two concurrent reviews the
        # second sees the reservation of the first.
        if rejecting := _rejecting(overlaps):
            free = next_free_time(wanted, self._view, time.time_ns())
            # Not 409, an optimistic-lock conflict to clients: kubectl diff crashes on it, kubectl
            # apply retries for seconds, and server-side apply advises --force-conflicts.
            raise RejectionError(FORBIDDEN, rejection_message(wanted, rejecting, free))
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

    def _adds_nothing(self, wanted: Booking, before: Booking) -> bool:
        """Return whether a write occupies no more time or calendars, and keeps what it replaces."""
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

        A replaced booking loses its time as if it were deleted, so the user needs the right to
        delete it. Names of bookings that do not exist are allowed.
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
        denied = [
            key.name for key, is_allowed in zip(existing, allowed, strict=True) if not is_allowed
        ]
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
        """Get a booking that is not cached: the same apply may have created it."""
        if not self._view.exists(key):
            await self._refresh(BOOKINGS, key)

    async def _fetch_missing_calendars(self, wanted: Booking) -> None:
        """Get calendars that are not cached: the same apply may have created them."""
        for key in wanted.calendar_keys():
            if key not in self._view.schedule.calendars:
                try:
                    await self._refresh(CALENDARS, key)
                except ClusterError as error:
                    raise NotAdmittingError(f"cannot read calendar {key}: {error}") from error

    async def _recheck_conflicts(self, overlaps: Iterable[CalendarOverlap]) -> bool:
        """Read conflicting bookings again; return whether any of them changed."""
        keys = {key for overlap in overlaps for key in overlap.others}
        if len(keys) > MAX_RECHECKED:
            return False
        versions = {key: self._store.version_of(BOOKINGS, key) for key in keys}
        refreshes = (self._refresh(BOOKINGS, key) for key in sorted(keys))
        for failure in await asyncio.gather(*refreshes, return_exceptions=True):
            if failure is not None and not isinstance(failure, ClusterError):
                raise failure
        # The watch may have brought a change in the meantime.
        return versions != {key: self._store.version_of(BOOKINGS, key) for key in keys}

    async def _refresh(self, kind: Kind, key: NamespacedName, tries: int = 1) -> None:
        """Get an object from the API server, and cache its state."""
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
    """Return the LocalSubjectAccessReview that asks whether a user may delete a booking."""
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


def _rejecting(overlaps: Iterable[CalendarOverlap]) -> list[CalendarOverlap]:
    """Return the overlaps on calendars of policy Reject."""
    return [overlap for overlap in overlaps if overlap.rules.rejects]


def _parse_or_reject(read: Callable[[RawObject], _Object], raw: RawObject) -> _Object:
    try:
        return read(raw)
    except InvalidObjectError as error:
        raise RejectionError(INVALID, f"{parse_metadata(raw).key.name}: {error}") from error


def _is_deleted(raw: RawObject) -> bool:
    return bool(raw["metadata"].get("deletionTimestamp"))
