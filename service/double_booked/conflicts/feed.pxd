# cython: language_level=3
"""The state of a feed between its messages: the events that later ones may yet conflict with.

The events of a feed come by start, so a single sweep over all of them finds the groups, as `sweep`
in grouping.pxd does for the events of a list. A message costs the work for its own events and for
the groups that they close, not for all that is held.

Invariants, between any two functions of this module:
- Assignments are in the order in which their events came. An event is held as long as one of its
  assignments is not ENDED; `references` counts those.
- `ends` holds exactly the assignments that are present: all that are PENDING, and some MEMBERs.
- `pending` of a lane lists the assignments that came since the capacity was last exceeded, in
  that order; some of them may be ENDED. `members` lists those of its open group. All members came
  before all that are pending.
- A group is open while any of its members is present.
"""

from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcpy, memmove

from double_booked.conflicts.end_heap cimport End, EndHeap, ends_by, pop_end, push_end
from double_booked.conflicts.growable cimport reserve, shrink
from double_booked.conflicts.instants cimport (
    Instant,
    Interval,
    is_earlier,
    is_same,
    occupied_until,
    start_of,
)
from double_booked.conflicts.progress cimport (
    CHECK_EVERY,
    NO_MEMORY,
    Progress,
    fail,
    not_cancelled,
)
from double_booked.conflicts.query cimport ENDED, MEMBER, PENDING, Events, Group, Query
from double_booked.conflicts.resources cimport (
    NO_RESOURCE,
    UNNAMED,
    NamedItem,
    Resource,
    ResourceTable,
    add_resource,
    compare_names,
    find_resource,
)
from double_booked.conflicts.wire cimport delimited_size

cdef extern from *:
    const uint32_t NO_ASSIGNMENT "UINT32_MAX"

cdef enum:
    # So much may be unused, besides as much as is in use, before `compact` moves the rest.
    SPARE_BYTES = 65_536
    SPARE_ASSIGNMENTS = 1024


cdef struct Assignment:
    # An event on a resource.
    uint32_t event
    uint32_t lane
    # The next one in the list that holds it.
    uint32_t next
    # A MemberState.
    uint8_t state


cdef struct AssignmentList:
    uint32_t first
    uint32_t last
    uint32_t count


cdef struct Lane:
    # The sweep over one resource. Its name and capacity are in `resources`, at the same index.
    AssignmentList pending
    AssignmentList members
    uint64_t members_size
    uint32_t present
    uint32_t members_present


cdef struct ClosedGroup:
    # A group that no later event can join.
    AssignmentList members
    uint64_t size
    uint32_t lane
    # What the groups are sent in the order of: the event of the message that closed them, their
    # first start, and their resource.
    size_t closing_event
    Instant start
    NamedItem resource


cdef struct FeedState:
    # The bytes of the events; those of events that are over may be between them.
    uint8_t *content
    size_t content_size
    size_t content_room
    Interval *events
    # How many assignments of each event are not ENDED.
    uint32_t *references
    size_t event_count
    size_t events_room
    size_t references_room
    Assignment *assignments
    size_t assignment_count
    size_t assignments_room
    # The ends of the assignments that are present.
    EndHeap ends
    size_t ends_room
    ResourceTable resources
    Lane *lanes
    size_t lanes_room
    ClosedGroup *closed
    size_t closed_count
    size_t closed_room
    # How much of all that is stored is still held.
    size_t live_events
    size_t live_assignments
    uint64_t live_bytes
    # The capacities that the options give, and the bytes of their names; all others are 1.
    ResourceTable capacities
    uint8_t *capacity_names


cdef inline void free_feed(FeedState *feed) noexcept nogil:
    cdef size_t i
    for i in range(feed.resources.count):
        free(<void *>feed.resources.items[i].name)
    free(feed.content)
    free(feed.events)
    free(feed.references)
    free(feed.assignments)
    free(feed.ends.items)
    free(feed.resources.items)
    free(feed.resources.slots)
    free(feed.lanes)
    free(feed.closed)
    free(feed.capacities.items)
    free(feed.capacities.slots)
    free(feed.capacity_names)


