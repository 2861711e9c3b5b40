# cython: language_level=3
"""The ends of what is present, the earliest first: a binary heap."""

from libc.stdint cimport int64_t, uint32_t


cdef struct End:
    int64_t seconds
    uint32_t nanos
    uint32_t member


cdef struct Ends:
    End *items
    size_t count


cdef inline bint ends_before(const End *left, const End *right) noexcept nogil:
    if left.seconds != right.seconds:
        return left.seconds < right.seconds
    return left.nanos < right.nanos


cdef inline void push_end(Ends *ends, End end) noexcept nogil:
    """Adds an end; the items have room for it."""
    cdef size_t at = ends.count, parent
    ends.count += 1
    while at > 0:
        parent = (at - 1) // 2
        if not ends_before(&end, &ends.items[parent]):
            break
        ends.items[at] = ends.items[parent]
        at = parent
    ends.items[at] = end


cdef inline uint32_t pop_end(Ends *ends) noexcept nogil:
    """Takes the earliest end away; returns whose it is."""
    cdef uint32_t member = ends.items[0].member
    cdef size_t at = 0, child
    cdef End last
    ends.count -= 1
    last = ends.items[ends.count]
    while True:
        child = 2 * at + 1
        if child >= ends.count:
            break
        if child + 1 < ends.count and ends_before(&ends.items[child + 1], &ends.items[child]):
            child += 1
        if not ends_before(&ends.items[child], &last):
            break
        ends.items[at] = ends.items[child]
        at = child
    ends.items[at] = last
    return member
