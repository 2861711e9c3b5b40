"""Cut the events of a resource into ranges, by a function of the start that never falls.

A `TimeCut` divides the time into cells of equal width and gives each run of cells to a child. An
instant with more events than a range holds has a `KeyCut`. The cut is made from a sample once, so
a task that runs again gets the same events. A bad sample makes ranges uneven, never wrong.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark.ranges import Key

CELLS_PER_RANGE = 64
"""How many cells a range has on average: with 64, ranges of even data differ by 2 %."""

MAX_NANOS = (1 << 33) * NANOS_PER_SECOND
"""Spans below 272 years have cells in nanoseconds; 64 bits hold the offset of a start."""

_OUTSIDE = 0.001  # the share of the sample below the first cell, and above the last


@dataclass(frozen=True, slots=True)
class Range:
    """A range: its events are swept together."""


@dataclass(frozen=True, slots=True)
class TimeCut:
    """Cells of equal width.

    Attributes:
        low: The start of the first cell, in nanoseconds since 1970.
        width: The width of a cell in nanoseconds; whole seconds if the cells span `MAX_NANOS`.
        child_of_cell: The child of each cell. The first cell is what starts before `low`, the last
            one what starts after the others.
        children: In the order of the starts.
    """

    low: int
    width: int
    child_of_cell: tuple[int, ...]
    children: tuple["Cut", ...]


@dataclass(frozen=True, slots=True)
class KeyCut:
    """A single instant, cut by the key.

    Attributes:
        start: The instant, in nanoseconds since 1970.
        bounds: The smallest key of each child but the first.
    """

    start: int
    bounds: tuple[Key, ...]


Cut: TypeAlias = Range | TimeCut | KeyCut


@dataclass(frozen=True, slots=True)
class Child:
    """A range or a cut below a cut.

    Attributes:
        node: The number of the range, or of the cut; cuts have numbers below -1.
        until: The second in which the next range of the resource may start, at the earliest; None
            for the last range. It has no meaning for a cut.
    """

    node: int
    until: int | None


@dataclass(frozen=True, slots=True)
class NumberedCut:
    """A cut with its number, its level, and the child of each cell or bound."""

    node: int
    level: int
    cut: TimeCut | KeyCut
    children: tuple[Child, ...]


def cut(sample: Sequence[tuple[int, Key]], size: int) -> Cut:
    """Return a cut into ranges that have about `size` events of the sample each.

    Args:
        sample: (start, key) of events, sorted; starts in nanoseconds since 1970.
        size: At least 1.
    """
    if len(sample) <= size:
        return Range()
    low = sample[int(len(sample) * _OUTSIDE)][0]
    high = sample[-1 - int(len(sample) * _OUTSIDE)][0]
    if low == high:
        return _cut_around(low, sample, size)
    unit = NANOS_PER_SECOND if high - low >= MAX_NANOS else 1
    low -= low % unit
    cells = CELLS_PER_RANGE * -(-len(sample) // size)
    width = -(-(high - low + 1) // (cells * unit)) * unit
    bounds = [bisect_left(sample, (bound,)) for bound in range(low, high + width + 1, width)]
    return _merge_cells(low, width, [0, *bounds, len(sample)], sample, size)


def _cut_around(instant: int, sample: Sequence[tuple[int, Key]], size: int) -> TimeCut:
    """Return a cut into what starts before an instant, at it and after it."""
    first, last = bisect_left(sample, (instant,)), bisect_left(sample, (instant + 1,))
    keys = [key for _, key in sample[first:last]]
    bounds = tuple(sorted({*keys[size::size]} - {keys[0]}))
    at_instant = KeyCut(instant, bounds) if bounds else Range()
    return TimeCut(
        instant, 1, (0, 1, 2), (cut(sample[:first], size), at_instant, cut(sample[last:], size))
    )


def _merge_cells(
    low: int, width: int, bounds: Sequence[int], sample: Sequence[tuple[int, Key]], size: int
) -> TimeCut:
    """Return a cut whose children are runs of cells with at most `size` events, or single cells.

    Args:
        low: The start of the first cell.
        width: The width of a cell.
        bounds: The position in the sample at which each cell begins, and the end of the sample.
        sample: (start, key), sorted.
        size: The number of events that a range should have at most.
    """
    child_of_cell, firsts = [0], [0]
    for first, last in pairwise(bounds[1:]):
        if last - firsts[-1] > size and first > firsts[-1]:
            firsts.append(first)
        child_of_cell.append(len(firsts) - 1)
    parts = zip(firsts, [*firsts[1:], len(sample)], strict=True)
    children = tuple(cut(sample[first:last], size) for first, last in parts)
    return TimeCut(low, width, tuple(child_of_cell), children)


def count_ranges(node: Cut) -> int:
    """Return the number of ranges of a cut."""
    match node:
        case TimeCut(children=children):
            return sum(map(count_ranges, children))
        case KeyCut(bounds=bounds):
            return len(bounds) + 1
    return 1


def replace_ranges(node: Cut, first: int, replacements: Mapping[int, Cut]) -> Cut:
    """Return the cut with some ranges cut again.

    Args:
        node: The cut.
        first: The number of its first range.
        replacements: The cuts of ranges, by number. Those of a `KeyCut` stay.
    """
    if isinstance(node, Range):
        return replacements.get(first, node)
    if isinstance(node, KeyCut):
        return node
    children = []
    for child in node.children:
        children.append(replace_ranges(child, first, replacements))
        first += count_ranges(child)
    return replace(node, children=tuple(children))


def without_key_cuts(node: Cut) -> Cut:
    """Return the cut with each instant in a single range."""
    if isinstance(node, TimeCut):
        return replace(node, children=tuple(map(without_key_cuts, node.children)))
    return Range()


def number_cuts(root: Cut, first: int, first_cut: int) -> list[NumberedCut]:
    """Return the cuts of a resource with numbers; the root is the first.

    Args:
        root: The cut of the resource.
        first: The number of its first range.
        first_cut: The number of the root, below -1; other cuts have lower ones.
    """
    numbered: list[NumberedCut] = []
    _number(root, 0, None, _Counter(first, first_cut), numbered)
    return sorted(numbered, key=lambda each: -each.node)


@dataclass(slots=True)
class _Counter:
    """The numbers that the next range and the next cut get."""

    range: int
    cut: int


def _number(
    node: Cut, level: int, until: int | None, counter: _Counter, numbered: list[NumberedCut]
) -> int:
    """Add the numbers of a cut and of what is below it; return its own number."""
    if isinstance(node, Range):
        counter.range += 1
        return counter.range - 1
    number = counter.cut
    counter.cut -= 1
    if isinstance(node, KeyCut):
        second = node.start // NANOS_PER_SECOND
        count = len(node.bounds) + 1
        children = tuple(Child(counter.range + at, second) for at in range(count))
        counter.range += count
    else:
        below = [
            Child(_number(child, level + 1, end, counter, numbered), end)
            for child, end in zip(node.children, _ends(node, until), strict=True)
        ]
        children = tuple(below[child] for child in node.child_of_cell)
    numbered.append(NumberedCut(number, level, node, children))
    return number


def _ends(node: TimeCut, until: int | None) -> Iterator[int | None]:
    """Yield for each child the second in which the next one may start."""
    for child in range(1, len(node.children)):
        cell = node.child_of_cell.index(child)
        yield (node.low + (cell - 1) * node.width) // NANOS_PER_SECOND
    yield until
