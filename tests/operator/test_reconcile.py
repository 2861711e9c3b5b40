"""Statuses, settled as the model reads."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from double_booked.operator.objects import Booking, Calendar, Enforcement, NamespacedName, Rules
from double_booked.operator.reconcile import (
    Outcome,
    calendar_status,
    compute_outcomes,
    find_affected,
)
from double_booked.operator.schedule import Schedule
from double_booked.operator.sweep import Steps

from .factories import HOUR, at, booking, calendar, key, schedule_of
from .test_links import largest_matching

ENFORCED = Enforcement("True", "Reviewed", "Each new booking is reviewed.")
Result = TypeVar("Result")


def finish(steps: Steps[Result]) -> Result:
    """Do all steps, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def statuses(*held: Booking | Calendar) -> dict[str, Outcome]:
    """What each booking's status says, by name."""
    schedule = schedule_of(*held)
    outcomes = finish(compute_outcomes(schedule, schedule.bookings.values()))
    return {each.name: outcome for each, outcome in outcomes.items()}


def affected(schedule: Schedule, *changed: Booking) -> set[str]:
    """The names of the bookings that changes affect."""
    return {each.name for each in finish(find_affected(schedule, changed))}


def test_the_first_is_taken_and_the_later_marked_and_both_name_each_other() -> None:
    found = statuses(calendar(), booking("b", 9, 11, created=1), booking("a", 10, 12, created=2))
    assert found["b"].status.verdict == "False"
    assert found["b"].status.reason == "Kept"
    assert found["b"].status.conflicts_with == ("a",)
    assert found["a"].status.verdict == "True"
    assert found["a"].status.conflicts_with == ("b",)
    assert found["a"].over == (key("staging"),)
    assert found["a"].status.message == (
        "Over the capacity: calendar staging takes 1 at a time, and b has it from"
        " 2025-12-01T10:00:00Z to 2025-12-01T11:00:00Z. This booking was created later."
    )


def test_of_one_second_the_uid_decides() -> None:
    found = statuses(calendar(), booking("a", 9, 10, uid="z"), booking("b", 9, 10, uid="y"))
    assert found["a"].status.verdict == "True"


def test_a_marked_one_takes_no_room() -> None:
    found = statuses(
        calendar(),
        booking("a", 9, 11, created=1),
        booking("b", 10, 13, created=2),
        booking("c", 12, 14, created=3),
    )
    assert [found[name].status.verdict for name in "abc"] == ["False", "True", "False"]
    assert found["c"].status.conflicts_with == ("b",)


def test_one_that_is_marked_on_a_calendar_takes_no_room_on_another() -> None:
    found = statuses(
        calendar(),
        calendar("gpu"),
        booking("a", 9, 11, created=1),
        booking("b", 9, 11, "staging", "gpu", created=2),
        booking("c", 9, 11, "gpu", created=3),
    )
    assert [found[name].status.verdict for name in "abc"] == ["False", "True", "False"]


def test_up_to_the_capacity_nothing_overlaps() -> None:
    held = [booking(name, 9, 11, created=number) for number, name in enumerate("abc")]
    assert {each.status.reason for each in statuses(calendar(capacity=3), *held).values()} == {
        "Free"
    }
    found = statuses(calendar(capacity=2), *held)
    assert [found[name].status.verdict for name in "abc"] == ["False", "False", "True"]
    assert found["a"].status.conflicts_with == ("b", "c")


def test_a_gap_counts() -> None:
    held = [booking("a", 9, 10, created=1), booking("b", 10.5, 11, created=2)]
    assert statuses(calendar(gap=HOUR), *held)["b"].status.verdict == "True"
    assert statuses(calendar(), *held)["b"].status.verdict == "False"


def test_an_unknown_calendar_is_told_unless_the_booking_is_marked() -> None:
    held = [
        booking("a", 9, 10, "staging", "gone", created=1),
        booking("b", 9, 10, "staging", "gone", created=2),
    ]
    found = statuses(calendar(), *held)
    assert (found["a"].status.verdict, found["a"].status.reason) == ("Unknown", "CalendarNotFound")
    assert found["a"].status.message == "There is no calendar gone."
    assert found["b"].status.verdict == "True"


