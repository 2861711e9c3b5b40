"""The groups of a case by ranges, with any version of the module `ranges`."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from types import ModuleType

from tests.spark.cases import Case
from tests.spark.plain_sweep import sweep_range


@dataclass(frozen=True, slots=True)
class _Part:
    """A swept range: the positions of its events, their local groups, and its report."""

    positions: list[int]
    groups: list[int | None]
    report: object


def groups_by_ranges(case: Case, ranges: ModuleType, random: Random) -> dict[int, list[int]]:
    """Return what `expected_groups` does, by ranges of up to 5 events that are cut in ties too."""
    parts = list(_cut(case, random))
    tops = [ranges.latest(_carried(case, part, ranges), case.capacity) for part in parts]
    carries = list(ranges.carry_ends((), tops, case.capacity))
    swept = [
        _sweep(case, part, carried, ranges, random)
        for part, carried in zip(parts, carries, strict=True)
    ]
    groups = defaultdict(list)
    reports = [part.report for part in swept]
    for part, resolved in zip(swept, ranges.resolve((), reports, case.capacity), strict=True):
        first = part.report.first_member[1] if part.report.first_member else None
        for position, group in zip(part.positions, part.groups, strict=True):
            if group is not None:
                groups[resolved.group if group == first else group].append(position)
        for event in resolved.joined:
            groups[resolved.group].append(event.key)
    return {group: sorted(members) for group, members in groups.items()}


def _cut(case: Case, random: Random) -> Iterator[list[int]]:
    order = sorted(
        range(len(case.events)), key=lambda position: (case.events[position][0], position)
    )
    while order:
        size = random.choice([0, 1, 1, 2, 3, 5])
        yield order[:size]
        order = order[size:]


def _carried(case: Case, part: list[int], ranges: ModuleType) -> list:
    return [ranges.carry_event(*case.events[key], key, case.min_gap) for key in part]


def _sweep(
    case: Case, part: list[int], carried: tuple, ranges: ModuleType, random: Random
) -> _Part:
    """Sweep the events of a range in any order, as a task receives them."""
    part = random.sample(part, len(part))
    events = _carried(case, part, ranges)
    swept = sweep_range(
        [(event.start, event.until) for event in events],
        capacity=case.capacity,
        carried=[event.until for event in carried],
    )
    names = {
        local: min(
            (events[row].start, part[row]) for row in range(len(part)) if swept.first[row] == local
        )
        for local in set(swept.first) - {None}
    }
    groups = [None if local is None else names[local][1] for local in swept.first]
    members = [replace(event, group=group) for event, group in zip(events, groups, strict=True)]
    report = ranges.SweptRange(
        ranges.latest(members, case.capacity),
        None if swept.first_at is None else events[swept.first_at].start,
        None if swept.first_group is None else names[swept.first_group],
    )
    return _Part(part, groups, report)
