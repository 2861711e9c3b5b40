# cython: language_level=3
"""Read the events and the options of a request, and note their faults.

A request that is malformed or over a limit fails. A fault of an event or an option does not: all
faults are counted, and the first MAX_VIOLATIONS are kept.
"""

from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, malloc, realloc

from double_booked.conflicts.fields cimport (
    BACK_IN_TIME,
    END_BEFORE_START,
    END_MISSING,
    EVENT_DESCRIPTION,
    EVENT_END,
    EVENT_ID,
    EVENT_LIST_EVENTS,
    EVENT_LIST_OPTIONS,
    EVENT_RESOURCES,
    EVENT_START,
    ID_NOT_UTF8,
    RESOURCE_NOT_UTF8,
    START_MISSING,
    START_NANOS,
    START_SECONDS,
    TIMESTAMP_NANOS,
    TIMESTAMP_SECONDS,
)
from double_booked.conflicts.growable cimport make_room, use_huge_pages
from double_booked.conflicts.instants cimport (
    MAX_NANOS,
    MAX_SECONDS,
    MIN_SECONDS,
    Instant,
    Interval,
    end_of,
    is_earlier,
    start_of,
)
from double_booked.conflicts.options cimport is_valid_gap, merge_options
from double_booked.conflicts.progress cimport (
    CANCELLED,
    CHECK_EVERY,
    GOING_ON,
    MALFORMED,
    NO_MEMORY,
    TOO_MANY_EVENTS,
    TOO_MANY_OPTION_BYTES,
    TOO_MANY_RESOURCES,
    Progress,
    fail,
    not_cancelled,
)
from double_booked.conflicts.query cimport Events, Fault
from double_booked.conflicts.resources cimport (
    NO_RESOURCE,
    Resource,
    add_resource,
    find_resource,
)
from double_booked.conflicts.wire cimport (
    LENGTH_DELIMITED,
    VARINT,
    Reader,
    is_utf8,
    likely,
    load_varint,
    read_delimited,
    read_field,
    read_tag,
    read_varint,
    skip_value,
    unlikely,
)

cdef enum:
    MAX_VIOLATIONS = 100  # as in validation.py
    # Room for so many events is made at first, however small the first one is.
    FIRST_ROOM = 64


cdef struct Timestamp:
    int64_t seconds
    int32_t nanos
    bint is_present


cdef inline bint read_events(Events *events, Progress *progress) noexcept nogil:
    """Read the EventList.

    The outcome of a list that fails does not depend on the order of its fields: it is MALFORMED if
    any field is, else TOO_MANY_OPTION_BYTES, else TOO_MANY_EVENTS, else another one.
    """
    if events.content.end - events.content.at > INT32_MAX:
        return fail(progress, MALFORMED)
    if read_fields(events, progress):
        apply_options(events)
        # Without memory for the faults only the outcome says that there was one.
        return progress.outcome == GOING_ON
    if progress.outcome != NO_MEMORY and progress.outcome != CANCELLED:
        find_reason(events, progress)
    return False


cdef inline bint read_fields(Events *events, Progress *progress) noexcept nogil:
    cdef Reader reader = events.content
    cdef Reader event
    cdef const uint8_t *field
    cdef uint32_t tag
    events.is_sorted = True
    while reader.at < reader.end:
        field = reader.at
        if not read_field(&reader, &tag, &event, events.depth):
            return fail(progress, MALFORMED)
        if unlikely(tag != (EVENT_LIST_EVENTS << 3 | LENGTH_DELIMITED)):
            if tag == (EVENT_LIST_OPTIONS << 3 | LENGTH_DELIMITED):
                if not read_options(events, event, reader.at - field, progress):
                    return False
            continue
        if events.count % CHECK_EVERY == 0 and not not_cancelled(progress):
            return False
        if events.count == events.room and not make_event_room(events, reader.at, progress):
            return False
        if not read_event(events, event, events.count, progress):
            return False
        note_order(events, events.count, progress)
        events.count += 1
    return True