cdef inline bint keep_capacities(
    FeedState *feed, const ResourceTable *given, Progress *progress
) noexcept nogil:
    """Copy the capacities of the first message, whose bytes are not kept."""
    cdef size_t i, size = 0
    cdef Resource *resource
    for i in range(given.count):
        size += given.items[i].length
    feed.capacity_names = <uint8_t *>malloc(size + 1)
    if feed.capacity_names == NULL:
        return fail(progress, NO_MEMORY)
    size = 0
    for i in range(given.count):
        memcpy(feed.capacity_names + size, given.items[i].name, given.items[i].length)
        resource = add_resource(
            &feed.capacities, feed.capacity_names + size, given.items[i].length
        )
        if resource == NULL:
            return fail(progress, NO_MEMORY)
        resource.capacity = given.items[i].capacity
        size += given.items[i].length
    return True


cdef inline uint64_t allocated_bytes(const FeedState *feed) noexcept nogil:
    return (
        feed.content_room
        + feed.events_room * sizeof(Interval)
        + feed.references_room * sizeof(uint32_t)
        + feed.assignments_room * sizeof(Assignment)
        + feed.ends_room * sizeof(End)
        + feed.lanes_room * (sizeof(Lane) + sizeof(Resource))
        + feed.resources.slot_count * sizeof(uint32_t)
        + feed.closed_room * sizeof(ClosedGroup)
        + feed.capacities.count * sizeof(Resource)
    )


# Adding events


cdef inline bint add_message(
    FeedState *feed, const Events *message, Progress *progress
) noexcept nogil:
    """Add the events of a message, and close the groups that end before they start."""
    cdef size_t size = message.content.end - message.begin
    cdef bint is_added
    cdef uint32_t *lanes
    if message.count == 0:
        return True
    if feed.content_size + size > UINT32_MAX:
        # Offsets have 32 bits. Only limits near their maximum let a feed hold so much.
        return fail(progress, NO_MEMORY)
    # For each resource of the message its lane; the last is that of the unnamed resource.
    lanes = <uint32_t *>malloc((message.resources.count + 1) * sizeof(uint32_t))
    if lanes == NULL:
        return fail(progress, NO_MEMORY)
    is_added = reserve_message(feed, message, size) and find_lanes(feed, message, lanes)
    if is_added:
        memcpy(feed.content + feed.content_size, message.begin, size)
        is_added = add_events(feed, message, lanes, progress)
        feed.content_size += size
    else:
        fail(progress, NO_MEMORY)
    free(lanes)
    return is_added


cdef inline bint reserve_message(
    FeedState *feed, const Events *message, size_t size
) noexcept nogil:
    """Make room for all that a message adds; return False if memory ran out."""
    cdef size_t events = feed.event_count + message.count
    # An event without a resource is assigned to the unnamed one.
    cdef size_t more = message.assignment_count + message.count
    cdef size_t assignments = feed.assignment_count + more
    cdef size_t ends = feed.ends.count + more
    size += feed.content_size
    return (
        reserve(<void **>&feed.content, &feed.content_room, size, 1)
        and reserve(<void **>&feed.events, &feed.events_room, events, sizeof(Interval))
        and reserve(<void **>&feed.references, &feed.references_room, events, sizeof(uint32_t))
        and reserve(
            <void **>&feed.assignments, &feed.assignments_room, assignments, sizeof(Assignment)
        )
        and reserve(<void **>&feed.ends.items, &feed.ends_room, ends, sizeof(End))
    )


