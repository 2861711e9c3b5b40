# cython: language_level=3
"""Find the groups of events that conflict on a resource.

Invariants:
- `members` is at first a permutation of the positions of all events, by start. If events name
  resources, bucket_by_resource replaces it by runs, one for each resource that can be over its
  capacity; an event is in the run of each of its resources.
- A group is a slice of `members`. group_with_capacity writes members behind the position that it
  reads, so that it needs no second array.
- Between the steps the groups of a resource follow one another, by start; sort_groups puts them
  in the order of the answer.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from double_booked.conflicts.end_heap cimport End, ends_by, pop_end, push_end
from double_booked.conflicts.growable cimport make_room, use_huge_pages
from double_booked.conflicts.instants cimport (
    NANOS_PER_SECOND,
    Instant,
    Interval,
    is_earlier,
    occupied_until,
    start_of,
)
from double_booked.conflicts.progress cimport (
    CHECK_EVERY,
    NO_MEMORY,
    charge_answer_bytes,
    fail,
    not_cancelled,
)
from double_booked.conflicts.query cimport (
    ENDED,
    INTERVALS_AHEAD,
    MEMBER,
    PENDING,
    Events,
    Group,
    OpenGroup,
    Query,
)
from double_booked.conflicts.radix_sort cimport (
    MAX_INSERTION_SORTED,
    MAX_PACKED,
    Key,
    pack,
    position_of,
    sort_few,
    sort_keys,
    sort_packed,
    sorts_before,
)
from double_booked.conflicts.resources cimport (
    NO_RESOURCE,
    UNNAMED,
    NamedItem,
    Resource,
    add_resource,
    sort_by_name,
)
from double_booked.conflicts.wire cimport delimited_size, prefetch

cdef enum:
    # The bytes of a name that a Key holds: five in the 40 bits of seconds, four in the nanos.
    PREFIX_BYTES = 9

cdef extern from *:
    const uint32_t NO_BUCKET "UINT32_MAX"


cdef inline bint find_groups(Query *query) noexcept nogil:
    """Fill the groups, in the order of the answer."""
    cdef Events *events = &query.events
    apply_gap(events)
    if not sort_by_start(query):
        return False
    if events.resources.count:
        return bucket_by_resource(query) and group_resources(query) and sort_groups(query)
    return group_resource(query, 0, events.count, NO_RESOURCE, events.default_capacity)


cdef inline void apply_gap(Events *events) noexcept nogil:
    """Add min_gap to every end, so that later steps can ignore it."""
    cdef size_t i
    cdef Interval *interval
    if events.gap.seconds == 0 and events.gap.nanos == 0:
        return
    for i in range(events.count):
        interval = &events.intervals[i]
        interval.end_seconds += events.gap.seconds
        interval.end_nanos += events.gap.nanos
        if interval.end_nanos >= NANOS_PER_SECOND:
            interval.end_nanos -= NANOS_PER_SECOND
            interval.end_seconds += 1


cdef inline bint sort_by_start(Query *query) noexcept nogil:
    """Fill `members` with the positions of all events by start, ties in the request's order."""
    cdef size_t i, count = query.events.count
    query.groups.members = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
    if query.groups.members == NULL:
        return fail(&query.progress, NO_MEMORY)
    query.groups.member_count = count
    if query.events.is_sorted:
        for i in range(count):
            query.groups.members[i] = <uint32_t>i
        return True
    if count > MAX_PACKED or starts_within_seconds(&query.events):
        return sort_nanoseconds(query)
    return sort_few_seconds(query) if count <= MAX_INSERTION_SORTED else sort_seconds(query)


cdef inline bint starts_within_seconds(const Events *events) noexcept nogil:
    """Return whether an event starts at an instant that is not a whole second."""
    cdef const Interval *intervals = events.intervals
    cdef size_t i
    for i in range(events.count):
        if intervals[i].start_nanos:
            return True
    return False


