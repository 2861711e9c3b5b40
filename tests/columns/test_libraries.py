"""Each library's columns are read, and each library reads the results (make test-spark)."""

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow as na
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from columns.cases import random_case
from columns.test_finding import first_of
from double_booked.columns import InvalidColumnsError, find_groups, find_overlaps

PAGE = (Path(__file__).parents[2] / "docs/columns.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)

TABLE = pa.table(
    {
        "start": pa.array([0, 5_000_000, 20_000_000, 4_000_000], pa.timestamp("us", "UTC")),
        "end": pa.array([9_000_000, 8_000_000, 30_000_000, 6_000_000], pa.timestamp("us", "UTC")),
        "room": ["lab", "lab", "lab", "hall"],
    }
)
NAMES = TABLE.schema.names
FIRST = [0, 0, None, None]

TABLES: dict[str, Callable[[], Any]] = {
    "pyarrow": lambda: TABLE,
    "pandas": TABLE.to_pandas,
    "pandas with Arrow types": lambda: TABLE.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas with categories": lambda: TABLE.to_pandas().astype({"room": "category"}),
    "polars": lambda: pl.from_arrow(TABLE),
    "polars with categories": lambda: pl.from_arrow(TABLE).cast({"room": pl.Categorical}),
    "polars with an enum": lambda: pl.from_arrow(TABLE).cast({"room": pl.Enum(["lab", "hall"])}),
    "duckdb": lambda: {name: duckdb.from_arrow(TABLE).select(f'"{name}"') for name in NAMES},
    "nanoarrow": lambda: {name: na.ArrayStream(TABLE[name]).read_all() for name in NAMES},
}

READERS: dict[str, Callable[[Any], list[int | None]]] = {
    "pyarrow": lambda first: pa.array(first).to_pylist(),
    "pandas": lambda first: (
        pd.Series.from_arrow(first).astype(object).replace(np.nan, None).tolist()
    ),
    "polars": lambda first: pl.Series(first).to_list(),
    "nanoarrow": lambda first: na.Array(first).to_pylist(),
    "numpy": lambda first: [None if row < 0 else row for row in np.asarray(first).tolist()],
}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_of_the_page_prints_what_it_shows(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    program, output = EXAMPLES[number]
    exec(program, {})  # noqa: S102 - the page's own
    assert capsys.readouterr().out == output


@pytest.mark.parametrize("library", TABLES)
def test_columns_of_each_library_are_read(library: str) -> None:
    table = TABLES[library]()
    groups = find_groups(table["start"], table["end"], table["room"])
    assert pa.array(groups.first).to_pylist() == FIRST


@pytest.mark.parametrize("library", READERS)
def test_each_library_reads_first(library: str) -> None:
    groups = find_groups(TABLE["start"], TABLE["end"], TABLE["room"])
    assert READERS[library](groups.first) == FIRST


def test_each_library_reads_overlaps() -> None:
    spans = find_overlaps(TABLE["start"], TABLE["end"], TABLE["room"])
    expected = pa.table(spans).to_pylist()
    assert [(row["depth"], row["group"], row["members"]) for row in expected] == [(2, 0, [0, 1])]
    assert pl.DataFrame(spans).to_dicts() == expected
    assert na.ArrayStream(spans).read_all().to_pylist() == expected
    assert pd.DataFrame.from_arrow(spans)["start"].tolist() == [row["start"] for row in expected]
    assert duckdb.sql("select depth, members from spans").fetchall() == [(2, [0, 1])]
    assert np.asarray(spans.end).tolist() == [8_000_000]


def test_lists_of_duckdb_and_polars_are_resources() -> None:
    lists = duckdb.sql("select unnest([['a', 'b'], ['b'], []]) as rooms")
    start, end = np.array([0, 1, 2]), np.array([9, 9, 9])
    assert pa.array(find_groups(start, end, lists).members).to_pylist() == [[0, 1]]
    series = pl.Series([["a", "b"], ["b"], []])
    assert pa.array(find_groups(start, end, series).members).to_pylist() == [[0, 1]]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_datetime64_of_any_unit_is_read(unit: str) -> None:
    start = np.array(["2026-01-05T09", "2026-01-05T10"], f"datetime64[{unit}]")
    end = np.array(["2026-01-05T11", "2026-01-05T12"], f"datetime64[{unit}]")
    assert np.asarray(find_groups(start, end).first).tolist() == [0, 0]
    assert pa.array(find_overlaps(start, end).start).type == pa.timestamp(unit)
    start[1] = "NaT"
    with pytest.raises(InvalidColumnsError, match="row 1: the start is null"):
        find_groups(start, end)


@pytest.mark.parametrize(
    ("start", "resource", "message"),
    [
        (np.array(["2026-01-05"], "datetime64[D]"), None, r"start is <M8\[D\]; use .astype"),
        (np.array([[0]]), None, "start is a NumPy array of 2 dimensions and type <i8; use"),
        (np.array([0, 1, 2, 3])[::2], None, "start is not contiguous; copy it"),
        (np.array([0]), np.array(["lab"]), r"type <U3; use integers.*numpy.unique"),
        (np.array([0]), np.array(["lab"], object), r"type |O; use integers.*numpy.unique"),
        (np.array([0], ">i8"), None, "start is a NumPy array of 1 dimensions and type >i8; use"),
    ],
)
def test_array_that_cannot_be_read_is_rejected(start: Any, resource: Any, message: str) -> None:
    with pytest.raises(InvalidColumnsError, match=message):
        find_groups(start, start, resource)


@pytest.mark.parametrize("names", [1, 4])
def test_find_groups_equals_the_definition_on_20000_cases(names: int) -> None:
    for seed in range(10_000, 20_000):
        case = random_case(seed, names=names)
        if case.starts:
            assert first_of(case) == case.first_of_row(), (seed, case)


def test_sql_of_the_page_finds_the_groups_at_capacity_1() -> None:
    [query] = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    rng = random.Random(1)  # noqa: S311 - the same events each time
    start = np.array([rng.randrange(3000) for _ in range(1000)])
    end = start + np.array([rng.choice([0, 1, 5, 30]) for _ in start])
    room = np.array([rng.randrange(5) for _ in start])
    events = pa.table({"id": np.arange(1000), "start": start, "end": end, "room": room})
    first = pa.array(find_groups(start, end, room).first).to_pylist()
    with duckdb.connect() as connection:
        connection.register("events", events)
        found = connection.sql(query).fetchall()
    assert found == [(row, group) for row, group in enumerate(first) if group is not None]


@pytest.mark.parametrize("shape", ["many", "one", "many sorted"])
def test_engines_of_the_benchmark_find_the_same_groups(shape: str) -> None:
    program = Path(__file__).parents[1] / "bench/table_engines.py"
    checksums = set()
    for engine in ("columns", "names", "numpy", "polars", "duckdb", "wire"):
        ran = subprocess.run(
            [sys.executable, program, engine, "2000", shape],
            check=True,
            capture_output=True,
            text=True,
        )
        checksums.add(ran.stdout.split()[1])
    assert len(checksums) == 1


@pytest.mark.parametrize("unit", ["m", "ns"])
def test_a_gap_of_numpy_is_rejected(unit: str) -> None:
    gap = np.timedelta64(15, unit)
    with pytest.raises(ValueError, match=r"min_gap is .*; use nanoseconds or a datetime.timedelta"):
        find_groups(pa.array([0]), pa.array([1]), min_gap=gap)  # type: ignore[arg-type]
