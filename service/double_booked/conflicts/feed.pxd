# cython: language_level=3
"""What a feed holds between its messages: the events that later ones may yet conflict with.

The events of a feed come by start, so one sweep over all of them finds the groups, as
Search.sweep_crowds does for the events of a list. Its state stays here between messages:
a message costs its own events and what they close, not what is held.

Invariants, between any two functions of this module:
- Uses stand in the order in which their events came. Those that are not ENDED keep their
  event alive, so that `references` of an event counts them.
- `ends` holds just the uses that are present: all that are PENDING, and some MEMBERs.
- The list `waiting` of a line holds the uses that came since more were last present than the
  capacity, in that order; some of them may be ENDED. `members` are those of its open group.
  All members came before all that are waiting.
- A group is open while any of its members is present.
"""

from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memcpy, memmove

from double_booked.conflicts.cancellation cimport CHECK_EVERY, Flag
from double_booked.conflicts.end_heap cimport End, Ends, pop_end, push_end
from double_booked.conflicts.instants cimport Instant, Interval, end_of, is_earlier
from double_booked.conflicts.growable cimport reserve, shrink
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
from double_booked.conflicts.outcome cimport CANCELLED, GOING_ON, NO_MEMORY, Outcome
from double_booked.conflicts.wire cimport delimited_size

cdef extern from *:
    const uint32_t NO_ASSIGNMENT "UINT32_MAX"

cdef enum:
    # How much may be over before it is worth while to move the rest together.
    SPARE_BYTES = 65_536
    SPARE_USES = 1024


cdef enum MemberState:
    ENDED
    PENDING
    MEMBER


cdef struct HeldAssignment:
    uint32_t event
    uint32_t line
    # The next in the list that it is in.
    uint32_t next
    uint8_t standing


cdef struct AssignmentList:
    uint32_t first
    uint32_t last
    uint32_t count


cdef struct FeedResource:
    # A resource of the feed; its name and capacity stand in `names` at the same place.
    AssignmentList waiting
    AssignmentList members
    uint64_t members_size
    uint32_t present
    uint32_t members_present


cdef struct ClosedGroup:
    # A group that nothing can join any more.
    AssignmentList members
    uint64_t size
    uint32_t line
    # What their order goes by: the event of the message that closed it, the first member's
    # start, and the resource.
    size_t closing_event
    Instant start
    NamedItem label


cdef struct FeedState:
    # The events' bytes one after the other, others between them.
    uint8_t *content
    size_t content_size, content_room
    Interval *events
    # How many uses of each event are not GONE.
    uint32_t *references
    size_t event_count, events_room, references_room
    HeldAssignment *uses
    size_t use_count, uses_room
    # Of the uses that are present.
    Ends ends
    size_t ends_room
    ResourceTable names
    FeedResource *lines
    size_t lines_room
    ClosedGroup *closed
    size_t closed_count, closed_room
    # What is held of all that is stored.
    size_t live_events, live_uses
    uint64_t live_bytes
    # The capacities that the options give, and their names' bytes; all others are 1.
    ResourceTable capacities
    uint8_t *capacity_names


cdef inline void free_feed(FeedState *feed) noexcept nogil:
    cdef size_t i
    for i in range(feed.names.count):
        free(<void *>feed.names.items[i].at)
    free(feed.content)
    free(feed.events)
    free(feed.references)
    free(feed.uses)
    free(feed.ends.items)
    free(feed.names.items)
    free(feed.names.slots)
    free(feed.lines)
    free(feed.closed)
    free(feed.capacities.items)
    free(feed.capacities.slots)
    free(feed.capacity_names)


cdef inline bint keep_capacities(FeedState *feed, const ResourceTable *given) noexcept nogil:
    """Copies the capacities of the first message, which is not kept; False without memory."""
    cdef size_t i, size = 0
    cdef Resource *name
    for i in range(given.count):
        size += given.items[i].length
    feed.capacity_names = <uint8_t *>malloc(size + 1)
    if feed.capacity_names == NULL:
        return False
    size = 0
    for i in range(given.count):
        memcpy(feed.capacity_names + size, given.items[i].at, given.items[i].length)
        name = add_resource(&feed.capacities, feed.capacity_names + size, given.items[i].length)
        if name == NULL:
            return False
        name.capacity = given.items[i].capacity
        size += given.items[i].length
    return True


