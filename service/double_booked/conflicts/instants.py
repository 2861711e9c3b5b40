"""Instants as whole nanoseconds since 1970-01-01T00:00:00Z, and spans of them.

Python's integers hold all of them; 64 bits would overflow in the year 2262.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.conflicts import validation

NANOS_PER_SECOND = 1_000_000_000

LAST_INSTANT = validation.MAX_SECONDS * NANOS_PER_SECOND + validation.MAX_NANOS
"""9999-12-31T23:59:59.999999999Z, the last instant that a Timestamp can hold."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SECONDS_PER_DAY = 86_400

Span = tuple[int, int]
"""A half-open pair of instants, start and end; they are equal for an instant."""


def nanoseconds(timestamp: Timestamp) -> int:
    """Return the instant of a Timestamp."""
    return timestamp.seconds * NANOS_PER_SECOND + timestamp.nanos


def timestamp(instant: int) -> Timestamp:
    """Return the Timestamp of an instant, at most LAST_INSTANT: a gap can reach beyond it."""
    seconds, nanos = divmod(min(instant, LAST_INSTANT), NANOS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=nanos)


def to_seconds(moment: datetime) -> int:
    """Return the whole seconds from 1970 to an aware datetime, exact where a float is not."""
    passed = moment - EPOCH
    return passed.days * _SECONDS_PER_DAY + passed.seconds


def to_instant(moment: datetime) -> int:
    """Return the instant of an aware datetime, without its fraction of a second."""
    return to_seconds(moment) * NANOS_PER_SECOND


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the spans with adjacent and overlapping ones joined.

    An instant at the end of a span stays separate, because the half-open span does not contain it,
    unless another span starts there.

    Args:
        spans: In the order of their starts.
    """
    merged: list[Span] = []
    for start, end in spans:
        first, last = start, end
        if merged and start <= merged[-1][1] and not _is_instant_at_end(merged[-1], (start, end)):
            first, last = merged.pop()
            last = max(end, last)
            if merged and merged[-1][1] == first < last:  # only an instant was between them
                first = merged.pop()[0]
        merged.append((first, last))
    return merged


def _is_instant_at_end(span: Span, instant: Span) -> bool:
    """Return whether the second span is an instant exactly at the end of a non-empty first."""
    return instant[0] == instant[1] == span[1] != span[0]
