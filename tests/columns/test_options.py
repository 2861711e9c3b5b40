"""Capacity, amount, gap and unit: what they mean, and which values are rejected."""

from collections.abc import Mapping
from datetime import timedelta

import pyarrow as pa
import pytest

from double_booked.columns import InvalidColumnsError, find_groups

START = pa.array([0, 0, 0, 0, 0], pa.int64())
END = pa.array([9, 9, 9, 9, 9], pa.int64())
NAMES = pa.array(["a", "b", "a", "b", "b"])


def first(resource: object, capacity: object) -> list[int | None]:
    return pa.array(find_groups(START, END, resource, capacity=capacity).first).to_pylist()


@pytest.mark.parametrize(
    ("capacity", "expected"),
    [
        (1, [0, 1, 0, 1, 1]),
        (2, [None, 1, None, 1, 1]),
        (3, [None] * 5),
        ({"a": 2}, [None, 1, None, 1, 1]),
        ({"b": 3, "elsewhere": 1}, [0, None, 0, None, None]),
        ({}, [0, 1, 0, 1, 1]),
    ],
)
def test_capacity_is_a_number_or_a_mapping(
    capacity: int | Mapping[str, int], expected: list[int | None]
) -> None:
    assert first(NAMES, capacity) == expected
    assert first(NAMES.dictionary_encode(), capacity) == expected


@pytest.mark.parametrize("integer", [pa.int8(), pa.uint32(), pa.int64()], ids=str)
def test_capacity_is_an_array_by_code(integer: pa.DataType) -> None:
    expected = [0, None, 0, None, None]
    assert first(NAMES.dictionary_encode(), pa.array([1, 3], integer)) == expected
    assert first(pa.array([0, 2, 0, 2, 2]), pa.array([1, 1, 3], integer)) == expected


def test_capacity_of_the_unnamed_resource_is_that_of_the_empty_name() -> None:
    assert first(None, {"": 5, "a": 1}) == [None] * 5


@pytest.mark.parametrize(
    ("resource", "capacity", "message"),
    [
        (None, pa.array([1]), "capacity is a column; use one of integers, for resources that"),
        (NAMES, pa.array([1, 1]), "resource has names instead of codes; use a mapping"),
        (NAMES.dictionary_encode(), pa.array([1]), "capacity has 1 values for codes up to 1"),
        (NAMES.dictionary_encode(), pa.array([1, 0]), r"capacity\[1\] is 0; use an integer from 1"),
        (NAMES.dictionary_encode(), pa.array([1, None]), r"capacity\[1\] is null; use an integer"),
        (pa.array([0, 1, 0, 1, 1]), {"a": 2}, "resource has codes instead of names"),
        (NAMES, 0, "capacity is 0; use an integer from 1 to 4294967295"),
        (NAMES, {"a": 2**32}, r"capacity\['a'\] is 4294967296; use an integer from 1"),
        (NAMES, {"a": 1.5}, r"capacity\['a'\] is 1.5; use an integer"),
        (NAMES, {1: 1}, "capacity has the name 1; use strings"),
        (NAMES, {"a": True}, r"capacity\['a'\] is True; use an integer"),
        (NAMES, True, "capacity is True; use an integer"),
        (NAMES, 1.5, "capacity is 1.5; use an integer from 1 to 4294967295, a mapping from names"),
        (NAMES, "2", "capacity is '2'; use an integer from 1"),
        (NAMES, None, "capacity is None; use an integer from 1"),
        (NAMES, [1, 2], "capacity is list; pass a column"),
    ],
)
def test_invalid_capacity_is_rejected(resource: object, capacity: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_groups(START, END, resource, capacity=capacity)


def test_capacities_by_code_need_one_dictionary() -> None:
    chunks = [
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array(["b"] * 2).dictionary_encode(),
    ]
    with pytest.raises(InvalidColumnsError, match="dictionaries of the resource's chunks differ"):
        first(pa.chunked_array(chunks), pa.array([1, 3]))


@pytest.mark.parametrize(
    "gap", [-1, 1.5, "1h", True, timedelta(seconds=-1), 9999 * 31_556_952 * 10**9 + 1]
)
def test_invalid_gap_is_rejected(gap: object) -> None:
    with pytest.raises(ValueError, match=r"min_gap is .*; use nanoseconds or a datetime.timedelta"):
        find_groups(START, END, min_gap=gap)  # type: ignore[arg-type]


def test_longest_gap_reaches_beyond_the_year_9999() -> None:
    start = pa.array([0, 200_000_000_000], pa.int64())
    found = find_groups(start, start, unit="s", min_gap=9999 * 31_556_952 * 10**9)
    assert pa.array(found.first).to_pylist() == [0, 0]


def test_unknown_unit_is_rejected() -> None:
    with pytest.raises(ValueError, match="unit is 'h'; use one of s, ms, us, ns"):
        find_groups(START, END, unit="h")  # type: ignore[arg-type]


def test_amount_is_1() -> None:
    assert len(find_groups(START, END, amount=pa.array([1] * 5))) == 1
    for amount in (pa.array([1, 1, 2, 1, 1]), pa.array([1, 1, None, 1, 1]), pa.array([1.0] * 5)):
        with pytest.raises(InvalidColumnsError, match="amount has other values than the integer 1"):
            find_groups(START, END, amount=amount)
    with pytest.raises(InvalidColumnsError, match="amount has 1 rows, but start has 5"):
        find_groups(START, END, amount=pa.array([1]))
