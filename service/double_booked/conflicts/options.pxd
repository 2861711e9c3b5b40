# cython: language_level=3
"""Reads ConflictOptions over those read before, as protobuf merges the parts of a message.

Source: https://protobuf.dev/programming-guides/encoding/#last-one-wins. Nothing is kept
for a part but what it says, however many parts there are.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from double_booked.conflicts.resources cimport Resource, ResourceTable, add_resource
from double_booked.conflicts.outcome cimport (
    GOING_ON,
    MALFORMED,
    NO_MEMORY,
    TOO_MANY_CAPACITIES,
    Outcome,
)
from double_booked.conflicts.wire cimport (
    LENGTH_DELIMITED,
    VARINT,
    Reader,
    is_utf8,
    read_delimited,
    read_tag,
    read_varint,
    skip_value,
)


cdef struct Options:
    # The name and the capacity of each entry of the map.
    ResourceTable capacities
    int64_t gap_seconds
    int32_t gap_nanos
    bint explain


cdef struct Entry:
    Reader resource
    uint32_t capacity
    # An entry with a field that its message does not have is itself an unknown field to upb.
    bint is_known


cdef inline Outcome merge_options(
    Options *options, Reader content, int depth, size_t max_capacities
) noexcept nogil:
    """Reads ConflictOptions; `depth` is how deep messages may nest within."""
    cdef Outcome outcome = GOING_ON
    cdef Reader field
    cdef uint32_t tag
    cdef uint64_t value
    while content.at < content.end and outcome == GOING_ON:
        if not read_tag(&content, &tag):
            return MALFORMED
        if tag == (1 << 3 | LENGTH_DELIMITED) or tag == (2 << 3 | LENGTH_DELIMITED):
            if not read_delimited(&content, &field):
                return MALFORMED
            if tag >> 3 == 1:
                outcome = merge_capacity(&options.capacities, field, depth - 1, max_capacities)
            else:
                outcome = merge_gap(options, field, depth - 1)
        elif tag == (3 << 3 | VARINT):
            if not read_varint(&content, &value):
                return MALFORMED
            options.explain = value != 0
        elif not skip_value(&content, tag, depth):
            return MALFORMED
    return outcome


cdef inline Outcome merge_capacity(
    ResourceTable *capacities, Reader content, int depth, size_t max_capacities
) noexcept nogil:
    """Reads an entry of the map from resource to capacity; the last of a resource counts."""
    cdef Entry entry
    cdef Resource *name
    if not read_entry(content, &entry, depth):
        return MALFORMED
    if not entry.is_known:
        return GOING_ON
    name = add_resource(
        capacities, entry.resource.at, <uint32_t>(entry.resource.end - entry.resource.at)
    )
    if name == NULL:
        return NO_MEMORY
    name.capacity = entry.capacity
    return TOO_MANY_CAPACITIES if capacities.count > max_capacities else GOING_ON


cdef inline bint read_entry(Reader content, Entry *entry, int depth) noexcept nogil:
    cdef uint32_t tag
    cdef uint64_t value
    entry.resource.at = entry.resource.end = content.at
    entry.capacity = 0
    entry.is_known = True
    while content.at < content.end:
        if not read_tag(&content, &tag):
            return False
        if tag == (1 << 3 | LENGTH_DELIMITED):
            if not read_delimited(&content, &entry.resource) or not is_utf8(entry.resource):
                return False
        elif tag == (2 << 3 | VARINT):
            if not read_varint(&content, &value):
                return False
            entry.capacity = <uint32_t>value
        elif skip_value(&content, tag, depth):
            entry.is_known = False
        else:
            return False
    return True


cdef inline Outcome merge_gap(Options *options, Reader content, int depth) noexcept nogil:
    """Reads a Duration."""
    cdef uint32_t tag
    cdef uint64_t value
    while content.at < content.end:
        if not read_tag(&content, &tag):
            return MALFORMED
        if tag == (1 << 3 | VARINT):
            if not read_varint(&content, &value):
                return MALFORMED
            options.gap_seconds = <int64_t>value
        elif tag == (2 << 3 | VARINT):
            if not read_varint(&content, &value):
                return MALFORMED
            options.gap_nanos = <int32_t>value
        elif not skip_value(&content, tag, depth):
            return MALFORMED
    return GOING_ON
