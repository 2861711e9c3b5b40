"""Answers admission reviews: checks a write, and reserves its time in the ledger."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from double_booked.operator.admission import (
    CapacityView,
    capacity_warnings,
    find_overlaps,
    links_message,
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
from double_booked.operator.commits import Commits, Decision, NotAdmittingError
from double_booked.operator.free_times import next_free_time
from double_booked.operator.ledger import reserve
from double_booked.operator.objects import (
    GROUP,
    Booking,
    InvalidObjectError,
    NamespacedName,
    RawObject,
    parse_booking,
    parse_booking_lenient,
    parse_calendar,
    parse_calendar_lenient,
    parse_metadata,
)
from double_booked.operator.store import BOOKINGS, CALENDARS, Kind, Store

MAX_RECHECKED = 50
"""Up to how many conflicting bookings are read again; if there are more, the cache is trusted."""

INVALID = 422

_MAX_RECHECKS = 3


_Object = TypeVar("_Object")


class RejectionError(Exception):
    """A write is rejected; the message says why.

    Attributes:
        code: The HTTP status that the client receives.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Reviewer:
    """Answers reviews by the ledger, and reads what is in the way again before a rejection."""

    def __init__(self, store: Store, cluster: Cluster, commits: Commits) -> None:
        self._store = store
        self._cluster = cluster
        self._commits = commits

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
            RejectionError: Its spec is invalid, it would put a calendar over its capacity, or it
                replaces a booking that the user may not delete or too many bookings.
            NotAdmittingError: Its reservation could not be committed, or the API server cannot be
                read.
        """
        before = parse_booking_lenient(old) if old else None
        if _is_deleted(new):
            return []
        wanted = _parse_or_reject(parse_booking, new)
        await self._check_replaced(wanted, before, user)
        if before and _adds_nothing(wanted, before):
            return []
        await self._fetch_missing_calendars(wanted)
        overlaps = await self._admit(wanted, before, dry_run=dry_run)
        warnings = [warning_message(overlap) for overlap in overlaps]
        if before is None:
            warnings += past_warnings(wanted, time.time_ns())
        view = self._commits.view(wanted.key.namespace)
        return warnings + missing_calendar_warnings(wanted, view)

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
            RejectionError: Its spec is invalid.
            NotAdmittingError: Its reservation could not be committed.
        """
        wanted = _parse_or_reject(parse_calendar, new)
        before = parse_calendar_lenient(old) if old else None
        if before and (_is_deleted(new) or before.rules == wanted.rules):
            return []
        reservation = reserve(wanted, before)

        def decide(view: CapacityView) -> Decision[list[str]]:
            # Guard calendars-on-ledger: other replicas may not have observed the new rules.
            return Decision(capacity_warnings(wanted, view.schedule), reservation)

        ask = self._commits.preview if dry_run else self._commits.submit
        return await ask(wanted.metadata.key.namespace, decide)

    async def _admit(
        self, wanted: Booking, before: Booking | None, *, dry_run: bool
    ) -> list[CalendarOverlap]:
        """Reserve the time of a booking if it fits; return overlaps that are only reported.

        Raises:
            RejectionError: It does not fit.
            NotAdmittingError: Its reservation could not be committed.
        """
        reservation = reserve(wanted, before)
        ask = self._commits.preview if dry_run else self._commits.submit

        def decide(view: CapacityView) -> Decision[_Verdict]:
            verdict = _judge(wanted, before, view)
            return Decision(verdict, None if verdict.is_rejection else reservation)

        namespace = wanted.key.namespace
        verdict = await ask(namespace, decide)
        for _ in range(_MAX_RECHECKS):
            if not verdict.rejecting or not await self._recheck(namespace, verdict.rejecting):
                break
            verdict = await ask(namespace, decide)
        if verdict.is_rejection:
            view = self._commits.view(namespace)
            # Not 409, an optimistic-lock conflict to clients: kubectl diff crashes on it, kubectl
            # apply retries for seconds, and server-side apply advises --force-conflicts.
            raise RejectionError(FORBIDDEN, _rejection(wanted, verdict, view))
        return verdict.overlaps

    async def _check_replaced(
        self, wanted: Booking, before: Booking | None, user: RawObject
    ) -> None:
        """Check that a user may replace the bookings that a write adds to `replaces`.

        A replaced booking loses its time as if it were deleted, so the user needs the right to
        delete it. Names of bookings that do not exist are allowed.
        """
        added = _added_names(wanted, before)
        if not added:
            return
        try:
            await asyncio.gather(*map(self._fetch_missing_booking, added))
            view = self._commits.view(wanted.key.namespace)
            existing = [key for key in added if view.exists(key)]
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

    async def _may_delete(self, key: NamespacedName, user: RawObject) -> bool:
        """Ask the API server whether a user may delete a booking."""
        group = ("apis", "authorization.k8s.io", "v1")
        path = url_path(*group, "namespaces", key.namespace, "localsubjectaccessreviews")
        answer = await self._cluster.create(path, _deletion_review(key, user))
        return bool(answer.get("status", {}).get("allowed"))

    async def _fetch_missing_booking(self, key: NamespacedName) -> None:
        """Get a booking that is not cached: the same apply may have created it."""
        if not self._commits.view(key.namespace).exists(key):
            await self._refresh(BOOKINGS, key)

    async def _fetch_missing_calendars(self, wanted: Booking) -> None:
        """Get calendars that are not cached: the same apply may have created them."""
        for key in wanted.calendar_keys():
            if key not in self._store.schedule.calendars:
                try:
                    await self._refresh(CALENDARS, key)
                except ClusterError as error:
                    raise NotAdmittingError(f"cannot read calendar {key}: {error}") from error

    async def _recheck(self, namespace: str, overlaps: Collection[CalendarOverlap]) -> bool:
        """Read what is in the way of a booking again; return whether any of it changed."""
        keys = {key for overlap in overlaps for key in overlap.others}
        if len(keys) > MAX_RECHECKED:
            return False
        versions = {key: self._store.version_of(BOOKINGS, key) for key in keys}
        reads: list[Awaitable[object]] = [self._refresh(BOOKINGS, key) for key in sorted(keys)]
        reads.append(self._commits.refresh(namespace))
        found = await asyncio.gather(*reads, return_exceptions=True)
        for failure in found:
            if isinstance(failure, BaseException) and not isinstance(failure, ClusterError):
                raise failure
        # The watch may have brought a change in the meantime.
        return True in found or versions != {
            key: self._store.version_of(BOOKINGS, key) for key in keys
        }

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


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a booking would do to its calendars.

    Attributes:
        overlaps: Where it does not fit.
        fault: Why it may not be linked with the bookings that it replaces; empty if it may.
    """

    overlaps: list[CalendarOverlap]
    fault: str

    @property
    def rejecting(self) -> list[CalendarOverlap]:
        """The overlaps on calendars of policy Reject."""
        return [overlap for overlap in self.overlaps if overlap.rules.rejects]

    @property
    def is_rejection(self) -> bool:
        """Whether the booking is rejected."""
        return bool(self.fault or self.rejecting)


def _judge(wanted: Booking, before: Booking | None, view: CapacityView) -> _Verdict:
    """Return what a booking would do to its calendars, and to the bookings that it replaces."""
    adds_links = before is None or _added_names(wanted, before)
    fault = links_message(wanted, view) if adds_links else ""
    return _Verdict(find_overlaps(wanted, before, view), fault)


def _rejection(wanted: Booking, verdict: _Verdict, view: CapacityView) -> str:
    """Return the message of a rejection."""
    if verdict.fault:
        return verdict.fault
    free = next_free_time(wanted, view, time.time_ns())
    return rejection_message(wanted, verdict.rejecting, free)


def _added_names(wanted: Booking, before: Booking | None) -> list[NamespacedName]:
    """Return the bookings that a write adds to `replaces`."""
    named_before = before.replaces if before else ()
    return [
        key for key in wanted.replaced_keys() if key.name not in named_before and key != wanted.key
    ]


def _adds_nothing(wanted: Booking, before: Booking) -> bool:
    """Return whether a write occupies no more time or calendars, and replaces the same bookings.

    It then needs no ledger. A process whose cache is old only counts too much of the booking.
    Guards dropped-links-on-ledger and added-links-on-ledger: a booking that no longer replaces
    another counts beside it, and so do all of a set that links too many.
    """
    start, end = wanted.occupies(0)
    first, last = before.occupies(0)
    return (
        set(wanted.calendars) <= set(before.calendars)
        and first <= start
        and end <= last
        and set(wanted.replaces) == set(before.replaces)
    )


def _parse_or_reject(read: Callable[[RawObject], _Object], raw: RawObject) -> _Object:
    try:
        return read(raw)
    except InvalidObjectError as error:
        raise RejectionError(INVALID, f"{parse_metadata(raw).key.name}: {error}") from error


def _is_deleted(raw: RawObject) -> bool:
    return bool(raw["metadata"].get("deletionTimestamp"))
