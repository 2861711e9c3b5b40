"""Decides admission reviews by the ledger of a namespace, and commits their reservations.

Reviews of one namespace wait in a queue, and one write commits the reservations of all that wait:
with a write for each of 100 reviews at once, the last ones would exceed the webhook's timeout.
docs/admission.md describes the protocol; the names of guards in comments are those of its table.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import structlog

from double_booked.operator.admission import CapacityView
from double_booked.operator.cluster import (
    CONFLICT,
    NOT_FOUND,
    Cluster,
    ClusterError,
    path_of,
)
from double_booked.operator.ledger import (
    EXPIRY_SECONDS,
    MAX_BYTES,
    MAX_RESERVATIONS,
    Ledger,
    Reservation,
    Reservations,
    close,
    ledger_json,
    ledger_key,
    new_ledger,
    open_ledger,
    parse_ledger,
    prune,
    settled_version,
    size_of,
)
from double_booked.operator.ledger_store import LEDGERS, LedgerStore
from double_booked.operator.metrics import Metrics
from double_booked.operator.objects import Booking
from double_booked.operator.reflector import Listing, list_objects
from double_booked.operator.store import BOOKINGS, CALENDARS, CachedObject, Store

_LAG_SECONDS = 0.5
"""How long to wait for watches that lag behind a ledger before the namespace is listed."""

_MAX_TRIES = 30
"""How often a commit is tried while other replicas are quicker. Each conflict means that one of
them has committed, so this is not reached by bad luck."""

_CHECK_SECONDS = 1.0
_QUIET_SECONDS = 180.0
"""After how long without a change a ledger is cleaned of what is over, with a write of its own."""

_OPENED_AT_A_TIME = 20
_MAX_NEVER_CAME = 1000

T = TypeVar("T")


class NotAdmittingError(Exception):
    """This process may not answer reviews now; the message says why."""


class RestoredError(Exception):
    """The data of the API server were restored, so nothing that is cached can be relied on."""


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What was decided about a write.

    Attributes:
        result: What the reviewer wants to know.
        reservation: The reservation to commit; None if the decision needs none.
    """

    result: T
    reservation: Reservation | None = None


class Decide(Protocol[T]):
    """A pure function that decides about a write. It may be called several times."""

    def __call__(self, view: CapacityView) -> Decision[T]:
        """Decide by what occupies the calendars of the namespace."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A decision that waits in the queue of its namespace."""

    decide: Decide[Any]
    answer: asyncio.Future[Any]


