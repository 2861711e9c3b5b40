"""find_groups answers columns as the definition answers events."""

from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pytest

from columns.cases import Case, random_case
from double_booked.columns import InvalidColumnsError, find_groups
from double_booked.conflicts.instants import NANOS_PER_SECOND


def structs(instants: list[int]) -> pa.Array:
    """Return instants as a column of seconds and nanos."""
    seconds, nanos = zip(*(divmod(instant, NANOS_PER_SECOND) for instant in instants), strict=True)
    return pa.StructArray.from_arrays(
        [pa.array(seconds, pa.int64()), pa.array(nanos, pa.int32())], ["seconds", "nanos"]
    )


def integers(instants: list[int]) -> pa.Array:
    """Return instants as a column of nanoseconds."""
    return pa.array(instants, pa.int64())


def first_of(case: Case, to_column: Callable[[list[int]], pa.Array] = structs) -> list[int | None]:
    """Return what find_groups says about a case with one name for each event."""
    names = pa.array([names[0] for names in case.resources], pa.string())
    found = find_groups(
        to_column(case.starts),
        to_column(case.ends),
        names,
        capacity=case.capacities,
        min_gap=case.gap,
    )
    return pa.array(found.first).to_pylist()


@pytest.mark.parametrize("names", [1, 4])
def test_find_groups_equals_the_definition(names: int) -> None:
    for seed in range(1500):
        case = random_case(seed, names=names)
        if case.starts:
            assert first_of(case) == case.first_of_row(), (seed, case)


def test_nanoseconds_in_any_chunks_equal_the_definition() -> None:
    compared = 0
    for seed in range(2000):
        case = random_case(seed, names=3)
        if case.starts and min(case.starts) >= -(2**63) and max(case.ends) < 2**63:
            cut = seed % len(case.starts)

            def in_two(instants: list[int], cut: int = cut) -> pa.ChunkedArray:
                return pa.chunked_array([integers(instants[:cut]), integers(instants[cut:])])

            assert first_of(case, integers) == case.first_of_row(), (seed, case)
            assert first_of(case, in_two) == case.first_of_row(), (seed, case)
            compared += 1
    assert compared > 500


@pytest.mark.parametrize("capacity", [1, 2])
def test_order_of_the_rows_changes_only_their_numbers(capacity: int) -> None:
    for seed in range(500):
        case = random_case(seed, names=3)
        order = sorted(
            range(len(case.starts)), key=lambda row: (case.resources[row][0], case.starts[row])
        )
        in_order = Case(
            [case.starts[row] for row in order],
            [case.ends[row] for row in order],
            [case.resources[row] for row in order],
            dict.fromkeys(case.capacities, capacity),
            case.gap,
        )
        if order:
            assert first_of(in_order) == in_order.first_of_row(), (seed, in_order)


@pytest.mark.parametrize(
    "column_type",
    [
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        *(pa.timestamp(unit, "Europe/Berlin") for unit in ("s", "ns")),
    ],
    ids=str,
)
def test_find_groups_reads_timestamps_of_any_unit(column_type: pa.DataType) -> None:
    start = pa.array([10, 15, 20, 40], pa.int64()).cast(column_type)
    end = pa.array([18, 20, 30, 50], pa.int64()).cast(column_type)
    assert pa.array(find_groups(start, end).first).to_pylist() == [0, 0, None, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_unit_is_that_of_integers(unit: str) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    start = pa.array([0, 20 * per_second], pa.int64())
    end = pa.array([10 * per_second, 30 * per_second], pa.int64())
    apart = find_groups(start, end, unit=unit, min_gap=timedelta(seconds=10))
    near = find_groups(start, end, unit=unit, min_gap=10 * 10**9 + 1)
    assert (len(apart), len(near)) == (0, 1)


def test_rows_at_fault_are_named_with_their_reasons() -> None:
    start = pa.array([1, None, 3, 4], pa.int64())
    end = pa.array([2, 2, 2, None], pa.int64())
    with pytest.raises(InvalidColumnsError) as raised:
        find_groups(start, end)
    faults = [(fault.row, fault.reason) for fault in raised.value.faults]
    assert faults == [
        (1, "the start is null"),
        (2, "the end is before the start"),
        (3, "the end is null"),
    ]
    assert raised.value.count == 3
    assert str(raised.value).startswith("row 1: the start is null; row 2: ")
