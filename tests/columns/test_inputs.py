"""Columns of every accepted type are read, and all others are rejected by name."""

from collections.abc import Callable
from types import SimpleNamespace

import pyarrow as pa
import pytest

from columns.test_finding import structs
from double_booked.columns import InvalidColumnsError, find_groups, find_overlaps

START = pa.array([0, 5, 8, 5], pa.int64())
END = pa.array([10, 15, 20, 6], pa.int64())
NAMES = ["a room with a long name", "b", "a room with a long name", "b"]
SAME_ROOM = [0, 1, 0, 1]


def first(*columns: object, **options: object) -> list[int | None]:
    return pa.array(find_groups(*columns, **options).first).to_pylist()


def in_chunks(column: pa.Array, *lengths: int) -> pa.ChunkedArray:
    """Return a column in chunks of the lengths, each a slice of the whole."""
    chunks, at = [], 0
    for length in lengths:
        chunks.append(column.slice(at, length))
        at += length
    return pa.chunked_array(chunks)


def exported_as_array(column: pa.Array) -> SimpleNamespace:
    """Return an object that exports one array, and is nothing else."""
    return SimpleNamespace(__arrow_c_array__=column.__arrow_c_array__)


@pytest.mark.parametrize(
    "name_type",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        *(
            pa.dictionary(index, pa.string())
            for index in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32())
        ),
        pa.dictionary(pa.int64(), pa.large_string()),
        pa.dictionary(pa.uint64(), pa.string()),
    ],
    ids=str,
)
def test_resources_are_read_from_names_of_any_type(name_type: pa.DataType) -> None:
    names = pa.array(NAMES).dictionary_encode() if pa.types.is_dictionary(name_type) else NAMES
    resource = pa.array(names).cast(name_type)
    assert first(START, END, resource) == SAME_ROOM
    assert first(START, END, in_chunks(resource, 1, 0, 3)) == SAME_ROOM


@pytest.mark.parametrize(
    "integer", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
)
def test_integers_are_codes_of_resources(integer: str) -> None:
    codes = pa.array([7, 100, 7, 100], getattr(pa, integer)())
    assert first(START, END, codes) == SAME_ROOM


@pytest.mark.parametrize(
    "list_type",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.large_string()),
        pa.list_(pa.string_view()),
        pa.list_(pa.dictionary(pa.int16(), pa.string())),
    ],
    ids=str,
)
def test_event_occupies_each_resource_of_its_list_once(list_type: pa.DataType) -> None:
    rows = [["x"], ["a", "b", "a"], [], ["b", "a"], []]
    elements = pa.array([name for row in rows for name in row])
    if pa.types.is_dictionary(list_type.value_type):
        elements = elements.dictionary_encode()
    offsets = [0, 1, 4, 4, 6, 6]
    kind = pa.LargeListArray if pa.types.is_large_list(list_type) else pa.ListArray
    resource = kind.from_arrays(offsets, elements.cast(list_type.value_type))
    start, end = pa.array([0, 0, 5, 5, 7], pa.int64()), pa.array([9, 9, 9, 9, 9], pa.int64())
    expected = [[1, 3], [1, 3], [2, 4]]
    whole = find_groups(start, end, resource)
    sliced = find_groups(start[1:], end[1:], in_chunks(resource[1:], 3, 1))
    assert pa.array(whole.members).to_pylist() == expected
    assert pa.array(sliced.members).to_pylist() == [[0, 2], [0, 2], [1, 3]] != expected
    with pytest.raises(InvalidColumnsError, match="may be in several groups; use members"):
        _ = whole.first


def test_columns_may_have_chunks_of_different_lengths() -> None:
    start, end = in_chunks(START, 3, 1), in_chunks(END, 0, 1, 1, 2)
    assert first(start, end, in_chunks(pa.array(NAMES), 2, 2)) == SAME_ROOM
    members = pa.table(find_overlaps(start, end)).column("members").to_pylist()
    assert members == [[0, 1, 3], [0, 1], [0, 1, 2], [1, 2]]


@pytest.mark.parametrize("to_column", [structs, lambda values: pa.array(values, pa.int64())])
def test_slice_is_read_from_its_offset(to_column: Callable[[list[int]], pa.Array]) -> None:
    start, end = to_column([99, 99, 0, 5])[2:], to_column([99, 99, 10, 15])[2:]
    resource = pa.array(["x", "y", "a", "a"])[2:]
    for export in (exported_as_array, lambda column: column):
        assert first(export(start), export(end), export(resource)) == [0, 0]


def test_table_of_one_column_is_a_column() -> None:
    start, end = pa.table({"start": START}), pa.table({"end": END})
    assert first(start, end.slice(0), pa.table({"room": NAMES})) == SAME_ROOM


@pytest.mark.parametrize("column", ["start", "end", "resource"])
def test_null_in_any_column_is_at_fault(column: str) -> None:
    columns = {"start": START, "end": END, "resource": pa.array(NAMES)}
    hidden = columns[column].to_pylist()
    hidden[2] = None
    columns[column] = pa.array(hidden, columns[column].type)
    with pytest.raises(InvalidColumnsError, match=f"^row 2: the {column} is null") as raised:
        find_groups(**columns)
    assert raised.value.count == 1


