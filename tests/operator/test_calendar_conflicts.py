"""One sweep finds the conflicts of each booking, as comparing all pairs does."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from double_booked.operator.calendar_conflicts import Conflicts, Steps, find_conflicts
from double_booked.operator.capacity import Occupancy
from double_booked.operator.links import make_links
from double_booked.operator.objects import NamespacedName

from .factories import key
from .test_links import largest_matching

END = 14


def finish(steps: Steps[dict[NamespacedName, Conflicts]]) -> dict[NamespacedName, Conflicts]:
    """Run all steps, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: dict[NamespacedName, Conflicts] = end.value
            return result


def conflicts_of(
    *spans: tuple[int, int], capacity: int = 1, most: int = 20
) -> dict[str, tuple[str, int]]:
    """Return the first conflicts of bookings a, b, c... as one text, and their count."""
    intervals = [(*span, key(name)) for span, name in zip(spans, "abcdefgh", strict=False)]
    conflicts = finish(find_conflicts(Occupancy(intervals), (0, END), capacity, most))
    return {
        one.name: ("".join(other.name for other in of.first), of.count)
        for one, of in conflicts.items()
    }


def test_a_booking_conflicts_with_every_booking_that_it_overlaps() -> None:
    assert conflicts_of((0, 4), (2, 6), (5, 8)) == {"a": ("b", 1), "b": ("ac", 2), "c": ("b", 1)}


def test_touching_bookings_do_not_conflict() -> None:
    assert conflicts_of((0, 4), (4, 6)) == {}


def test_bookings_up_to_the_capacity_do_not_conflict() -> None:
    assert conflicts_of((0, 4), (2, 6), capacity=2) == {}
    assert conflicts_of((0, 4), (2, 6), (3, 4), capacity=2)["a"] == ("bc", 2)


def test_the_first_by_start_are_named_and_all_are_counted() -> None:
    assert conflicts_of((0, 9), (1, 9), (2, 9), (3, 9), most=2) == {
        "a": ("bc", 3),
        "b": ("ac", 3),
        "c": ("ab", 3),
        "d": ("ab", 3),
    }


def test_a_booking_that_starts_before_an_overlap_conflicts_in_it() -> None:
    """C is there from 5 on, and a and c conflict when d makes the depth three."""
    conflicts = conflicts_of((0, 9), (1, 3), (5, 9), (7, 8), (2, 3), capacity=2)
    assert conflicts["a"] == ("becd", 4)


spans = st.lists(st.tuples(st.integers(0, 10), st.integers(1, 4)), max_size=8)
pairs = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=5)


@given(spans, pairs, st.integers(1, 3), st.integers(1, 8))
def test_sweep_finds_the_same_as_comparing_all_pairs(
    starts: list[tuple[int, int]], linked: set[tuple[int, int]], capacity: int, most: int
) -> None:
    intervals = [
        (start, start + length, key(f"b{number}")) for number, (start, length) in enumerate(starts)
    ]
    keys = [one for _, _, one in intervals]
    links = make_links([(key(f"b{one}"), [key(f"b{other}")]) for one, other in linked], keys)
    edges = frozenset(frozenset({one, other}) for one, others in links.items() for other in others)
    expected: dict[NamespacedName, set[NamespacedName]] = {}
    for instant in range(END):
        present = [one for start, end, one in intervals if start <= instant < end]
        if len(present) - largest_matching(frozenset(present), edges) > capacity:
            for one, other in combinations(present, 2):
                if frozenset({one, other}) not in edges:
                    expected.setdefault(one, set()).add(other)
                    expected.setdefault(other, set()).add(one)
    conflicts = finish(find_conflicts(Occupancy(intervals, links), (0, END), capacity, most))
    starting = {one: (start, one) for start, _, one in intervals}
    assert {one: of.count for one, of in conflicts.items() if of.count} == {
        one: len(others) for one, others in expected.items()
    }
    for one, others in expected.items():
        assert conflicts[one].first == sorted(others, key=starting.__getitem__)[:most]
