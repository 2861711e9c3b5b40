"""find_overlaps and the members of groups are those of the definition."""

import pyarrow as pa
import pytest

from columns.cases import Case, random_case
from columns.test_finding import structs
from double_booked.columns import InvalidColumnsError, find_groups, find_overlaps
from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND


def lists(case: Case) -> pa.Array:
    return pa.array(case.resources, pa.list_(pa.string()))


def instant(struct: dict[str, int]) -> int:
    return struct["seconds"] * NANOS_PER_SECOND + struct["nanos"]


@pytest.mark.parametrize("names", [1, 4])
def test_members_are_in_the_order_of_the_definition(names: int) -> None:
    for seed in range(1000):
        case = random_case(seed, names=names, lists=True)
        if case.starts:
            found = find_groups(
                structs(case.starts),
                structs(case.ends),
                lists(case),
                capacity=case.capacities,
                min_gap=case.gap,
            )
            expected = [list(group.members) for group in case.groups()]
            assert pa.array(found.members).to_pylist() == expected, (seed, case)
            assert len(found) == len(expected)


def test_find_overlaps_equals_the_definition() -> None:
    for seed in range(1000):
        case = random_case(seed, names=3, lists=True)
        if not case.starts:
            continue
        found = find_overlaps(
            structs(case.starts),
            structs(case.ends),
            lists(case),
            capacity=case.capacities,
            min_gap=case.gap,
        )
        expected = []
        for number, group in enumerate(case.groups()):
            place = {member: at for at, member in enumerate(group.members)}
            for overlap in group.overlaps:
                members = sorted(overlap.members, key=place.__getitem__)
                span = (overlap.start, min(overlap.end, LAST_INSTANT))
                expected.append((*span, overlap.depth, number, members))
        rows = pa.array(found).to_pylist()
        shown = [
            (instant(row.pop("start")), instant(row.pop("end")), *row.values()) for row in rows
        ]
        assert shown == expected, (seed, case)


def test_overlaps_have_the_type_of_the_times() -> None:
    column_type = pa.timestamp("ms", "UTC")
    start = pa.array([0, 5], pa.int64()).cast(column_type)
    end = pa.array([10, 20], pa.int64()).cast(column_type)
    found = pa.table(find_overlaps(start, end, min_gap=1_000_000))
    assert found.schema.field("start").type == found.schema.field("end").type == column_type
    assert found.column("end").cast(pa.int64()).to_pylist() == [11]
    assert found.column("members").to_pylist() == [[0, 1]]


def test_gap_that_the_type_cannot_hold_is_rejected() -> None:
    start = pa.array([0, 5], pa.int64())
    with pytest.raises(InvalidColumnsError, match="convert start and end to a finer unit"):
        find_overlaps(start, start, unit="us", min_gap=1)


def test_end_that_the_type_cannot_hold_is_rejected() -> None:
    start = pa.array([2**63 - 5, 2**63 - 5], pa.int64())
    with pytest.raises(InvalidColumnsError, match="2262"):
        find_overlaps(start, start, min_gap=100)
