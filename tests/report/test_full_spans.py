"""The full spans without an event are those that the definition finds for the others."""

from hypothesis import given
from hypothesis import strategies as st

from double_booked.conflicts.definition import Occupied, find_overlaps
from double_booked.conflicts.instants import Span, merge_spans
from double_booked.report.full_spans import FullSpans

FIRST, LAST = -5, 50
EVENTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=10)


def make_occupied(position: int, start: int, length: int) -> Occupied:
    return Occupied(position, start, start + max(length, 1), is_instant=length == 0)


def full_spans_of(occupied: list[Occupied], capacity: int) -> list[Span]:
    """Return the spans in which one more event, from FIRST to LAST, would exceed the capacity."""
    one_more = Occupied(-1, FIRST, LAST, is_instant=False)
    ordered = sorted([*occupied, one_more], key=lambda occupant: occupant.start)
    return merge_spans(overlap.span for overlap in find_overlaps(ordered, capacity))


@given(EVENTS, st.integers(1, 3))
def test_full_spans_without_an_event_are_those_of_the_others(
    drawn: list[tuple[int, int]], capacity: int
) -> None:
    occupied = [make_occupied(position, *span) for position, span in enumerate(drawn)]
    spans = FullSpans(occupied, capacity)
    for event in occupied:
        others = [other for other in occupied if other != event]
        assert spans.without(event, FIRST, LAST) == full_spans_of(others, capacity)


def test_full_spans_are_cut_to_the_search() -> None:
    occupied = [make_occupied(position, start, 4) for position, start in enumerate((0, 10, 20))]
    assert FullSpans(occupied, 1).without(occupied[1], 2, 22) == [(2, 4), (20, 22)]
