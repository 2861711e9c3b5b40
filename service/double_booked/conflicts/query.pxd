# cython: language_level=3
"""The data of one request. Each step of a query reads what the steps before it found.

The steps: read_events (events.pxd), find_groups (grouping.pxd), explain_groups (overlaps.pxd),
and the writers of encoding.pxd. A query that shows the closed groups of a feed starts with
show_closed (feed.pxd) instead of the first two.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from double_booked.conflicts.end_heap cimport EndHeap
from double_booked.conflicts.instants cimport Instant, Interval
from double_booked.conflicts.options cimport Options
from double_booked.conflicts.progress cimport Budget, Flag, Progress
from double_booked.conflicts.resources cimport ResourceTable
from double_booked.conflicts.wire cimport Reader

cdef enum:
    # How many events ahead of its use to fetch an interval: in the order of their starts, the
    # intervals lie all over memory. Measured with the fetches of encoding.pxd at 1,000,000 events:
    # 0.8 of the time; half as far ahead it is 3 % slower.
    INTERVALS_AHEAD = 32


cdef struct Fault:
    uint32_t position
    uint32_t kind


cdef struct Events:
    # Where the request begins, from which offsets count; the EventList, which is a part of it in
    # a batch; and how deep messages may nest in that.
    const uint8_t *begin
    Reader content
    int depth

    # Only in a feed: whether this is its first message, and the start of the last event before.
    bint is_feed
    bint may_have_options
    Instant last_start

    Interval *intervals
    size_t count
    size_t room
    bint is_sorted
    ResourceTable resources
    # The resources of each event: assignments[first_assignment[i]:first_assignment[i + 1]].
    # Both are NULL if no event names a resource.
    uint32_t *assignments
    uint32_t *first_assignment
    size_t assignment_count

    Options options
    # The bytes of all parts of the options.
    size_t options_size
    Instant gap
    uint32_t default_capacity

    # The first MAX_VIOLATIONS faults of events; NULL if there is none.
    Fault *faults
    size_t fault_count
    size_t zero_capacities
    bint has_gap_fault
    bint has_late_options


cdef struct Group:
    # The size of its events as fields of a ConflictGroup.
    uint64_t events_size
    # Its events are members[first:first + count].
    uint32_t first
    uint32_t count
    uint32_t resource


cdef enum MemberState:
    # Of an event on a resource: it is over, or it is present.
    ENDED
    # Present, and not more events than the capacity have been present since it started.
    PENDING
    # Present, and in the open group.
    MEMBER


cdef struct OpenGroup:
    # Its events are members[first:end]; some of them may be over.
    size_t first
    size_t end
    uint64_t size
    size_t members_present
    # Events that started since the capacity was last exceeded; some may have ended.
    uint32_t *pending
    size_t pending_count
    # The ends of all events that are present.
    EndHeap ends
    # The MemberState of each event of the request; all are ENDED before and after a sweep.
    uint8_t *states


cdef struct Groups:
    # The positions of all events, by start. If events name resources, then for each resource
    # that can be over its capacity the positions of its events, by start.
    uint32_t *members
    size_t member_count
    Group *items
    size_t count
    # Made for the first resource with a capacity over 1, and then used for all.
    OpenGroup open_group


cdef struct Overlap:
    Instant start
    Instant end
    # The members present are present[first:first + depth]: indexes of members of the group,
    # ascending.
    size_t first
    uint32_t depth
    uint64_t members_size
    uint64_t size


cdef struct GroupOverlaps:
    # The overlaps of a group are items[first:first + count].
    size_t first
    size_t count
    uint64_t size


cdef struct Overlaps:
    # One for each group; NULL if they are not asked for.
    GroupOverlaps *of_group
    Overlap *items
    size_t count
    uint32_t *present
    size_t present_count


cdef struct Query:
    Progress progress
    Events events
    Groups groups
    Overlaps overlaps
    # Where the next chunk of the answer begins.
    size_t next_group
    size_t next_member
    # Whether the intervals and the resources belong to a feed.
    bint is_view


cdef inline void open_query(
    Query *query, Reader request, int depth, Budget *budget, const Flag *cancelled
) noexcept nogil:
    """Make a query for an EventList in which messages may nest `depth` deep."""
    memset(query, 0, sizeof(Query))
    query.progress.budget = budget
    query.progress.cancelled = cancelled
    query.events.begin = request.at
    query.events.content = request
    query.events.depth = depth
    query.events.may_have_options = True
    query.events.last_start.seconds = -1
    query.events.default_capacity = 1


cdef inline void release(void **memory) noexcept nogil:
    """Free memory if there is any. Most of a query's pointers are NULL, and the call costs time."""
    if memory[0] != NULL:
        free(memory[0])
        memory[0] = NULL


cdef inline void free_scratch(Query *query) noexcept nogil:
    """Free what no step needs once the groups are found and explained."""
    cdef Events *events = &query.events
    cdef OpenGroup *group = &query.groups.open_group
    release(<void **>&events.faults)
    release(<void **>&events.assignments)
    release(<void **>&events.first_assignment)
    release(<void **>&events.options.capacities.items)
    release(<void **>&events.options.capacities.slots)
    release(<void **>&group.pending)
    release(<void **>&group.ends.items)
    release(<void **>&group.states)
    if not query.is_view:
        release(<void **>&events.resources.slots)


cdef inline void free_query(Query *query) noexcept nogil:
    """Free all that the query holds; it can be freed again."""
    free_scratch(query)
    if not query.is_view:
        release(<void **>&query.events.intervals)
        release(<void **>&query.events.resources.items)
    release(<void **>&query.groups.members)
    release(<void **>&query.groups.items)
    release(<void **>&query.overlaps.of_group)
    release(<void **>&query.overlaps.items)
    release(<void **>&query.overlaps.present)
    query.groups.count = 0
