# cython: language_level=3
"""Estimates what a request costs by a walk over its fields, which reads no event.

What costs more than its bytes suggest is an explanation, whose size grows with the
square of the events, and the fixed cost of each list of a batch.
"""

from double_booked.conflicts.wire cimport (
    LENGTH_DELIMITED,
    MAX_DEPTH,
    VARINT,
    Reader,
    likely,
    read_delimited,
    read_tag,
    read_varint,
    skip_value,
)

from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    # Whatever such a request asks for takes 0.3 ms at most.
    MAX_TINY_BYTES = 512
    # 64 KiB of events without options take 0.2 to 2 ms: the most where each names resources.
    MAX_SMALL_BYTES = 65536
    # Nested events of so many bytes, explained, take 1 ms.
    MAX_SMALL_EXPLAINED_BYTES = 6144
    # So many lists take 0.7 ms, if they hold little.
    MAX_SMALL_LISTS = 2000


cdef inline bint asks_to_explain(Reader options) noexcept nogil:
    """Whether ConflictOptions, as far as they can be read, have `explain` set."""
    cdef uint32_t tag
    cdef uint64_t value
    while options.at < options.end and read_tag(&options, &tag):
        if tag == (3 << 3 | VARINT):
            if not read_varint(&options, &value):
                return False
            if value:
                return True
        elif not skip_value(&options, tag, MAX_DEPTH):
            return False
    return False


cdef inline bint is_explained(Reader event_list) noexcept nogil:
    """Whether an EventList, as far as it can be read, asks for explanations."""
    cdef Reader content
    cdef uint32_t tag
    while event_list.at < event_list.end and read_tag(&event_list, &tag):
        if likely(tag == (1 << 3 | LENGTH_DELIMITED)):
            if not read_delimited(&event_list, &content):
                return False
        elif tag == (2 << 3 | LENGTH_DELIMITED):
            if not read_delimited(&event_list, &content):
                return False
            if asks_to_explain(content):
                return True
        elif not skip_value(&event_list, tag, MAX_DEPTH):
            return False
    return False


cdef inline bint is_small_batch(Reader batch, bint may_explain) noexcept nogil:
    """Whether a batch, as far as it can be read, has few lists, and none explained unless it may."""
    cdef Reader event_list
    cdef uint32_t tag, lists = 0
    while batch.at < batch.end and read_tag(&batch, &tag):
        if tag != (1 << 3 | LENGTH_DELIMITED):
            if not skip_value(&batch, tag, MAX_DEPTH):
                break
            continue
        if not read_delimited(&batch, &event_list):
            break
        lists += 1
        if lists > MAX_SMALL_LISTS or (not may_explain and is_explained(event_list)):
            return False
    return True
