# cython: language_level=3
"""Sort instants, stably, in time that is linear in their number."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from double_booked.conflicts.progress cimport Flag


cdef struct Key:
    # Flat, to take 16 bytes; see Interval.
    int64_t seconds
    uint32_t nanos
    uint32_t position


cdef enum:
    # For so few keys the 256 counters of a radix sort cost more than moving keys one by one.
    MAX_INSERTION_SORTED = 48
    # A key orders by 32 bits of nanos and 40 bits of seconds.
    DIGITS = 9


cdef inline bint sorts_before(const Key *left, const Key *right) noexcept nogil:
    if left.seconds != right.seconds:
        return left.seconds < right.seconds
    return left.nanos < right.nanos


cdef inline void insertion_sort(Key *keys, size_t count) noexcept nogil:
    cdef size_t i, j
    cdef Key key
    for i in range(1, count):
        key = keys[i]
        j = i
        while j > 0 and sorts_before(&key, &keys[j - 1]):
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key


cdef inline uint8_t digit(const Key *key, int place) noexcept nogil:
    """Return a byte of a key: places 0 to 3 are in the nanos, 4 to 8 in the seconds."""
    if place < 4:
        return <uint8_t>(key.nanos >> (8 * place))
    return <uint8_t>(key.seconds >> (8 * (place - 4)))


cdef inline void scatter(const Key *source, Key *target, size_t count, int place) noexcept nogil:
    """Copy the keys to `target`, stably, in the order of one digit."""
    cdef uint32_t next_place[256]
    cdef uint32_t before = 0, here
    cdef size_t i
    cdef int value
    memset(next_place, 0, sizeof(next_place))
    for i in range(count):
        next_place[digit(&source[i], place)] += 1
    for value in range(256):
        here = next_place[value]
        next_place[value] = before
        before += here
    for i in range(count):
        value = digit(&source[i], place)
        target[next_place[value]] = source[i]
        next_place[value] += 1


cdef inline Key differing_bits(const Key *keys, size_t count) noexcept nogil:
    """Return a key whose bits are set where the keys are not all equal."""
    cdef size_t i
    cdef Key differing
    differing.seconds = 0
    differing.nanos = 0
    for i in range(1, count):
        differing.seconds |= keys[i].seconds ^ keys[0].seconds
        differing.nanos |= keys[i].nanos ^ keys[0].nanos
    return differing


cdef inline Key *sort_keys(
    Key *keys, Key *scratch, size_t count, const Flag *cancelled
) noexcept nogil:
    """Sort keys whose seconds are 0 to 2**40 - 1; return the array of the two that holds them.

    After a cancellation the keys are in any order.
    """
    cdef int place
    cdef Key differing
    cdef Key *swap
    if count <= MAX_INSERTION_SORTED:
        insertion_sort(keys, count)
        return keys
    differing = differing_bits(keys, count)
    for place in range(<int>DIGITS):
        # A digit that all keys share orders nothing.
        if digit(&differing, place) and not cancelled[0]:
            scatter(keys, scratch, count, place)
            swap = keys
            keys = scratch
            scratch = swap
    return keys
