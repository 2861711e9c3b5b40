# cython: language_level=3
"""Find the groups of one resource after another, among rows that are sorted by start.

A group is a slice of `members`, which holds rows.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from double_booked.columns.records cimport Record
from double_booked.columns.times cimport Places, place_at
from double_booked.conflicts.end_heap cimport End, EndHeap, ends_by, pop_end, push_end
from double_booked.conflicts.growable cimport make_room
from double_booked.conflicts.instants cimport Instant
from double_booked.conflicts.progress cimport (
    CHECK_EVERY,
    NO_MEMORY,
    Progress,
    fail,
    not_cancelled,
)
from double_booked.conflicts.query cimport ENDED, MEMBER, PENDING
from double_booked.conflicts.wire cimport prefetch

cdef enum:
    # How many rows ahead of its use to fetch an end: in the order of their starts, the ends lie
    # all over memory.
    ENDS_AHEAD = 16


cdef struct Arrivals:
    # The rows of a resource by start. Without records they are the rows from `first` on.
    const Record *records
    const Places *starts
    const Places *ends
    size_t first
    size_t count
    # As many and those of later resources, whose ends can be fetched ahead.
    size_t rest


cdef inline uint32_t row_at(const Arrivals *arrivals, size_t i) noexcept nogil:
    """Return the row that is arrival i."""
    if arrivals.records == NULL:
        return <uint32_t>(arrivals.first + i)
    return arrivals.records[i].row


cdef inline uint64_t start_at(const Arrivals *arrivals, size_t i) noexcept nogil:
    """Return the place of the start of arrival i."""
    if arrivals.records == NULL:
        return place_at(arrivals.starts, arrivals.first + i)
    return arrivals.records[i].key


cdef inline uint64_t end_at(const Arrivals *arrivals, size_t i) noexcept nogil:
    """Return the place of the end of arrival i, which is present at its start at least."""
    return max(place_at(arrivals.ends, row_at(arrivals, i)), start_at(arrivals, i) + 1)


cdef inline void fetch_end(const Arrivals *arrivals, size_t i) noexcept nogil:
    """Fetch the end of a later arrival than arrival i."""
    if arrivals.records != NULL and i + ENDS_AHEAD < arrivals.rest:
        prefetch(&arrivals.ends.values[row_at(arrivals, i + ENDS_AHEAD)])


cdef struct Group:
    # Its rows are members[first:first + count].
    size_t first
    # The place of its first member's start.
    uint64_t start
    uint32_t count
    uint32_t resource


cdef struct Grouping:
    # Has room for all rows of all resources.
    uint32_t *members
    size_t member_count
    Group *groups
    size_t group_count


cdef struct Overload:
    # When more were present than the capacity: the row that arrived first, and the first member of
    # the first and the last group.
    bint is_overloaded
    uint32_t first_at
    uint32_t first_group
    uint32_t last_group


cdef struct Crowd:
    # The state of a sweep at a capacity over 1, or over one range of a resource.
    EndHeap ends
    # Rows that arrived since the capacity was last exceeded; some may have ended.
    uint32_t *pending
    size_t pending_count
    size_t members_present
    # The MemberState of each row, and of each carried one after them.
    uint8_t *states
    # Rows from here on are carried: they count, but they are no rows.
    size_t rows
    Overload overload


cdef inline bint open_group(
    Grouping *grouping, uint32_t resource, Progress *progress
) noexcept nogil:
    """Add a group without members."""
    cdef Group *group
    if not make_room(<void **>&grouping.groups, grouping.group_count, sizeof(Group)):
        return fail(progress, NO_MEMORY)
    group = &grouping.groups[grouping.group_count]
    group.first = grouping.member_count
    group.start = 0
    group.count = 0
    group.resource = resource
    grouping.group_count += 1
    return True


# Capacity 1


cdef inline bint group_exclusive(
    Grouping *grouping, const Arrivals *arrivals, uint32_t resource, Progress *progress
) noexcept nogil:
    """Find the groups at capacity 1.

    A group is a run of rows in which each starts before the latest end of those before it.
    """
    cdef size_t i, first = 0, count = arrivals.count
    cdef uint64_t latest_end = 0
    for i in range(count):
        fetch_end(arrivals, i)
        if i % CHECK_EVERY == CHECK_EVERY - 1 and not not_cancelled(progress):
            return False
        if start_at(arrivals, i) >= latest_end:
            if i - first > 1 and not add_run(grouping, arrivals, first, i, resource, progress):
                return False
            first = i
        latest_end = max(latest_end, end_at(arrivals, i))
    return count - first < 2 or add_run(grouping, arrivals, first, count, resource, progress)


cdef inline bint add_run(
    Grouping *grouping,
    const Arrivals *arrivals,
    size_t begin,
    size_t end,
    uint32_t resource,
    Progress *progress,
) noexcept nogil:
    """Add the group of arrivals[begin:end]."""
    cdef size_t i
    cdef uint32_t *members = grouping.members + grouping.member_count
    if not open_group(grouping, resource, progress):
        return False
    for i in range(begin, end):
        members[i - begin] = row_at(arrivals, i)
    grouping.groups[grouping.group_count - 1].count = <uint32_t>(end - begin)
    grouping.groups[grouping.group_count - 1].start = start_at(arrivals, begin)
    grouping.member_count += end - begin
    return True


# Capacities over 1


cdef inline bint make_crowd(
    Crowd *crowd, size_t longest, size_t rows, size_t carried, Progress *progress
) noexcept nogil:
    """Make room for sweeps.

    Args:
        crowd: What is made.
        longest: The most rows of a resource.
        rows: All rows.
        carried: The carried ones, which come after them.
        progress: Notes if memory runs out.
    """
    crowd.rows = rows
    crowd.pending_count = crowd.ends.count = crowd.members_present = 0
    crowd.overload.is_overloaded = False
    crowd.ends.items = <End *>malloc((longest + carried + 1) * sizeof(End))
    crowd.pending = <uint32_t *>malloc((longest + carried + 1) * sizeof(uint32_t))
    crowd.states = <uint8_t *>calloc(rows + carried + 1, 1)
    if crowd.ends.items == NULL or crowd.pending == NULL or crowd.states == NULL:
        return fail(progress, NO_MEMORY)
    return True


cdef inline void free_crowd(Crowd *crowd) noexcept nogil:
    free(crowd.ends.items)
    free(crowd.pending)
    free(crowd.states)


cdef inline Instant instant_at(uint64_t place) noexcept nogil:
    """Return a place on the timeline as the heap of ends wants it; only the order matters."""
    cdef Instant instant
    instant.seconds = <int64_t>place
    instant.nanos = 0
    return instant


cdef inline void arrive(Crowd *crowd, uint64_t end, uint32_t row) noexcept nogil:
    """Add a row that is present until `end`."""
    push_end(&crowd.ends, instant_at(end), row)
    crowd.states[row] = PENDING
    crowd.pending[crowd.pending_count] = row
    crowd.pending_count += 1


cdef inline void leave(Crowd *crowd, uint64_t now) noexcept nogil:
    """Remove the rows that have ended at `now`."""
    cdef uint32_t row
    while ends_by(&crowd.ends, instant_at(now)):
        row = pop_end(&crowd.ends)
        if crowd.states[row] == MEMBER:
            crowd.members_present -= 1
        crowd.states[row] = ENDED


cdef inline void leave_all(Crowd *crowd) noexcept nogil:
    """Remove all rows, so that another resource can be swept."""
    cdef size_t i
    for i in range(crowd.ends.count):
        crowd.states[crowd.ends.items[i].member] = ENDED
    crowd.ends.count = crowd.pending_count = crowd.members_present = 0


cdef inline bint group_with_capacity(
    Grouping *grouping,
    Crowd *crowd,
    const Arrivals *arrivals,
    uint32_t resource,
    size_t capacity,
    Progress *progress,
) noexcept nogil:
    """Find the groups at any capacity.

    When more rows are present than the capacity, all of them are in one group. Those among them
    that are members already are of the same group, as they have been present since they joined it.
    So one group is open at a time.
    """
    cdef size_t i, first_group = grouping.group_count
    cdef uint32_t row
    cdef bint is_open = False
    for i in range(arrivals.count):
        fetch_end(arrivals, i)
        if i % CHECK_EVERY == CHECK_EVERY - 1 and not not_cancelled(progress):
            return False
        row = row_at(arrivals, i)
        leave(crowd, start_at(arrivals, i))
        is_open = is_open and crowd.members_present
        arrive(crowd, end_at(arrivals, i), row)
        if crowd.ends.count > capacity:
            if not is_open and not open_group(grouping, resource, progress):
                return False
            add_pending(grouping, crowd)
            if not is_open:
                note_overload(grouping, crowd, row)
            is_open = True
    set_starts(grouping, first_group, arrivals)
    return True


cdef inline void set_starts(
    Grouping *grouping, size_t first_group, const Arrivals *arrivals
) noexcept nogil:
    """Set the starts of a resource's groups, whose first members are in the order of arrivals."""
    cdef size_t number, i = 0
    cdef Group *group
    for number in range(first_group, grouping.group_count):
        group = &grouping.groups[number]
        while row_at(arrivals, i) != grouping.members[group.first]:
            i += 1
        group.start = start_at(arrivals, i)


cdef inline void add_pending(Grouping *grouping, Crowd *crowd) noexcept nogil:
    """Make the pending rows that are still present members of the open group."""
    cdef Group *group = &grouping.groups[grouping.group_count - 1]
    cdef size_t i
    cdef uint32_t row
    for i in range(crowd.pending_count):
        row = crowd.pending[i]
        if crowd.states[row] == ENDED:
            continue
        crowd.states[row] = MEMBER
        crowd.members_present += 1
        if row < crowd.rows:
            grouping.members[grouping.member_count] = row
            grouping.member_count += 1
            group.count += 1
    crowd.pending_count = 0


cdef inline void note_overload(Grouping *grouping, Crowd *crowd, uint32_t row) noexcept nogil:
    """Note that a group was opened when a row arrived."""
    cdef Overload *overload = &crowd.overload
    overload.last_group = grouping.members[grouping.groups[grouping.group_count - 1].first]
    if not overload.is_overloaded:
        overload.is_overloaded = True
        overload.first_at = row
        overload.first_group = overload.last_group
