"""Small random cases, and their groups by the definition."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from double_booked.api.scheduling_pb2 import ConflictOptions, Event
from double_booked.conflicts import definition
from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND, timestamp

FIRST_INSTANT = -62_135_596_800 * NANOS_PER_SECOND
"""The start of the year 1."""

_BASES = [0, 1_790_000_000 * NANOS_PER_SECOND, FIRST_INSTANT, LAST_INSTANT - 40 * NANOS_PER_SECOND]
_UNITS = [1, NANOS_PER_SECOND // 2, NANOS_PER_SECOND]


@dataclass(frozen=True, slots=True)
class Case:
    """Events of one resource, by their position, and the options."""

    events: list[tuple[int, int]]
    min_gap: int
    capacity: int


def random_cases(count: int, seed: int, min_gap: int | None = None) -> Iterator[Case]:
    """Yield cases with ties, instants, gaps, long events and the years 1 and 9999."""
    random = Random(seed)  # noqa: S311 - the same cases each time
    for _ in range(count):
        yield _case(random, min_gap)


def _case(random: Random, min_gap: int | None) -> Case:
    unit, base, width = random.choice(_UNITS), random.choice(_BASES), random.choice([3, 8, 30, 60])
    gap = random.choice([0, 0, 1, unit, 3 * unit]) if min_gap is None else min_gap
    events = []
    for _ in range(random.randrange(24)):
        start = base + random.randrange(width) * unit
        long = 4 * width if random.random() < 0.15 else 1
        length = random.choice([0, 0, 1, 2, 5, random.randrange(width), long]) * unit
        events.append((min(start, LAST_INSTANT), min(start + length, LAST_INSTANT)))
    if len(events) > 1 and random.random() < 0.05:
        events[:2] = [(FIRST_INSTANT, LAST_INSTANT), (LAST_INSTANT, LAST_INSTANT)]
    return Case(events, gap, random.choice([1, 1, 2, 3, 5]))


def expected_groups(case: Case) -> dict[int, list[int]]:
    """Return the sorted positions of each group's members, by that of its first member."""
    return {group.members[0]: sorted(group.members) for group in find_case_groups(case)}


def find_case_groups(case: Case) -> list[definition.Group]:
    """Return the groups of a case by the definition."""
    options = ConflictOptions(capacity={"": case.capacity})
    options.min_gap.seconds, options.min_gap.nanos = divmod(case.min_gap, NANOS_PER_SECOND)
    events = [Event(start=timestamp(start), end=timestamp(end)) for start, end in case.events]
    return definition.find_groups(events, options)