cdef inline bint sort_nanoseconds(Query *query) noexcept nogil:
    cdef size_t i, count = query.events.count
    cdef Key *keys = <Key *>malloc(2 * count * sizeof(Key))
    cdef Key *sorted_keys
    if keys == NULL:
        return fail(&query.progress, NO_MEMORY)
    for i in range(count):
        set_key(&keys[i], start_of(&query.events.intervals[i]), i)
    sorted_keys = sort_keys(keys, keys + count, count, query.progress.cancelled)
    for i in range(count):
        query.groups.members[i] = sorted_keys[i].position
    free(keys)
    return not_cancelled(&query.progress)


cdef inline bint sort_few_seconds(Query *query) noexcept nogil:
    cdef size_t i, count = query.events.count
    cdef uint64_t keys[MAX_INSERTION_SORTED]
    for i in range(count):
        keys[i] = pack(query.events.intervals[i].start_seconds, i)
    sort_few(keys, count)
    for i in range(count):
        query.groups.members[i] = position_of(keys[i])
    return True


cdef inline bint sort_seconds(Query *query) noexcept nogil:
    cdef const Interval *intervals = query.events.intervals
    cdef size_t i, count = query.events.count
    cdef uint64_t *keys = <uint64_t *>malloc(2 * count * sizeof(uint64_t))
    if keys == NULL:
        return fail(&query.progress, NO_MEMORY)
    use_huge_pages(keys, 2 * count * sizeof(uint64_t))
    for i in range(count):
        keys[i] = pack(intervals[i].start_seconds, i)
    sort_packed(keys, keys + count, count, query.groups.members, query.progress.cancelled)
    free(keys)
    return not_cancelled(&query.progress)


cdef inline void set_key(Key *key, Instant instant, size_t position) noexcept nogil:
    key.seconds = instant.seconds
    key.nanos = instant.nanos
    key.position = <uint32_t>position


# Resources


cdef inline bint bucket_by_resource(Query *query) noexcept nogil:
    """Replace `members` by the events of each resource, by start.

    The events of a resource that can never be over its capacity are left out.
    """
    cdef Events *events = &query.events
    cdef const uint32_t *first = events.first_assignment
    cdef size_t i, event, assignment
    cdef uint32_t unnamed
    cdef uint32_t *bucketed
    if not assign_unnamed(query, &unnamed):
        return False
    bucketed = <uint32_t *>malloc((place_buckets(query) + 1) * sizeof(uint32_t))
    if bucketed == NULL:
        return fail(&query.progress, NO_MEMORY)
    for i in range(events.count):
        event = query.groups.members[i]
        if first[event] == first[event + 1]:
            add_to_bucket(events, bucketed, <uint32_t>event, unnamed)
        for assignment in range(first[event], first[event + 1]):
            add_to_bucket(events, bucketed, <uint32_t>event, events.assignments[assignment])
    free(query.groups.members)
    free(events.assignments)
    free(events.first_assignment)
    query.groups.members = bucketed
    events.assignments = events.first_assignment = NULL
    return not_cancelled(&query.progress)


cdef inline bint assign_unnamed(Query *query, uint32_t *unnamed) noexcept nogil:
    """Set `unnamed` to the resource of events that name none; NO_RESOURCE if all name some."""
    cdef Events *events = &query.events
    cdef size_t i
    cdef uint32_t count = 0
    cdef Resource *resource
    unnamed[0] = NO_RESOURCE
    for i in range(events.count):
        count += events.first_assignment[i] == events.first_assignment[i + 1]
    if count == 0:
        return True
    resource = add_resource(&events.resources, UNNAMED, 0)
    if resource == NULL:
        return fail(&query.progress, NO_MEMORY)
    resource.capacity = events.default_capacity
    resource.event_count += count
    unnamed[0] = <uint32_t>(resource - events.resources.items)
    return True


cdef inline size_t place_buckets(Query *query) noexcept nogil:
    """Set the mark of each resource to where its events go; return how many events go anywhere."""
    cdef size_t i
    cdef uint32_t total = 0
    cdef Resource *resource
    for i in range(query.events.resources.count):
        resource = &query.events.resources.items[i]
        resource.mark = NO_BUCKET
        if resource.event_count > resource.capacity:
            resource.mark = total
            total += resource.event_count
    query.groups.member_count = total
    return total


