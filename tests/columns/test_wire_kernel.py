"""The kernels for columns and for wire bytes find the same groups in a large list."""

import random

import pyarrow as pa
import pytest

from conflicts import wire
from double_booked.api.scheduling_pb2 import ConflictList
from double_booked.columns import find_groups
from double_booked.conflicts import kernel

EVENTS = 60_000


def expected(
    starts: list[int], ends: list[int], rooms: list[str], capacity: int
) -> list[list[int]]:
    """Return the members of each group by the wire kernel."""
    events = (
        wire.event(start, end, wire.delimited(1, b"%d" % row), wire.delimited(6, room.encode()))
        for row, (start, end, room) in enumerate(zip(starts, ends, rooms, strict=True))
    )
    options = b"".join(wire.capacity(room.encode(), capacity) for room in set(rooms))
    answer = kernel.get_conflicts(wire.event_list(*events) + wire.delimited(2, options))
    groups = ConflictList.FromString(answer.content).conflicts
    return [[int(event.id) for event in group.conflict_group] for group in groups]


@pytest.mark.parametrize("capacity", [1, 2])
@pytest.mark.parametrize("room_count", [1, 300])
def test_groups_of_a_large_list_are_those_of_the_wire_kernel(
    room_count: int, capacity: int
) -> None:
    rng = random.Random(capacity)  # noqa: S311 - the same list each time
    starts = [rng.randrange(room_count, 40 * EVENTS) for _ in range(EVENTS)]
    ends = [start + int(rng.expovariate(1 / (40 * room_count))) for start in starts]
    rooms = [f"room {rng.randrange(room_count)}" for _ in starts]
    found = find_groups(
        pa.array(starts),
        pa.array(ends),
        pa.array(rooms).dictionary_encode(),
        unit="s",
        capacity=capacity,
    )
    members = pa.array(found.members).to_pylist()
    assert members == expected(starts, ends, rooms, capacity)
    assert len(members) > 1000
