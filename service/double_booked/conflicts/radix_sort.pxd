# cython: language_level=3
"""Sort instants, stably, in time that is linear in their number.

Two radix sorts: sort_keys for any instants, and sort_packed for whole seconds, whose keys take
half the memory and fewer passes.
"""

from libc.stdint cimport UINT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
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
    differing.nanos = differing.position = 0
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


# Packed keys: seconds << POSITION_BITS | position


cdef enum:
    # Seconds have 40 bits; so the positions can have 24.
    POSITION_BITS = 24
    MAX_PACKED = 1 << POSITION_BITS
    # The most bits of a digit. 11 bits save a pass, but were measured no more than 2 % faster.
    MAX_DIGIT_BITS = 8


cdef struct Digit:
    # The bits of a packed key less the lowest one.
    uint64_t lowest
    int shift
    uint64_t mask


cdef inline uint64_t pack(int64_t seconds, size_t position) noexcept nogil:
    return <uint64_t>seconds << POSITION_BITS | position


cdef inline uint32_t position_of(uint64_t key) noexcept nogil:
    return <uint32_t>(key & (MAX_PACKED - 1))


cdef inline void sort_few(uint64_t *keys, size_t count) noexcept nogil:
    """Sort by insertion."""
    cdef size_t i, j
    cdef uint64_t key
    for i in range(1, count):
        key = keys[i]
        j = i
        while j > 0 and key < keys[j - 1]:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key


cdef inline int bit_length(uint64_t value) noexcept nogil:
    cdef int bits = 0
    while value:
        value >>= 1
        bits += 1
    return bits


cdef inline void sort_packed(
    uint64_t *keys, uint64_t *scratch, size_t count, uint32_t *positions, const Flag *cancelled
) noexcept nogil:
    """Fill `positions` with those of the keys, in the order of their seconds.

    After a cancellation they are not filled.
    """
    cdef uint32_t places[1 << MAX_DIGIT_BITS]
    cdef int bits, passes, width, i
    cdef Digit digit
    cdef uint64_t *swap
    digit.shift = POSITION_BITS
    digit.lowest = lowest_key(keys, count, &bits)
    passes = max(1, (bits + MAX_DIGIT_BITS - 1) // MAX_DIGIT_BITS)
    width = (bits + passes - 1) // passes
    digit.mask = (<uint64_t>1 << width) - 1
    for i in range(passes):
        if cancelled[0]:
            return
        place_digits(keys, count, digit, places)
        if i + 1 == passes:
            scatter_positions(keys, positions, count, digit, places)
            return
        scatter_packed(keys, scratch, count, digit, places)
        digit.shift += width
        swap = keys
        keys = scratch
        scratch = swap


cdef inline uint64_t lowest_key(const uint64_t *keys, size_t count, int *bits) noexcept nogil:
    """Return the key of the lowest seconds and position 0; set how many bits the seconds span."""
    cdef uint64_t lowest = UINT64_MAX, highest = 0
    cdef size_t i
    for i in range(count):
        lowest = min(lowest, keys[i])
        highest = max(highest, keys[i])
    lowest = lowest >> POSITION_BITS << POSITION_BITS
    bits[0] = bit_length((highest - lowest) >> POSITION_BITS)
    return lowest


cdef inline size_t digit_of(uint64_t key, Digit digit) noexcept nogil:
    return (key - digit.lowest) >> digit.shift & digit.mask


cdef inline void place_digits(
    const uint64_t *keys, size_t count, Digit digit, uint32_t *places
) noexcept nogil:
    """Set for each value of a digit where the first key that has it goes."""
    cdef size_t i
    cdef uint32_t before = 0, here
    memset(places, 0, (digit.mask + 1) * sizeof(uint32_t))
    for i in range(count):
        places[digit_of(keys[i], digit)] += 1
    for i in range(digit.mask + 1):
        here = places[i]
        places[i] = before
        before += here


cdef inline void scatter_packed(
    const uint64_t *keys, uint64_t *target, size_t count, Digit digit, uint32_t *places
) noexcept nogil:
    """Copy the keys, stably, in the order of one digit."""
    cdef size_t i, value
    for i in range(count):
        value = digit_of(keys[i], digit)
        target[places[value]] = keys[i]
        places[value] += 1


cdef inline void scatter_positions(
    const uint64_t *keys, uint32_t *positions, size_t count, Digit digit, uint32_t *places
) noexcept nogil:
    """Copy the positions of the keys, stably, in the order of one digit."""
    cdef size_t i, value
    for i in range(count):
        value = digit_of(keys[i], digit)
        positions[places[value]] = position_of(keys[i])
        places[value] += 1