cdef inline uint64_t footprint(const FeedState *feed) noexcept nogil:
    """How many bytes of memory the feed has taken."""
    return (
        feed.content_room
        + feed.events_room * sizeof(Interval)
        + feed.references_room * sizeof(uint32_t)
        + feed.uses_room * sizeof(HeldAssignment)
        + feed.ends_room * sizeof(End)
        + feed.lines_room * (sizeof(FeedResource) + sizeof(Resource))
        + feed.names.slot_count * sizeof(uint32_t)
        + feed.closed_room * sizeof(ClosedGroup)
        + feed.capacities.count * sizeof(Resource)
    )


# Taking events


cdef struct Message:
    # What was read of a message: its events by start, and their uses by event.
    const uint8_t *content
    size_t size
    const Interval *events
    size_t event_count
    # The names that each event uses, a run of `uses` from its `first_use` to the next's; NULL
    # where none uses any.
    const uint32_t *uses
    const uint32_t *first_use
    size_t use_count
    const ResourceTable *names


cdef inline Outcome take_events(FeedState *feed, const Message *taken, const Flag *cancelled) noexcept nogil:
    """Takes the events of a message, notes the groups that they close."""
    cdef Outcome outcome = NO_MEMORY
    cdef uint32_t *lines
    if taken.event_count == 0:
        return GOING_ON
    if feed.content_size + taken.size > UINT32_MAX:
        # Offsets are counted in 32 bits; only limits near their maximum let it come to this.
        return NO_MEMORY
    # The last is that of the events that name no resource.
    lines = <uint32_t *>malloc((taken.names.count + 1) * sizeof(uint32_t))
    if lines == NULL:
        return NO_MEMORY
    if make_room_for(feed, taken) and find_lines(feed, taken, lines):
        memcpy(feed.content + feed.content_size, taken.content, taken.size)
        outcome = add_events(feed, taken, lines, cancelled)
        feed.content_size += taken.size
    free(lines)
    return outcome


cdef inline bint make_room_for(FeedState *feed, const Message *taken) noexcept nogil:
    cdef size_t events = feed.event_count + taken.event_count
    # An event without a resource uses the unnamed one.
    cdef size_t uses = taken.use_count + taken.event_count
    return (
        reserve(<void **>&feed.content, &feed.content_room, feed.content_size + taken.size, 1)
        and reserve(<void **>&feed.events, &feed.events_room, events, sizeof(Interval))
        and reserve(<void **>&feed.references, &feed.references_room, events, sizeof(uint32_t))
        and reserve(<void **>&feed.uses, &feed.uses_room, feed.use_count + uses, sizeof(HeldAssignment))
        and reserve(<void **>&feed.ends.items, &feed.ends_room, feed.ends.count + uses, sizeof(End))
    )


cdef inline bint find_lines(FeedState *feed, const Message *taken, uint32_t *lines) noexcept nogil:
    """Fills `lines` with the line of each name, made where it is new; False without memory."""
    cdef size_t i
    cdef const Resource *name
    for i in range(taken.names.count):
        name = &taken.names.items[i]
        lines[i] = find_line(feed, name.at, name.length)
        if lines[i] == NO_RESOURCE:
            return False
    lines[taken.names.count] = find_line(feed, UNNAMED, 0)
    return lines[taken.names.count] != NO_RESOURCE


cdef inline uint32_t find_line(
    FeedState *feed, const uint8_t *at, uint32_t length
) noexcept nogil:
    """Returns the number of a resource's line, made if it is new; NO_NAME without memory."""
    cdef uint32_t number = find_resource(&feed.names, at, length), given
    cdef uint8_t *copy
    cdef Resource *name
    if number != NO_RESOURCE:
        return number
    if not reserve(<void **>&feed.lines, &feed.lines_room, feed.names.count + 1, sizeof(FeedResource)):
        return NO_RESOURCE
    copy = <uint8_t *>malloc(length + 1)
    if copy == NULL:
        return NO_RESOURCE
    memcpy(copy, at, length)
    name = add_resource(&feed.names, copy, length)
    if name == NULL:
        free(copy)
        return NO_RESOURCE
    given = find_resource(&feed.capacities, at, length)
    if given != NO_RESOURCE:
        name.capacity = feed.capacities.items[given].capacity
    number = <uint32_t>feed.names.count - 1
    empty_line(&feed.lines[number])
    return number


