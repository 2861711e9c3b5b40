"""Parquet files, and Arrow files and streams, are read whole or refused."""

import pyarrow as pa
import pytest

from calendars.arrow_tables import TIMES, WRITERS, parquet
from double_booked.calendars.allowance import Allowance, TooLargeError
from double_booked.calendars.arrow_files import read_table
from double_booked.calendars.errors import InvalidCalendarError


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_cut_off_is_refused(kind: str) -> None:
    content = WRITERS[kind](pa.table(TIMES))
    for length in (8, len(content) // 3, len(content) - 20):
        with pytest.raises(InvalidCalendarError, match="file is damaged or was cut off: "):
            read_table(content[:length], {}, Allowance())


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(InvalidCalendarError, match="neither a Parquet file nor an Arrow file"):
        read_table(b"start,end\n", {}, Allowance())


@pytest.mark.parametrize("kind", WRITERS)
def test_only_known_columns_are_read(kind: str) -> None:
    table = pa.table({"payload": ["x" * 1_000] * 2, **TIMES, "title": ["a", "b"]})
    read = read_table(WRITERS[kind](table), {}, Allowance())
    assert read.content.column_names == ["start", "end", "title"]
    assert read.columns.names == {"start": "start", "end": "end", "title": "title"}


def test_the_size_in_memory_counts() -> None:
    title = pa.array(["x" * 100] * 100_000).dictionary_encode().cast(pa.string())
    times = pa.array([0] * 100_000, pa.timestamp("s", "UTC"))
    content = parquet(pa.table({"start": times, "end": times, "title": title}))
    assert len(content) < 10_000
    with pytest.raises(TooLargeError):
        read_table(content, {}, Allowance(1_000_000))


def test_two_columns_of_one_name_are_refused() -> None:
    table = pa.Table.from_arrays([*TIMES.values(), TIMES["end"]], ["start", "end", "End"])
    with pytest.raises(InvalidCalendarError, match="the table has the column end twice"):
        read_table(parquet(table), {}, Allowance())
