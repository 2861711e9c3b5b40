"""A cut gives each event a range that never falls as (start, key) rises."""

from bisect import bisect_right
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spark.cases import FIRST_INSTANT

from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND
from double_booked.spark.cells import (
    Child,
    KeyCut,
    Range,
    TimeCut,
    count_ranges,
    cut,
    number_cuts,
    replace_ranges,
)

STARTS = st.one_of(
    st.integers(0, 5),
    st.integers(0, 100_000),
    st.integers(FIRST_INSTANT, LAST_INSTANT),
)
SAMPLES = st.lists(st.tuples(STARTS, st.integers(0, 9)), min_size=6, max_size=200).map(sorted)


def child_of(cut: TimeCut | KeyCut, children: tuple[Child, ...], start: int, key: int) -> Child:
    if isinstance(cut, KeyCut):
        return children[bisect_right(cut.bounds, key)]
    return children[max(0, min(len(children) - 1, 1 + (start - cut.low) // cut.width))]


def range_of(root: TimeCut, start: int, key: int, first: int = 0) -> Child:
    """Return the range of an event: what the job computes in SQL."""
    cuts = {each.node: each for each in number_cuts(root, first, -2)}
    child = Child(-2, None)
    while child.node < 0:
        numbered = cuts[child.node]
        child = child_of(numbered.cut, numbered.children, start, key)
    return child


@given(sample=SAMPLES, size=st.integers(1, 5))
def test_ranges_follow_order_of_events(sample: list[tuple[int, int]], size: int) -> None:
    root = cut(sample, size)
    found = [range_of(root, start, key, first=7) for start, key in sample]

    assert [child.node for child in found] == sorted(child.node for child in found)
    assert all(7 <= child.node < 7 + count_ranges(root) for child in found)


@given(sample=SAMPLES, size=st.integers(1, 5))
def test_ranges_hold_at_most_size(sample: list[tuple[int, int]], size: int) -> None:
    sample = sorted(set(sample))
    root = cut(sample, size)

    if len(sample) > size:
        found = (range_of(root, start, key).node for start, key in sample)
        assert all(len(list(events)) <= size for _, events in groupby(found))


@given(sample=SAMPLES, size=st.integers(1, 5))
def test_until_is_at_most_start_of_later_events(sample: list[tuple[int, int]], size: int) -> None:
    root = cut(sample, size)
    found = [(range_of(root, start, key), start) for start, key in sample]

    for child, _ in found:
        later = [start for other, start in found if other.node > child.node]
        if later:
            assert child.until is not None
            assert child.until <= min(later) // NANOS_PER_SECOND


def test_last_range_has_no_end() -> None:
    assert range_of(cut([(start, 0) for start in range(9)], 2), 8, 0).until is None


def test_instant_with_many_events_is_cut_by_key() -> None:
    sample = sorted([(3, 0), (9, 0), *((5, key) for key in range(100))])
    root = cut(sample, 10)

    assert range_of(root, 5, 0).node < range_of(root, 5, 99).node
    assert count_ranges(root) >= 10


@pytest.mark.parametrize("count", [1, 3])
def test_range_is_replaced_by_cut(count: int) -> None:
    root = cut([(start, 0) for start in range(0, 40, 4)], count)
    before = count_ranges(root)
    second = cut([(5, 0), (6, 0), (7, 0)], 1)

    after = replace_ranges(root, 10, {11: second})

    assert count_ranges(after) == before - 1 + count_ranges(second)


def test_small_sample_is_one_range() -> None:
    assert cut([(1, 0), (2, 0)], 2) == Range()
