"""Late observations never bring back an object that was deleted."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS, CALENDARS, Kind, Store

from .factories import key, raw_booking, raw_calendar

NINE = ("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z")


@pytest.fixture
def schedule() -> Schedule:
    return Schedule()


@pytest.fixture
def store(schedule: Schedule) -> Store:
    return Store(schedule)


def at_version(raw: dict[str, Any], version: int) -> dict[str, Any]:
    """Return an object with a resourceVersion."""
    return raw | {"metadata": raw["metadata"] | {"resourceVersion": str(version)}}


@pytest.mark.parametrize(
    ("kind", "raw"), [(BOOKINGS, raw_booking("a", *NINE)), (CALENDARS, raw_calendar("a"))]
)
def test_a_late_response_does_not_bring_back_a_deleted_object(
    schedule: Schedule, store: Store, kind: Kind, raw: dict[str, Any]
) -> None:
    store.upsert(kind, at_version(raw, 5))
    store.on_deleted(kind, at_version(raw, 7))
    store.advance(kind, 7, "")
    assert not store.upsert(kind, at_version(raw, 6))
    assert (schedule.bookings, schedule.calendars, list(schedule.by_calendar())) == ({}, {}, [])


def test_a_late_list_does_not_bring_back_a_deleted_booking(
    schedule: Schedule, store: Store
) -> None:
    listed = store.parse(BOOKINGS, at_version(raw_booking("a", *NINE), 5))
    store.upsert(BOOKINGS, at_version(raw_booking("a", *NINE), 5))
    store.on_deleted(BOOKINGS, at_version(raw_booking("a", *NINE), 7))
    store.advance(BOOKINGS, 7, "")
    store.replace_all(BOOKINGS, [listed], 6, "")
    assert schedule.bookings == {}


def test_a_booking_newer_than_the_watermark_is_cached(schedule: Schedule, store: Store) -> None:
    store.advance(BOOKINGS, 7, "")
    assert store.upsert(BOOKINGS, at_version(raw_booking("a", *NINE), 8))
    assert key("a") in schedule.bookings


def test_a_booking_created_again_under_its_name_is_cached(schedule: Schedule, store: Store) -> None:
    store.upsert(BOOKINGS, at_version(raw_booking("a", *NINE), 5))
    store.on_deleted(BOOKINGS, at_version(raw_booking("a", *NINE), 7))
    store.advance(BOOKINGS, 7, "")
    assert store.upsert(BOOKINGS, at_version(raw_booking("a", *NINE, uid="another"), 9))
    assert schedule.bookings[key("a")].metadata.uid == "another"


def test_watermarks_of_namespaces_are_separate(schedule: Schedule, store: Store) -> None:
    store.advance(BOOKINGS, 7, "other")
    assert store.upsert(BOOKINGS, at_version(raw_booking("a", *NINE), 5))
    assert key("a") in schedule.bookings


def test_watermarks_of_kinds_are_separate(schedule: Schedule, store: Store) -> None:
    store.advance(CALENDARS, 7, "")
    assert store.upsert(BOOKINGS, at_version(raw_booking("a", *NINE), 5))
    assert key("a") in schedule.bookings


class LateObservations(RuleBasedStateMachine):
    """An API server whose GETs, responses and lists arrive at any later time."""

    states = Bundle("states")
    lists = Bundle("lists")

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.store = Store(self.schedule)
        self.version = 0
        self.stored: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.passed = 0

    @rule(name=st.sampled_from("abc"), target=states)
    def write(self, name: str) -> dict[str, Any]:
        """Create or change a booking; the response to the write arrives later."""
        self.version += 1
        old = self.stored.get(name)
        uid = old["metadata"]["uid"] if old else f"{name}-{self.version}"
        raw = raw_booking(name, *NINE, uid=uid, resourceVersion=str(self.version))
        self.stored[name] = raw
        self.events.append(("MODIFIED" if old else "ADDED", raw))
        return raw

    @rule(name=st.sampled_from("abc"))
    def delete(self, name: str) -> None:
        if name in self.stored:
            self.version += 1
            raw = deepcopy(self.stored.pop(name))
            raw["metadata"]["resourceVersion"] = str(self.version)
            self.events.append(("DELETED", raw))

    @rule(target=lists)
    def list_all(self) -> tuple[int, list[dict[str, Any]]]:
        """Read a list that arrives later."""
        return self.version, list(self.stored.values())

    @rule()
    def watch_one(self) -> None:
        """Deliver the next event of the watch."""
        if self.passed < len(self.events):
            kind, raw = self.events[self.passed]
            self.passed += 1
            if kind == "DELETED":
                self.store.on_deleted(BOOKINGS, raw)
            else:
                self.store.upsert(BOOKINGS, raw)
            self.store.advance(BOOKINGS, int(raw["metadata"]["resourceVersion"]), "")

    @rule(raw=states)
    def get_arrives(self, raw: dict[str, Any]) -> None:
        self.store.upsert(BOOKINGS, raw)

    @rule(listed=lists)
    def list_arrives(self, listed: tuple[int, list[dict[str, Any]]]) -> None:
        version, raws = listed
        parsed = [self.store.parse(BOOKINGS, raw) for raw in raws]
        self.store.replace_all(BOOKINGS, parsed, version, "")

    @invariant()
    def once_the_watch_has_caught_up_the_cache_is_what_is_stored(self) -> None:
        if self.passed == len(self.events):
            cached = {
                name.name: booking.metadata.version
                for name, booking in self.schedule.bookings.items()
            }
            stored = {
                name: int(raw["metadata"]["resourceVersion"]) for name, raw in self.stored.items()
            }
            assert cached == stored


TestLateObservations = pytest.mark.filterwarnings("default")(LateObservations.TestCase)
LateObservations.TestCase.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None
)