def test_null_in_a_struct_is_at_fault() -> None:
    times = [{"seconds": 0, "nanos": 0}, {"seconds": None, "nanos": 0}]
    times += [None, {"seconds": 0, "nanos": None}, {"seconds": 0, "nanos": 10**9}]
    column_type = pa.struct({"seconds": pa.int64(), "nanos": pa.int32()})
    column = pa.array(times, column_type)
    with pytest.raises(InvalidColumnsError) as raised:
        find_groups(column, column)
    reasons = {fault.row: fault.reason for fault in raised.value.faults}
    null = "the start is null"
    assert reasons == {1: null, 2: null, 3: null, 4: "the start has nanos outside 0 to 999999999"}


def test_fault_of_an_end_has_its_own_reason() -> None:
    column_type = pa.struct({"seconds": pa.int64(), "nanos": pa.int32()})
    start = pa.array([{"seconds": 0, "nanos": 0}] * 4, column_type)
    ends = [{"seconds": 253_402_300_800, "nanos": 0}, {"seconds": 0, "nanos": -1}, None]
    ends += [{"seconds": -1, "nanos": 999_999_999}]
    with pytest.raises(InvalidColumnsError) as raised:
        find_groups(start, pa.array(ends, column_type))
    assert [fault.reason.split(" outside ")[0] for fault in raised.value.faults] == [
        "the end is",
        "the end has nanos",
        "the end is null",
        "the end is before the start",
    ]


@pytest.mark.parametrize(
    ("unit", "first_valid", "last_valid"),
    [
        ("s", -62_135_596_800, 253_402_300_799),
        ("ms", -62_135_596_800_000, 253_402_300_799_999),
        ("us", -62_135_596_800_000_000, 253_402_300_799_999_999),
    ],
)
def test_years_1_to_9999_are_in_range(unit: str, first_valid: int, last_valid: int) -> None:
    valid = pa.array([first_valid, last_valid], pa.int64())
    assert first(valid, valid, unit=unit) == [None, None]
    beyond = pa.array([first_valid - 1, last_valid + 1, last_valid], pa.int64())
    with pytest.raises(InvalidColumnsError, match="row 0: the start is outside 0001-01") as raised:
        find_groups(beyond, beyond, unit=unit)
    assert [fault.row for fault in raised.value.faults] == [0, 1]


def test_list_with_a_null_or_that_is_null_is_at_fault() -> None:
    resource = pa.array([["a"], None, ["a", None], []])
    with pytest.raises(InvalidColumnsError) as raised:
        find_groups(START, END, resource)
    assert [fault.row for fault in raised.value.faults] == [1, 2]
    assert raised.value.faults[0].reason.startswith('the resource is null; use ""')


def test_dictionary_with_a_null_is_at_fault_where_it_is_used() -> None:
    resource = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0, 1]), pa.array(["a", None]))
    with pytest.raises(InvalidColumnsError) as raised:
        find_groups(START, END, resource)
    assert [fault.row for fault in raised.value.faults] == [1, 3]


def test_code_that_is_negative_or_too_large_is_at_fault() -> None:
    codes = pa.array([1, -1, 2**40, 1], pa.int64())
    with pytest.raises(InvalidColumnsError, match="row 1: the resource is a code") as raised:
        find_groups(START, END, codes)
    assert [fault.row for fault in raised.value.faults] == [1, 2]


def test_first_hundred_faults_are_listed_and_all_are_counted() -> None:
    start, end = pa.array([1] * 250, pa.int64()), pa.array([0] * 250, pa.int64())
    with pytest.raises(InvalidColumnsError, match=r"; 247 more rows$") as raised:
        find_groups(start, end)
    assert [fault.row for fault in raised.value.faults] == list(range(100))
    assert raised.value.count == 250


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((pa.array(["a"]), pa.array(["b"])), "start is of type string; convert it to a timestamp"),
        ((pa.array([1.5]), pa.array([2.5])), "start is of type float64; convert it"),
        ((pa.array([1], pa.int32()),) * 2, "start is of type int32; convert it"),
        (
            (pa.array([1], pa.timestamp("s", "UTC")), pa.array([1], pa.timestamp("ms"))),
            "different types, timestamp in s with the zone UTC and timestamp in ms without a zone",
        ),
        ((pa.array([1], pa.timestamp("s")), pa.array([1], pa.timestamp("s", "UTC"))), "different"),
        ((START, END[1:]), "end has 3 rows, but start has 4"),
        ((START, END, pa.array(NAMES)[1:]), "resource has 3 rows, but start has 4"),
        ((START, END, pa.array([1.5] * 4)), "resource is of type float64; convert it to strings"),
        ((START, END, pa.array([[1]] * 4)), "resource is of type list; convert it to strings"),
        (([1, 2], [3, 4]), "start is list; pass a column of pyarrow, Polars, pandas, DuckDB"),
        ((b"abc", b"abc"), "start is of type Arrow type C; convert it to a timestamp"),
    ],
)
def test_column_that_cannot_be_read_is_rejected(columns: tuple[object, ...], message: str) -> None:
    with pytest.raises(InvalidColumnsError, match=message) as raised:
        find_groups(*columns)
    assert (raised.value.faults, raised.value.count) == ((), 0)


def test_empty_columns_have_no_groups() -> None:
    empty = pa.array([], pa.int64())
    found = find_groups(empty, empty, pa.array([], pa.string()))
    assert (len(found), len(found.first), len(found.members)) == (0, 0, 0)
    assert len(find_overlaps(empty, empty)) == 0
    none = pa.chunked_array([], pa.int64())
    assert len(find_groups(none, none, pa.chunked_array([], pa.list_(pa.string())))) == 0
