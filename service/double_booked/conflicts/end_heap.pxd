# cython: language_level=3
"""The ends of the events that are present, the earliest first: a binary heap."""

from libc.stdint cimport int64_t, uint32_t

from double_booked.conflicts.instants cimport Instant, is_earlier


cdef struct End:
    # Flat, to take 16 bytes; see Interval.
    int64_t seconds
    uint32_t nanos
    uint32_t member


cdef struct EndHeap:
    End *items
    size_t count


cdef inline Instant instant_of(const End *end) noexcept nogil:
    cdef Instant instant
    instant.seconds = end.seconds
    instant.nanos = end.nanos
    return instant


cdef inline bint ends_by(const EndHeap *heap, Instant now) noexcept nogil:
    """Return whether the heap has an end that is not after `now`."""
    return heap.count > 0 and not is_earlier(now, instant_of(&heap.items[0]))


cdef inline void push_end(EndHeap *heap, Instant instant, uint32_t member) noexcept nogil:
    """Add the end of a member; the items must have room for it."""
    cdef size_t index = heap.count, parent
    cdef End end
    end.seconds = instant.seconds
    end.nanos = instant.nanos
    end.member = member
    heap.count += 1
    while index > 0:
        parent = (index - 1) // 2
        if not is_earlier(instant, instant_of(&heap.items[parent])):
            break
        heap.items[index] = heap.items[parent]
        index = parent
    heap.items[index] = end


cdef inline uint32_t pop_end(EndHeap *heap) noexcept nogil:
    """Remove the earliest end; return its member."""
    cdef uint32_t member = heap.items[0].member
    cdef size_t index = 0, child
    cdef End last
    heap.count -= 1
    last = heap.items[heap.count]
    while True:
        child = 2 * index + 1
        if child >= heap.count:
            break
        if child + 1 < heap.count and is_earlier(
            instant_of(&heap.items[child + 1]), instant_of(&heap.items[child])
        ):
            child += 1
        if not is_earlier(instant_of(&heap.items[child]), instant_of(&last)):
            break
        heap.items[index] = heap.items[child]
        index = child
    heap.items[index] = last
    return member
