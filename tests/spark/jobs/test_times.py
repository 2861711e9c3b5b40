"""Times of every type are split exactly, and joined again."""

from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked.spark import find_conflicts
from double_booked.spark.times import time_type

FIRST, LAST = -62_135_596_800, 253_402_300_799


@pytest.mark.parametrize(
    ("sql", "unit", "expected"),
    [
        ("timestamp_micros(-1)", "ns", (-1, 999_999_000)),
        ("timestamp_micros(-62135596800000000)", "ns", (FIRST, 0)),
        ("timestamp_micros(253402300799999999)", "ns", (LAST, 999_999_000)),
        ("bigint(-1)", "ns", (-1, 999_999_999)),
        ("bigint(-9223372036854775808)", "ns", (-9_223_372_037, 145_224_192)),
        ("bigint(9223372036854775807)", "ns", (9_223_372_036, 854_775_807)),
        ("bigint(-1001)", "us", (-1, 998_999_000)),
        ("bigint(-1)", "ms", (-1, 999_000_000)),
        ("bigint(1500)", "ms", (1, 500_000_000)),
        ("bigint(-62135596800)", "s", (FIRST, 0)),
        ("named_struct('seconds', bigint(-5), 'nanos', 7)", "ns", (-5, 7)),
    ],
)
def test_time_is_split_and_joined(
    spark: SparkSession, sql: str, unit: str, expected: tuple[int, int]
) -> None:
    table = spark.sql(f"select {sql} as time")
    written = time_type("time", table.schema["time"].dataType, unit, None)
    seconds, nanos = written.split(F.col("time"))

    assert table.select(seconds, nanos).collect() == [Row(*expected)]
    assert table.select(written.join(seconds, nanos) == F.col("time")).collect()[0][0]


@pytest.mark.parametrize(
    ("text", "zone", "seconds"),
    [
        ("1970-01-01 00:00:00", "UTC", 0),
        ("1969-12-31 23:59:59.5", "UTC", -1),
        ("0001-01-01 00:00:00", "UTC", FIRST),
        ("9999-12-31 23:59:59.999999", "UTC", LAST),
        ("2026-03-08 02:30:00", "UTC", 1_772_937_000),  # is skipped in the zone of the session
        ("2026-07-01 12:00:00", "Europe/Berlin", 1_782_900_000),
    ],
)
def test_local_time_is_read_in_stated_zone(
    spark: SparkSession, text: str, zone: str, seconds: int
) -> None:
    table = spark.sql(f"select timestamp_ntz'{text}' as time")
    written = time_type("time", table.schema["time"].dataType, "ns", zone)
    split = written.split(F.col("time"))

    assert table.select(split[0]).collect() == [Row(seconds)]
    assert table.select(written.join(*split) == F.col("time")).collect()[0][0]


def test_answer_has_type_of_input(spark: SparkSession) -> None:
    table = spark.sql(
        "select id, timestamp'2026-01-01 10:00:00Z' + make_dt_interval(0, 0, id) as start, "
        "timestamp'2026-01-01 11:00:00Z' as end from range(2)"
    )
    options: dict[str, Any] = {"key": "id", "start": "start", "end": "end", "explain": "depth"}

    conflicts = find_conflicts(table, **options)

    assert conflicts.overlaps is not None
    for found in (conflicts.overlaps, conflicts.groups):
        assert [found.schema[name].dataType for name in ("start", "end")] == [
            table.schema[name].dataType for name in ("start", "end")
        ]
    overlap = conflicts.overlaps.select(F.unix_micros("start"), F.unix_micros("end"), "depth")
    assert overlap.collect() == [Row(1_767_261_660_000_000, 1_767_265_200_000_000, 2)]
