"""The newest ledger counts, and time counts from when this process first saw an id."""

from dataclasses import replace

import pytest

from double_booked.operator.ledger import (
    EXPIRY_SECONDS,
    Ledger,
    Reservation,
    close,
    ledger_json,
    reserve,
)
from double_booked.operator.ledger_store import LEDGERS, LedgerStore
from double_booked.operator.objects import NamespacedName, ObjectMeta, RawObject

from .factories import TEAM, Clock, booking

A = reserve(booking("a", 9, 10), None)
B = reserve(booking("b", 9, 10), None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> LedgerStore:
    return LedgerStore(clock)


def ledger(version: int, *reservations: Reservation, namespace: str = TEAM) -> Ledger:
    metadata = ObjectMeta(NamespacedName(namespace, "bookings"), "uid", version, 0)
    return Ledger(metadata, reservations, opened_as="uid")


def raw(known: Ledger) -> RawObject:
    return ledger_json(known)


def test_older_state_does_not_replace_a_newer_one(store: LedgerStore) -> None:
    store.observe(ledger(5, A))
    store.observe(ledger(4))
    assert store.get(TEAM) == ledger(5, A)


def test_age_counts_from_the_first_sight_of_an_id(store: LedgerStore, clock: Clock) -> None:
    store.observe(ledger(1, A))
    clock.now += 10
    store.observe(ledger(2, A, B))
    clock.now += 5
    newest = store.get(TEAM)
    assert newest is not None
    assert (store.age(newest, A.id), store.age(newest, B.id)) == (15, 5)
    assert store.seconds_left(TEAM)[A.id] == EXPIRY_SECONDS - 15
    assert store.seconds_unchanged(TEAM) == 5


def test_id_that_was_never_seen_has_no_age(store: LedgerStore, clock: Clock) -> None:
    store.observe(ledger(1, A))
    clock.now += 100
    assert store.age(ledger(1), B.id) == 0
    assert store.age(ledger(1, namespace="elsewhere"), A.id) == 0


def test_closing_has_an_age_of_its_own(store: LedgerStore, clock: Clock) -> None:
    closed = close(ledger(1))
    store.observe(closed)
    clock.now += 10
    again = replace(close(closed), metadata=replace(closed.metadata, version=2))
    store.observe(again)
    assert store.age(again, closed.closed) == 0
    clock.now += 3
    assert store.age(again, again.closed) == 3


def test_result_of_a_look_is_kept_while_the_reservation_is_there(store: LedgerStore) -> None:
    store.observe(ledger(1, A))
    store.note_look(TEAM, A.id, 7)
    store.note_look(TEAM, B.id, 8)
    assert store.looked(TEAM) == {A.id: 7}
    store.observe(ledger(2, A, B))
    assert store.looked(TEAM) == {A.id: 7}
    store.observe(ledger(3, B))
    assert store.looked(TEAM) == {}


def test_deleted_ledger_is_forgotten_unless_it_is_newer(store: LedgerStore) -> None:
    store.observe(ledger(5, A))
    store.on_deleted(LEDGERS, raw(ledger(4)))
    assert store.get(TEAM)
    store.on_deleted(LEDGERS, raw(ledger(6)))
    assert store.get(TEAM) is None
    assert store.looked(TEAM) == store.seconds_left(TEAM) == {}
    assert store.seconds_unchanged(TEAM) == 0


def test_list_drops_the_ledgers_that_are_gone(store: LedgerStore) -> None:
    for namespace in ("a", "b", "c"):
        store.observe(ledger(5, namespace=namespace))
    store.observe(ledger(9, namespace="newer"))
    store.replace_all(LEDGERS, [ledger(6, namespace="a")], 8, "")
    assert {known.namespace for known in store.all()} == {"a", "newer"}
    store.replace_all(LEDGERS, [], 20, "elsewhere")
    assert {known.namespace for known in store.all()} == {"a", "newer"}


def test_watch_events_are_cached(store: LedgerStore) -> None:
    store.upsert(LEDGERS, raw(ledger(5, A)))
    [known] = store.all()
    assert [one.id for one in known.reservations] == [A.id]
