# cython: language_level=3
"""Sorts instants, stably, in time that grows with their number alone."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from double_booked.conflicts.cancellation cimport Flag


cdef struct Key:
    int64_t seconds
    uint32_t nanos
    uint32_t position


cdef enum:
    # Up to here a radix sort's 256 counters cost more than moving keys about.
    FEW_KEYS = 48


cdef inline bint is_before(const Key *left, const Key *right) noexcept nogil:
    if left.seconds != right.seconds:
        return left.seconds < right.seconds
    return left.nanos < right.nanos


cdef inline void insertion_sort(Key *keys, size_t count) noexcept nogil:
    cdef size_t i, j
    cdef Key key
    for i in range(1, count):
        key = keys[i]
        j = i
        while j > 0 and is_before(&key, &keys[j - 1]):
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key


cdef inline uint8_t digit(const Key *key, int place) noexcept nogil:
    """The byte at a place of a key: 0 to 3 in the nanos, 4 to 8 in the seconds."""
    if place < 4:
        return <uint8_t>(key.nanos >> (8 * place))
    return <uint8_t>(key.seconds >> (8 * (place - 4)))


cdef inline void scatter(const Key *source, Key *target, size_t count, int place) noexcept nogil:
    """Moves the keys to `target`, in the order of one digit."""
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


cdef inline Key *sort_keys(
    Key *keys, Key *scratch, size_t count, const Flag *cancelled
) noexcept nogil:
    """Sorts keys whose seconds are 0 to 2**40 - 1; returns the array that holds them, of the two.

    Once it is cancelled, it returns them in any order.
    """
    cdef int64_t seconds = 0
    cdef uint32_t nanos = 0
    cdef size_t i
    cdef int place
    cdef Key differing
    cdef Key *swap
    if count <= FEW_KEYS:
        insertion_sort(keys, count)
        return keys
    for i in range(1, count):
        seconds |= keys[i].seconds ^ keys[0].seconds
        nanos |= keys[i].nanos ^ keys[0].nanos
    differing.seconds = seconds
    differing.nanos = nanos
    for place in range(9):
        # A digit that all keys share orders nothing.
        if digit(&differing, place) and not cancelled[0]:
            scatter(keys, scratch, count, place)
            swap = keys
            keys = scratch
            scratch = swap
    return keys