class Commits:
    """Commits reservations to the ledgers, for all reviews of this process."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        ledgers: LedgerStore,
        may_admit: Callable[[], bool],
        metrics: Metrics,
    ) -> None:
        """Prepare to commit.

        Args:
            cluster: The API server.
            store: The cached objects.
            ledgers: The known ledgers.
            may_admit: Returns whether this process may answer reviews now.
            metrics: Counts the writes of ledgers.
        """
        self._cluster = cluster
        self._schedule = store.schedule
        self._store = store
        self._ledgers = ledgers
        self._may_admit = may_admit
        self._metrics = metrics
        self._waiting: defaultdict[str, list[_Waiting]] = defaultdict(list)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._advanced = asyncio.Event()
        self._is_restored = False
        self._never_came: OrderedDict[str, None] = OrderedDict()
        store.notify_of_advances(self._advanced.set)
        store.subscribe(self._count_late_write)

    async def submit(self, namespace: str, decide: Decide[T]) -> T:
        """Decide about a write of a namespace, and commit its reservation; return the result.

        Raises:
            NotAdmittingError: The decision could not be committed.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[namespace].append(_Waiting(decide, answer))
        if namespace not in self._tasks:
            self._tasks[namespace] = asyncio.create_task(self._work_off(namespace))
        return await answer

    async def preview(self, namespace: str, decide: Decide[T]) -> T:
        """Decide about a write that will not be stored, and write nothing; return the result.

        Raises:
            NotAdmittingError: The ledger cannot be read, or this process may not admit now.
        """
        if not self._may_admit():
            raise NotAdmittingError("this process may not admit now")
        try:
            ledger = self._ledgers.get(namespace) or await self._read(namespace)
            if ledger:
                await self._catch_up(ledger)
        except ClusterError as error:
            raise _unusable(namespace, error) from error
        return decide(self.view(namespace)).result

    def view(self, namespace: str) -> CapacityView:
        """Return what occupies the calendars of a namespace, as far as this process knows."""
        ledger = self._ledgers.get(namespace)
        if ledger is None:
            return CapacityView(self._schedule, Reservations())
        return self._view(self._pruned(ledger))

    def pending(self) -> int:
        """Return how many admitted writes have not been observed."""
        return sum(len(self._pruned(ledger).reservations) for ledger in self._ledgers.all())

    async def refresh(self, namespace: str) -> bool:
        """Read the ledger of a namespace; return whether it has changed.

        Raises:
            ClusterError: It cannot be read.
        """
        before = self._ledgers.get(namespace)
        await self._read(namespace)
        return before != self._ledgers.get(namespace)

    async def _work_off(self, namespace: str) -> None:
        """Answer all that wait in the queue of a namespace, and those that come meanwhile."""
        try:
            while batch := self._take_batch(namespace):
                await self._answer(namespace, batch)
        finally:
            del self._tasks[namespace]

    def _take_batch(self, namespace: str) -> list[_Waiting]:
        """Return all that wait, except those whose review has been given up."""
        return [one for one in self._waiting.pop(namespace, ()) if not one.answer.done()]

    async def _answer(self, namespace: str, batch: Sequence[_Waiting]) -> None:
        try:
            await self._commit(namespace, batch)
        except ClusterError as error:
            self._fail(batch, _unusable(namespace, error))
        except Exception as error:  # noqa: BLE001 - the reviews raise it
            self._fail(batch, error)

    def _deliver(self, batch: Sequence[_Waiting], results: Sequence[Any]) -> None:
        for one, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                self._fail([one], result)
            elif not one.answer.done():
                one.answer.set_result(result)

    def _fail(self, batch: Sequence[_Waiting], error: Exception) -> None:
        for one in batch:
            if not one.answer.done():
                one.answer.set_exception(error)

    async def _commit(self, namespace: str, batch: Sequence[_Waiting]) -> None:
        """Decide a batch in order, each decision seeing the reservations of those before it.

        Reviews that are given up meanwhile are left out, so that nothing is reserved for them.

        Raises:
            NotAdmittingError: This process may not admit, or the ledger is closed.
            ClusterError: A request failed, so that it is unknown what is committed.
        """
        for _ in range(_MAX_TRIES):
            ledger = await self._open_ledger(namespace)
            await self._catch_up(ledger)
            if not self._is_caught_up(ledger):
                # Its watermark is of another history than what was listed.
                await self._write(close(ledger))
                continue
            pruned = self._pruned(ledger)
            batch = [one for one in batch if not one.answer.done()]
            results, reservations = self._decide(pruned, [one.decide for one in batch])
            if not self._may_admit():
                raise NotAdmittingError("this process may not admit now")
            # Guard reserve-before-answer: the results are delivered only after the write.
            if reservations == pruned.reservations or await self._write(
                replace(pruned, reservations=reservations)
            ):
                self._deliver(batch, results)
                return
            await self._read(namespace)
        raise NotAdmittingError(f"other replicas commit all the time in namespace {namespace}")

    def _decide(
        self, ledger: Ledger, batch: Sequence[Decide[Any]]
    ) -> tuple[list[Any], tuple[Reservation, ...]]:
        """Return the results of a batch, and the reservations of the ledger with those added.

        The result of a decision that fails, or for which the ledger has no room, is an error.
        """
        view = self._view(ledger)
        size = sum(map(size_of, ledger.reservations))
        results: list[Any] = []
        for decide in batch:
            try:
                decision = decide(view)
            except Exception as error:  # noqa: BLE001 - its own review raises it
                results.append(error)
                continue
            if added := decision.reservation:
                size += size_of(added)
                reservations = view.reservations.plus(added)
                if len(reservations) > MAX_RESERVATIONS or size > MAX_BYTES:
                    results.append(_full(ledger.namespace, len(view.reservations)))
                    continue
                view = replace(view, reservations=reservations)
            results.append(decision.result)
        return results, tuple(view.reservations)

    def _view(self, ledger: Ledger) -> CapacityView:
        left = self._ledgers.seconds_left(ledger.namespace)
        return CapacityView(self._schedule, Reservations(ledger.reservations, left))

    def _pruned(self, ledger: Ledger) -> Ledger:
        """Return a ledger without the reservations that this process has seen settled."""
        looked = self._ledgers.looked(ledger.namespace)
        settled = {}
        for reservation in ledger.reservations:
            if version := self._store.settled_version(reservation):
                settled[reservation.id] = version
            elif reservation.id in looked:
                settled[reservation.id] = looked[reservation.id]
        return prune(ledger, settled)

    async def _catch_up(self, ledger: Ledger) -> None:
        """Observe all that is no longer reserved in a ledger; guard wait-for-watermark."""
        if self._is_caught_up(ledger):
            return
        try:
            async with asyncio.timeout(_LAG_SECONDS):
                while not self._is_caught_up(ledger):
                    self._advanced.clear()
                    await self._advanced.wait()
        except TimeoutError:
            await self._list(ledger.namespace)

    def _is_caught_up(self, ledger: Ledger) -> bool:
        namespace = ledger.namespace
        return (
            self._store.watermark(BOOKINGS, namespace) >= ledger.bookings_version
            and self._store.watermark(CALENDARS, namespace) >= ledger.calendars_version
        )

    async def _list(self, namespace: str) -> tuple[Listing, Listing]:
        """List the bookings and the calendars of a namespace."""
        kinds = (BOOKINGS, CALENDARS)
        bookings, calendars = await asyncio.gather(
            *(list_objects(self._cluster, kind, namespace, self._store, 1) for kind in kinds)
        )
        return bookings, calendars

    async def _open_ledger(self, namespace: str) -> Ledger:
        """Return the newest known ledger of a namespace, once it is open.

        Raises:
            NotAdmittingError: It is closed.
            ClusterError: A request failed.
        """
        known = self._ledgers.get(namespace)
        if known and known.is_open:
            return known
        ledger = await self._read_or_create(namespace)
        if not ledger.is_open and not ledger.closed:
            await self._write(close(ledger))
            ledger = await self._read_or_create(namespace)
        if ledger.closed:
            await self._open(ledger)
            ledger = await self._read_or_create(namespace)
        if not ledger.is_open:
            raise NotAdmittingError(f"the ledger of namespace {namespace} is closed")
        return ledger

    async def _open(self, ledger: Ledger, *, at_once: bool = False) -> None:
        """Open a closed ledger if no write can come of which its reservation was lost.

        Args:
            ledger: The ledger.
            at_once: Whether it is known that none can come.

        Raises:
            NotAdmittingError: It is too early.
            ClusterError: A request failed.
        """
        namespace = ledger.namespace
        seconds = EXPIRY_SECONDS - self._ledgers.age(ledger, ledger.closed)
        is_early = seconds > 0 and not at_once
        if is_early and (ledger.was_open or self._has_bookings(namespace)):
            raise NotAdmittingError(
                f"the ledger of namespace {namespace} is new, or was lost or restored, and writes"
                f" may be under way that are not in it: it opens in {seconds:.0f} seconds"
            )
        # Guard list-before-opening: the watermarks cover what was stored while it was closed.
        bookings, calendars = await self._list(namespace)
        # A ledger with reservations cannot be deleted (guard ledger-cannot-be-deleted), so none
        # was lost where nothing is booked.
        if not (is_early and bookings.objects):
            await self._write(open_ledger(ledger, _newest(bookings), _newest(calendars)))

    def _has_bookings(self, namespace: str) -> bool:
        return any(key.namespace == namespace for key in self._schedule.bookings)

    async def _read_or_create(self, namespace: str) -> Ledger:
        """Read the ledger of a namespace from the API server, or create it.

        Raises:
            ClusterError: A request failed.
        """
        if ledger := await self._read(namespace):
            return ledger
        path = path_of(LEDGERS.plural, namespace=namespace)
        try:
            raw = await self._cluster.create(path, ledger_json(new_ledger(namespace)))
        except ClusterError as error:
            if error.code != CONFLICT:
                raise
            raw = await self._cluster.get(path_of(LEDGERS.plural, ledger_key(namespace)), tries=1)
        return self._observe(raw)

    async def _read(self, namespace: str) -> Ledger | None:
        """Read the ledger of a namespace from the API server; None if it has none."""
        known = self._ledgers.get(namespace)
        try:
            raw = await self._cluster.get(path_of(LEDGERS.plural, ledger_key(namespace)), tries=1)
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            if known:
                self._ledgers.forget(namespace, known.metadata.version)
            return None
        ledger = self._observe(raw)
        if known and ledger.metadata.version < known.metadata.version:
            await self._close_restored(ledger)
        return ledger

    async def _close_restored(self, ledger: Ledger) -> None:
        """Close a ledger that is older than the one known before it was read.

        The data of the API server were restored, and reservations since then are lost. So is the
        order of resourceVersions, by which objects are cached: the process must start again.

        Raises:
            NotAdmittingError: Always.
            ClusterError: The ledger could not be closed; the next review tries it again.
        """
        if ledger.closed or await self._write(close(ledger)):
            self._is_restored = True
        raise NotAdmittingError("the data of the API server were restored: try again in a minute")

    def _observe(self, raw: dict[str, Any]) -> Ledger:
        ledger = parse_ledger(raw)
        self._ledgers.observe(ledger)
        return ledger

    async def _write(self, ledger: Ledger) -> bool:
        """Replace the stored ledger if it is still the one that this was made of.

        Guard cas.

        Returns:
            Whether it was.

        Raises:
            ClusterError: The request failed; the ledger may be stored all the same.
        """
        path = path_of(LEDGERS.plural, ledger_key(ledger.namespace))
        try:
            raw = await self._cluster.replace(path, ledger_json(ledger))
        except ClusterError as error:
            if error.code not in {CONFLICT, NOT_FOUND}:
                self._metrics.ledger_writes.labels("failure").inc()
                raise
            self._metrics.ledger_writes.labels("conflict").inc()
            return False
        self._metrics.ledger_writes.labels("success").inc()
        self._observe(raw)
        return True

    async def open_all(self) -> None:
        """Open the ledgers of all namespaces with bookings; create those that do not exist.

        Call it only while it is certain that no write can come that is not reserved in them.

        Raises:
            ClusterError: A request failed.
        """
        limit = asyncio.Semaphore(_OPENED_AT_A_TIME)

        async def open_one(namespace: str) -> None:
            async with limit:
                ledger = await self._read_or_create(namespace)
                if not ledger.is_open:
                    await self._open(ledger, at_once=True)

        namespaces = {key.namespace for key in self._schedule.bookings}
        await asyncio.gather(*map(open_one, namespaces))

    async def run(self, is_leading: Callable[[], bool]) -> None:
        """Expire reservations, and open closed ledgers, until cancelled.

        Args:
            is_leading: Whether this process is the one that also cleans quiet ledgers.

        Raises:
            RestoredError: The data of the API server were restored.
        """
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if self._is_restored:
                raise RestoredError("the data of the API server were restored")
            for ledger in self._ledgers.all():
                try:
                    await self.maintain(ledger, may_clean=is_leading())
                except ClusterError as error:
                    structlog.get_logger().warning(
                        "ledger check failed",
                        namespace=ledger.namespace,
                        code=error.code,
                        reason=str(error),
                    )

    async def maintain(self, ledger: Ledger, *, may_clean: bool) -> None:
        """Expire the reservations of a ledger whose time is over, and open it if it is time.

        Raises:
            ClusterError: A request failed.
        """
        looked = self._ledgers.looked(ledger.namespace)
        for reservation in self._pruned(ledger).reservations:
            # Guard expire-after-late-writes: no API server writes it any more.
            is_over = self._ledgers.age(ledger, reservation.id) >= EXPIRY_SECONDS
            if is_over and reservation.id not in looked:
                await self._look(reservation)
        if ledger.closed:
            if self._may_admit() and self._ledgers.age(ledger, ledger.closed) >= EXPIRY_SECONDS:
                await self._open(ledger)
            return
        pruned = self._pruned(ledger)
        is_quiet = self._ledgers.seconds_unchanged(ledger.namespace) >= _QUIET_SECONDS
        if may_clean and is_quiet and pruned != ledger:
            await self._write(pruned)

    async def _look(self, reservation: Reservation) -> None:
        """Look whether a write came, which can come no more; guard look-before-expiry."""
        kind = BOOKINGS if isinstance(reservation.wanted, Booking) else CALENDARS
        observed = None
        cached = self._store.version_of(kind, reservation.key)
        try:
            raw = await self._cluster.get(path_of(kind.plural, reservation.key))
        except ClusterError as error:
            if error.code != NOT_FOUND:
                raise
            self._store.drop_if_stale(kind, reservation.key, cached)
        else:
            self._store.upsert(kind, raw)
            observed = self._store.parse(kind, raw)
        version = settled_version(reservation, observed, 0)
        self._ledgers.note_look(reservation.key.namespace, reservation.id, version)
        if not version:
            self._note_never_came(reservation)

    def _note_never_came(self, reservation: Reservation) -> None:
        structlog.get_logger().info("write never came", object=str(reservation.key))
        # Updates are bound to the reviewed version, so they never come late.
        if isinstance(reservation.wanted, Booking) and not reservation.old_version:
            self._never_came[reservation.wanted.metadata.uid] = None
            if len(self._never_came) > _MAX_NEVER_CAME:
                self._never_came.popitem(last=False)

    def _count_late_write(self, old: CachedObject | None, new: CachedObject | None) -> None:
        """Count a booking that is stored though its reservation has expired."""
        if new and old is None and new.metadata.uid in self._never_came:
            del self._never_came[new.metadata.uid]
            self._metrics.late_writes.inc()
            structlog.get_logger().error("write came late", object=str(new.metadata.key))


def _newest(listing: Listing) -> int:
    """Return the highest resourceVersion of listed objects; 0 without any."""
    return max((one.metadata.version for one in listing.objects), default=0)


def _unusable(namespace: str, error: ClusterError) -> NotAdmittingError:
    return NotAdmittingError(f"the ledger of namespace {namespace} cannot be used: {error}")


def _full(namespace: str, reservations: int) -> NotAdmittingError:
    return NotAdmittingError(
        f"{reservations} writes of namespace {namespace} are under way, and no more are admitted"
        f" until some are stored: try again in {EXPIRY_SECONDS:.0f} seconds"
    )
