# cython: language_level=3
"""Instants in whole nanoseconds, and the intervals between them that events occupy."""

from libc.stdint cimport int64_t, uint32_t

from double_booked.conflicts.end_heap cimport End

cdef enum:
    NANOS_PER_SECOND = 1_000_000_000


cdef struct Instant:
    # Seconds since 0001-01-01, so that none is negative.
    int64_t seconds
    uint32_t nanos


cdef struct Interval:
    int64_t start_seconds
    int64_t end_seconds
    uint32_t start_nanos
    uint32_t end_nanos
    # The Event's bytes in the request.
    uint32_t offset
    uint32_t length


cdef inline bint is_earlier(
    int64_t seconds, uint32_t nanos, int64_t other_seconds, uint32_t other_nanos
) noexcept nogil:
    return seconds < other_seconds or (seconds == other_seconds and nanos < other_nanos)


cdef inline bint is_instant(const Interval *interval) noexcept nogil:
    return (
        interval.end_seconds == interval.start_seconds
        and interval.end_nanos == interval.start_nanos
    )


cdef inline End end_of(const Interval *interval, uint32_t member) noexcept nogil:
    """When an event is over; an instant is one nanosecond on, as in definition.Occupied."""
    cdef End end
    end.seconds = interval.end_seconds
    end.nanos = interval.end_nanos
    end.member = member
    if is_instant(interval):
        end.nanos += 1
        if end.nanos == NANOS_PER_SECOND:
            end.nanos = 0
            end.seconds += 1
    return end
