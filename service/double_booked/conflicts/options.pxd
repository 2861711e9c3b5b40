# cython: language_level=3
"""Read ConflictOptions over those read before, as protobuf merges the parts of a message.

Source: https://protobuf.dev/programming-guides/encoding/#last-one-wins. Only the result is
kept, however many parts there are.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from double_booked.conflicts.fields cimport (
    CAPACITY_ENTRY_KEY,
    CAPACITY_ENTRY_VALUE,
    CONFLICT_OPTIONS_CAPACITY,
    CONFLICT_OPTIONS_EXPLAIN,
    CONFLICT_OPTIONS_MIN_GAP,
    DURATION_NANOS,
    DURATION_SECONDS,
)
from double_booked.conflicts.instants cimport MAX_NANOS
from double_booked.conflicts.progress cimport (
    MALFORMED,
    NO_MEMORY,
    TOO_MANY_CAPACITIES,
    Progress,
    fail,
)
from double_booked.conflicts.resources cimport Resource, ResourceTable, add_resource
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

cdef enum:
    MAX_CAPACITIES = 10_000  # as in limits.py

cdef extern from *:
    const int64_t MAX_GAP_SECONDS "315537963048LL"  # as in validation.py


cdef struct Options:
    # The resource and the capacity of each entry of the map.
    ResourceTable capacities
    int64_t gap_seconds
    int32_t gap_nanos
    bint explain


cdef struct CapacityEntry:
    Reader resource
    uint32_t capacity
    # upb takes an entry with a field that its message does not have for an unknown field.
    bint is_known


cdef inline bint is_valid_gap(int64_t seconds, int32_t nanos) noexcept nogil:
    """Return whether validation.gap_fault finds no fault."""
    if seconds < 0 or not 0 <= nanos <= MAX_NANOS:
        return False
    return seconds < MAX_GAP_SECONDS or (seconds == MAX_GAP_SECONDS and nanos == 0)


cdef inline bint merge_options(
    Options *options, Reader content, int depth, Progress *progress
) noexcept nogil:
    """Read ConflictOptions in which messages may nest `depth` deep."""
    cdef Reader field
    cdef uint32_t tag
    cdef uint64_t value
    while content.at < content.end:
        if not read_tag(&content, &tag):
            return fail(progress, MALFORMED)
        if tag == (CONFLICT_OPTIONS_CAPACITY << 3 | LENGTH_DELIMITED):
            if not read_delimited(&content, &field):
                return fail(progress, MALFORMED)
            if not merge_capacity(&options.capacities, field, depth - 1, progress):
                return False
        elif tag == (CONFLICT_OPTIONS_MIN_GAP << 3 | LENGTH_DELIMITED):
            if not read_delimited(&content, &field) or not merge_gap(options, field, depth - 1):
                return fail(progress, MALFORMED)
        elif tag == (CONFLICT_OPTIONS_EXPLAIN << 3 | VARINT):
            if not read_varint(&content, &value):
                return fail(progress, MALFORMED)
            options.explain = value != 0
        elif not skip_value(&content, tag, depth):
            return fail(progress, MALFORMED)
    return True


cdef inline bint merge_capacity(
    ResourceTable *capacities, Reader content, int depth, Progress *progress
) noexcept nogil:
    """Read an entry of the map from resource to capacity; the last one of a resource counts."""
    cdef CapacityEntry entry
    cdef Resource *resource
    if not read_entry(content, &entry, depth):
        return fail(progress, MALFORMED)
    if not entry.is_known:
        return True
    resource = add_resource(
        capacities, entry.resource.at, <uint32_t>(entry.resource.end - entry.resource.at)
    )
    if resource == NULL:
        return fail(progress, NO_MEMORY)
    resource.capacity = entry.capacity
    return capacities.count <= MAX_CAPACITIES or fail(progress, TOO_MANY_CAPACITIES)


cdef inline bint read_entry(Reader content, CapacityEntry *entry, int depth) noexcept nogil:
    """Return False if the entry is malformed."""
    cdef uint32_t tag
    cdef uint64_t value
    entry.resource.at = entry.resource.end = content.at
    entry.capacity = 0
    entry.is_known = True
    while content.at < content.end:
        if not read_tag(&content, &tag):
            return False
        if tag == (CAPACITY_ENTRY_KEY << 3 | LENGTH_DELIMITED):
            if not read_delimited(&content, &entry.resource) or not is_utf8(entry.resource):
                return False
        elif tag == (CAPACITY_ENTRY_VALUE << 3 | VARINT):
            if not read_varint(&content, &value):
                return False
            entry.capacity = <uint32_t>value
        elif skip_value(&content, tag, depth):
            entry.is_known = False
        else:
            return False
    return True


cdef inline bint merge_gap(Options *options, Reader content, int depth) noexcept nogil:
    """Read a Duration; return False if it is malformed."""
    cdef uint32_t tag
    cdef uint64_t value
    while content.at < content.end:
        if not read_tag(&content, &tag):
            return False
        if tag == (DURATION_SECONDS << 3 | VARINT):
            if not read_varint(&content, &value):
                return False
            options.gap_seconds = <int64_t>value
        elif tag == (DURATION_NANOS << 3 | VARINT):
            if not read_varint(&content, &value):
                return False
            options.gap_nanos = <int32_t>value
        elif not skip_value(&content, tag, depth):
            return False
    return True