cdef inline void add_to_bucket(
    Events *events, uint32_t *bucketed, uint32_t event, uint32_t number
) noexcept nogil:
    cdef Resource *resource = &events.resources.items[number]
    if resource.mark != NO_BUCKET:
        bucketed[resource.mark] = event
        resource.mark += 1


cdef inline bint group_resources(Query *query) noexcept nogil:
    """Find the groups of each resource that has a bucket."""
    cdef size_t i, begin = 0, end
    cdef const Resource *resource
    for i in range(query.events.resources.count):
        resource = &query.events.resources.items[i]
        if resource.event_count <= resource.capacity:
            continue
        end = begin + resource.event_count
        if not group_resource(query, begin, end, <uint32_t>i, resource.capacity):
            return False
        begin = end
    return True


cdef inline bint group_resource(
    Query *query, size_t begin, size_t end, uint32_t resource, uint32_t capacity
) noexcept nogil:
    """Find the groups of a resource whose events are members[begin:end]."""
    if capacity == 1:
        return group_exclusive(query, begin, end, resource)
    if end - begin <= capacity:
        return True
    return group_with_capacity(query, begin, end, resource, capacity)


cdef inline bint add_group(
    Query *query, size_t first, size_t end, uint64_t size, uint32_t resource
) noexcept nogil:
    """Add the group members[first:end], unless it is a single event."""
    cdef Group *group
    cdef uint64_t name_size = 0
    if end - first < 2:
        return True
    if resource != NO_RESOURCE and query.events.resources.items[resource].length:
        name_size = delimited_size(query.events.resources.items[resource].length)
    if not charge_answer_bytes(&query.progress, delimited_size(size + name_size)):
        return False
    if not make_room(<void **>&query.groups.items, query.groups.count, sizeof(Group)):
        return fail(&query.progress, NO_MEMORY)
    group = &query.groups.items[query.groups.count]
    group.events_size = size
    group.first = <uint32_t>first
    group.count = <uint32_t>(end - first)
    group.resource = resource
    query.groups.count += 1
    return True


# Capacity 1


cdef inline bint group_exclusive(
    Query *query, size_t begin, size_t end, uint32_t resource
) noexcept nogil:
    """Find the groups at capacity 1.

    A group is a run of events in which each starts before the latest end of those before it.
    """
    cdef const Interval *intervals = query.events.intervals
    cdef const uint32_t *members = query.groups.members
    cdef const Interval *interval
    cdef size_t i, first = begin
    cdef uint64_t size = 0
    cdef Instant latest_end, event_end
    latest_end.seconds = -1
    latest_end.nanos = 0
    for i in range(begin, end):
        if i + INTERVALS_AHEAD < end:
            prefetch(&intervals[members[i + INTERVALS_AHEAD]])
        interval = &intervals[members[i]]
        if i % CHECK_EVERY == 0 and not not_cancelled(&query.progress):
            return False
        if not is_earlier(start_of(interval), latest_end):
            if not add_group(query, first, i, size, resource):
                return False
            first = i
            size = 0
        size += delimited_size(interval.length)
        event_end = occupied_until(interval)
        if is_earlier(latest_end, event_end):
            latest_end = event_end
    return add_group(query, first, end, size, resource)


# Capacities over 1


cdef inline bint group_with_capacity(
    Query *query, size_t begin, size_t end, uint32_t resource, uint32_t capacity
) noexcept nogil:
    """Find the groups at a capacity over 1."""
    cdef OpenGroup *group = &query.groups.open_group
    cdef size_t i
    cdef bint is_grouped
    if group.states == NULL and not make_open_group(query):
        return False
    is_grouped = sweep(query, begin, end, resource, capacity)
    # The states of the events that ended during the sweep are ENDED already.
    for i in range(group.ends.count):
        group.states[group.ends.items[i].member] = ENDED
    return is_grouped


