"""The index returns the spans that overlap a time."""

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
def test_index_returns_exactly_the_overlapping_spans(
    spans: list[BookedSpan], data: st.DataObject, start: int, length: int
) -> None:
    schedule = IntervalIndex()
    for interval in spans:
        schedule.add(interval)
    for interval in data.draw(st.lists(st.sampled_from(spans), unique=True)) if spans else ():
        schedule.remove(interval)
        spans.remove(interval)
    overlapping = [span for span in spans if span[0] < start + length and span[1] > start]
    assert sorted(schedule.overlapping(start, start + length)) == sorted(overlapping)
    assert sorted(schedule) == sorted(spans)
    assert len(schedule) == len(spans)


def test_removing_a_missing_span_raises() -> None:
    schedule = IntervalIndex()
    schedule.add((0, 4, key("a")))
    with pytest.raises(KeyError):
        schedule.remove((0, 4, key("b")))
    with pytest.raises(KeyError):
        schedule.remove((0, 400, key("a")))


def test_index_finds_long_spans_among_short_ones() -> None:
    schedule = IntervalIndex()
    for hour in range(10_000):
        schedule.add((hour, hour + 1, key(f"hour-{hour}")))
    schedule.add((0, 10_000, key("year")))
    assert {name.name for _, _, name in schedule.overlapping(5_000, 5_001)} == {"hour-5000", "year"}
