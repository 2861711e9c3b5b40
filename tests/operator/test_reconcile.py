"""Statuses are those of a plain model of all objects."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from double_booked.operator.calendar_conflicts import Steps
from double_booked.operator.objects import Booking, Calendar, Enforcement, NamespacedName, Rules
from double_booked.operator.reconcile import (
    Outcome,
    calendar_status,
    compute_outcomes,
    find_affected,
)
from double_booked.operator.schedule import Schedule

from .factories import HOUR, at, booking, calendar, key, schedule_of
from .test_links import largest_matching

ENFORCED = Enforcement("True", "Reviewed", "Each new booking is reviewed.")
Result = TypeVar("Result")


def finish(steps: Steps[Result]) -> Result:
    """Run all steps, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def statuses(*cached: Booking | Calendar) -> dict[str, Outcome]:
    """Return the outcome of each booking, by name."""
    schedule = schedule_of(*cached)
    outcomes = finish(compute_outcomes(schedule, schedule.bookings.values()))
    return {booking.name: outcome for booking, outcome in outcomes.items()}


def affected(schedule: Schedule, *changed: Booking) -> set[str]:
    """Return the names of the bookings that changes affect."""
    return {booking.name for booking in finish(find_affected(schedule, changed))}


def test_the_first_booking_keeps_its_time_and_the_later_is_double_booked() -> None:
    outcomes = statuses(calendar(), booking("b", 9, 11, created=1), booking("a", 10, 12, created=2))
    assert outcomes["b"].status.verdict == "False"
    assert outcomes["b"].status.reason == "Kept"
    assert outcomes["b"].status.conflicts_with == ("a",)
    assert outcomes["a"].status.verdict == "True"
    assert outcomes["a"].status.conflicts_with == ("b",)
    assert outcomes["a"].over == (key("staging"),)
    assert outcomes["a"].status.message == (
        "Over the capacity: calendar staging takes 1 at a time, and b has it from"
        " 2025-12-01T10:00:00Z to 2025-12-01T11:00:00Z. This booking was created later."
    )


def test_the_uid_decides_between_bookings_of_the_same_second() -> None:
    outcomes = statuses(calendar(), booking("a", 9, 10, uid="z"), booking("b", 9, 10, uid="y"))
    assert outcomes["a"].status.verdict == "True"


def test_a_double_booked_booking_takes_no_room() -> None:
    outcomes = statuses(
        calendar(),
        booking("a", 9, 11, created=1),
        booking("b", 10, 13, created=2),
        booking("c", 12, 14, created=3),
    )
    assert [outcomes[name].status.verdict for name in "abc"] == ["False", "True", "False"]
    assert outcomes["c"].status.conflicts_with == ("b",)


def test_a_booking_that_is_over_on_one_calendar_takes_no_room_on_another() -> None:
    outcomes = statuses(
        calendar(),
        calendar("gpu"),
        booking("a", 9, 11, created=1),
        booking("b", 9, 11, "staging", "gpu", created=2),
        booking("c", 9, 11, "gpu", created=3),
    )
    assert [outcomes[name].status.verdict for name in "abc"] == ["False", "True", "False"]


def test_bookings_up_to_the_capacity_are_free() -> None:
    cached = [booking(name, 9, 11, created=number) for number, name in enumerate("abc")]
    assert {
        outcome.status.reason for outcome in statuses(calendar(capacity=3), *cached).values()
    } == {"Free"}
    outcomes = statuses(calendar(capacity=2), *cached)
    assert [outcomes[name].status.verdict for name in "abc"] == ["False", "False", "True"]
    assert outcomes["a"].status.conflicts_with == ("b", "c")


def test_a_gap_counts_as_occupied() -> None:
    cached = [booking("a", 9, 10, created=1), booking("b", 10.5, 11, created=2)]
    assert statuses(calendar(gap=HOUR), *cached)["b"].status.verdict == "True"
    assert statuses(calendar(), *cached)["b"].status.verdict == "False"


def test_a_missing_calendar_is_reported_unless_the_booking_is_double_booked() -> None:
    cached = [
        booking("a", 9, 10, "staging", "gone", created=1),
        booking("b", 9, 10, "staging", "gone", created=2),
    ]
    outcomes = statuses(calendar(), *cached)
    assert (outcomes["a"].status.verdict, outcomes["a"].status.reason) == (
        "Unknown",
        "CalendarNotFound",
    )
    assert outcomes["a"].status.message == "There is no calendar gone."
    assert outcomes["b"].status.verdict == "True"


def test_an_invalid_booking_reports_its_fault_and_takes_no_room() -> None:
    fault = replace(booking("a", 0, 0), calendars=(), fault="spec.start is 'soon'.")
    outcomes = statuses(calendar(), fault, booking("b", 9, 10))
    assert (outcomes["a"].status.verdict, outcomes["a"].status.reason) == ("Unknown", "InvalidSpec")
    assert outcomes["a"].status.message == "spec.start is 'soon'."
    assert outcomes["b"].status.verdict == "False"


