# cython: language_level=3
"""Sort rows by a 64-bit key, stably.

A radix sort of the highest bits that differ, about as many as number the rows: they put nearly all
rows in their place. What is equal in them is sorted again, by its own highest bits. For 1,000,000
rows that are spread over two years of nanoseconds that is 3 passes instead of 6.
"""

from libc.stdint cimport UINT64_MAX, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from double_booked.conflicts.progress cimport Flag
from double_booked.conflicts.radix_sort cimport MAX_INSERTION_SORTED, bit_length

cdef enum:
    # A digit's counters fit the first level of the cache.
    MAX_DIGIT_BITS = 11
    # More than number the rows, so that few rows share a prefix.
    SPARE_BITS = 4


cdef struct Record:
    uint64_t key
    uint32_t row


cdef struct Prefix:
    # The bits of key - lowest from `shift` on.
    uint64_t lowest
    int shift
    int passes
    int width


cdef inline bint are_sorted(const Record *records, size_t count) noexcept nogil:
    cdef size_t i
    for i in range(1, count):
        if records[i].key < records[i - 1].key:
            return False
    return True


cdef inline void insert_records(Record *records, size_t count) noexcept nogil:
    """Sort by insertion."""
    cdef size_t i, j
    cdef Record record
    for i in range(1, count):
        record = records[i]
        j = i
        while j > 0 and record.key < records[j - 1].key:
            records[j] = records[j - 1]
            j -= 1
        records[j] = record


cdef inline Prefix prefix_of(const Record *records, size_t count) noexcept nogil:
    """Return the highest bits to sort by."""
    cdef Prefix prefix
    cdef uint64_t lowest = UINT64_MAX, highest = 0
    cdef size_t i
    cdef int bits, wanted
    for i in range(count):
        lowest = min(lowest, records[i].key)
        highest = max(highest, records[i].key)
    bits = bit_length(highest - lowest)
    wanted = min(bits, bit_length(count) + SPARE_BITS)
    prefix.lowest = lowest
    prefix.passes = (wanted + MAX_DIGIT_BITS - 1) // MAX_DIGIT_BITS
    prefix.width = (wanted + prefix.passes - 1) // prefix.passes
    prefix.shift = max(0, bits - prefix.passes * prefix.width)
    return prefix


cdef inline void scatter_records(
    const Record *source, Record *target, size_t count, uint64_t lowest, int shift, int width
) noexcept nogil:
    """Copy the records, stably, in the order of one digit."""
    cdef uint32_t places[1 << MAX_DIGIT_BITS]
    cdef uint32_t before = 0, here
    cdef uint64_t mask = (<uint64_t>1 << width) - 1
    cdef size_t i, digit
    memset(places, 0, (mask + 1) * sizeof(uint32_t))
    for i in range(count):
        places[(source[i].key - lowest) >> shift & mask] += 1
    for i in range(mask + 1):
        here = places[i]
        places[i] = before
        before += here
    for i in range(count):
        digit = (source[i].key - lowest) >> shift & mask
        target[places[digit]] = source[i]
        places[digit] += 1


cdef inline void sort_records(
    Record *records, Record *scratch, size_t count, const Flag *cancelled
) noexcept nogil:
    """Sort records by their keys; after a cancellation they are in any order."""
    cdef Prefix prefix
    cdef Record *source = records
    cdef Record *target = scratch
    cdef int number
    if count < 2 or are_sorted(records, count):
        return
    if count <= MAX_INSERTION_SORTED:
        insert_records(records, count)
        return
    prefix = prefix_of(records, count)
    for number in range(prefix.passes):
        if cancelled[0]:
            break
        scatter_records(
            source, target, count, prefix.lowest, prefix.shift + number * prefix.width, prefix.width
        )
        source, target = target, source
    if source != records:
        memcpy(records, source, count * sizeof(Record))
    if prefix.shift:
        sort_equal(records, scratch, count, prefix, cancelled)


cdef inline void sort_equal(
    Record *records, Record *scratch, size_t count, Prefix prefix, const Flag *cancelled
) noexcept nogil:
    """Sort each run of records whose prefixes are equal."""
    cdef size_t i, begin = 0
    cdef uint64_t here, last = (records[0].key - prefix.lowest) >> prefix.shift
    if cancelled[0]:
        return
    for i in range(1, count):
        here = (records[i].key - prefix.lowest) >> prefix.shift
        if here != last:
            if i - begin > 1:
                sort_records(records + begin, scratch, i - begin, cancelled)
            begin = i
            last = here
    sort_records(records + begin, scratch, count - begin, cancelled)