cdef inline void empty_list(AssignmentList *list) noexcept nogil:
    list.first = list.last = NO_ASSIGNMENT
    list.count = 0


cdef inline void empty_line(FeedResource *line) noexcept nogil:
    empty_list(&line.waiting)
    empty_list(&line.members)
    line.members_size = 0
    line.present = line.members_present = 0


cdef inline void append(FeedState *feed, AssignmentList *list, uint32_t use) noexcept nogil:
    feed.uses[use].next = NO_ASSIGNMENT
    if list.count:
        feed.uses[list.last].next = use
    else:
        list.first = use
    list.last = use
    list.count += 1


cdef inline Outcome add_events(
    FeedState *feed, const Message *taken, const uint32_t *lines, const Flag *cancelled
) noexcept nogil:
    """Sweeps over the events; there is room for them and for their uses."""
    cdef size_t i
    cdef uint32_t event
    cdef const Interval *interval
    cdef Instant now
    for i in range(taken.event_count):
        if i % CHECK_EVERY == 0 and cancelled[0]:
            return CANCELLED
        event = add_event(feed, &taken.events[i])
        interval = &feed.events[event]
        now.seconds = interval.start_seconds
        now.nanos = interval.start_nanos
        if not expire(feed, now, i):
            return NO_MEMORY
        add_uses(feed, event, i, taken, lines)
    return GOING_ON


cdef inline void add_uses(
    FeedState *feed, uint32_t event, size_t position, const Message *taken, const uint32_t *lines
) noexcept nogil:
    cdef size_t use
    if taken.first_use == NULL or taken.first_use[position] == taken.first_use[position + 1]:
        add_use(feed, event, lines[taken.names.count])
        return
    for use in range(taken.first_use[position], taken.first_use[position + 1]):
        add_use(feed, event, lines[taken.uses[use]])


cdef inline uint32_t add_event(FeedState *feed, const Interval *interval) noexcept nogil:
    cdef uint32_t event = <uint32_t>feed.event_count
    feed.events[event] = interval[0]
    # Until then it counted from the message's first byte.
    feed.events[event].offset += <uint32_t>feed.content_size
    feed.references[event] = 0
    feed.event_count += 1
    feed.live_events += 1
    feed.live_bytes += delimited_size(interval.length)
    return event


cdef inline void add_use(FeedState *feed, uint32_t event, uint32_t line_number) noexcept nogil:
    """Lets an event in; where more are present than the capacity, all of them join the group."""
    cdef FeedResource *line = &feed.lines[line_number]
    cdef uint32_t number = <uint32_t>feed.use_count
    cdef HeldAssignment *use = &feed.uses[number]
    use.event = event
    use.line = line_number
    use.standing = PENDING
    feed.use_count += 1
    feed.live_uses += 1
    feed.references[event] += 1
    push_end(&feed.ends, end_of(&feed.events[event], number))
    line.present += 1
    append(feed, &line.waiting, number)
    if line.present > feed.names.items[line_number].capacity:
        join_waiting(feed, line)


cdef inline void join_waiting(FeedState *feed, FeedResource *line) noexcept nogil:
    cdef uint32_t number = line.waiting.first, next
    while number != NO_ASSIGNMENT:
        next = feed.uses[number].next
        if feed.uses[number].standing == PENDING:
            join(feed, line, number)
        number = next
    empty_list(&line.waiting)


cdef inline void join(FeedState *feed, FeedResource *line, uint32_t number) noexcept nogil:
    """Makes a use that is present a member of its line's open group."""
    cdef HeldAssignment *use = &feed.uses[number]
    use.standing = MEMBER
    line.members_present += 1
    line.members_size += delimited_size(feed.events[use.event].length)
    append(feed, &line.members, number)


