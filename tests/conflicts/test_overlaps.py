"""Overlaps with depths only are the spans with more events than the capacity."""

import pytest

from double_booked.conflicts.definition import Occupied
from double_booked.conflicts.instants import merge_spans
from double_booked.conflicts.overlaps import find_overlap_depths


@pytest.mark.parametrize(
    ("occupied", "overlaps"),
    [
        ([(0, 4), (2, 6)], [(2, 4)]),
        ([(0, 9), (2, 3), (3, 5), (7, 8)], [(2, 5), (7, 8)]),
        ([(0, 9), (2, 8), (3, 5)], [(2, 8)]),
        ([(0, 3), (1, 5), (4, 7)], [(1, 3), (4, 5)]),
        ([(0, 4), (0, 4), (0, 4)], [(0, 4)]),
        ([(0, 4), (4, 6)], []),
        ([(0, 4), (2, 3), (4, 6), (5, 7)], [(2, 3), (5, 6)]),
        ([(0, 4), (1, 4), (4, 6), (5, 7)], [(1, 4), (5, 6)]),
        ([(0, 4), (2, 2)], [(2, 2)]),
        ([(0, 4), (0, 4), (4, 6), (4, 4)], [(0, 4), (4, 4)]),
        ([(0, 4), (0, 4), (2, 2)], [(0, 4)]),
        ([(0, 4), (0, 4), (4, 6), (4, 6), (4, 4)], [(0, 6)]),
    ],
)
def test_overlaps_are_the_spans_with_more_than_one_event(
    occupied: list[tuple[int, int]], overlaps: list[tuple[int, int]]
) -> None:
    spans = [
        Occupied(position, start, max(end, start + 1), is_instant=start == end)
        for position, (start, end) in enumerate(occupied)
    ]
    assert merge_spans(overlap.span for overlap in find_overlap_depths(spans, 1)) == overlaps
