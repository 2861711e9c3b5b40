"""Samples of the starts of events, from which resources are cut."""

from collections import defaultdict
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from double_booked.conflicts.instants import NANOS_PER_SECOND
from double_booked.spark.ranges import Key

SAMPLED_PER_RANGE = 400
"""Events of the sample for each range: ranges then differ by about 5 %."""


def sample_fraction(size: int) -> float:
    """Return the part of the events to sample if a range holds `size` of them."""
    return min(1.0, SAMPLED_PER_RANGE / size)


def sample_share(size: int) -> int:
    """Return how many events of the sample stand for `size` events."""
    return min(size, SAMPLED_PER_RANGE)


def take_sample(rows: DataFrame, size: int, seed: int) -> pa.Table:
    """Collect about `SAMPLED_PER_RANGE` of each `size` rows."""
    fraction = sample_fraction(size)
    return (rows.sample(fraction, seed=seed) if fraction < 1 else rows).toArrow()


def starts_by(sample: pa.Table, column: str) -> dict[Any, list[tuple[int, Key]]]:
    """Return (start, key) of the sampled events, sorted, by the value of a column."""
    starts = defaultdict[Any, list[tuple[int, Key]]](list)
    names = (column, "start_seconds", "start_nanos", "key")
    for value, seconds, nanos, key in zip(
        *(sample[name].to_pylist() for name in names), strict=True
    ):
        starts[value].append((seconds * NANOS_PER_SECOND + nanos, key))
    return {value: sorted(events) for value, events in starts.items()}