cdef inline bint make_open_group(Query *query) noexcept nogil:
    """Make room for a sweep over any of the resources."""
    cdef OpenGroup *group = &query.groups.open_group
    cdef size_t i, longest = query.events.count
    if query.events.resources.count:
        longest = 0
        for i in range(query.events.resources.count):
            longest = max(longest, <size_t>query.events.resources.items[i].event_count)
    group.pending = <uint32_t *>malloc((longest + 1) * sizeof(uint32_t))
    group.ends.items = <End *>malloc((longest + 1) * sizeof(End))
    group.states = <uint8_t *>calloc(query.events.count + 1, 1)
    if group.pending == NULL or group.ends.items == NULL or group.states == NULL:
        return fail(&query.progress, NO_MEMORY)
    return True


cdef inline bint sweep(
    Query *query, size_t begin, size_t end, uint32_t resource, uint32_t capacity
) noexcept nogil:
    """Sweep over the starts and keep track of the events that are present.

    When more events are present than the capacity, all of them are in one group. Those among
    them that are members already are of the same group, as they have been present since they
    joined it. So one group is open at a time. Its members take the places in `members` of
    events that the sweep has passed.
    """
    cdef OpenGroup *group = &query.groups.open_group
    cdef const Interval *interval
    cdef size_t i
    cdef uint32_t event
    group.first = group.end = begin
    group.ends.count = group.pending_count = group.members_present = 0
    group.size = 0
    for i in range(begin, end):
        event = query.groups.members[i]
        interval = &query.events.intervals[event]
        if i % CHECK_EVERY == 0 and not not_cancelled(&query.progress):
            return False
        expire_members(group, start_of(interval))
        if group.members_present == 0 and group.end > group.first:
            if not add_group(query, group.first, group.end, group.size, resource):
                return False
            group.first = group.end
            group.size = 0
        push_end(&group.ends, occupied_until(interval), event)
        group.states[event] = PENDING
        group.pending[group.pending_count] = event
        group.pending_count += 1
        if group.ends.count > capacity:
            add_pending(query)
    return add_group(query, group.first, group.end, group.size, resource)


cdef inline void expire_members(OpenGroup *group, Instant now) noexcept nogil:
    """Remove the events that have ended at `now` from those that are present."""
    cdef uint32_t event
    while ends_by(&group.ends, now):
        event = pop_end(&group.ends)
        if group.states[event] == MEMBER:
            group.members_present -= 1
        group.states[event] = ENDED


cdef inline void add_pending(Query *query) noexcept nogil:
    """Make the pending events that are still present members of the open group."""
    cdef OpenGroup *group = &query.groups.open_group
    cdef size_t i
    cdef uint32_t event
    for i in range(group.pending_count):
        event = group.pending[i]
        if group.states[event] == ENDED:
            continue
        group.states[event] = MEMBER
        group.members_present += 1
        group.size += delimited_size(query.events.intervals[event].length)
        query.groups.members[group.end] = event
        group.end += 1
    group.pending_count = 0


# The order of the groups


cdef inline bint sort_groups(Query *query) noexcept nogil:
    """Put the groups in the order of the answer: by their first start, then by the resource.

    The sort by start is stable, so the groups enter it in the order of their resources.
    """
    cdef Group *groups = query.groups.items
    cdef size_t i, place = 0, count, group_count = query.groups.count
    cdef uint32_t group, resource
    cdef Key *keys
    cdef uint32_t *first_groups = sort_resources(query, &count)
    if first_groups == NULL:
        return False
    keys = <Key *>malloc((2 * group_count + 1) * sizeof(Key))
    if keys == NULL:
        free(first_groups)
        return fail(&query.progress, NO_MEMORY)
    for i in range(count):
        group = first_groups[i]
        resource = groups[group].resource
        while group < group_count and groups[group].resource == resource:
            set_key(&keys[place], start_of_group(query, group), group)
            place += 1
            group += 1
    free(first_groups)
    return reorder_groups(query, keys)


cdef inline Instant start_of_group(const Query *query, size_t group) noexcept nogil:
    cdef uint32_t first_event = query.groups.members[query.groups.items[group].first]
    return start_of(&query.events.intervals[first_event])