def test_a_status_names_at_most_twenty_conflicts_and_counts_all() -> None:
    cached = [booking(f"b{number:02}", 9, 10, created=number) for number in range(30)]
    status = statuses(calendar(), *cached)["b29"].status
    assert len(status.conflicts_with) == 20
    assert status.conflicts == 29


def test_the_longest_message_fits_into_a_condition() -> None:
    calendars = [calendar(f"{number:03}".rjust(253, "c"), capacity=10) for number in range(16)]
    names = [one.metadata.key.name for one in calendars]
    cached = [booking(f"{n:02}".rjust(253, "b"), 9, 10, *names, created=n) for n in range(11)]
    status = statuses(*calendars, *cached)[cached[-1].key.name].status
    assert status.verdict == "True"
    assert 30_000 < len(status.message) <= 32_768


def test_a_calendar_counts_its_bookings() -> None:
    schedule = schedule_of(calendar(version=4), booking("a", 9, 10), booking("b", 9, 10, "gpu"))
    status = calendar_status(schedule, schedule.calendars[key("staging")], 1, ENFORCED)
    assert (status.bookings, status.conflicts, status.generation, status.fault) == (1, 1, 4, "")


def test_a_booking_and_its_replacement_are_both_ready() -> None:
    outcomes = statuses(
        calendar(), booking("a", 9, 11), booking("b", 9, 11, replaces=("a",), created=1)
    )
    assert [outcomes[name].status.reason for name in "ab"] == ["ReplacedBy", "Replaces"]
    assert [outcomes[name].status.verdict for name in "ab"] == ["False", "False"]
    assert outcomes["b"].status.message == "It replaces a, and they count once."
    assert outcomes["a"].status.message == "b replaces it, and they count once."
    assert [outcomes[name].status.conflicts for name in "ab"] == [0, 0]


def test_a_third_booking_conflicts_with_both_of_a_pair() -> None:
    outcomes = statuses(
        calendar(),
        booking("a", 9, 11),
        booking("b", 9, 11, replaces=("a",), created=1),
        booking("c", 10, 12, created=2),
    )
    assert outcomes["c"].status.verdict == "True"
    assert outcomes["c"].status.conflicts_with == ("a", "b")
    assert [outcomes[name].status.conflicts_with for name in "ab"] == [("c",), ("c",)]


def test_a_replacement_at_another_time_is_free() -> None:
    outcomes = statuses(calendar(), booking("a", 9, 10), booking("b", 10, 11, replaces=("a",)))
    assert [outcomes[name].status.reason for name in "ab"] == ["Free", "Free"]


def test_a_change_affects_linked_bookings() -> None:
    schedule = schedule_of(calendar(), booking("b", 9, 11, replaces=("a",)))
    assert affected(schedule, booking("a", 9, 11)) == {"b"}


def test_the_message_reports_that_the_uid_decided() -> None:
    outcomes = statuses(calendar(), booking("a", 9, 10, uid="z"), booking("b", 9, 10, uid="y"))
    assert outcomes["a"].status.message.endswith(
        "This booking was created in the same second, and its uid sorts later."
    )


def test_a_change_affects_only_connected_bookings() -> None:
    schedule = schedule_of(
        calendar(),
        booking("a", 9, 11),
        booking("b", 10, 12),
        booking("c", 11.5, 13),
        booking("d", 20, 21),
    )
    assert affected(schedule, booking("a", 9, 11)) == {"a", "b", "c"}
    before = booking("d", 12.5, 14)
    assert affected(schedule, before) == {"a", "b", "c", "d"}


INSTANTS = [at(hour / 2) for hour in range(32)]
"""Every hour, at which instants are present, and between."""


def plain_reading(schedule: Schedule) -> dict[NamespacedName, tuple[str, set[NamespacedName]]]:
    """Return the verdict and the conflicts of each booking, from all objects at once."""
    conflicts: dict[NamespacedName, set[NamespacedName]] = {one: set() for one in schedule.bookings}
    for name, cached in schedule.calendars.items():
        on_it = [one for one in schedule.bookings.values() if one.is_on(name)]
        for one, other in _conflicting(on_it, cached.rules):
            conflicts[one].add(other)
            conflicts[other].add(one)
    kept: list[Booking] = []
    verdicts = {}
    for one in sorted(schedule.bookings.values(), key=lambda one: (one.created, one.metadata.uid)):
        cached = [name for name in one.calendar_keys() if name in schedule.calendars]
        if any(_is_over(one, kept, name, schedule.calendars[name].rules) for name in cached):
            verdicts[one.key] = "True"
        else:
            kept.append(one)
            verdicts[one.key] = "False" if len(cached) == len(one.calendars) else "Unknown"
    return {one: (verdicts[one], conflicts[one]) for one in schedule.bookings}