# Closing groups


cdef inline bint expire(FeedState *feed, Instant now, size_t closing_event) noexcept nogil:
    """Lets those go that are over at an instant; False where memory ran out."""
    cdef const End *end
    while feed.ends.count:
        end = &feed.ends.items[0]
        if is_earlier(now.seconds, now.nanos, end.seconds, end.nanos):
            break
        if not leave(feed, pop_end(&feed.ends), closing_event):
            return False
    return True


cdef inline bint leave(FeedState *feed, uint32_t number, size_t closing_event) noexcept nogil:
    cdef HeldAssignment *use = &feed.uses[number]
    cdef FeedResource *line = &feed.lines[use.line]
    line.present -= 1
    if line.present == 0:
        # Whoever waited is gone, so that no list grows for ever.
        empty_list(&line.waiting)
    if use.standing == PENDING:
        let_go(feed, use)
        return True
    line.members_present -= 1
    return line.members_present > 0 or close_group(feed, use.line, closing_event)


cdef inline void let_go(FeedState *feed, HeldAssignment *use) noexcept nogil:
    """Holds an event for one use less."""
    use.standing = ENDED
    feed.live_uses -= 1
    feed.references[use.event] -= 1
    if feed.references[use.event] == 0:
        feed.live_events -= 1
        feed.live_bytes -= delimited_size(feed.events[use.event].length)


cdef inline bint close_group(FeedState *feed, uint32_t line_number, size_t closing_event) noexcept nogil:
    cdef FeedResource *line = &feed.lines[line_number]
    cdef ClosedGroup *closed
    cdef const Interval *first = &feed.events[feed.uses[line.members.first].event]
    if not reserve(<void **>&feed.closed, &feed.closed_room, feed.closed_count + 1, sizeof(ClosedGroup)):
        return False
    closed = &feed.closed[feed.closed_count]
    closed.members = line.members
    closed.size = line.members_size
    closed.line = line_number
    closed.closing_event = closing_event
    closed.start.seconds = first.start_seconds
    closed.start.nanos = first.start_nanos
    closed.label.at = feed.names.items[line_number].at
    closed.label.length = feed.names.items[line_number].length
    feed.closed_count += 1
    empty_list(&line.members)
    line.members_size = 0
    return True


cdef inline int compare_closed(const void *left, const void *right) noexcept nogil:
    """Groups that the same event closes are in the order of those of a list."""
    cdef const ClosedGroup *first = <const ClosedGroup *>left
    cdef const ClosedGroup *second = <const ClosedGroup *>right
    if first.closing_event != second.closing_event:
        return -1 if first.closing_event < second.closing_event else 1
    if first.start.seconds != second.start.seconds:
        return -1 if first.start.seconds < second.start.seconds else 1
    if first.start.nanos != second.start.nanos:
        return -1 if first.start.nanos < second.start.nanos else 1
    return compare_names(&first.label, &second.label)


cdef inline void sort_closed(FeedState *feed) noexcept nogil:
    """Puts the closed groups in the order in which they are sent."""
    if feed.closed_count > 1:
        qsort(feed.closed, feed.closed_count, sizeof(ClosedGroup), compare_closed)


cdef inline bint forget_closed(FeedState *feed) noexcept nogil:
    """Holds the closed groups, which were sent, no longer; False where memory ran out."""
    cdef size_t i
    cdef uint32_t use
    for i in range(feed.closed_count):
        use = feed.closed[i].members.first
        while use != NO_ASSIGNMENT:
            let_go(feed, &feed.uses[use])
            use = feed.uses[use].next
    feed.closed_count = 0
    if (
        feed.content_size > 2 * feed.live_bytes + SPARE_BYTES
        or feed.use_count > 2 * feed.live_uses + SPARE_USES
    ):
        return compact(feed)
    return True


# Moving what is held together


