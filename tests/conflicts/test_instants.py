"""Instants convert exactly, and spans merge as half-open spans do."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.conflicts.instants import (
    LAST_INSTANT,
    Span,
    merge_spans,
    nanoseconds,
    timestamp,
    to_instant,
    to_seconds,
)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"])
def test_instant_of_a_timestamp_converts_back(text: str) -> None:
    first = Timestamp()
    first.FromJsonString(text)
    assert timestamp(nanoseconds(first)) == first


def test_timestamp_is_the_last_instant_at_most() -> None:
    assert timestamp(LAST_INSTANT + 1).ToJsonString() == "9999-12-31T23:59:59.999999999Z"


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=1))), -3_600),
        (datetime(1970, 1, 1, 0, 0, 1, 999_999, tzinfo=UTC), 1),
        (datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), -1),
        (datetime(1, 1, 1, tzinfo=UTC), -62_135_596_800),
    ],
)
def test_datetime_is_cut_to_whole_seconds(moment: datetime, seconds: int) -> None:
    assert to_seconds(moment) == seconds
    assert to_instant(moment) == seconds * 10**9


@pytest.mark.parametrize(
    ("spans", "merged"),
    [
        ([], []),
        ([(0, 2), (3, 4)], [(0, 2), (3, 4)]),
        ([(0, 2), (2, 4)], [(0, 4)]),
        ([(0, 9), (2, 4), (5, 12)], [(0, 12)]),
        ([(0, 4), (2, 2)], [(0, 4)]),
        ([(0, 4), (4, 4)], [(0, 4), (4, 4)]),
        ([(0, 4), (4, 4), (4, 6)], [(0, 6)]),
        ([(4, 4), (4, 4)], [(4, 4)]),
        ([(4, 4), (4, 6)], [(4, 6)]),
    ],
)
def test_spans_that_touch_are_merged_except_an_instant_at_an_end(
    spans: list[Span], merged: list[Span]
) -> None:
    assert merge_spans(spans) == merged