def _over_capacity(on_it: Iterable[Booking], rules: Rules) -> list[list[Booking]]:
    """Yield who is present at each instant at which the depth is over the capacity."""
    outcomes = []
    for instant in INSTANTS:
        present = [one for one in on_it if _is_present(one, instant, rules)]
        edges = frozenset(frozenset(pair) for pair in _linked_pairs(present))
        keys = frozenset(one.key for one in present)
        if len(present) - largest_matching(keys, edges) > rules.capacity:
            outcomes.append(present)
    return outcomes


def _is_present(booking: Booking, instant: int, rules: Rules) -> bool:
    start, end = booking.occupies(rules.gap)
    return start <= instant < end


def _linked_pairs(present: Iterable[Booking]) -> Iterator[tuple[NamespacedName, NamespacedName]]:
    for one, other in combinations(present, 2):
        if one.key.name in other.replaces or other.key.name in one.replaces:
            yield one.key, other.key


def _conflicting(
    on_it: list[Booking], rules: Rules
) -> Iterator[tuple[NamespacedName, NamespacedName]]:
    for present in _over_capacity(on_it, rules):
        linked = set(_linked_pairs(present))
        for one, other in combinations(present, 2):
            if (one.key, other.key) not in linked:
                yield one.key, other.key


def _is_over(booking: Booking, kept: list[Booking], calendar: NamespacedName, rules: Rules) -> bool:
    on_it = [one for one in kept if one.is_on(calendar)]
    return any(booking in present for present in _over_capacity([*on_it, booking], rules))


names = st.sampled_from([f"b{number}" for number in range(8)])
places = st.sampled_from(["staging", "gpu"])
hours = st.integers(0, 10)


class Cluster(RuleBasedStateMachine):
    """A cluster whose objects change; after each change, affected statuses are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.outcomes: dict[NamespacedName, Outcome] = {}
        self.version = 0

    @initialize()
    def begin(self) -> None:
        self.version += 1

    def compute(self, *changed: Booking | None) -> None:
        existing = [one for one in changed if one]
        self.outcomes |= finish(compute_outcomes(self.schedule, existing))

    @rule(
        name=names,
        start=hours,
        length=st.integers(0, 4),
        on=st.sets(places, min_size=1),
        more=st.tuples(st.integers(0, 3), st.sets(names, max_size=2)),
    )
    def write_booking(
        self, name: str, start: int, length: int, on: set[str], more: tuple[int, set[str]]
    ) -> None:
        self.version += 1
        created, replaces = more
        old = self.schedule.bookings.get(key(name))
        new = booking(
            name,
            start,
            start + length,
            *sorted(on),
            created=created,
            version=self.version,
            replaces=tuple(sorted(replaces - {name})),
        )
        if old:  # an update keeps its creationTimestamp
            new = replace(new, created=old.created)
        assert self.schedule.upsert_booking(new)
        self.compute(old, new)

    @rule(name=names)
    def delete_booking(self, name: str) -> None:
        self.version += 1
        old = self.schedule.drop_booking(key(name), self.version)
        self.outcomes.pop(key(name), None)
        self.compute(old)

    @rule(name=places, capacity=st.integers(1, 3), rejects=st.booleans(), gap=st.integers(0, 1))
    def write_calendar(self, name: str, capacity: int, rejects: bool, gap: int) -> None:  # noqa: FBT001
        self.version += 1
        rules = Rules(capacity, rejects, gap * HOUR)
        new = replace(calendar(name, version=self.version), rules=rules)
        assert self.schedule.upsert_calendar(new)
        self.compute(*(self.schedule.bookings[one] for one in self.schedule.bookings_on(key(name))))

    @rule(name=places)
    def delete_calendar(self, name: str) -> None:
        self.version += 1
        self.schedule.drop_calendar(key(name), self.version)
        self.compute(*(self.schedule.bookings[one] for one in self.schedule.bookings_on(key(name))))

    @rule()
    def restart(self) -> None:
        cached = (*self.schedule.calendars.values(), *self.schedule.bookings.values())
        self.schedule = schedule_of(*cached)
        self.outcomes = {}
        self.compute(*self.schedule.bookings.values())

    @invariant()
    def statuses_are_those_of_the_model(self) -> None:
        expected = plain_reading(self.schedule)
        statuses = {one: outcome.status for one, outcome in self.outcomes.items()}
        assert {one: status.verdict for one, status in statuses.items()} == {
            one: verdict for one, (verdict, _) in expected.items()
        }
        assert {
            one: {key(name) for name in status.conflicts_with} for one, status in statuses.items()
        } == {one: conflicts for one, (_, conflicts) in expected.items()}
        over = {one for one, (verdict, _) in expected.items() if verdict == "True"}
        assert {one for one, outcome in self.outcomes.items() if outcome.over} == over


TestCluster = pytest.mark.filterwarnings("default")(Cluster.TestCase)
Cluster.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