cdef inline bint compact(FeedState *feed) noexcept nogil:
    """Drops what is gone; False where memory ran out.

    It is done once most of what is stored is gone, so that an event pays for it but once.
    """
    cdef size_t i
    cdef uint32_t *moved = <uint32_t *>malloc((feed.use_count + 1) * sizeof(uint32_t))
    if moved == NULL or not drop_lines(feed):
        free(moved)
        return False
    move_uses(feed, moved)
    for i in range(feed.ends.count):
        feed.ends.items[i].member = moved[feed.ends.items[i].member]
    free(moved)
    shrink(<void **>&feed.content, &feed.content_room, feed.content_size, 1)
    shrink(<void **>&feed.events, &feed.events_room, feed.event_count, sizeof(Interval))
    shrink(<void **>&feed.references, &feed.references_room, feed.event_count, sizeof(uint32_t))
    shrink(<void **>&feed.uses, &feed.uses_room, feed.use_count, sizeof(HeldAssignment))
    shrink(<void **>&feed.ends.items, &feed.ends_room, feed.ends.count, sizeof(End))
    shrink(<void **>&feed.lines, &feed.lines_room, feed.names.count, sizeof(FeedResource))
    shrink(<void **>&feed.closed, &feed.closed_room, 0, sizeof(ClosedGroup))
    return True


cdef inline bint is_used(const FeedResource *line) noexcept nogil:
    return line.present > 0 or line.members.count > 0


cdef inline bint drop_lines(FeedState *feed) noexcept nogil:
    """Drops the lines that nothing uses; the others' numbers change. False without memory.

    Lists are emptied, for move_uses to fill them again.
    """
    cdef size_t i
    cdef ResourceTable names
    cdef Resource *name
    cdef uint32_t *moved = <uint32_t *>malloc((feed.names.count + 1) * sizeof(uint32_t))
    names.items = NULL
    names.slots = NULL
    names.count = names.slot_count = 0
    if moved == NULL:
        return False
    for i in range(feed.names.count):
        if not is_used(&feed.lines[i]):
            continue
        name = add_resource(&names, feed.names.items[i].at, feed.names.items[i].length)
        if name == NULL:
            free(moved)
            free(names.items)
            free(names.slots)
            return False
        name.capacity = feed.names.items[i].capacity
        moved[i] = <uint32_t>names.count - 1
    for i in range(feed.names.count):
        if not is_used(&feed.lines[i]):
            free(<void *>feed.names.items[i].at)
            continue
        empty_list(&feed.lines[i].waiting)
        empty_list(&feed.lines[i].members)
        feed.lines[moved[i]] = feed.lines[i]
    for i in range(feed.use_count):
        if feed.uses[i].standing != ENDED:
            feed.uses[i].line = moved[feed.uses[i].line]
    free(feed.names.items)
    free(feed.names.slots)
    feed.names = names
    free(moved)
    return True


cdef inline void move_uses(FeedState *feed, uint32_t *moved) noexcept nogil:
    """Moves uses, and their events, to the front; notes where each use went.

    The lists are filled in the order of the uses, which is theirs.
    """
    cdef size_t i, uses = 0
    cdef uint32_t event_before = UINT32_MAX, events = 0
    cdef size_t content_size = 0
    cdef HeldAssignment use
    cdef FeedResource *line
    for i in range(feed.use_count):
        use = feed.uses[i]
        if use.standing == ENDED:
            continue
        if use.event != event_before:
            event_before = use.event
            content_size = move_event(feed, use.event, events, content_size)
            events += 1
        use.event = events - 1
        feed.uses[uses] = use
        moved[i] = <uint32_t>uses
        line = &feed.lines[use.line]
        append(feed, &line.members if use.standing == MEMBER else &line.waiting, <uint32_t>uses)
        uses += 1
    feed.use_count = uses
    feed.event_count = events
    feed.content_size = content_size


cdef inline size_t move_event(
    FeedState *feed, uint32_t event, uint32_t to, size_t content_size
) noexcept nogil:
    """Moves an event and its bytes to the front; returns where its bytes end."""
    cdef Interval interval = feed.events[event]
    memmove(feed.content + content_size, feed.content + interval.offset, interval.length)
    interval.offset = <uint32_t>content_size
    feed.events[to] = interval
    feed.references[to] = feed.references[event]
    return content_size + interval.length
