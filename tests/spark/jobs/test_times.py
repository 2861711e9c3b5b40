"""Times of every type are split exactly, and joined again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - its usual name

from double_booked import columns
from double_booked.spark import InvalidTableError, find_conflicts
from double_booked.spark.times import time_type

LOCAL: dict[str, Any] = {"key": "id", "start": "start", "end": "end", "resource": "room"}
LOCAL_SCHEMA = "id long, start timestamp_ntz, end timestamp_ntz, room string"
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


def instant(local: datetime, zone: str) -> datetime:
    """Return the instant of a local time: a skipped one is later, a repeated one the first."""
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_events(zone: str) -> Iterator[tuple[int, datetime, datetime, str]]:
    """Yield events in the nights in which clocks change, and before 1970."""
    random = Random(zone)  # noqa: S311 - the same events each time
    nights = ["1890-06-01", "1969-12-31", "2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01"]
    for number in range(240):
        night = nights[number % len(nights)]
        minutes = timedelta(minutes=random.randrange(300), microseconds=random.randrange(3))
        start = datetime.fromisoformat(night) + minutes
        end = start + timedelta(minutes=random.randrange(40))
        if instant(start, zone) <= instant(end, zone):
            yield number, start, end, night


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_conflicts_of_local_times_are_those_of_their_instants(
    spark: SparkSession, zone: str
) -> None:
    events = list(local_events(zone))
    starts = pa.array(
        [instant(start, zone) for _, start, _, _ in events], pa.timestamp("us", "UTC")
    )
    ends = pa.array([instant(end, zone) for _, _, end, _ in events], starts.type)
    nights = pa.array([night for *_, night in events])
    first = pa.array(columns.find_groups(starts, ends, nights, capacity=2).first).to_pylist()
    overlaps = pa.table(columns.find_overlaps(starts, ends, nights, capacity=2)).to_pylist()

    found = find_conflicts(
        spark.createDataFrame(events, LOCAL_SCHEMA),
        **LOCAL,
        capacity=2,
        zone=zone,
        explain="depth",
        max_events_per_range=20,
    )

    assert found.plan.ranges > 0
    assert set(found.members.select("key", "group").collect()) == {
        (event[0], events[row][0])
        for event, row in zip(events, first, strict=True)
        if row is not None
    }
    assert found.overlaps is not None
    assert sorted(map(tuple, found.overlaps.select("start", "end", "depth").collect())) == sorted(
        (*(local(overlap[name], zone) for name in ("start", "end")), overlap["depth"])
        for overlap in overlaps
    )


def local(time: datetime, zone: str) -> datetime:
    return time.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def test_skipped_start_after_its_end_is_explained(spark: SparkSession) -> None:
    table = spark.sql(
        "select id, cast(start as timestamp_ntz) as start, cast(end as timestamp_ntz) as end, "
        "'a' as room from values (1, '2026-03-29 02:30', '2026-03-29 03:15'), "
        "(2, '2026-03-29 02:00', '2026-03-29 02:30'), "
        "(3, '2026-03-30 02:30', '2026-03-30 02:15') as t(id, start, end)"
    )

    with pytest.raises(InvalidTableError) as error:
        find_conflicts(table, **LOCAL, zone="Europe/Berlin")

    assert dict(error.value.rows) == {
        1: "start is a time that the clocks of Europe/Berlin skip; read with the offset before "
        "the skip, it is after end",
        3: "end is before start",
    }
