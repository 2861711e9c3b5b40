"""Intervals that overlap a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from double_booked.operator.intervals import BookedSpan, IntervalIndex

from .factories import key

moments = st.integers(0, 300)
intervals = st.builds(
    lambda start, length, name: (start, start + length, key(name)),
    moments,
    st.integers(1, 200),
    st.sampled_from("abc"),
)


@given(st.lists(intervals), st.data(), moments, st.integers(1, 100))
def test_it_finds_just_those_that_overlap(
    held: list[BookedSpan], data: st.DataObject, start: int, length: int
) -> None:
    schedule = IntervalIndex()
    for interval in held:
        schedule.add(interval)
    for interval in data.draw(st.lists(st.sampled_from(held), unique=True)) if held else ():
        schedule.remove(interval)
        held.remove(interval)
    overlapping = [each for each in held if each[0] < start + length and each[1] > start]
    assert sorted(schedule.overlapping(start, start + length)) == sorted(overlapping)
    assert sorted(schedule) == sorted(held)
    assert len(schedule) == len(held)


def test_what_is_not_there_cannot_be_removed() -> None:
    schedule = IntervalIndex()
    schedule.add((0, 4, key("a")))
    with pytest.raises(KeyError):
        schedule.remove((0, 4, key("b")))
    with pytest.raises(KeyError):
        schedule.remove((0, 400, key("a")))


def test_years_are_found_among_hours() -> None:
    schedule = IntervalIndex()
    for hour in range(10_000):
        schedule.add((hour, hour + 1, key(f"hour-{hour}")))
    schedule.add((0, 10_000, key("year")))
    assert {name.name for _, _, name in schedule.overlapping(5_000, 5_001)} == {"hour-5000", "year"}
