# cython: language_level=3
"""Estimate the cost of a request by a walk over its fields, which reads no event.

Two things cost more than their bytes suggest: overlaps, whose size grows with the square of
the events, and the fixed cost of each list of a batch.
"""

from libc.stdint cimport uint32_t, uint64_t

from double_booked.conflicts.fields cimport (
    BATCH_GET_CONFLICTS_REQUEST_LISTS,
    CONFLICT_OPTIONS_EXPLAIN,
    EVENT_LIST_EVENTS,
    EVENT_LIST_OPTIONS,
)
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

cdef enum:
    # Any request of this size takes 0.3 ms at most.
    MAX_TINY_BYTES = 512
    # 64 KiB of events without options take 0.2 to 2 ms: the most if each names resources.
    MAX_SMALL_BYTES = 65536
    # To explain nested events of this size takes 1 ms.
    MAX_SMALL_EXPLAINED_BYTES = 6144
    # So many lists of few events take 0.7 ms.
    MAX_SMALL_LISTS = 2000


cdef inline bint asks_to_explain(Reader options) noexcept nogil:
    """Return whether ConflictOptions, as far as they can be read, have `explain` set."""
    cdef uint32_t tag
    cdef uint64_t value
    while options.at < options.end and read_tag(&options, &tag):
        if tag == (CONFLICT_OPTIONS_EXPLAIN << 3 | VARINT):
            if not read_varint(&options, &value):
                return False
            if value:
                return True
        elif not skip_value(&options, tag, MAX_DEPTH):
            return False
    return False


cdef inline bint is_explained(Reader event_list) noexcept nogil:
    """Return whether an EventList, as far as it can be read, asks for overlaps."""
    cdef Reader content
    cdef uint32_t tag
    while event_list.at < event_list.end and read_tag(&event_list, &tag):
        if likely(tag == (EVENT_LIST_EVENTS << 3 | LENGTH_DELIMITED)):
            if not read_delimited(&event_list, &content):
                return False
        elif tag == (EVENT_LIST_OPTIONS << 3 | LENGTH_DELIMITED):
            if not read_delimited(&event_list, &content):
                return False
            if asks_to_explain(content):
                return True
        elif not skip_value(&event_list, tag, MAX_DEPTH):
            return False
    return False


cdef inline bint is_small_batch(Reader batch, bint may_explain) noexcept nogil:
    """Return whether a batch, as far as it can be read, has few lists, and explains none or may."""
    cdef Reader event_list
    cdef uint32_t tag, lists = 0
    while batch.at < batch.end and read_tag(&batch, &tag):
        if tag != (BATCH_GET_CONFLICTS_REQUEST_LISTS << 3 | LENGTH_DELIMITED):
            if not skip_value(&batch, tag, MAX_DEPTH):
                break
            continue
        if not read_delimited(&batch, &event_list):
            break
        lists += 1
        if lists > MAX_SMALL_LISTS or (not may_explain and is_explained(event_list)):
            return False
    return True
