# cython: language_level=3
"""Measure and write the answer: ConflictGroups around the bytes of the request's events.

Each writer returns the address after what it wrote. It writes as many bytes as the function that
measures says, unless the query is cancelled.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from double_booked.conflicts.fields cimport (
    CONFLICT_GROUP_CONFLICT_GROUP,
    CONFLICT_GROUP_CONTINUED,
    CONFLICT_GROUP_OVERLAPS,
    CONFLICT_GROUP_RESOURCE,
    CONFLICT_LIST_CONFLICTS,
    OVERLAP_DEPTH,
    OVERLAP_END,
    OVERLAP_MEMBERS,
    OVERLAP_START,
    TIMESTAMP_NANOS,
    TIMESTAMP_SECONDS,
)
from double_booked.conflicts.instants cimport MIN_SECONDS, Instant, Interval
from double_booked.conflicts.progress cimport CHECK_EVERY
from double_booked.conflicts.query cimport (
    INTERVALS_AHEAD,
    Group,
    GroupOverlaps,
    Overlap,
    Query,
)
from double_booked.conflicts.resources cimport NO_RESOURCE, Resource
from double_booked.conflicts.wire cimport (
    delimited_size,
    number_size,
    prefetch,
    write_header,
    write_number,
    write_varint,
)

cdef enum:
    # How many events ahead of its use to fetch an event's bytes.
    BYTES_AHEAD = 16
    CACHE_LINE = 64
    # The most bytes of a piece of a group besides its content: two headers, and `continued`.
    PIECE_OVERHEAD = 24


# Sizes


cdef inline uint64_t timestamp_size(Instant instant) noexcept nogil:
    return number_size(<uint64_t>(instant.seconds + MIN_SECONDS)) + number_size(instant.nanos)


cdef inline uint64_t overlap_size(const Overlap *overlap) noexcept nogil:
    return (
        delimited_size(timestamp_size(overlap.start))
        + delimited_size(timestamp_size(overlap.end))
        + number_size(overlap.depth)
        + delimited_size(overlap.members_size)
    )


cdef inline const Resource *named_resource(
    const Query *query, const Group *group
) noexcept nogil:
    """Return the resource of a group; NULL if it is the unnamed one."""
    cdef const Resource *resource
    if group.resource == NO_RESOURCE:
        return NULL
    resource = &query.events.resources.items[group.resource]
    return resource if resource.length else NULL


cdef inline uint64_t metadata_size(const Query *query, size_t number) noexcept nogil:
    """Return the size of what stands once in a group: its resource and its overlaps."""
    cdef const Resource *resource = named_resource(query, &query.groups.items[number])
    cdef uint64_t size = 0
    if query.overlaps.of_group != NULL:
        size += query.overlaps.of_group[number].size
    if resource != NULL:
        size += delimited_size(resource.length)
    return size


cdef inline uint64_t group_size(const Query *query, size_t number) noexcept nogil:
    """Return the size of a group as a field of a ConflictList."""
    return delimited_size(
        query.groups.items[number].events_size + metadata_size(query, number)
    )


cdef inline uint64_t answer_size(const Query *query) noexcept nogil:
    cdef uint64_t size = 0
    cdef size_t i
    for i in range(query.groups.count):
        size += group_size(query, i)
    return size


# Writers


cdef inline uint8_t *write_groups(
    uint8_t *out, const Query *query, size_t begin, size_t end
) noexcept nogil:
    """Write groups[begin:end] as fields of a ConflictList."""
    cdef size_t i
    for i in range(begin, end):
        out = write_group(out, query, i)
    return out


cdef inline uint8_t *write_group(uint8_t *out, const Query *query, size_t number) noexcept nogil:
    cdef const Group *group = &query.groups.items[number]
    cdef uint64_t size = group.events_size + metadata_size(query, number)
    out = write_header(out, CONFLICT_LIST_CONFLICTS, size)
    out = write_events(out, query, group, 0, group.count)
    return write_metadata(out, query, number)


cdef inline uint8_t *write_events(
    uint8_t *out, const Query *query, const Group *group, size_t begin, size_t end
) noexcept nogil:
    """Write the events of members[begin:end] of a group; a part of them if it is cancelled."""
    cdef const uint8_t *request = query.events.begin
    cdef const Interval *intervals = query.events.intervals
    cdef const uint32_t *members = query.groups.members + group.first
    cdef const Interval *interval
    cdef const uint8_t *ahead
    cdef size_t i
    for i in range(begin, end):
        if i % CHECK_EVERY == 0 and query.progress.cancelled[0]:
            break
        if i + INTERVALS_AHEAD < end:
            prefetch(&intervals[members[i + INTERVALS_AHEAD]])
        if i + BYTES_AHEAD < end:
            # An event of usual size is in two lines of the cache.
            ahead = request + intervals[members[i + BYTES_AHEAD]].offset
            prefetch(ahead)
            prefetch(ahead + CACHE_LINE)
        interval = &intervals[members[i]]
        out = write_header(out, CONFLICT_GROUP_CONFLICT_GROUP, interval.length)
        memcpy(out, request + interval.offset, interval.length)
        out += interval.length
    return out


cdef inline uint8_t *write_metadata(
    uint8_t *out, const Query *query, size_t number
) noexcept nogil:
    cdef const Resource *resource = named_resource(query, &query.groups.items[number])
    cdef const GroupOverlaps *overlaps
    cdef size_t i
    if resource != NULL:
        out = write_header(out, CONFLICT_GROUP_RESOURCE, resource.length)
        memcpy(out, resource.name, resource.length)
        out += resource.length
    if query.overlaps.of_group != NULL:
        overlaps = &query.overlaps.of_group[number]
        for i in range(overlaps.first, overlaps.first + overlaps.count):
            out = write_overlap(out, query, &query.overlaps.items[i])
    return out


cdef inline uint8_t *write_overlap(
    uint8_t *out, const Query *query, const Overlap *overlap
) noexcept nogil:
    cdef size_t i
    out = write_header(out, CONFLICT_GROUP_OVERLAPS, overlap.size)
    out = write_timestamp(out, OVERLAP_START, overlap.start)
    out = write_timestamp(out, OVERLAP_END, overlap.end)
    out = write_number(out, OVERLAP_DEPTH, overlap.depth)
    out = write_header(out, OVERLAP_MEMBERS, overlap.members_size)
    for i in range(overlap.first, overlap.first + overlap.depth):
        out = write_varint(out, query.overlaps.present[i])
    return out


cdef inline uint8_t *write_timestamp(
    uint8_t *out, uint32_t field, Instant instant
) noexcept nogil:
    out = write_header(out, field, timestamp_size(instant))
    out = write_number(out, TIMESTAMP_SECONDS, <uint64_t>(instant.seconds + MIN_SECONDS))
    return write_number(out, TIMESTAMP_NANOS, instant.nanos)


# Chunks


cdef struct Piece:
    # members[begin:end] of a group, and the size of the ConflictGroup that holds them.
    size_t begin
    size_t end
    bint is_continued
    uint64_t size


cdef inline size_t fitting_groups(const Query *query, size_t size, uint64_t *total) noexcept nogil:
    """Return the end of the groups that fit in `size` bytes from the next one on.

    Set `total` to the bytes that they take.
    """
    cdef size_t end = query.next_group
    cdef uint64_t more
    total[0] = 0
    while end < query.groups.count:
        more = group_size(query, end)
        if total[0] + more > size:
            break
        total[0] += more
        end += 1
    return end


cdef inline Piece fitting_piece(const Query *query, size_t size) noexcept nogil:
    """Return the next piece, of at least one event, of a group that is larger than `size` bytes."""
    cdef const Group *group = &query.groups.items[query.next_group]
    cdef Piece piece
    cdef uint64_t more
    cdef uint32_t member
    piece.begin = piece.end = query.next_member
    piece.size = 0 if piece.begin else metadata_size(query, query.next_group)
    while piece.end < group.count:
        member = query.groups.members[group.first + piece.end]
        more = delimited_size(query.events.intervals[member].length)
        if piece.end > piece.begin and piece.size + more + PIECE_OVERHEAD > size:
            break
        piece.size += more
        piece.end += 1
    piece.is_continued = piece.end < group.count
    piece.size += number_size(piece.is_continued)
    return piece


cdef inline void write_piece(uint8_t *out, const Query *query, Piece piece) noexcept nogil:
    """Write a piece as a field of a ConflictList; the first piece has the metadata."""
    out = write_header(out, CONFLICT_LIST_CONFLICTS, piece.size)
    out = write_events(
        out, query, &query.groups.items[query.next_group], piece.begin, piece.end
    )
    if piece.begin == 0:
        out = write_metadata(out, query, query.next_group)
    write_number(out, CONFLICT_GROUP_CONTINUED, piece.is_continued)