cdef inline bint find_lanes(
    FeedState *feed, const Events *message, uint32_t *lanes
) noexcept nogil:
    """Fill `lanes` with the lane of each resource; return False if memory ran out."""
    cdef size_t i
    cdef const Resource *resource
    for i in range(message.resources.count):
        resource = &message.resources.items[i]
        lanes[i] = find_lane(feed, resource.name, resource.length)
        if lanes[i] == NO_RESOURCE:
            return False
    lanes[message.resources.count] = find_lane(feed, UNNAMED, 0)
    return lanes[message.resources.count] != NO_RESOURCE


cdef inline uint32_t find_lane(
    FeedState *feed, const uint8_t *name, uint32_t length
) noexcept nogil:
    """Return the lane of a resource, made if it is new; NO_RESOURCE if memory ran out."""
    cdef uint32_t number = find_resource(&feed.resources, name, length), given
    cdef uint8_t *copy
    cdef Resource *resource
    if number != NO_RESOURCE:
        return number
    if not reserve(
        <void **>&feed.lanes, &feed.lanes_room, feed.resources.count + 1, sizeof(Lane)
    ):
        return NO_RESOURCE
    copy = <uint8_t *>malloc(length + 1)
    if copy == NULL:
        return NO_RESOURCE
    memcpy(copy, name, length)
    resource = add_resource(&feed.resources, copy, length)
    if resource == NULL:
        free(copy)
        return NO_RESOURCE
    given = find_resource(&feed.capacities, name, length)
    if given != NO_RESOURCE:
        resource.capacity = feed.capacities.items[given].capacity
    number = <uint32_t>feed.resources.count - 1
    clear_lane(&feed.lanes[number])
    return number


cdef inline void clear_list(AssignmentList *list) noexcept nogil:
    list.first = list.last = NO_ASSIGNMENT
    list.count = 0


cdef inline void clear_lane(Lane *lane) noexcept nogil:
    clear_list(&lane.pending)
    clear_list(&lane.members)
    lane.members_size = 0
    lane.present = lane.members_present = 0


cdef inline void append(FeedState *feed, AssignmentList *list, uint32_t number) noexcept nogil:
    feed.assignments[number].next = NO_ASSIGNMENT
    if list.count:
        feed.assignments[list.last].next = number
    else:
        list.first = number
    list.last = number
    list.count += 1


cdef inline bint add_events(
    FeedState *feed, const Events *message, const uint32_t *lanes, Progress *progress
) noexcept nogil:
    """Sweep over the events; there is room for them and for their assignments."""
    cdef size_t i
    cdef uint32_t event
    for i in range(message.count):
        if i % CHECK_EVERY == 0 and not not_cancelled(progress):
            return False
        event = add_event(feed, &message.intervals[i])
        if not expire(feed, start_of(&feed.events[event]), i, progress):
            return False
        assign_event(feed, event, i, message, lanes)
    return True


cdef inline void assign_event(
    FeedState *feed, uint32_t event, size_t position, const Events *message, const uint32_t *lanes
) noexcept nogil:
    cdef const uint32_t *first = message.first_assignment
    cdef size_t i
    if first == NULL or first[position] == first[position + 1]:
        add_assignment(feed, event, lanes[message.resources.count])
        return
    for i in range(first[position], first[position + 1]):
        add_assignment(feed, event, lanes[message.assignments[i]])


cdef inline uint32_t add_event(FeedState *feed, const Interval *interval) noexcept nogil:
    """Return the number of the event."""
    cdef uint32_t event = <uint32_t>feed.event_count
    feed.events[event] = interval[0]
    # In the message it counts from the message's first byte.
    feed.events[event].offset += <uint32_t>feed.content_size
    feed.references[event] = 0
    feed.event_count += 1
    feed.live_events += 1
    feed.live_bytes += delimited_size(interval.length)
    return event


