"""How many events are present, without who: quick where very many are."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from double_booked.conflicts.definition import Occupied

Span = tuple[int, int]
"""From the first up to the second, in nanoseconds since 1970; equal for an instant."""


class Stretch(Protocol):
    """What has a start and an end, in nanoseconds since 1970."""

    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102


class Overload(NamedTuple):
    """A time in which more events are present than the capacity.

    Attributes:
        start: Nanoseconds since 1970.
        end: The same; equal to the start where the time is an instant.
        depth: How many are present.
    """

    start: int
    end: int
    depth: int


def overloads(occupied: Iterable[Occupied], capacity: int) -> Iterator[Overload]:
    """Yields when more are present than the capacity, in order.

    It takes no longer where very many are present at once.

    Args:
        occupied: What is occupied of one resource, in any order.
        capacity: How many may be present at an instant.
    """
    changes: Counter[int] = Counter()
    instants: Counter[int] = Counter()
    for each in occupied:
        if each.is_instant:
            instants[each.start] += 1
        else:
            changes[each.start] += 1
            changes[each.end] -= 1
    depth = last = 0
    for now in sorted(changes.keys() | instants.keys()):
        if depth > capacity:
            yield Overload(last, now, depth)
        depth += changes[now]
        if instants[now] and depth + instants[now] > capacity:
            yield Overload(now, now, depth + instants[now])
        last = now


def merge_spans(stretches: Iterable[Stretch]) -> list[Span]:
    """Puts adjacent and overlapping stretches, which are in the order of their starts, together.

    An instant at the end of a stretch stands alone, as the half-open span does not hold it, unless
    another stretch follows there.
    """
    spans: list[Span] = []
    for stretch in stretches:
        start, end = stretch.start, stretch.end
        if spans and start <= spans[-1][1] and not _is_at_end(spans[-1], start, end):
            first, last = spans.pop()
            start, end = first, max(end, last)
            if spans and spans[-1][1] == start < end:  # with but an instant between them
                start = spans.pop()[0]
        spans.append((start, end))
    return spans


def _is_at_end(span: Span, start: int, end: int) -> bool:
    """Whether an instant is at the end of what is none."""
    return start == end == span[1] != span[0]
