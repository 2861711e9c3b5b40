# cython: language_level=3
"""Find the overlaps of each group: the spans in which more events are present than the capacity."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, malloc

from double_booked.conflicts.encoding cimport overlap_size
from double_booked.conflicts.end_heap cimport (
    End,
    EndHeap,
    ends_by,
    instant_of,
    pop_end,
    push_end,
)
from double_booked.conflicts.growable cimport make_room
from double_booked.conflicts.instants cimport (
    Instant,
    Interval,
    clamp_to_timestamp,
    is_earlier,
    is_instant,
    is_same,
    occupied_until,
    start_of,
)
from double_booked.conflicts.progress cimport (
    NO_MEMORY,
    TOO_MANY_MEMBERS,
    charge_answer_bytes,
    charge_members,
    fail,
    not_cancelled,
)
from double_booked.conflicts.query cimport Group, GroupOverlaps, Overlap, Overlaps, Query
from double_booked.conflicts.resources cimport NO_RESOURCE
from double_booked.conflicts.wire cimport delimited_size, varint_size


cdef struct ActiveSet:
    # The members that are present, ascending, as a ring through `sentinel`. Members are numbered
    # within their group, and the sentinel is the number of members.
    uint32_t *next
    uint32_t *previous
    uint32_t sentinel
    uint32_t count
    EndHeap ends


cdef inline void append_active(ActiveSet *active, uint32_t member) noexcept nogil:
    """Add a member whose number is higher than that of all others."""
    cdef uint32_t last = active.previous[active.sentinel]
    active.next[last] = member
    active.previous[member] = last
    active.next[member] = active.sentinel
    active.previous[active.sentinel] = member
    active.count += 1


cdef inline void remove_active(ActiveSet *active, uint32_t member) noexcept nogil:
    active.next[active.previous[member]] = active.next[member]
    active.previous[active.next[member]] = active.previous[member]
    active.count -= 1


cdef inline void clear_active(ActiveSet *active, uint32_t sentinel) noexcept nogil:
    active.sentinel = sentinel
    active.next[sentinel] = active.previous[sentinel] = sentinel
    active.count = active.ends.count = 0


cdef inline bint make_active(ActiveSet *active, const Query *query) noexcept nogil:
    """Make room for the members of the largest group; return False if memory ran out."""
    cdef size_t i, largest = 0
    for i in range(query.groups.count):
        largest = max(largest, <size_t>query.groups.items[i].count)
    active.ends.items = <End *>malloc((largest + 1) * sizeof(End))
    active.next = <uint32_t *>malloc((largest + 1) * sizeof(uint32_t))
    active.previous = <uint32_t *>malloc((largest + 1) * sizeof(uint32_t))
    return active.ends.items != NULL and active.next != NULL and active.previous != NULL


cdef inline void free_active(ActiveSet *active) noexcept nogil:
    free(active.ends.items)
    free(active.next)
    free(active.previous)


cdef inline bint explain_groups(Query *query) noexcept nogil:
    """Fill the overlaps of all groups."""
    cdef size_t i, count = query.groups.count
    cdef ActiveSet active
    cdef bint is_explained = True
    # In each group at least two members are present at once.
    if query.progress.budget.members + 2 * count > query.progress.budget.max_members:
        return fail(&query.progress, TOO_MANY_MEMBERS)
    query.overlaps.of_group = <GroupOverlaps *>calloc(count + 1, sizeof(GroupOverlaps))
    if not make_active(&active, query) or query.overlaps.of_group == NULL:
        is_explained = fail(&query.progress, NO_MEMORY)
    for i in range(count):
        if not is_explained:
            break
        is_explained = explain_group(query, i, &active)
    free_active(&active)
    return is_explained


cdef inline bint explain_group(Query *query, size_t number, ActiveSet *active) noexcept nogil:
    """Sweep over the members of a group.

    Events outside the group need not be looked at: all that are present in an overlap are members.
    """
    cdef const Group *group = &query.groups.items[number]
    cdef GroupOverlaps *overlaps = &query.overlaps.of_group[number]
    cdef uint32_t next_member = 0, capacity = capacity_of(query, group.resource)
    cdef Instant now, before
    overlaps.first = query.overlaps.count
    clear_active(active, group.count)
    now.seconds = now.nanos = 0
    while next_member < group.count or active.ends.count:
        before = now
        now = next_boundary(query, group, next_member, &active.ends)
        if active.count > capacity and not add_overlap(query, overlaps, before, now, active):
            return False
        while ends_by(&active.ends, now):
            remove_active(active, pop_end(&active.ends))
        if not activate(query, group, overlaps, &next_member, now, capacity, active):
            return False
    return True


cdef inline uint32_t capacity_of(const Query *query, uint32_t resource) noexcept nogil:
    if resource == NO_RESOURCE:
        return query.events.default_capacity
    return query.events.resources.items[resource].capacity


cdef inline const Interval *interval_of(
    const Query *query, const Group *group, uint32_t member
) noexcept nogil:
    return &query.events.intervals[query.groups.members[group.first + member]]


cdef inline Instant next_boundary(
    const Query *query, const Group *group, uint32_t next_member, const EndHeap *ends
) noexcept nogil:
    """Return when the next member starts, or when the next one present ends if that is earlier."""
    cdef Instant start
    if next_member == group.count:
        return instant_of(&ends.items[0])
    start = start_of(interval_of(query, group, next_member))
    if ends.count and is_earlier(instant_of(&ends.items[0]), start):
        return instant_of(&ends.items[0])
    return start


cdef inline bint activate(
    Query *query,
    const Group *group,
    GroupOverlaps *overlaps,
    uint32_t *next_member,
    Instant now,
    uint32_t capacity,
    ActiveSet *active,
) noexcept nogil:
    """Add the members that start at `now`.

    Those that are instants are present in an overlap of no length, and are removed again.
    """
    cdef const Interval *interval
    cdef uint32_t first = next_member[0], member
    cdef bint any_instant = False
    while next_member[0] < group.count:
        interval = interval_of(query, group, next_member[0])
        if not is_same(start_of(interval), now):
            break
        append_active(active, next_member[0])
        if is_instant(interval):
            any_instant = True
        else:
            push_end(&active.ends, occupied_until(interval), next_member[0])
        next_member[0] += 1
    if not any_instant:
        return True
    if active.count > capacity and not add_overlap(query, overlaps, now, now, active):
        return False
    for member in range(first, next_member[0]):
        if is_instant(interval_of(query, group, member)):
            remove_active(active, member)
    return True


cdef inline bint add_overlap(
    Query *query, GroupOverlaps *of_group, Instant start, Instant end, const ActiveSet *active
) noexcept nogil:
    """Add the overlap of the members that are present from `start` to `end`."""
    cdef Overlaps *overlaps = &query.overlaps
    cdef Overlap *overlap
    if not not_cancelled(&query.progress) or not charge_members(&query.progress, active.count):
        return False
    if not make_room(<void **>&overlaps.items, overlaps.count, sizeof(Overlap)):
        return fail(&query.progress, NO_MEMORY)
    overlap = &overlaps.items[overlaps.count]
    overlap.start = clamp_to_timestamp(start)
    overlap.end = clamp_to_timestamp(end)
    overlap.depth = active.count
    if not add_members(overlaps, overlap, active):
        return fail(&query.progress, NO_MEMORY)
    overlap.size = overlap_size(overlap)
    overlaps.count += 1
    of_group.count += 1
    of_group.size += delimited_size(overlap.size)
    return charge_answer_bytes(&query.progress, delimited_size(overlap.size))


cdef inline bint add_members(
    Overlaps *overlaps, Overlap *overlap, const ActiveSet *active
) noexcept nogil:
    """List the members that are present; return False if memory ran out."""
    cdef uint32_t member = active.next[active.sentinel]
    overlap.first = overlaps.present_count
    overlap.members_size = 0
    while member != active.sentinel:
        if not make_room(<void **>&overlaps.present, overlaps.present_count, sizeof(uint32_t)):
            return False
        overlaps.present[overlaps.present_count] = member
        overlaps.present_count += 1
        overlap.members_size += varint_size(member)
        member = active.next[member]
    return True
