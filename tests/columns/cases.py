"""Random lists of events in columns, and what the definition says about them."""

import random
from dataclasses import dataclass

from double_booked.api.scheduling_pb2 import ConflictOptions, Event
from double_booked.conflicts import definition
from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND, timestamp

FIRST_INSTANT = -62_135_596_800 * NANOS_PER_SECOND

_BASES = (0, 1_790_000_000 * NANOS_PER_SECOND, FIRST_INSTANT, LAST_INSTANT - 40 * NANOS_PER_SECOND)


@dataclass(frozen=True)
class Case:
    """Events, in nanoseconds since 1970, and the options of a call.

    Attributes:
        starts: One for each event.
        ends: One for each event.
        resources: The names that each event has; a name may repeat.
        capacities: By name; 1 for other names.
        gap: Nanoseconds.
    """

    starts: list[int]
    ends: list[int]
    resources: list[list[str]]
    capacities: dict[str, int]
    gap: int

    def groups(self) -> list[Group]:
        """Return the groups of the definition."""
        events = [
            Event(start=timestamp(start), end=timestamp(end), resources=names)
            for start, end, names in zip(self.starts, self.ends, self.resources, strict=True)
        ]
        options = ConflictOptions(capacity=self.capacities)
        options.min_gap.seconds, options.min_gap.nanos = divmod(self.gap, NANOS_PER_SECOND)
        return definition.find_groups(events, options)

    def padded_ends(self) -> list[int]:
        """Return for each event the instant from which on it is not present any more."""
        return [
            max(end + self.gap, start + 1)
            for start, end in zip(self.starts, self.ends, strict=True)
        ]

    def first_of_row(self) -> list[int | None]:
        """Return for each event the position of its group's first member, or None."""
        first: list[int | None] = [None] * len(self.starts)
        for group in self.groups():
            for member in group.members:
                first[member] = group.members[0]
        return first


def random_case(seed: int, *, names: int = 1, lists: bool = False) -> Case:
    """Return a case with few distinct instants, so that ties and touching events are common.

    Args:
        seed: What the case depends on.
        names: How many resources there are; the first one is the unnamed.
        lists: Whether an event may have several resources, or none.
    """
    rng = random.Random(seed)  # noqa: S311 - the same cases each time
    count, base, unit = rng.randrange(24), rng.choice(_BASES), rng.choice([1, 500_000_000, 10**9])
    starts = [base + rng.randrange(rng.choice([3, 8, 30])) * unit for _ in range(count)]
    ends = [start + rng.choice([0, 0, 1, 2, 5, rng.randrange(40)]) * unit for start in starts]
    if starts and rng.random() < 0.1:  # events in the years 1 and 9999: more than 64 bits
        starts[0], ends[0] = FIRST_INSTANT, rng.choice([FIRST_INSTANT + 5, LAST_INSTANT])
        starts[-1] = ends[-1] = LAST_INSTANT - rng.randrange(3)
    known = [f"room {number}" if number else "" for number in range(names)]
    return Case(
        [min(start, LAST_INSTANT) for start in starts],
        [min(end, LAST_INSTANT) for end in ends],
        [rng.choices(known, k=rng.randrange(4) if lists else 1) for _ in starts],
        {name: rng.choice([1, 1, 2, 3, 5]) for name in known},
        rng.choice([0, 0, 1, unit, 3 * unit]),
    )
