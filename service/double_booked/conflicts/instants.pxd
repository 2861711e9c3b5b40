# cython: language_level=3
"""Instants in whole nanoseconds, and the intervals between them that events occupy."""

from libc.stdint cimport int64_t, uint32_t

cdef enum:
    NANOS_PER_SECOND = 1_000_000_000
    MAX_NANOS = 999_999_999

cdef extern from *:
    # The range of a Timestamp, as in validation.py.
    const int64_t MIN_SECONDS "(-62135596800LL)"
    const int64_t MAX_SECONDS "253402300799LL"


cdef struct Instant:
    # Seconds since 0001-01-01, so that no valid instant has negative ones: 40 bits hold them.
    int64_t seconds
    uint32_t nanos


cdef struct Interval:
    # Seconds and nanos stand here one by one, as in Key and End: two Instants would be padded
    # to 16 bytes each, and the interval to 40 instead of 32. There is one for each event.
    int64_t start_seconds
    int64_t end_seconds
    uint32_t start_nanos
    uint32_t end_nanos
    # The Event's bytes in the request.
    uint32_t offset
    uint32_t length


cdef inline bint is_earlier(Instant left, Instant right) noexcept nogil:
    return left.seconds < right.seconds or (
        left.seconds == right.seconds and left.nanos < right.nanos
    )


cdef inline bint is_same(Instant left, Instant right) noexcept nogil:
    return left.seconds == right.seconds and left.nanos == right.nanos


cdef inline Instant start_of(const Interval *interval) noexcept nogil:
    cdef Instant start
    start.seconds = interval.start_seconds
    start.nanos = interval.start_nanos
    return start


cdef inline Instant end_of(const Interval *interval) noexcept nogil:
    cdef Instant end
    end.seconds = interval.end_seconds
    end.nanos = interval.end_nanos
    return end


cdef inline bint is_instant(const Interval *interval) noexcept nogil:
    return is_same(start_of(interval), end_of(interval))


cdef inline Instant occupied_until(const Interval *interval) noexcept nogil:
    """Return the first instant at which an event is not present any more.

    For an instant that is one nanosecond later, as in definition.Occupied.
    """
    cdef Instant end = end_of(interval)
    if is_instant(interval):
        end.nanos += 1
        if end.nanos == NANOS_PER_SECOND:
            end.nanos = 0
            end.seconds += 1
    return end


cdef inline Instant clamp_to_timestamp(Instant instant) noexcept nogil:
    """Return the instant, or the last one of a Timestamp if that is earlier."""
    if instant.seconds > MAX_SECONDS - MIN_SECONDS:
        instant.seconds = MAX_SECONDS - MIN_SECONDS
        instant.nanos = MAX_NANOS
    return instant
