"""Result columns show their memory to other libraries, without a copy, as long as anyone looks."""

import gc

import pyarrow as pa
import pytest

from double_booked.columns import Groups, find_groups, find_overlaps

START = pa.array([0, 5, 20, 25], pa.int64())
END = pa.array([10, 15, 30, 35], pa.int64())


@pytest.fixture
def groups() -> Groups:
    return find_groups(START, END)


def test_column_outlives_its_groups() -> None:
    first = find_groups(START, END).first
    shown = pa.array(first)
    del first
    gc.collect()
    assert shown.to_pylist() == [0, 0, 2, 2]


def test_each_export_shows_the_same_memory(groups: Groups) -> None:
    first = groups.first
    once, again = pa.array(first), pa.chunked_array(first)
    assert once.buffers()[1].address == again.chunk(0).buffers()[1].address
    assert memoryview(first).tolist() == once.to_pylist()


def test_stream_has_one_chunk_and_may_be_taken_again(groups: Groups) -> None:
    for _ in range(2):
        shown = pa.chunked_array(groups.members)
        assert (shown.num_chunks, shown.to_pylist()) == (1, [[0, 1], [2, 3]])


def test_export_that_nobody_takes_is_freed(groups: Groups) -> None:
    for column in (groups.first, groups.members):
        exported = (column.__arrow_c_array__(), column.__arrow_c_stream__())
        assert pa.array(column).type == pa.DataType._import_from_c_capsule(  # noqa: SLF001 - Arrow's
            column.__arrow_c_schema__()
        )
        del exported
    assert pa.array(groups.first).to_pylist() == [0, 0, 2, 2]


def test_null_is_minus_one_in_a_buffer() -> None:
    first = find_groups(START, END, pa.array(["a", "a", "b", "c"])).first
    assert memoryview(first).tolist() == [0, 0, -1, -1]
    assert (pa.array(first).null_count, len(first)) == (2, 4)
    assert memoryview(first).readonly


def test_lists_and_structs_are_no_buffers(groups: Groups) -> None:
    for column in (groups.members, find_overlaps(START, END).table):
        with pytest.raises(BufferError, match="only a column of integers or timestamps"):
            memoryview(column)


def test_one_column_of_overlaps_is_its_part_of_the_table() -> None:
    spans = find_overlaps(START, END)
    table = pa.table(spans)
    assert len(spans) == table.num_rows == 2
    for name in table.column_names:
        assert pa.chunked_array(getattr(spans, name)).equals(table.column(name))
