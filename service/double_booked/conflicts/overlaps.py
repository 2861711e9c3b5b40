"""Overlaps with their depth only: fast even where very many events are present at once."""

from collections import Counter
from collections.abc import Iterable, Iterator

from double_booked.conflicts.definition import Occupied, Overlap


def find_overlap_depths(occupied: Iterable[Occupied], capacity: int) -> Iterator[Overlap]:
    """Yield the spans in which more events are present than the capacity, without members.

    The time that this takes does not depend on how many events are present at once.

    Args:
        occupied: The occupied spans of one resource, in any order.
        capacity: How many events may be present at an instant.
    """
    changes: Counter[int] = Counter()
    instants: Counter[int] = Counter()
    for occupant in occupied:
        if occupant.is_instant:
            instants[occupant.start] += 1
        else:
            changes[occupant.start] += 1
            changes[occupant.end] -= 1
    depth = last = 0
    for now in sorted(changes.keys() | instants.keys()):
        if depth > capacity:
            yield Overlap(last, now, depth)
        depth += changes[now]
        if instants[now] and depth + instants[now] > capacity:
            yield Overlap(now, now, depth + instants[now])
        last = now