cdef inline bint make_event_room(
    Events *events, const uint8_t *read_until, Progress *progress
) noexcept nogil:
    """Make room for as many more events as the rest has if they are as large as those before."""
    cdef uint64_t rest = events.content.end - read_until
    cdef uint64_t more = rest * (events.count + 1) // (read_until - events.content.at)
    cdef Interval *intervals
    cdef uint32_t *first_assignment
    if events.count >= progress.budget.max_events:
        return fail(progress, TOO_MANY_EVENTS)
    if events.count == 0:
        more = min(more, <uint64_t>FIRST_ROOM)
    events.room = min(events.room + 8 + events.count // 4 + more, progress.budget.max_events)
    intervals = <Interval *>realloc(events.intervals, events.room * sizeof(Interval))
    if intervals == NULL:
        return fail(progress, NO_MEMORY)
    events.intervals = intervals
    use_huge_pages(intervals, events.room * sizeof(Interval))
    if events.first_assignment != NULL:
        first_assignment = <uint32_t *>realloc(
            events.first_assignment, (events.room + 1) * sizeof(uint32_t)
        )
        if first_assignment == NULL:
            return fail(progress, NO_MEMORY)
        events.first_assignment = first_assignment
    return True


cdef inline bint read_options(
    Events *events, Reader content, size_t size, Progress *progress
) noexcept nogil:
    """Read a part of the options, which is a field of `size` bytes."""
    events.options_size += size
    if events.options_size > progress.budget.max_options_bytes:
        return fail(progress, TOO_MANY_OPTION_BYTES)
    if not events.may_have_options:
        events.has_late_options = True
        return True
    return merge_options(&events.options, content, events.depth - 1, progress)


cdef inline void find_reason(Events *events, Progress *progress) noexcept nogil:
    """Walk over all fields of a list that failed, and note the outcome that comes first."""
    cdef Reader reader = events.content
    cdef Reader event
    cdef const uint8_t *field
    cdef uint32_t tag
    events.count = events.options_size = 0
    while reader.at < reader.end:
        field = reader.at
        if not read_tag(&reader, &tag):
            fail(progress, MALFORMED)
            return
        if tag == (EVENT_LIST_EVENTS << 3 | LENGTH_DELIMITED):
            if not read_delimited(&reader, &event):
                fail(progress, MALFORMED)
                return
            events.count += 1
        elif not skip_value(&reader, tag, events.depth):
            fail(progress, MALFORMED)
            return
        elif tag == (EVENT_LIST_OPTIONS << 3 | LENGTH_DELIMITED):
            events.options_size += reader.at - field
    if events.options_size > progress.budget.max_options_bytes:
        fail(progress, TOO_MANY_OPTION_BYTES)
    elif events.count > progress.budget.max_events:
        fail(progress, TOO_MANY_EVENTS)


# Options


cdef inline void apply_options(Events *events) noexcept nogil:
    """Give the resources their capacities, and note the faults of the options."""
    cdef size_t i
    cdef uint32_t number
    cdef const Resource *given
    events.gap.seconds = events.options.gap_seconds
    events.gap.nanos = <uint32_t>events.options.gap_nanos
    events.has_gap_fault = not is_valid_gap(events.options.gap_seconds, events.options.gap_nanos)
    for i in range(events.options.capacities.count):
        given = &events.options.capacities.items[i]
        events.zero_capacities += given.capacity == 0
        if given.length == 0:
            events.default_capacity = given.capacity
        number = find_resource(&events.resources, given.name, given.length)
        if number != NO_RESOURCE:
            events.resources.items[number].capacity = given.capacity


# Events


cdef inline bint read_event(
    Events *events, Reader event, size_t position, Progress *progress
) noexcept nogil:
    """Fill the interval at `position`, and add the event's assignments."""
    cdef Interval *interval = &events.intervals[position]
    cdef uint32_t tag, resource_count = 0
    cdef Reader content
    cdef Timestamp start, end
    interval.offset = <uint32_t>(event.at - events.begin)
    interval.length = <uint32_t>(event.end - event.at)
    start.seconds = start.nanos = start.is_present = 0
    end.seconds = end.nanos = end.is_present = 0
    while event.at < event.end:
        if not read_field(&event, &tag, &content, events.depth - 1):
            return fail(progress, MALFORMED)
        if tag == (EVENT_START << 3 | LENGTH_DELIMITED):
            if not merge_timestamp(content, events.content.end, &start, events.depth - 2):
                return fail(progress, MALFORMED)
        elif tag == (EVENT_END << 3 | LENGTH_DELIMITED):
            if not merge_timestamp(content, events.content.end, &end, events.depth - 2):
                return fail(progress, MALFORMED)
        elif tag == (EVENT_RESOURCES << 3 | LENGTH_DELIMITED):
            resource_count += 1
            if not read_resource(events, content, position, resource_count, progress):
                return False
        elif EVENT_ID <= tag >> 3 <= EVENT_DESCRIPTION and not is_utf8(content):
            add_fault(events, position, ID_NOT_UTF8 + (tag >> 3) - EVENT_ID, progress)
    set_interval(events, position, &start, &end, progress)
    if events.first_assignment != NULL:
        events.first_assignment[position + 1] = <uint32_t>events.assignment_count
    return True


cdef inline bint merge_timestamp(
    Reader reader, const uint8_t *readable_end, Timestamp *timestamp, int depth
) noexcept nogil:
    """Read a Timestamp over what was read before; return False if it is malformed.

    Bytes up to `readable_end` may be loaded.
    """
    cdef uint64_t value
    cdef int size
    timestamp.is_present = True
    if likely(readable_end - reader.at > 8 and reader.at[0] == (TIMESTAMP_SECONDS << 3 | VARINT)):
        size = load_varint(reader.at + 1, &value)
        if likely(size > 0 and size < reader.end - reader.at):
            timestamp.seconds = <int64_t>value
            reader.at += 1 + size
            if reader.at == reader.end:
                return True
    return merge_timestamp_fields(reader, timestamp, depth)


cdef inline bint merge_timestamp_fields(
    Reader reader, Timestamp *timestamp, int depth
) noexcept nogil:
    cdef uint32_t tag
    cdef uint64_t value
    while reader.at < reader.end:
        if not read_tag(&reader, &tag):
            return False
        if likely(tag == (TIMESTAMP_SECONDS << 3 | VARINT)):
            if not read_varint(&reader, &value):
                return False
            timestamp.seconds = <int64_t>value
        elif likely(tag == (TIMESTAMP_NANOS << 3 | VARINT)):
            if not read_varint(&reader, &value):
                return False
            timestamp.nanos = <int32_t>value
        elif not skip_value(&reader, tag, depth):
            return False
    return True


cdef inline bint read_resource(
    Events *events, Reader text, size_t position, uint32_t number, Progress *progress
) noexcept nogil:
    """Assign the event to a resource, the `number`th that it names; a repeated name is skipped."""
    cdef Resource *resource
    if number > progress.budget.max_resources:
        progress.offending_event = position
        return fail(progress, TOO_MANY_RESOURCES)
    if not is_utf8(text):
        add_fault(events, position, RESOURCE_NOT_UTF8, progress)
        return True
    resource = add_resource(&events.resources, text.at, <uint32_t>(text.end - text.at))
    if resource == NULL:
        return fail(progress, NO_MEMORY)
    if resource.mark == position:
        return True
    if events.first_assignment == NULL:
        events.first_assignment = <uint32_t *>calloc(events.room + 1, sizeof(uint32_t))
    if events.first_assignment == NULL or not make_room(
        <void **>&events.assignments, events.assignment_count, sizeof(uint32_t)
    ):
        return fail(progress, NO_MEMORY)
    events.assignments[events.assignment_count] = <uint32_t>(resource - events.resources.items)
    events.assignment_count += 1
    resource.mark = <uint32_t>position
    resource.event_count += 1
    return True


# Checks


cdef inline void note_order(Events *events, size_t position, Progress *progress) noexcept nogil:
    """Note whether the event starts before the one before it."""
    cdef Instant before = events.last_start
    if not events.is_sorted and not events.is_feed:
        # In random order the comparison costs a misprediction for every other event.
        return
    if position:
        before = start_of(&events.intervals[position - 1])
    if is_earlier(start_of(&events.intervals[position]), before):
        events.is_sorted = False
        if events.is_feed:
            add_fault(events, position, BACK_IN_TIME, progress)


cdef inline void set_interval(
    Events *events, size_t position, const Timestamp *start, const Timestamp *end,
    Progress *progress,
) noexcept nogil:
    """Check an event's times and put them in its interval."""
    cdef Interval *interval = &events.intervals[position]
    cdef bint is_valid = check_timestamp(events, position, start, START_MISSING, progress)
    is_valid = check_timestamp(events, position, end, END_MISSING, progress) and is_valid
    interval.start_seconds = start.seconds - MIN_SECONDS
    interval.start_nanos = <uint32_t>start.nanos
    interval.end_seconds = end.seconds - MIN_SECONDS
    interval.end_nanos = <uint32_t>end.nanos
    if is_valid and is_earlier(end_of(interval), start_of(interval)):
        add_fault(events, position, END_BEFORE_START, progress)


cdef inline bint check_timestamp(
    Events *events, size_t position, const Timestamp *timestamp, uint32_t missing,
    Progress *progress,
) noexcept nogil:
    """Return whether a timestamp has no faults; their kinds count from `missing` on."""
    cdef size_t before = events.fault_count
    if not timestamp.is_present:
        add_fault(events, position, missing, progress)
        return False
    # As unsigned numbers, those below the range are above it.
    if <uint64_t>timestamp.seconds - MIN_SECONDS > <uint64_t>(MAX_SECONDS - MIN_SECONDS):
        add_fault(events, position, missing + START_SECONDS - START_MISSING, progress)
    if <uint32_t>timestamp.nanos > MAX_NANOS:
        add_fault(events, position, missing + START_NANOS - START_MISSING, progress)
    return events.fault_count == before


cdef inline void add_fault(
    Events *events, size_t position, uint32_t kind, Progress *progress
) noexcept nogil:
    if events.faults == NULL:
        events.faults = <Fault *>malloc(MAX_VIOLATIONS * sizeof(Fault))
        if events.faults == NULL:
            fail(progress, NO_MEMORY)
            return
    if events.fault_count < MAX_VIOLATIONS:
        events.faults[events.fault_count].position = <uint32_t>position
        events.faults[events.fault_count].kind = kind
    events.fault_count += 1


cdef inline size_t total_faults(const Events *events) noexcept nogil:
    """Return how many faults there are of options and events together."""
    if events.has_late_options:
        return 1 + events.fault_count
    return events.zero_capacities + events.has_gap_fault + events.fault_count