cdef inline void add_assignment(
    FeedState *feed, uint32_t event, uint32_t lane_number
) noexcept nogil:
    """Add an event to those present on a resource.

    If they are more than the capacity, all of them are members of the open group.
    """
    cdef Lane *lane = &feed.lanes[lane_number]
    cdef uint32_t number = <uint32_t>feed.assignment_count
    cdef Assignment *assignment = &feed.assignments[number]
    assignment.event = event
    assignment.lane = lane_number
    assignment.state = PENDING
    feed.assignment_count += 1
    feed.live_assignments += 1
    feed.references[event] += 1
    push_end(&feed.ends, occupied_until(&feed.events[event]), number)
    lane.present += 1
    append(feed, &lane.pending, number)
    if lane.present > feed.resources.items[lane_number].capacity:
        promote_pending(feed, lane)


cdef inline void promote_pending(FeedState *feed, Lane *lane) noexcept nogil:
    """Make the pending assignments that are still present members of the open group."""
    cdef uint32_t number = lane.pending.first, next
    while number != NO_ASSIGNMENT:
        next = feed.assignments[number].next
        if feed.assignments[number].state == PENDING:
            add_member(feed, lane, number)
        number = next
    clear_list(&lane.pending)


cdef inline void add_member(FeedState *feed, Lane *lane, uint32_t number) noexcept nogil:
    cdef Assignment *assignment = &feed.assignments[number]
    assignment.state = MEMBER
    lane.members_present += 1
    lane.members_size += delimited_size(feed.events[assignment.event].length)
    append(feed, &lane.members, number)


# Closing groups


cdef inline bint expire(
    FeedState *feed, Instant watermark, size_t closing_event, Progress *progress
) noexcept nogil:
    """End the assignments that are over at the watermark, and close groups without any present."""
    while ends_by(&feed.ends, watermark):
        if not end_assignment(feed, pop_end(&feed.ends), closing_event):
            return fail(progress, NO_MEMORY)
    return True


cdef inline bint end_assignment(
    FeedState *feed, uint32_t number, size_t closing_event
) noexcept nogil:
    """Return False if memory ran out."""
    cdef Assignment *assignment = &feed.assignments[number]
    cdef Lane *lane = &feed.lanes[assignment.lane]
    lane.present -= 1
    if lane.present == 0:
        # All pending ones have ended. Without this the list would grow for ever.
        clear_list(&lane.pending)
    if assignment.state == PENDING:
        release(feed, assignment)
        return True
    lane.members_present -= 1
    return lane.members_present > 0 or close_group(feed, assignment.lane, closing_event)


cdef inline void release(FeedState *feed, Assignment *assignment) noexcept nogil:
    """End an assignment, and hold its event no longer if that was the last one."""
    assignment.state = ENDED
    feed.live_assignments -= 1
    feed.references[assignment.event] -= 1
    if feed.references[assignment.event] == 0:
        feed.live_events -= 1
        feed.live_bytes -= delimited_size(feed.events[assignment.event].length)


cdef inline bint close_group(
    FeedState *feed, uint32_t lane_number, size_t closing_event
) noexcept nogil:
    """Return False if memory ran out."""
    cdef Lane *lane = &feed.lanes[lane_number]
    cdef ClosedGroup *closed
    cdef uint32_t first_event = feed.assignments[lane.members.first].event
    if not reserve(
        <void **>&feed.closed, &feed.closed_room, feed.closed_count + 1, sizeof(ClosedGroup)
    ):
        return False
    closed = &feed.closed[feed.closed_count]
    closed.members = lane.members
    closed.size = lane.members_size
    closed.lane = lane_number
    closed.closing_event = closing_event
    closed.start = start_of(&feed.events[first_event])
    closed.resource.name = feed.resources.items[lane_number].name
    closed.resource.length = feed.resources.items[lane_number].length
    feed.closed_count += 1
    clear_list(&lane.members)
    lane.members_size = 0
    return True