cdef inline bint reorder_groups(Query *query, Key *keys) noexcept nogil:
    """Sort the groups by their keys, stably; free the keys."""
    cdef size_t count = query.groups.count
    cdef Key *sorted_keys = sort_keys(keys, keys + count, count, query.progress.cancelled)
    # A sort that was cancelled may leave a group twice.
    cdef bint is_whole = not_cancelled(&query.progress)
    if is_whole:
        permute_groups(query.groups.items, sorted_keys, count)
    free(keys)
    return is_whole


cdef inline void permute_groups(Group *groups, Key *keys, size_t count) noexcept nogil:
    """Move to each place the group whose key is there, along the cycles of the permutation."""
    cdef size_t i, place, source
    cdef Group first
    for i in range(count):
        first = groups[i]
        place = i
        while keys[place].position != i:
            source = keys[place].position
            groups[place] = groups[source]
            keys[place].position = <uint32_t>place
            place = source
        groups[place] = first
        keys[place].position = <uint32_t>place


cdef inline const Resource *resource_of(const Query *query, size_t group) noexcept nogil:
    return &query.events.resources.items[query.groups.items[group].resource]


cdef inline bint is_first_of_resource(const Query *query, size_t group) noexcept nogil:
    cdef const Group *groups = query.groups.items
    return group == 0 or groups[group].resource != groups[group - 1].resource


cdef inline uint32_t *sort_resources(Query *query, size_t *count) noexcept nogil:
    """Return the first group of each resource that has groups, by name; NULL if it fails."""
    cdef size_t i, place = 0
    cdef Key *keys
    cdef uint32_t *first_groups
    count[0] = 0
    for i in range(query.groups.count):
        count[0] += is_first_of_resource(query, i)
    first_groups = <uint32_t *>malloc((count[0] + 1) * sizeof(uint32_t))
    keys = <Key *>malloc((2 * count[0] + 1) * sizeof(Key))
    if first_groups == NULL or keys == NULL:
        free(first_groups)
        free(keys)
        fail(&query.progress, NO_MEMORY)
        return NULL
    for i in range(query.groups.count):
        if is_first_of_resource(query, i):
            set_key(&keys[place], prefix_of(resource_of(query, i)), i)
            place += 1
    if not sort_by_prefix(query, keys, count[0], first_groups):
        free(first_groups)
        first_groups = NULL
    free(keys)
    return first_groups


cdef inline Instant prefix_of(const Resource *resource) noexcept nogil:
    """Return the first bytes of a name as an instant: it sorts as they do."""
    cdef uint32_t i
    cdef Instant prefix
    prefix.seconds = 0
    prefix.nanos = 0
    for i in range(<uint32_t>PREFIX_BYTES):
        if i < PREFIX_BYTES - 4:
            prefix.seconds = prefix.seconds << 8 | (resource.name[i] if i < resource.length else 0)
        else:
            prefix.nanos = prefix.nanos << 8 | (resource.name[i] if i < resource.length else 0)
    return prefix


cdef inline bint sort_by_prefix(
    Query *query, Key *keys, size_t count, uint32_t *first_groups
) noexcept nogil:
    """Sort by the keys, and by the whole names where their prefixes are equal."""
    cdef size_t i, begin = 0
    cdef Key *sorted_keys = sort_keys(keys, keys + count, count, query.progress.cancelled)
    for i in range(count):
        first_groups[i] = sorted_keys[i].position
        if sorts_before(&sorted_keys[begin], &sorted_keys[i]):
            if not sort_by_resource(query, first_groups + begin, i - begin):
                return False
            begin = i
    return sort_by_resource(query, first_groups + begin, count - begin)


cdef inline bint sort_by_resource(Query *query, uint32_t *groups, size_t count) noexcept nogil:
    """Sort groups by the names of their resources."""
    cdef size_t i
    cdef NamedItem *items
    if count < 2:
        return True
    items = <NamedItem *>malloc(count * sizeof(NamedItem))
    if items == NULL:
        return fail(&query.progress, NO_MEMORY)
    for i in range(count):
        items[i].name = resource_of(query, groups[i]).name
        items[i].length = resource_of(query, groups[i]).length
        items[i].item = groups[i]
    sort_by_name(items, count)
    for i in range(count):
        groups[i] = items[i].item
    free(items)
    return True