def test_a_booking_that_cannot_be_used_says_so_and_takes_no_room() -> None:
    fault = replace(booking("a", 0, 0), calendars=(), fault="spec.start is 'soon'.")
    found = statuses(calendar(), fault, booking("b", 9, 10))
    assert (found["a"].status.verdict, found["a"].status.reason) == ("Unknown", "InvalidSpec")
    assert found["a"].status.message == "spec.start is 'soon'."
    assert found["b"].status.verdict == "False"


def test_at_most_twenty_are_named_and_all_are_counted() -> None:
    held = [booking(f"b{number:02}", 9, 10, created=number) for number in range(30)]
    status = statuses(calendar(), *held)["b29"].status
    assert len(status.conflicts_with) == 20
    assert status.conflicts == 29


def test_the_longest_message_fits_into_a_condition() -> None:
    calendars = [calendar(f"{number:03}".rjust(253, "c"), capacity=10) for number in range(16)]
    names = [each.metadata.key.name for each in calendars]
    held = [booking(f"{n:02}".rjust(253, "b"), 9, 10, *names, created=n) for n in range(11)]
    status = statuses(*calendars, *held)[held[-1].key.name].status
    assert status.verdict == "True"
    assert 30_000 < len(status.message) <= 32_768


def test_a_calendar_counts_what_is_on_it() -> None:
    schedule = schedule_of(calendar(version=4), booking("a", 9, 10), booking("b", 9, 10, "gpu"))
    told = calendar_status(schedule, schedule.calendars[key("staging")], 1, ENFORCED)
    assert (told.bookings, told.conflicts, told.generation, told.fault) == (1, 1, 4, "")


def test_two_bookings_of_which_one_replaces_the_other_are_both_ready() -> None:
    found = statuses(
        calendar(), booking("a", 9, 11), booking("b", 9, 11, replaces=("a",), created=1)
    )
    assert [found[name].status.reason for name in "ab"] == ["ReplacedBy", "Replaces"]
    assert [found[name].status.verdict for name in "ab"] == ["False", "False"]
    assert found["b"].status.message == "It replaces a, and they count once."
    assert found["a"].status.message == "b replaces it, and they count once."
    assert [found[name].status.conflicts for name in "ab"] == [0, 0]


def test_a_third_booking_conflicts_with_both_of_a_pair() -> None:
    found = statuses(
        calendar(),
        booking("a", 9, 11),
        booking("b", 9, 11, replaces=("a",), created=1),
        booking("c", 10, 12, created=2),
    )
    assert found["c"].status.verdict == "True"
    assert found["c"].status.conflicts_with == ("a", "b")
    assert [found[name].status.conflicts_with for name in "ab"] == [("c",), ("c",)]


def test_a_replacement_at_another_time_is_free() -> None:
    found = statuses(calendar(), booking("a", 9, 10), booking("b", 10, 11, replaces=("a",)))
    assert [found[name].status.reason for name in "ab"] == ["Free", "Free"]


def test_a_change_of_one_affects_the_reason_of_one_that_it_is_linked_with() -> None:
    schedule = schedule_of(calendar(), booking("b", 9, 11, replaces=("a",)))
    assert affected(schedule, booking("a", 9, 11)) == {"b"}


def test_in_the_same_second_the_message_says_that_the_uid_decided() -> None:
    found = statuses(calendar(), booking("a", 9, 10, uid="z"), booking("b", 9, 10, uid="y"))
    assert found["a"].status.message.endswith(
        "This booking was created in the same second, and its uid sorts later."
    )