cdef inline int compare_closed(const void *left, const void *right) noexcept nogil:
    """Order groups that the same event closes as a list does."""
    cdef const ClosedGroup *first = <const ClosedGroup *>left
    cdef const ClosedGroup *second = <const ClosedGroup *>right
    if first.closing_event != second.closing_event:
        return -1 if first.closing_event < second.closing_event else 1
    if not is_same(first.start, second.start):
        return -1 if is_earlier(first.start, second.start) else 1
    return compare_names(&first.resource, &second.resource)


cdef inline bint show_closed(FeedState *feed, Query *query) noexcept nogil:
    """Fill the groups of a query with the closed ones, in the order in which they are sent.

    The query refers to the feed's events and resources until release_closed is called.
    """
    cdef size_t i, count = 0
    if feed.closed_count > 1:
        qsort(feed.closed, feed.closed_count, sizeof(ClosedGroup), compare_closed)
    for i in range(feed.closed_count):
        count += feed.closed[i].members.count
    query.groups.members = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
    query.groups.items = <Group *>malloc((feed.closed_count + 1) * sizeof(Group))
    if query.groups.members == NULL or query.groups.items == NULL:
        return fail(&query.progress, NO_MEMORY)
    query.is_view = True
    query.events.begin = feed.content
    query.events.intervals = feed.events
    query.events.resources = feed.resources
    for i in range(feed.closed_count):
        show_group(feed, &feed.closed[i], query)
    return True


cdef inline void show_group(
    const FeedState *feed, const ClosedGroup *closed, Query *query
) noexcept nogil:
    """Add a closed group; there is room for it and its members."""
    cdef Group *group = &query.groups.items[query.groups.count]
    cdef uint32_t number = closed.members.first
    group.events_size = closed.size
    group.first = <uint32_t>query.groups.member_count
    group.count = closed.members.count
    group.resource = closed.lane
    while number != NO_ASSIGNMENT:
        query.groups.members[query.groups.member_count] = feed.assignments[number].event
        query.groups.member_count += 1
        number = feed.assignments[number].next
    query.groups.count += 1


cdef inline bint release_closed(FeedState *feed, Progress *progress) noexcept nogil:
    """Drop the closed groups, which were sent."""
    cdef size_t i
    cdef uint32_t number
    for i in range(feed.closed_count):
        number = feed.closed[i].members.first
        while number != NO_ASSIGNMENT:
            release(feed, &feed.assignments[number])
            number = feed.assignments[number].next
    feed.closed_count = 0
    if (
        feed.content_size > 2 * feed.live_bytes + SPARE_BYTES
        or feed.assignment_count > 2 * feed.live_assignments + SPARE_ASSIGNMENTS
    ):
        return compact(feed) or fail(progress, NO_MEMORY)
    return True


# Compacting


cdef inline bint compact(FeedState *feed) noexcept nogil:
    """Move together what is held; return False if memory ran out.

    It happens once most of what is stored has ended, so each event pays for it about once.
    """
    cdef size_t i
    cdef uint32_t *moved = <uint32_t *>malloc((feed.assignment_count + 1) * sizeof(uint32_t))
    if moved == NULL or not drop_unused_lanes(feed):
        free(moved)
        return False
    move_assignments(feed, moved)
    for i in range(feed.ends.count):
        feed.ends.items[i].member = moved[feed.ends.items[i].member]
    free(moved)
    shrink_feed(feed)
    return True


cdef inline void shrink_feed(FeedState *feed) noexcept nogil:
    shrink(<void **>&feed.content, &feed.content_room, feed.content_size, 1)
    shrink(<void **>&feed.events, &feed.events_room, feed.event_count, sizeof(Interval))
    shrink(<void **>&feed.references, &feed.references_room, feed.event_count, sizeof(uint32_t))
    shrink(
        <void **>&feed.assignments,
        &feed.assignments_room,
        feed.assignment_count,
        sizeof(Assignment),
    )
    shrink(<void **>&feed.ends.items, &feed.ends_room, feed.ends.count, sizeof(End))
    shrink(<void **>&feed.lanes, &feed.lanes_room, feed.resources.count, sizeof(Lane))
    shrink(<void **>&feed.closed, &feed.closed_room, 0, sizeof(ClosedGroup))


