"""sweep_range finds in one range of a resource what the definition finds in all of it."""

import random

import pyarrow as pa

from columns.cases import Case, random_case
from columns.test_finding import structs
from double_booked.columns.kernel import sweep_range
from double_booked.columns.results import Sweep


def sweep(case: Case, rows: list[int], carried: list[int]) -> Sweep:
    return sweep_range(
        structs([case.starts[row] for row in rows]),
        structs([case.ends[row] for row in rows]),
        capacity=case.capacities[""],
        min_gap=case.gap,
        carried=carried,
    )


def test_last_range_has_the_groups_of_the_definition() -> None:
    swept = 0
    for seed in range(3000):
        case, rng = random_case(seed), random.Random(seed)  # noqa: S311 - the same cases each time
        in_order = sorted(range(len(case.starts)), key=lambda row: (case.starts[row], row))
        cut = rng.randrange(len(in_order) + 1)
        before, rows = in_order[:cut], sorted(in_order[cut:])
        if not rows:
            continue
        padded = case.padded_ends()
        carried = sorted((padded[row] for row in before), reverse=True)[: case.capacities[""]]
        found = sweep(case, rows, carried)
        groups: dict[int, list[int]] = {}
        for row, first in zip(rows, pa.array(found.first).to_pylist(), strict=True):
            if first is not None:
                groups.setdefault(rows[first], []).append(row)
        expected = [[row for row in group.members if row in rows] for group in case.groups()]
        assert sorted(groups.values()) == sorted(sorted(group) for group in expected if group), seed
        for first, group in groups.items():
            assert first == min(group, key=lambda row: (case.starts[row], row))
        swept += found.overloaded
    assert swept > 500


def test_sweep_names_its_first_overload_and_its_first_and_last_group() -> None:
    case = Case([0, 5, 20, 30, 31], [10, 12, 25, 40, 41], [[""]] * 5, {"": 1}, 0)
    found = sweep(case, [0, 1, 2, 3, 4], [])
    assert pa.array(found.first).to_pylist() == [0, 0, None, 3, 3]
    assert (found.overloaded, found.first_at) == (True, 1)
    assert (found.first_group, found.last_group) == (0, 3)


def test_carried_event_counts_but_is_no_row() -> None:
    case = Case([10, 20], [15, 25], [[""]] * 2, {"": 1}, 0)
    found = sweep(case, [0, 1], [15])
    assert pa.array(found.first).to_pylist() == [0, None]
    assert (found.first_at, found.first_group, found.last_group) == (0, 0, 0)


def test_range_without_an_overload_has_no_groups() -> None:
    found = sweep(Case([10], [15], [[""]], {"": 1}, 0), [0], [10])
    assert not found.overloaded
    assert (found.first_at, found.first_group, found.last_group) == (None, None, None)
    assert pa.array(found.first).to_pylist() == [None]