def test_a_change_touches_no_more_than_what_overlaps() -> None:
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
    """The model, read over all objects at once: the verdict and the conflicts of each booking."""
    conflicts: dict[NamespacedName, set[NamespacedName]] = {
        each: set() for each in schedule.bookings
    }
    for name, held in schedule.calendars.items():
        on_it = [each for each in schedule.bookings.values() if each.is_on(name)]
        for one, other in _conflicting(on_it, held.rules):
            conflicts[one].add(other)
            conflicts[other].add(one)
    kept: list[Booking] = []
    verdicts = {}
    for each in sorted(
        schedule.bookings.values(), key=lambda each: (each.created, each.metadata.uid)
    ):
        known = [name for name in each.calendar_keys() if name in schedule.calendars]
        if any(_is_over(each, kept, name, schedule.calendars[name].rules) for name in known):
            verdicts[each.key] = "True"
        else:
            kept.append(each)
            verdicts[each.key] = "False" if len(known) == len(each.calendars) else "Unknown"
    return {each: (verdicts[each], conflicts[each]) for each in schedule.bookings}


def _over_capacity(on_it: Iterable[Booking], rules: Rules) -> list[list[Booking]]:
    """Who is present at each instant at which the depth is over the capacity."""
    found = []
    for instant in INSTANTS:
        present = [each for each in on_it if _is_present(each, instant, rules)]
        edges = frozenset(frozenset(pair) for pair in _linked_pairs(present))
        keys = frozenset(each.key for each in present)
        if len(present) - largest_matching(keys, edges) > rules.capacity:
            found.append(present)
    return found


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
    on_it = [each for each in kept if each.is_on(calendar)]
    return any(booking in present for present in _over_capacity([*on_it, booking], rules))


names = st.sampled_from([f"b{number}" for number in range(8)])
places = st.sampled_from(["staging", "gpu"])
hours = st.integers(0, 10)


class Cluster(RuleBasedStateMachine):
    """Objects come, change and go; after each, statuses are settled by what the change touches."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.told: dict[NamespacedName, Outcome] = {}
        self.version = 0

    @initialize()
    def begin(self) -> None:
        self.version += 1

    def settle(self, *changed: Booking | None) -> None:
        seeds = [each for each in changed if each]
        self.told |= finish(compute_outcomes(self.schedule, seeds))

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
        if old:  # its age stays
            new = replace(new, created=old.created)
        assert self.schedule.upsert_booking(new)
        self.settle(old, new)

    @rule(name=names)
    def delete_booking(self, name: str) -> None:
        self.version += 1
        old = self.schedule.drop_booking(key(name), self.version)
        self.told.pop(key(name), None)
        self.settle(old)

    @rule(name=places, capacity=st.integers(1, 3), rejects=st.booleans(), gap=st.integers(0, 1))
    def write_calendar(self, name: str, capacity: int, rejects: bool, gap: int) -> None:  # noqa: FBT001
        self.version += 1
        rules = Rules(capacity, rejects, gap * HOUR)
        new = replace(calendar(name, version=self.version), rules=rules)
        assert self.schedule.upsert_calendar(new)
        self.settle(
            *(self.schedule.bookings[each] for each in self.schedule.bookings_on(key(name)))
        )

    @rule(name=places)
    def delete_calendar(self, name: str) -> None:
        self.version += 1
        self.schedule.drop_calendar(key(name), self.version)
        self.settle(
            *(self.schedule.bookings[each] for each in self.schedule.bookings_on(key(name)))
        )

    @rule()
    def restart(self) -> None:
        held = (*self.schedule.calendars.values(), *self.schedule.bookings.values())
        self.schedule = schedule_of(*held)
        self.told = {}
        self.settle(*self.schedule.bookings.values())

    @invariant()
    def statuses_are_those_of_the_model(self) -> None:
        expected = plain_reading(self.schedule)
        told = {each: outcome.status for each, outcome in self.told.items()}
        assert {each: status.verdict for each, status in told.items()} == {
            each: verdict for each, (verdict, _) in expected.items()
        }
        assert {each: {key(name) for name in told[each].conflicts_with} for each in told} == {
            each: overlaps for each, (_, overlaps) in expected.items()
        }
        over = {each for each, (verdict, _) in expected.items() if verdict == "True"}
        assert {each for each, outcome in self.told.items() if outcome.over} == over


TestCluster = pytest.mark.filterwarnings("default")(Cluster.TestCase)
Cluster.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