cdef inline bint is_used(const Lane *lane) noexcept nogil:
    return lane.present > 0 or lane.members.count > 0


cdef inline bint drop_unused_lanes(FeedState *feed) noexcept nogil:
    """Drop the lanes without events, and number the others again; return False without memory."""
    cdef ResourceTable resources
    cdef uint32_t *moved = <uint32_t *>malloc((feed.resources.count + 1) * sizeof(uint32_t))
    if moved == NULL or not keep_used_resources(feed, &resources, moved):
        free(moved)
        return False
    move_lanes(feed, moved)
    free(feed.resources.items)
    free(feed.resources.slots)
    feed.resources = resources
    free(moved)
    return True


cdef inline bint keep_used_resources(
    const FeedState *feed, ResourceTable *kept, uint32_t *moved
) noexcept nogil:
    """Make a table of the resources that are used, and note the new number of each.

    Return False, with nothing to free, if memory ran out.
    """
    cdef size_t i
    cdef const Resource *resource
    cdef Resource *copy
    kept.items = NULL
    kept.slots = NULL
    kept.count = kept.slot_count = 0
    for i in range(feed.resources.count):
        if not is_used(&feed.lanes[i]):
            continue
        resource = &feed.resources.items[i]
        copy = add_resource(kept, resource.name, resource.length)
        if copy == NULL:
            free(kept.items)
            free(kept.slots)
            return False
        copy.capacity = resource.capacity
        moved[i] = <uint32_t>kept.count - 1
    return True


cdef inline void move_lanes(FeedState *feed, const uint32_t *moved) noexcept nogil:
    """Move the lanes that are used to their new numbers, and free the names of the others.

    Their lists are cleared; move_assignments fills them again.
    """
    cdef size_t i
    for i in range(feed.resources.count):
        if not is_used(&feed.lanes[i]):
            free(<void *>feed.resources.items[i].name)
            continue
        clear_list(&feed.lanes[i].pending)
        clear_list(&feed.lanes[i].members)
        feed.lanes[moved[i]] = feed.lanes[i]
    for i in range(feed.assignment_count):
        if feed.assignments[i].state != ENDED:
            feed.assignments[i].lane = moved[feed.assignments[i].lane]


cdef inline void move_assignments(FeedState *feed, uint32_t *moved) noexcept nogil:
    """Move the assignments that are held, and their events, to the front.

    Note the new number of each. The lists are filled in the order of the assignments, which is
    the order that they had.
    """
    cdef size_t i, count = 0, content_size = 0
    cdef uint32_t event_before = UINT32_MAX, events = 0
    cdef Assignment assignment
    cdef Lane *lane
    for i in range(feed.assignment_count):
        assignment = feed.assignments[i]
        if assignment.state == ENDED:
            continue
        if assignment.event != event_before:
            event_before = assignment.event
            content_size = move_event(feed, assignment.event, events, content_size)
            events += 1
        assignment.event = events - 1
        feed.assignments[count] = assignment
        moved[i] = <uint32_t>count
        lane = &feed.lanes[assignment.lane]
        append(
            feed,
            &lane.members if assignment.state == MEMBER else &lane.pending,
            <uint32_t>count,
        )
        count += 1
    feed.assignment_count = count
    feed.event_count = events
    feed.content_size = content_size


cdef inline size_t move_event(
    FeedState *feed, uint32_t event, uint32_t to, size_t content_size
) noexcept nogil:
    """Move an event and its bytes to the front; return where its bytes end."""
    cdef Interval interval = feed.events[event]
    memmove(feed.content + content_size, feed.content + interval.offset, interval.length)
    interval.offset = <uint32_t>content_size
    feed.events[to] = interval
    feed.references[to] = feed.references[event]
    return content_size + interval.length
