"""The sweep of one range in plain Python: what `columns.kernel.sweep_range` must return."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlainSweep:
    """Attributes of `columns.kernel.Sweep`; rows are positions in the range."""

    first: list[int | None]
    first_at: int | None
    first_group: int | None


def sweep_range(
    spans: Sequence[tuple[int, int]], *, capacity: int, carried: Sequence[int]
) -> PlainSweep:
    """Sweep the occupied spans (start, padded end) of a range, with the ends carried into it."""
    present = [(end, -1 - number) for number, end in enumerate(carried)]
    groups: dict[int, int] = {}
    first_at = first_group = None
    for row in sorted(range(len(spans)), key=lambda row: spans[row][0]):
        start, end = spans[row]
        present = [*((until, other) for until, other in present if until > start), (end, row)]
        if len(present) > capacity:
            known = [groups[other] for _, other in present if other in groups]
            group = known[0] if known else next(other for _, other in present if other >= 0)
            groups |= dict.fromkeys((other for _, other in present), group)
            if first_at is None:
                first_at, first_group = row, group
    return PlainSweep([groups.get(row) for row in range(len(spans))], first_at, first_group)
