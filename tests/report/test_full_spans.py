"""What is taken without one event is what the definition finds taken by the others."""

from hypothesis import given
from hypothesis import strategies as st

from double_booked.conflicts.definition import Occupied, find_overlaps
from double_booked.conflicts.instants import Span, merge_spans
from double_booked.report.full_spans import FullSpans

FIRST, LAST = -5, 50
EVENTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=10)


def make_occupied(position: int, start: int, length: int) -> Occupied:
    return Occupied(position, start, start + max(length, 1), is_instant=length == 0)


def taken_by(occupied: list[Occupied], capacity: int) -> list[Span]:
    """When one that stays from FIRST to LAST would be too many."""
    all_along = Occupied(-1, FIRST, LAST, is_instant=False)
    ordered = sorted([*occupied, all_along], key=lambda each: each.start)
    return merge_spans(overlap.span for overlap in find_overlaps(ordered, capacity))


@given(EVENTS, st.integers(1, 3))
def test_without_an_event_only_the_others_take_time(
    drawn: list[tuple[int, int]], capacity: int
) -> None:
    occupied = [make_occupied(position, *each) for position, each in enumerate(drawn)]
    taken = FullSpans(occupied, capacity)
    for each in occupied:
        others = [other for other in occupied if other != each]
        assert taken.without(each, FIRST, LAST) == taken_by(others, capacity)


def test_only_the_time_that_was_asked_for_is_returned() -> None:
    occupied = [make_occupied(position, start, 4) for position, start in enumerate((0, 10, 20))]
    assert FullSpans(occupied, 1).without(occupied[1], 2, 22) == [(2, 4), (20, 22)]
