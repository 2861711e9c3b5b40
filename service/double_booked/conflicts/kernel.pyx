# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The answer to a request, from wire bytes to wire bytes, without the GIL.

A ConflictGroup holds its Events as they came, so that no message object is
made: the request's own bytes are sorted and framed anew. The meaning is that of
definition.py.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_XDECREF, PyObject
from libc.stdint cimport (
    INT32_MAX,
    INT64_MAX,
    UINT64_MAX,
    int32_t,
    int64_t,
    uint8_t,
    uint32_t,
    uint64_t,
)
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from double_booked.conflicts.cancellation cimport CHECK_EVERY, Flag
from double_booked.conflicts.cost cimport (
    MAX_SMALL_BYTES,
    MAX_SMALL_EXPLAINED_BYTES,
    MAX_TINY_BYTES,
    is_explained,
    is_small_batch,
)
from double_booked.conflicts.end_heap cimport End, Ends, pop_end, push_end
from double_booked.conflicts.feed cimport (
    ENDED,
    MEMBER,
    NO_ASSIGNMENT,
    PENDING,
    ClosedGroup,
    FeedState,
    Message,
    expire,
    footprint,
    forget_closed,
    free_feed,
    keep_capacities,
    sort_closed,
    take_events,
)
from double_booked.conflicts.instants cimport (
    NANOS_PER_SECOND,
    Instant,
    Interval,
    end_of,
    is_earlier,
    is_instant,
)
from double_booked.conflicts.growable cimport make_room
from double_booked.conflicts.resources cimport (
    NO_RESOURCE,
    UNNAMED,
    NamedItem,
    Resource,
    ResourceTable,
    add_resource,
    find_resource,
    sort_by_name,
)
from double_booked.conflicts.options cimport Options, merge_options
from double_booked.conflicts.radix_sort cimport Key, is_before, sort_keys
from double_booked.conflicts.outcome cimport (
    CANCELLED,
    GOING_ON,
    MALFORMED,
    NO_MEMORY,
    TOO_MANY_ANSWER_BYTES,
    TOO_MANY_CAPACITIES,
    TOO_MANY_EVENTS,
    TOO_MANY_MEMBERS,
    TOO_MANY_OPTION_BYTES,
    TOO_MANY_RESOURCES,
    Outcome,
)
from double_booked.conflicts.wire cimport (
    LENGTH_DELIMITED,
    MAX_DEPTH,
    VARINT,
    Reader,
    delimited_size,
    is_utf8,
    likely,
    number_size,
    read_delimited,
    read_tag,
    read_varint,
    skip_value,
    unlikely,
    varint_size,
    write_header,
    write_number,
    write_varint,
)

from google.protobuf.duration_pb2 import Duration

from double_booked.conflicts import limits as fixed_limits
from double_booked.conflicts import validation
from double_booked.conflicts.limits import Limits, LimitExceededError

cdef enum:
    # The numbers of validation.FaultKind.
    ID_NOT_UTF8 = 1
    START_MISSING = 4
    START_SECONDS = 5
    START_NANOS = 6
    END_MISSING = 7
    END_BEFORE_START = 10
    RESOURCE_NOT_UTF8 = 11
    BACK_IN_TIME = 12

cdef enum:
    MAX_FAULTS = 100  # validation.MAX_VIOLATIONS
    MAX_NANOS = 999_999_999
    # How many events ahead of its use to fetch one's interval, and then its bytes:
    # sorted, they lie all over memory. Measured at 1,000,000 events: 207 -> 168 ns each.
    INTERVALS_AHEAD = 16
    BYTES_AHEAD = 8
    # From so many bytes on, a request's memory is given back without the GIL.
    LARGE_BYTES = 1_048_576
    # What a key orders by: 40 bits of seconds, and 32 of nanos.
    PREFIX_BYTES = 9
    # What a piece of a group needs besides its content: two headers, and `continued`.
    PIECE_OVERHEAD = 24

cdef extern from "Python.h":
    PyObject *PyBytes_NewRef "PyBytes_FromStringAndSize"(const char *, Py_ssize_t) except NULL
    # Moves the bytes, or frees them and raises MemoryError.
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *) noexcept nogil

cdef int64_t MIN_SECONDS = validation.MIN_SECONDS
cdef int64_t MAX_SECONDS = validation.MAX_SECONDS
cdef int64_t MAX_GAP_SECONDS = validation.MAX_GAP_SECONDS
cdef size_t MAX_CAPACITIES = fixed_limits.MAX_CAPACITIES

DEFAULT_LIMITS = Limits()


cdef struct Fault:
    uint32_t position
    uint32_t kind


cdef struct Timestamp:
    int64_t seconds
    int32_t nanos
    bint present


cdef struct Group:
    uint64_t events_size
    # Its events, a run of Search.members.
    uint32_t first
    uint32_t count
    uint32_t resource


cdef struct GroupOverlaps:
    # The overlaps of a group, a run of Search.segments.
    size_t first
    size_t count
    uint64_t size


cdef struct Overlap:
    Instant start
    Instant end
    # Who is present, a run of Search.present.
    size_t first
    uint32_t depth
    uint64_t members_size
    uint64_t size


cdef extern from *:
    const uint32_t NO_BUCKET "UINT32_MAX"


cdef struct OpenGroup:
    # The open group: a run of Search.members from `first` to `filled`.
    size_t first
    size_t filled
    uint64_t size
    size_t members_present
    # Those who came since more were last present than the capacity; some may be gone.
    uint32_t *waiting
    size_t waiting_count
    # Of all that are present.
    Ends ends
    # For each event of the request; all are gone before and after a sweep.
    uint8_t *standing


cdef struct ActiveSet:
    # Who is present, ascending: a ring through the number of members, which is nobody's.
    uint32_t *next
    uint32_t *previous
    uint32_t count
    Ends ends


class Cancelled(Exception):
    """The search was told to end."""


@cython.final
@cython.freelist(8)
cdef class Cancellation:
    """Tells a search, from another thread, to end."""

    cdef Flag flag

    def cancel(self):
        """Makes searches that were given this raise Cancelled soon."""
        self.flag = 1


@cython.final
@cython.freelist(8)
cdef class Allowance:
    """What a call may ask for in all its lists, and what it has asked for so far."""

    cdef size_t max_events, max_resources, max_options_bytes
    # The members that the overlaps list, and the bytes of the answer at least.
    cdef uint64_t members, max_members
    cdef uint64_t answer_bytes, max_answer_bytes

    cdef check_answer_size(self, uint64_t size):
        if size > self.max_answer_bytes:
            raise LimitExceededError(self.exceeded_answer())

    cdef str exceeded_answer(self):
        return (
            f"the answer takes more bytes than MAX_ANSWER_BYTES = {self.max_answer_bytes}; "
            "StreamConflicts gives it in parts"
        )


cdef Allowance allow(limits):
    cdef Allowance allowance = Allowance.__new__(Allowance)
    allowance.max_events = limits.max_events_per_list
    allowance.max_resources = limits.max_resources_per_event
    allowance.max_options_bytes = limits.max_options_bytes
    allowance.max_members = limits.max_explained_members
    allowance.max_answer_bytes = limits.max_answer_bytes
    return allowance


cdef Allowance allow_any_answer(limits):
    """What a call may ask for whose answer is sent in parts."""
    cdef Allowance allowance = allow(limits)
    allowance.max_answer_bytes = UINT64_MAX
    return allowance


cdef class Answer:
    """The answer to one request.

    Attributes:
        content: The serialized response. Each event is the slice of the request
            that it came as.
        events: How many events the request holds.
        groups: How many groups of conflicting events the response holds.
    """

    cdef readonly bytes content
    cdef readonly size_t events
    cdef readonly size_t groups


cdef class Chunks:
    """The answer to one request, in messages of a bounded size.

    Attributes:
        events: How many events the request holds.
        groups: How many groups of conflicting events the messages hold in all.
        held_bytes: How much memory it takes until it is gone, the request included.
    """

    cdef readonly size_t held_bytes
    cdef readonly size_t events
    cdef readonly size_t groups
    cdef Search search

    def next(self, size_t size):
        """The next serialized ConflictList, of at most `size` bytes; None after the last.

        A group of more than `size` bytes comes in pieces, all but the last marked
        `continued`. An event, or the overlaps of a group, of more than `size` bytes
        make a message that is larger.
        """
        return self.search.next_chunk(size)


def get_conflicts(bytes request not None, limits=DEFAULT_LIMITS, Cancellation cancellation=None):
    """Answers a serialized EventList with a serialized ConflictList.

    The GIL is released while it works.

    Raises:
        double_booked.conflicts.validation.InvalidRequestError: The bytes are not an
            EventList, or an option or an event's times cannot be used.
        double_booked.conflicts.limits.LimitExceededError: It asks for too much.
        Cancelled: The cancellation was used.
    """
    cdef Search search = new_search(request, allow(limits), cancellation)
    search.run()
    cdef Answer answer = Answer.__new__(Answer)
    answer.content = search.answer()
    answer.events = search.event_count
    answer.groups = search.group_count
    return answer


def stream_conflicts(bytes request not None, limits=DEFAULT_LIMITS, Cancellation cancellation=None):
    """Answers a serialized EventList in chunks; raises what get_conflicts raises.

    The size of the answer is not limited.
    """
    cdef Search search = new_search(request, allow_any_answer(limits), cancellation)
    search.run()
    return search.chunks()


def batch_get_conflicts(bytes request not None, limits=DEFAULT_LIMITS, Cancellation cancellation=None):
    """Answers a serialized BatchGetConflictsRequest with its Response.

    Raises what get_conflicts raises; a fault's path tells the list, too.
    """
    return Batch(request, limits, cancellation).run()


def is_small(bytes request not None, bint is_batch):
    """Return whether a request is answered in about a millisecond.

    Args:
        request: A serialized EventList, or BatchGetConflictsRequest. Bytes that are
            neither are refused soon, and count as small by their size.
        is_batch: Whether it is the latter.
    """
    cdef size_t size = PyBytes_GET_SIZE(request)
    cdef bint may_explain = size <= MAX_SMALL_EXPLAINED_BYTES
    cdef Reader content
    if size <= MAX_TINY_BYTES or size > MAX_SMALL_BYTES:
        return size <= MAX_TINY_BYTES
    content.at = <const uint8_t *>PyBytes_AS_STRING(request)
    content.end = content.at + size
    if is_batch:
        return is_small_batch(content, may_explain)
    return may_explain or not is_explained(content)


cdef Search new_search(bytes request, Allowance allowance, Cancellation cancellation):
    cdef Search search = Search.__new__(Search)
    search.request = request
    search.allowance = allowance
    if cancellation is None:
        cancellation = Cancellation.__new__(Cancellation)
    search.cancellation = cancellation
    search.cancelled = &search.cancellation.flag
    search.begin = <const uint8_t *>PyBytes_AS_STRING(request)
    search.content.at = search.begin
    search.content.end = search.begin + PyBytes_GET_SIZE(request)
    search.depth = MAX_DEPTH
    search.may_have_options = True
    search.last_start.seconds = -1
    search.default_capacity = 1
    return search


@cython.final
cdef class Search:
    """One EventList, and what is found out about it step by step."""

    cdef bytes request
    cdef Allowance allowance
    cdef Cancellation cancellation
    cdef Flag *cancelled
    # Where the request begins, from which offsets count; what of it is the EventList,
    # and how deep messages may nest in that.
    cdef const uint8_t *begin
    cdef Reader content
    cdef int depth

    cdef Outcome outcome
    cdef size_t offending_event
    cdef Fault *faults
    cdef size_t fault_count

    cdef Interval *intervals
    cdef size_t event_count
    cdef bint sorted
    cdef ResourceTable names
    # The resources of all events that name some, and for each event the first of its own.
    cdef uint32_t *uses
    cdef uint32_t *first_use
    cdef size_t use_count
    # The options, the size of all their parts, and how many of them cannot be used.
    cdef Options options
    cdef size_t options_size
    cdef size_t zero_capacities
    cdef bint has_gap_fault, has_late_options

    cdef Instant gap
    cdef bint explain
    cdef uint32_t default_capacity
    # What a sweep over a resource of a capacity over 1 works with; made for the first.
    cdef OpenGroup crowd

    # Positions of events by start; where they name resources, those of each that can be
    # over its capacity, one after another.
    cdef uint32_t *members
    cdef size_t member_count
    cdef Group *groups
    cdef size_t group_count
    # For each group, where they were asked for; and what they consist of.
    cdef GroupOverlaps *explanations
    cdef Overlap *overlaps
    cdef size_t overlap_count
    cdef uint32_t *present
    cdef size_t present_count

    # Where the next chunk begins.
    cdef size_t next_group, next_member

    # Of the message of a feed: how many events came before it, and the start of the last;
    # for a list it is earlier than any.
    cdef bint is_feed, may_have_options
    # Whether the events and the names belong to a feed.
    cdef bint is_view
    cdef size_t events_before
    cdef Instant last_start

    def __dealloc__(self):
        if self.content.end - self.content.at < LARGE_BYTES:
            self.release()
        else:
            # To give much memory back takes tens of milliseconds.
            with nogil:
                self.release()

    cdef void release(self) noexcept nogil:
        if self.is_view:
            self.intervals = NULL
            self.names.items = NULL
            self.names.slots = NULL
        self.release_scratch()
        free(self.intervals)
        free(self.names.items)
        free(self.members)
        free(self.groups)
        free(self.explanations)
        free(self.overlaps)
        free(self.present)

    cdef void release_scratch(self) noexcept nogil:
        """Frees what is of no use once the groups are found."""
        free(self.faults)
        free(self.names.slots)
        free(self.uses)
        free(self.first_use)
        free(self.options.capacities.items)
        free(self.options.capacities.slots)
        free(self.crowd.waiting)
        free(self.crowd.ends.items)
        free(self.crowd.standing)
        self.faults = NULL
        self.names.slots = NULL
        self.uses = self.first_use = NULL
        self.options.capacities.items = NULL
        self.options.capacities.slots = NULL
        self.crowd.waiting = NULL
        self.crowd.ends.items = NULL
        self.crowd.standing = NULL

    cdef run(self):
        """Fills `groups`, and `segments` where they were asked for."""
        self.read()
        if self.faults_in_all():
            raise self.invalid_request(MAX_FAULTS)
        self.solve()

    cdef read(self):
        """Reads the request, notes its faults."""
        cdef bint is_read = False
        if self.content.end - self.content.at > INT32_MAX:
            self.fail(MALFORMED)
        else:
            with nogil:
                is_read = self.parse()
        if not is_read:
            raise self.error()

    cdef solve(self):
        """Fills `groups`, and what explains them."""
        cdef bint is_solved
        with nogil:
            is_solved = self.find_all_groups()
        if is_solved and self.explain:
            with nogil:
                is_solved = self.explain_groups()
        if not is_solved:
            raise self.error()

    cdef error(self):
        if self.outcome == MALFORMED:
            return validation.malformed("EventList")
        if self.outcome == CANCELLED:
            return Cancelled()
        if self.outcome == NO_MEMORY:
            return MemoryError()
        return LimitExceededError(self.exceeded())

    cdef str exceeded(self):
        cdef Allowance allowance = self.allowance
        if self.outcome == TOO_MANY_EVENTS:
            return (
                f"the list has {self.event_count} events, "
                f"more than MAX_EVENTS_PER_LIST = {allowance.max_events}"
            )
        if self.outcome == TOO_MANY_RESOURCES:
            return (
                f"events[{self.offending_event}].resources: more than "
                f"MAX_RESOURCES_PER_EVENT = {allowance.max_resources}"
            )
        if self.outcome == TOO_MANY_OPTION_BYTES:
            return f"options: more bytes than MAX_OPTIONS_BYTES = {allowance.max_options_bytes}"
        if self.outcome == TOO_MANY_CAPACITIES:
            return f"options.capacity: more than {MAX_CAPACITIES} entries, which no setting allows"
        if self.outcome == TOO_MANY_MEMBERS:
            return (
                "the overlaps list more members than "
                f"MAX_EXPLAINED_MEMBERS = {allowance.max_members}"
            )
        return allowance.exceeded_answer()

    cdef bint fail(self, Outcome outcome) noexcept nogil:
        """Notes why the search ends; False, for its callers to pass on."""
        self.outcome = outcome
        return False

    cdef bint not_cancelled(self) noexcept nogil:
        """Whether the search has not been cancelled."""
        return self.fail(CANCELLED) if self.cancelled[0] else True

    # Reading

    cdef bint parse(self) noexcept nogil:
        cdef Reader reader = self.content
        cdef Reader event
        cdef size_t i = 0
        cdef uint32_t tag = 0
        if not self.count_events():
            return False
        self.intervals = <Interval *>malloc((self.event_count + 1) * sizeof(Interval))
        if self.intervals == NULL:
            return self.fail(NO_MEMORY)
        self.sorted = True
        while reader.at < reader.end:
            # count_events has read the same tags and lengths.
            read_tag(&reader, &tag)
            if unlikely(tag != (1 << 3 | LENGTH_DELIMITED)):
                if tag != (2 << 3 | LENGTH_DELIMITED):
                    skip_value(&reader, tag, self.depth)
                elif not self.read_options(&reader):
                    return False
                continue
            read_delimited(&reader, &event)
            if i % CHECK_EVERY == 0 and not self.not_cancelled():
                return False
            if not self.parse_event(event, i):
                return False
            self.note_order(i)
            i += 1
        self.set_options()
        # A fault that could not be noted.
        return self.outcome == GOING_ON

    cdef bint count_events(self) noexcept nogil:
        cdef Reader reader = self.content
        cdef Reader event
        cdef const uint8_t *field
        cdef uint32_t tag
        self.event_count = 0
        while reader.at < reader.end:
            field = reader.at
            if not read_tag(&reader, &tag):
                return self.fail(MALFORMED)
            if tag == (1 << 3 | LENGTH_DELIMITED):
                if not read_delimited(&reader, &event):
                    return self.fail(MALFORMED)
                self.event_count += 1
            elif not skip_value(&reader, tag, self.depth):
                return self.fail(MALFORMED)
            elif tag == (2 << 3 | LENGTH_DELIMITED):
                self.options_size += reader.at - field
        if self.options_size > self.allowance.max_options_bytes:
            return self.fail(TOO_MANY_OPTION_BYTES)
        if self.event_count > self.allowance.max_events:
            return self.fail(TOO_MANY_EVENTS)
        return True

    cdef bint read_options(self, Reader *reader) noexcept nogil:
        cdef Reader content
        cdef Outcome outcome
        # As above; and set for compilers, which do not know that.
        content.at = content.end = reader.at
        read_delimited(reader, &content)
        if not self.may_have_options:
            self.has_late_options = True
            return True
        outcome = merge_options(&self.options, content, self.depth - 1, MAX_CAPACITIES)
        return True if outcome == GOING_ON else self.fail(outcome)

    cdef void set_options(self) noexcept nogil:
        """Gives the names their capacities, notes what cannot be used."""
        cdef size_t i
        cdef uint32_t number
        cdef const Resource *given
        self.explain = self.options.explain
        self.gap.seconds = self.options.gap_seconds
        self.gap.nanos = <uint32_t>self.options.gap_nanos
        self.has_gap_fault = not is_gap(self.options.gap_seconds, self.options.gap_nanos)
        for i in range(self.options.capacities.count):
            given = &self.options.capacities.items[i]
            self.zero_capacities += given.capacity == 0
            if given.length == 0:
                self.default_capacity = given.capacity
            number = find_resource(&self.names, given.at, given.length)
            if number != NO_RESOURCE:
                self.names.items[number].capacity = given.capacity

    cdef void note_order(self, size_t i) noexcept nogil:
        """Notes whether the event starts before the one before it."""
        cdef const Interval *interval = &self.intervals[i]
        cdef Instant before
        if i == 0:
            before = self.last_start
        else:
            before.seconds = self.intervals[i - 1].start_seconds
            before.nanos = self.intervals[i - 1].start_nanos
        if is_earlier(interval.start_seconds, interval.start_nanos, before.seconds, before.nanos):
            self.sorted = False
            if self.is_feed:
                self.fault(i, BACK_IN_TIME)

    cdef bint parse_event(self, Reader event, size_t position) noexcept nogil:
        """Fills the interval at `position`, and adds to the uses."""
        cdef Interval *interval = &self.intervals[position]
        cdef uint32_t tag, field, resources = 0
        cdef Reader content
        cdef Timestamp start, end
        interval.offset = <uint32_t>(event.at - self.begin)
        interval.length = <uint32_t>(event.end - event.at)
        start.seconds = start.nanos = start.present = 0
        end.seconds = end.nanos = end.present = 0
        while event.at < event.end:
            if not read_tag(&event, &tag):
                return self.fail(MALFORMED)
            field = tag >> 3
            if unlikely(field > 6 or tag & 7 != LENGTH_DELIMITED):
                if not skip_value(&event, tag, self.depth - 1):
                    return self.fail(MALFORMED)
                continue
            if not read_delimited(&event, &content):
                return self.fail(MALFORMED)
            if field == 4:
                if not merge_timestamp(content, &start, self.depth - 2):
                    return self.fail(MALFORMED)
            elif field == 5:
                if not merge_timestamp(content, &end, self.depth - 2):
                    return self.fail(MALFORMED)
            elif field == 6:
                resources += 1
                if not self.parse_resource(content, position, resources):
                    return False
            elif not is_utf8(content):
                self.fault(position, ID_NOT_UTF8 + field - 1)
        self.take_times(position, &start, &end)
        if self.first_use != NULL:
            self.first_use[position + 1] = <uint32_t>self.use_count
        return True

    cdef bint parse_resource(self, Reader text, size_t position, uint32_t number) noexcept nogil:
        cdef Resource *name
        if number > self.allowance.max_resources:
            self.offending_event = position
            return self.fail(TOO_MANY_RESOURCES)
        if not is_utf8(text):
            self.fault(position, RESOURCE_NOT_UTF8)
            return True
        name = add_resource(&self.names, text.at, <uint32_t>(text.end - text.at))
        if name == NULL:
            return self.fail(NO_MEMORY)
        if name.mark == position:
            return True
        if self.first_use == NULL:
            self.first_use = <uint32_t *>calloc(self.event_count + 1, sizeof(uint32_t))
        if self.first_use == NULL or not make_room(
            <void **>&self.uses, self.use_count, sizeof(uint32_t)
        ):
            return self.fail(NO_MEMORY)
        self.uses[self.use_count] = <uint32_t>(name - self.names.items)
        self.use_count += 1
        name.mark = <uint32_t>position
        name.uses += 1
        return True

    cdef void take_times(
        self, size_t position, const Timestamp *start, const Timestamp *end
    ) noexcept nogil:
        """Checks an event's times and puts them in its interval."""
        cdef Interval *interval = &self.intervals[position]
        cdef bint usable = self.check_timestamp(position, start, START_MISSING)
        usable = self.check_timestamp(position, end, END_MISSING) and usable
        interval.start_seconds = start.seconds - MIN_SECONDS
        interval.start_nanos = <uint32_t>start.nanos
        interval.end_seconds = end.seconds - MIN_SECONDS
        interval.end_nanos = <uint32_t>end.nanos
        if usable and is_earlier(
            interval.end_seconds, interval.end_nanos, interval.start_seconds, interval.start_nanos
        ):
            self.fault(position, END_BEFORE_START)

    cdef bint check_timestamp(
        self, size_t position, const Timestamp *timestamp, uint32_t missing
    ) noexcept nogil:
        """Notes the faults of a timestamp, whose kinds count from `missing` on."""
        cdef size_t before = self.fault_count
        if not timestamp.present:
            self.fault(position, missing)
            return False
        if not MIN_SECONDS <= timestamp.seconds <= MAX_SECONDS:
            self.fault(position, missing + START_SECONDS - START_MISSING)
        if not 0 <= timestamp.nanos <= MAX_NANOS:
            self.fault(position, missing + START_NANOS - START_MISSING)
        return self.fault_count == before

    cdef void fault(self, size_t position, uint32_t kind) noexcept nogil:
        if self.faults == NULL:
            self.faults = <Fault *>malloc(MAX_FAULTS * sizeof(Fault))
            if self.faults == NULL:
                self.fail(NO_MEMORY)
                return
        if self.fault_count < MAX_FAULTS:
            self.faults[self.fault_count].position = <uint32_t>position
            self.faults[self.fault_count].kind = kind
        self.fault_count += 1

    cdef size_t faults_in_all(self) noexcept nogil:
        if self.has_late_options:
            return 1 + self.fault_count
        return self.zero_capacities + self.has_gap_fault + self.fault_count

    cdef invalid_request(self, size_t most):
        """The error that names the first `most` faults."""
        named = self.option_faults(most)
        cdef size_t i
        for i in range(min(self.fault_count, most - min(<size_t>len(named), most))):
            fault = validation.Fault(
                self.events_before + self.faults[i].position, validation.FaultKind(self.faults[i].kind)
            )
            named.append(validation.describe(fault))
        return validation.InvalidRequestError(named[:most], self.faults_in_all())

    cdef list option_faults(self, size_t most):
        if self.has_late_options:
            return [validation.LATE_OPTIONS]
        faults = self.first_zero_capacities(min(self.zero_capacities, most))
        if self.has_gap_fault:
            gap = Duration(seconds=self.options.gap_seconds, nanos=self.options.gap_nanos)
            faults.append(validation.gap_fault(gap))
        return faults

    cdef list first_zero_capacities(self, size_t count):
        """The faults of the first `count` resources, by name, whose capacity is 0."""
        cdef const Resource *each
        cdef size_t i, found = 0
        if count == 0:
            return []
        cdef NamedItem *zeros = <NamedItem *>malloc(self.zero_capacities * sizeof(NamedItem))
        if zeros == NULL:
            raise MemoryError
        with nogil:
            for i in range(self.options.capacities.count):
                each = &self.options.capacities.items[i]
                if each.capacity == 0:
                    zeros[found].at = each.at
                    zeros[found].length = each.length
                    found += 1
            sort_by_name(zeros, found)
        try:
            return [
                validation.zero_capacity((<const char *>zeros[i].at)[: zeros[i].length].decode())
                for i in range(count)
            ]
        finally:
            free(zeros)

    # Finding

    cdef bint find_all_groups(self) noexcept nogil:
        self.apply_gap()
        if not self.sort():
            return False
        if self.names.count:
            return self.bucket_by_resource() and self.find_by_resource() and self.sort_groups()
        return self.find_groups(0, self.event_count, NO_RESOURCE, self.default_capacity)

    cdef void apply_gap(self) noexcept nogil:
        """Adds the gap to the ends, so that what is after it deals with them alone."""
        cdef size_t i
        cdef Interval *interval
        if self.gap.seconds == 0 and self.gap.nanos == 0:
            return
        for i in range(self.event_count):
            interval = &self.intervals[i]
            interval.end_seconds += self.gap.seconds
            interval.end_nanos += self.gap.nanos
            if interval.end_nanos >= NANOS_PER_SECOND:
                interval.end_nanos -= NANOS_PER_SECOND
                interval.end_seconds += 1

    cdef bint sort(self) noexcept nogil:
        """Fills `members` with the positions of all events, by start."""
        cdef size_t i, count = self.event_count
        cdef Key *keys
        cdef Key *in_order
        self.members = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
        if self.members == NULL:
            return self.fail(NO_MEMORY)
        self.member_count = count
        if self.sorted:
            for i in range(count):
                self.members[i] = <uint32_t>i
            return True
        keys = <Key *>malloc(2 * count * sizeof(Key))
        if keys == NULL:
            return self.fail(NO_MEMORY)
        for i in range(count):
            keys[i].seconds = self.intervals[i].start_seconds
            keys[i].nanos = self.intervals[i].start_nanos
            keys[i].position = <uint32_t>i
        in_order = sort_keys(keys, keys + count, count, self.cancelled)
        for i in range(count):
            self.members[i] = in_order[i].position
        free(keys)
        return self.not_cancelled()

    cdef bint find_by_resource(self) noexcept nogil:
        """Finds the groups of each resource."""
        cdef size_t i, begin = 0
        cdef const Resource *name
        for i in range(self.names.count):
            name = &self.names.items[i]
            if name.uses <= name.capacity:
                continue
            if not self.find_groups(begin, begin + name.uses, <uint32_t>i, name.capacity):
                return False
            begin += name.uses
        return True

    cdef bint bucket_by_resource(self) noexcept nogil:
        """Fills `members` anew: resource by resource, the positions of its events by start.

        The events of a resource that can never be over its capacity are left out.
        """
        cdef size_t i, event
        cdef uint32_t unnamed
        cdef uint32_t *dealt
        if not self.assign_unnamed(&unnamed):
            return False
        dealt = <uint32_t *>malloc((self.mark_places() + 1) * sizeof(uint32_t))
        if dealt == NULL:
            return self.fail(NO_MEMORY)
        for i in range(self.event_count):
            event = self.members[i]
            if self.first_use[event] == self.first_use[event + 1]:
                self.deal_event(dealt, <uint32_t>event, unnamed)
            for use in range(self.first_use[event], self.first_use[event + 1]):
                self.deal_event(dealt, <uint32_t>event, self.uses[use])
        free(self.members)
        free(self.uses)
        free(self.first_use)
        self.members = dealt
        self.uses = self.first_use = NULL
        return self.not_cancelled()

    cdef bint assign_unnamed(self, uint32_t *unnamed) noexcept nogil:
        """Lets the events that name no resource, if there are any, use the unnamed one."""
        cdef size_t i
        cdef uint32_t count = 0
        cdef Resource *name
        unnamed[0] = NO_RESOURCE
        for i in range(self.event_count):
            count += self.first_use[i] == self.first_use[i + 1]
        if count == 0:
            return True
        name = add_resource(&self.names, UNNAMED, 0)
        if name == NULL:
            return self.fail(NO_MEMORY)
        name.capacity = self.default_capacity
        name.uses += count
        unnamed[0] = <uint32_t>(name - self.names.items)
        return True

    cdef size_t mark_places(self) noexcept nogil:
        """Gives each resource its place in `members`; returns how many places there are."""
        cdef size_t i
        cdef uint32_t total = 0
        cdef Resource *name
        for i in range(self.names.count):
            name = &self.names.items[i]
            name.mark = NO_BUCKET
            if name.uses > name.capacity:
                name.mark = total
                total += name.uses
        self.member_count = total
        return total

    cdef void deal_event(self, uint32_t *dealt, uint32_t event, uint32_t resource) noexcept nogil:
        cdef Resource *name = &self.names.items[resource]
        if name.mark != NO_BUCKET:
            dealt[name.mark] = event
            name.mark += 1

    cdef bint find_groups(
        self, size_t begin, size_t end, uint32_t resource, uint32_t capacity
    ) noexcept nogil:
        """Finds the groups of a resource, whose events are a run of `members`."""
        if capacity == 1:
            return self.group_exclusive(begin, end, resource)
        if end - begin <= capacity:
            return True
        return self.group_with_capacity(begin, end, resource, capacity)

    cdef bint group_exclusive(self, size_t begin, size_t end, uint32_t resource) noexcept nogil:
        """Groups at capacity 1: runs in which each event starts before the reach of those before."""
        cdef size_t i, first = begin
        cdef uint64_t size = 0
        cdef const Interval *interval
        cdef Instant latest_end
        latest_end.seconds = -1
        latest_end.nanos = 0
        for i in range(begin, end):
            if i + INTERVALS_AHEAD < end:
                prefetch(&self.intervals[self.members[i + INTERVALS_AHEAD]])
            interval = &self.intervals[self.members[i]]
            if i % CHECK_EVERY == 0 and not self.not_cancelled():
                return False
            if not is_earlier(
                interval.start_seconds, interval.start_nanos, latest_end.seconds, latest_end.nanos
            ):
                if not self.add_group(first, i, size, resource):
                    return False
                first = i
                size = 0
            size += delimited_size(interval.length)
            extend_end(interval, &latest_end)
        return self.add_group(first, end, size, resource)

    cdef bint group_with_capacity(
        self, size_t begin, size_t end, uint32_t resource, uint32_t capacity
    ) noexcept nogil:
        """Groups at a capacity over 1."""
        cdef size_t i
        cdef bint found
        if self.crowd.standing == NULL and not self.make_crowd():
            return False
        found = self.sweep_crowds(begin, end, resource, capacity, &self.crowd)
        # Others went as the sweep passed them.
        for i in range(self.crowd.ends.count):
            self.crowd.standing[self.crowd.ends.items[i].member] = ENDED
        return found

    cdef bint make_crowd(self) noexcept nogil:
        """Makes room for a sweep over any of the resources."""
        cdef size_t i, longest = self.event_count
        if self.names.count:
            longest = 0
            for i in range(self.names.count):
                longest = max(longest, <size_t>self.names.items[i].uses)
        self.crowd.waiting = <uint32_t *>malloc((longest + 1) * sizeof(uint32_t))
        self.crowd.ends.items = <End *>malloc((longest + 1) * sizeof(End))
        self.crowd.standing = <uint8_t *>calloc(self.event_count + 1, 1)
        if (
            self.crowd.waiting == NULL
            or self.crowd.ends.items == NULL
            or self.crowd.standing == NULL
        ):
            return self.fail(NO_MEMORY)
        return True

    cdef bint sweep_crowds(
        self, size_t begin, size_t end, uint32_t resource, uint32_t capacity, OpenGroup *crowd
    ) noexcept nogil:
        """Sweeps over the starts and keeps who is present.

        When more are present than the capacity, all of them are of one group. Those
        that are members already are of the same one, for they have been present
        since: so there is one group open at a time. The members take the place in
        `members` of the events that the sweep has passed.
        """
        cdef size_t i, waiting
        cdef uint32_t event
        crowd.first = crowd.filled = begin
        crowd.ends.count = crowd.waiting_count = crowd.members_present = 0
        crowd.size = 0
        for i in range(begin, end):
            event = self.members[i]
            if i % CHECK_EVERY == 0 and not self.not_cancelled():
                return False
            self.leave(&self.intervals[event], crowd)
            if crowd.members_present == 0 and crowd.filled > crowd.first:
                if not self.add_group(crowd.first, crowd.filled, crowd.size, resource):
                    return False
                crowd.first = crowd.filled
                crowd.size = 0
            push_end(&crowd.ends, end_of(&self.intervals[event], event))
            crowd.standing[event] = PENDING
            crowd.waiting[crowd.waiting_count] = event
            crowd.waiting_count += 1
            if crowd.ends.count > capacity:
                for waiting in range(crowd.waiting_count):
                    self.join(crowd.waiting[waiting], crowd)
                crowd.waiting_count = 0
        return self.add_group(crowd.first, crowd.filled, crowd.size, resource)

    cdef void leave(self, const Interval *now, OpenGroup *crowd) noexcept nogil:
        """Lets those go that are over when the interval starts."""
        cdef uint32_t event
        while crowd.ends.count and not is_earlier(
            now.start_seconds,
            now.start_nanos,
            crowd.ends.items[0].seconds,
            crowd.ends.items[0].nanos,
        ):
            event = pop_end(&crowd.ends)
            if crowd.standing[event] == MEMBER:
                crowd.members_present -= 1
            crowd.standing[event] = ENDED

    cdef void join(self, uint32_t event, OpenGroup *crowd) noexcept nogil:
        """Makes one that is present a member of the open group."""
        if crowd.standing[event] == ENDED:
            return
        crowd.standing[event] = MEMBER
        crowd.members_present += 1
        crowd.size += delimited_size(self.intervals[event].length)
        self.members[crowd.filled] = event
        crowd.filled += 1

    cdef bint add_group(
        self, size_t first, size_t end, uint64_t size, uint32_t resource
    ) noexcept nogil:
        """Notes a group, if it is one."""
        cdef Group *group
        cdef uint64_t name_size = 0
        if end - first < 2:
            return True
        if resource != NO_RESOURCE:
            name_size = self.name_size(&self.names.items[resource])
        if not self.allow_bytes(delimited_size(size + name_size)):
            return False
        if not make_room(<void **>&self.groups, self.group_count, sizeof(Group)):
            return self.fail(NO_MEMORY)
        group = &self.groups[self.group_count]
        group.events_size = size
        group.first = <uint32_t>first
        group.count = <uint32_t>(end - first)
        group.resource = resource
        self.group_count += 1
        return True

    cdef bint allow_bytes(self, uint64_t size) noexcept nogil:
        """Counts what the answer has to hold."""
        self.allowance.answer_bytes += size
        if self.allowance.answer_bytes > self.allowance.max_answer_bytes:
            return self.fail(TOO_MANY_ANSWER_BYTES)
        return True

    cdef bint sort_groups(self) noexcept nogil:
        """Puts the groups, each resource's together so far, in the order of the answer.

        That is the order of their first member's start, then of the resource.
        """
        cdef size_t i, place = 0, count
        cdef uint32_t group, resource
        cdef Key *keys
        cdef uint32_t *first_groups = self.order_resources(&count)
        if first_groups == NULL:
            return False
        keys = <Key *>malloc((2 * self.group_count + 1) * sizeof(Key))
        if keys == NULL:
            free(first_groups)
            return self.fail(NO_MEMORY)
        for i in range(count):
            group = first_groups[i]
            resource = self.groups[group].resource
            while group < self.group_count and self.groups[group].resource == resource:
                self.set_key(&keys[place], group)
                place += 1
                group += 1
        free(first_groups)
        return self.reorder_groups(keys)

    cdef uint32_t *order_resources(self, size_t *count) noexcept nogil:
        """The first group of each resource that has some, by the resource; NULL where it fails."""
        cdef size_t i, place = 0
        cdef Key *keys
        cdef uint32_t *first_groups
        count[0] = 0
        for i in range(self.group_count):
            count[0] += self.is_first_of_resource(i)
        first_groups = <uint32_t *>malloc((count[0] + 1) * sizeof(uint32_t))
        keys = <Key *>malloc((2 * count[0] + 1) * sizeof(Key))
        if first_groups == NULL or keys == NULL:
            free(first_groups)
            free(keys)
            self.fail(NO_MEMORY)
            return NULL
        for i in range(self.group_count):
            if self.is_first_of_resource(i):
                set_prefix(&keys[place], self.name_of(i))
                keys[place].position = <uint32_t>i
                place += 1
        if not self.order_names(keys, count[0], first_groups):
            free(first_groups)
            first_groups = NULL
        free(keys)
        return first_groups

    cdef bint order_names(self, Key *keys, size_t count, uint32_t *first_groups) noexcept nogil:
        """Sorts by the keys, and by the names where their prefixes are equal."""
        cdef size_t i, begin = 0
        cdef Key *in_order = sort_keys(keys, keys + count, count, self.cancelled)
        for i in range(count):
            first_groups[i] = in_order[i].position
            if is_before(&in_order[begin], &in_order[i]):
                if not self.order_by_name(first_groups + begin, i - begin):
                    return False
                begin = i
        return self.order_by_name(first_groups + begin, count - begin)

    cdef bint order_by_name(self, uint32_t *first_groups, size_t count) noexcept nogil:
        cdef size_t i
        cdef NamedItem *labels
        if count < 2:
            return True
        labels = <NamedItem *>malloc(count * sizeof(NamedItem))
        if labels == NULL:
            return self.fail(NO_MEMORY)
        for i in range(count):
            labels[i].at = self.name_of(first_groups[i]).at
            labels[i].length = self.name_of(first_groups[i]).length
            labels[i].item = first_groups[i]
        sort_by_name(labels, count)
        for i in range(count):
            first_groups[i] = labels[i].item
        free(labels)
        return True

    cdef const Resource *name_of(self, size_t group) noexcept nogil:
        return &self.names.items[self.groups[group].resource]

    cdef bint is_first_of_resource(self, size_t group) noexcept nogil:
        return group == 0 or self.groups[group].resource != self.groups[group - 1].resource

    cdef void set_key(self, Key *key, uint32_t group) noexcept nogil:
        cdef const Interval *interval = &self.intervals[self.members[self.groups[group].first]]
        key.seconds = interval.start_seconds
        key.nanos = interval.start_nanos
        key.position = group

    cdef bint reorder_groups(self, Key *keys) noexcept nogil:
        """Sorts the groups, stably, by keys that say which group each is of; frees the keys."""
        cdef Key *in_order = sort_keys(
            keys, keys + self.group_count, self.group_count, self.cancelled
        )
        cdef bint not_cancelled = self.not_cancelled()
        # What was cancelled is in no order, and may name a group twice.
        if not_cancelled:
            self.move_groups(in_order)
        free(keys)
        return not_cancelled

    cdef void move_groups(self, Key *keys) noexcept nogil:
        """Moves each group to the place of its key, along the cycles of the permutation."""
        cdef size_t i, place, source
        cdef Group first
        for i in range(self.group_count):
            first = self.groups[i]
            place = i
            while keys[place].position != i:
                source = keys[place].position
                self.groups[place] = self.groups[source]
                keys[place].position = <uint32_t>place
                place = source
            self.groups[place] = first
            keys[place].position = <uint32_t>place

    # Explaining

    cdef bint explain_groups(self) noexcept nogil:
        cdef size_t i, longest = 0
        cdef ActiveSet active
        cdef bint explained = True
        # Of each group at least two are present at once.
        if self.allowance.members + 2 * self.group_count > self.allowance.max_members:
            return self.fail(TOO_MANY_MEMBERS)
        self.explanations = <GroupOverlaps *>calloc(self.group_count + 1, sizeof(GroupOverlaps))
        for i in range(self.group_count):
            longest = max(longest, <size_t>self.groups[i].count)
        active.ends.items = <End *>malloc((longest + 1) * sizeof(End))
        active.next = <uint32_t *>malloc((longest + 1) * sizeof(uint32_t))
        active.previous = <uint32_t *>malloc((longest + 1) * sizeof(uint32_t))
        if (
            self.explanations == NULL
            or active.ends.items == NULL
            or active.next == NULL
            or active.previous == NULL
        ):
            explained = self.fail(NO_MEMORY)
        for i in range(self.group_count):
            if not explained:
                break
            explained = self.explain_group(&self.groups[i], &self.explanations[i], &active)
        free(active.ends.items)
        free(active.next)
        free(active.previous)
        return explained

    cdef uint32_t capacity_of(self, uint32_t resource) noexcept nogil:
        return self.default_capacity if resource == NO_RESOURCE else self.names.items[resource].capacity

    cdef bint explain_group(
        self, const Group *group, GroupOverlaps *explanation, ActiveSet *active
    ) noexcept nogil:
        """Sweeps over the members of a group, and notes when more are present than the capacity.

        Others need not be looked at: who is present when it is too many is a member.
        """
        cdef uint32_t capacity = self.capacity_of(group.resource)
        cdef size_t next_member = 0
        cdef Instant now, before
        explanation.first = self.overlap_count
        active.count = active.ends.count = 0
        active.next[group.count] = active.previous[group.count] = <uint32_t>group.count
        now.seconds = now.nanos = 0
        while next_member < group.count or active.ends.count:
            before = now
            now = self.next_boundary(group, next_member, &active.ends)
            if active.count > capacity:
                if not self.add_overlap(explanation, before, now, active, group.count):
                    return False
            while active.ends.count and not is_earlier(
                now.seconds,
                now.nanos,
                active.ends.items[0].seconds,
                active.ends.items[0].nanos,
            ):
                remove_active(active, pop_end(&active.ends))
            if not self.enter(group, explanation, &next_member, now, capacity, active):
                return False
        return True

    cdef Instant next_boundary(
        self, const Group *group, size_t next_member, const Ends *ends
    ) noexcept nogil:
        """When the next member starts, or the next one present ends."""
        cdef Instant start, end
        cdef const Interval *interval
        if ends.count:
            end.seconds = ends.items[0].seconds
            end.nanos = ends.items[0].nanos
            if next_member == group.count:
                return end
        interval = &self.intervals[self.members[group.first + next_member]]
        start.seconds = interval.start_seconds
        start.nanos = interval.start_nanos
        if ends.count and is_earlier(end.seconds, end.nanos, start.seconds, start.nanos):
            return end
        return start

    cdef bint enter(
        self,
        const Group *group,
        GroupOverlaps *explanation,
        size_t *next_member,
        Instant now,
        uint32_t capacity,
        ActiveSet *active,
    ) noexcept nogil:
        """Lets those in that start now; those that are instants go again at once."""
        cdef const Interval *interval
        cdef size_t first = next_member[0], member
        cdef bint any_instant = False
        while next_member[0] < group.count:
            interval = &self.intervals[self.members[group.first + next_member[0]]]
            if interval.start_seconds != now.seconds or interval.start_nanos != now.nanos:
                break
            insert_active(active, <uint32_t>next_member[0], <uint32_t>group.count)
            if is_instant(interval):
                any_instant = True
            else:
                push_end(&active.ends, end_of(interval, <uint32_t>next_member[0]))
            next_member[0] += 1
        if not any_instant:
            return True
        if active.count > capacity and not self.add_overlap(
            explanation, now, now, active, group.count
        ):
            return False
        for member in range(first, next_member[0]):
            if is_instant(&self.intervals[self.members[group.first + member]]):
                remove_active(active, <uint32_t>member)
        return True

    cdef bint add_overlap(
        self,
        GroupOverlaps *explanation,
        Instant start,
        Instant end,
        const ActiveSet *active,
        uint32_t sentinel,
    ) noexcept nogil:
        """Notes that those present are too many from `start` to `end`."""
        cdef Overlap *overlap
        cdef uint32_t member
        if not self.not_cancelled():
            return False
        if self.allowance.members + active.count > self.allowance.max_members:
            return self.fail(TOO_MANY_MEMBERS)
        self.allowance.members += active.count
        if not make_room(<void **>&self.overlaps, self.overlap_count, sizeof(Overlap)):
            return self.fail(NO_MEMORY)
        overlap = &self.overlaps[self.overlap_count]
        overlap.start = clamp_to_timestamp(start)
        overlap.end = clamp_to_timestamp(end)
        overlap.first = self.present_count
        overlap.depth = active.count
        overlap.members_size = 0
        member = active.next[sentinel]
        while member != sentinel:
            if not make_room(<void **>&self.present, self.present_count, sizeof(uint32_t)):
                return self.fail(NO_MEMORY)
            self.present[self.present_count] = member
            self.present_count += 1
            overlap.members_size += varint_size(member)
            member = active.next[member]
        overlap.size = overlap_size(overlap)
        self.overlap_count += 1
        explanation.count += 1
        explanation.size += delimited_size(overlap.size)
        return self.allow_bytes(delimited_size(overlap.size))

    # Feeding

    cdef bint show(self, FeedState *feed) noexcept nogil:
        """Fills `groups` with those that a feed has closed, without copies of its events."""
        cdef size_t i, count = 0
        cdef const ClosedGroup *closed
        cdef Group *group
        cdef uint32_t use
        sort_closed(feed)
        for i in range(feed.closed_count):
            count += feed.closed[i].members.count
        self.members = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
        self.groups = <Group *>malloc((feed.closed_count + 1) * sizeof(Group))
        if self.members == NULL or self.groups == NULL:
            return self.fail(NO_MEMORY)
        self.is_view = True
        self.begin = feed.content
        self.intervals = feed.events
        self.names = feed.names
        count = 0
        for i in range(feed.closed_count):
            closed = &feed.closed[i]
            group = &self.groups[i]
            group.events_size = closed.size
            group.first = <uint32_t>count
            group.count = closed.members.count
            group.resource = closed.line
            use = closed.members.first
            while use != NO_ASSIGNMENT:
                self.members[count] = feed.uses[use].event
                count += 1
                use = feed.uses[use].next
        self.group_count = feed.closed_count
        return True

    # Answering

    cdef uint64_t metadata_size(self, size_t number) noexcept nogil:
        """The size of what a group says once: the resource and the overlaps."""
        cdef const Group *group = &self.groups[number]
        cdef uint64_t size = self.explanations[number].size if self.explain else 0
        if group.resource != NO_RESOURCE:
            size += self.name_size(&self.names.items[group.resource])
        return size

    cdef uint64_t name_size(self, const Resource *name) noexcept nogil:
        return delimited_size(name.length) if name.length else 0

    cdef uint64_t group_size(self, size_t number) noexcept nogil:
        return delimited_size(self.groups[number].events_size + self.metadata_size(number))

    cdef uint64_t answer_size(self) noexcept nogil:
        cdef uint64_t size = 0
        cdef size_t i
        for i in range(self.group_count):
            size += self.group_size(i)
        return size

    cdef uint64_t measure(self):
        """The answer's size; many groups are measured without the GIL."""
        cdef uint64_t size
        if self.group_count < CHECK_EVERY:
            return self.answer_size()
        with nogil:
            size = self.answer_size()
        return size

    cdef bytes answer(self):
        """The serialized ConflictList."""
        cdef uint64_t size
        cdef bytes answer
        cdef uint8_t *at
        size = self.measure()
        self.allowance.check_answer_size(size)
        answer = PyBytes_FromStringAndSize(NULL, size)
        at = <uint8_t *>PyBytes_AS_STRING(answer)
        with nogil:
            self.write_groups(at)
        self.check_cancelled()
        return answer

    cdef check_cancelled(self):
        """What was written under cancellation is not whole."""
        if self.cancelled[0]:
            raise Cancelled

    cdef uint8_t *write_groups(self, uint8_t *at) noexcept nogil:
        cdef size_t i
        for i in range(self.group_count):
            at = self.write_group(at, i)
        return at

    cdef uint8_t *write_group(self, uint8_t *at, size_t number) noexcept nogil:
        cdef const Group *group = &self.groups[number]
        at = write_header(at, 1, group.events_size + self.metadata_size(number))
        at = self.write_events(at, group, 0, group.count)
        return self.write_metadata(at, number)

    cdef uint8_t *write_events(
        self, uint8_t *at, const Group *group, size_t begin, size_t end
    ) noexcept nogil:
        cdef const uint8_t *request = self.begin
        cdef const uint32_t *members = self.members + group.first
        cdef const Interval *interval
        cdef size_t i
        for i in range(begin, end):
            if i % CHECK_EVERY == 0 and self.cancelled[0]:
                break
            if i + INTERVALS_AHEAD < end:
                prefetch(&self.intervals[members[i + INTERVALS_AHEAD]])
            if i + BYTES_AHEAD < end:
                prefetch(request + self.intervals[members[i + BYTES_AHEAD]].offset)
            interval = &self.intervals[members[i]]
            at = write_header(at, 1, interval.length)
            memcpy(at, request + interval.offset, interval.length)
            at += interval.length
        return at

    cdef uint8_t *write_metadata(self, uint8_t *at, size_t number) noexcept nogil:
        cdef const Group *group = &self.groups[number]
        cdef const GroupOverlaps *explanation
        cdef const Resource *name
        cdef size_t i
        if group.resource != NO_RESOURCE and self.names.items[group.resource].length:
            name = &self.names.items[group.resource]
            at = write_header(at, 2, name.length)
            memcpy(at, name.at, name.length)
            at += name.length
        if self.explain:
            explanation = &self.explanations[number]
            for i in range(explanation.first, explanation.first + explanation.count):
                at = self.write_overlap(at, &self.overlaps[i])
        return at

    cdef uint8_t *write_overlap(self, uint8_t *at, const Overlap *overlap) noexcept nogil:
        cdef size_t i
        at = write_header(at, 3, overlap.size)
        at = write_timestamp(at, 1, overlap.start)
        at = write_timestamp(at, 2, overlap.end)
        at = write_number(at, 3, overlap.depth)
        at = write_header(at, 4, overlap.members_size)
        for i in range(overlap.first, overlap.first + overlap.depth):
            at = write_varint(at, self.present[i])
        return at

    # Answering in chunks

    cdef Chunks chunks(self):
        cdef Chunks chunks = Chunks.__new__(Chunks)
        with nogil:
            self.release_scratch()
        chunks.search = self
        chunks.held_bytes = self.held_bytes()
        chunks.events = self.event_count
        chunks.groups = self.group_count
        return chunks

    cdef size_t held_bytes(self) noexcept nogil:
        return (
            (self.content.end - self.begin)
            + self.event_count * sizeof(Interval)
            + self.names.count * sizeof(Resource)
            + self.member_count * sizeof(uint32_t)
            + self.group_count * sizeof(Group)
            + (self.group_count * sizeof(GroupOverlaps) if self.explain else 0)
            + self.overlap_count * sizeof(Overlap)
            + self.present_count * sizeof(uint32_t)
        )

    cdef bytes next_chunk(self, size_t size):
        """The next ConflictList of at most `size` bytes; see Chunks.next."""
        cdef bytes chunk = None
        if self.next_group < self.group_count:
            if self.next_member or self.group_size(self.next_group) > size:
                chunk = self.next_piece(size)
            else:
                chunk = self.next_groups(size)
        self.check_cancelled()
        return chunk

    cdef bytes next_groups(self, size_t size):
        """As many whole groups as fit."""
        cdef uint64_t total = 0, more
        cdef size_t end = self.next_group, i
        cdef bytes chunk
        cdef uint8_t *at
        with nogil:
            while end < self.group_count:
                more = self.group_size(end)
                if total + more > size:
                    break
                total += more
                end += 1
        chunk = PyBytes_FromStringAndSize(NULL, total)
        at = <uint8_t *>PyBytes_AS_STRING(chunk)
        with nogil:
            for i in range(self.next_group, end):
                at = self.write_group(at, i)
        self.next_group = end
        return chunk

    cdef bytes next_piece(self, size_t size):
        """A group of the events that fit of one that is too large; at least one event."""
        cdef Group *group = &self.groups[self.next_group]
        cdef size_t begin = self.next_member, end = begin
        cdef uint64_t content = 0 if begin else self.metadata_size(self.next_group)
        cdef uint64_t more = 0
        cdef bytes chunk
        cdef uint8_t *at
        with nogil:
            while end < group.count:
                more = delimited_size(self.intervals[self.members[group.first + end]].length)
                if end > begin and content + more + PIECE_OVERHEAD > size:
                    break
                content += more
                end += 1
        content += number_size(end < group.count)
        chunk = PyBytes_FromStringAndSize(NULL, delimited_size(content))
        at = <uint8_t *>PyBytes_AS_STRING(chunk)
        with nogil:
            at = write_header(at, 1, content)
            at = self.write_events(at, group, begin, end)
            if begin == 0:
                at = self.write_metadata(at, self.next_group)
            write_number(at, 4, end < group.count)
        self.next_member = end
        if end == group.count:
            self.next_group += 1
            self.next_member = 0
        return chunk

cdef class Feed:
    """A feed under way: events in the order of their starts, in messages.

    It holds the events that later ones may yet conflict with: those that are not over, and
    the members of groups that something may join. It serves one thread at a time.

    Attributes:
        events: How many events it has taken.
        groups: How many groups it has closed.
        explain: Whether its options ask for the overlaps.
    """

    cdef readonly size_t events
    cdef readonly size_t groups
    cdef readonly bint explain
    cdef Allowance allowance
    cdef Cancellation cancellation
    cdef FeedState state
    cdef bint has_begun
    cdef Instant last_start
    cdef Instant gap
    # The groups that are closed and not sent yet.
    cdef Search closed

    def __cinit__(self, limits=DEFAULT_LIMITS, Cancellation cancellation=None):
        self.allowance = allow_any_answer(limits)
        self.cancellation = cancellation
        self.last_start.seconds = -1

    def __dealloc__(self):
        free_feed(&self.state)

    @property
    def held_events(self):
        """How many events it holds."""
        return self.state.live_events

    @property
    def held_bytes(self):
        """The size of the events that it holds, as fields of an EventList."""
        return self.state.live_bytes

    @property
    def memory_bytes(self):
        """How much memory it has taken."""
        return footprint(&self.state)

    def take(self, bytes message not None):
        """Takes a serialized EventList; `next` returns the groups that it closes.

        Its cost is that of its own events and of what they close, not of what is held.

        Raises what get_conflicts raises, positions counted over the whole feed; also
        for events that go back in time, and for options after the first message.
        """
        cdef Search search
        cdef const Interval *last
        self.forget_closed()
        search = self.read(message)
        self.take_events(search)
        self.events += search.event_count
        if search.event_count:
            last = &search.intervals[search.event_count - 1]
            self.last_start.seconds = last.start_seconds
            self.last_start.nanos = last.start_nanos
        self.show_closed()

    def finish(self):
        """Ends the feed; `next` returns the groups that were still open."""
        cdef Instant forever
        cdef bint is_over
        self.forget_closed()
        forever.seconds = INT64_MAX
        forever.nanos = 0
        with nogil:
            is_over = expire(&self.state, forever, 0)
        if not is_over:
            raise MemoryError
        self.show_closed()

    def next(self, size_t size):
        """The next serialized ConflictList, as Chunks.next; None after the last."""
        cdef bytes chunk = None if self.closed is None else self.closed.next_chunk(size)
        if chunk is None:
            self.forget_closed()
        return chunk

    cdef Search read(self, bytes message):
        cdef Search search = new_search(message, self.allowance, self.cancellation)
        search.is_feed = True
        search.may_have_options = not self.has_begun
        search.events_before = self.events
        search.last_start = self.last_start
        search.read()
        if search.faults_in_all():
            raise search.invalid_request(MAX_FAULTS)
        if not self.has_begun:
            self.has_begun = True
            self.gap = search.gap
            self.explain = search.explain
            if not keep_capacities(&self.state, &search.options.capacities):
                raise MemoryError
        search.gap = self.gap
        return search

    cdef take_events(self, Search search):
        cdef Message taken
        taken.content = search.begin
        taken.size = search.content.end - search.begin
        taken.events = search.intervals
        taken.event_count = search.event_count
        taken.uses = search.uses
        taken.first_use = search.first_use
        taken.use_count = search.use_count
        taken.names = &search.names
        with nogil:
            search.apply_gap()
            search.outcome = take_events(&self.state, &taken, search.cancelled)
        if search.outcome != GOING_ON:
            raise search.error()

    cdef show_closed(self):
        """Makes an answer of the closed groups, whose events stay where they are."""
        cdef Search closed = new_search(b"", self.allowance, self.cancellation)
        cdef bint is_shown
        closed.explain = self.explain
        with nogil:
            is_shown = closed.show(&self.state) and (
                not closed.explain or closed.explain_groups()
            )
        if not is_shown:
            raise closed.error()
        self.groups += closed.group_count
        self.closed = closed

    cdef forget_closed(self):
        cdef bint is_forgotten
        self.closed = None
        with nogil:
            is_forgotten = forget_closed(&self.state)
        if not is_forgotten:
            raise MemoryError


cdef class Batch:
    """A BatchGetConflictsRequest, answered list by list, so that one at a time takes memory."""

    cdef bytes request
    cdef size_t max_lists
    cdef Allowance allowance
    cdef Cancellation cancellation
    # The answer so far, in bytes that have room for more.
    cdef PyObject *answer
    cdef size_t answer_size
    cdef list violations
    cdef size_t fault_count

    def __cinit__(self, bytes request, limits, Cancellation cancellation):
        self.request = request
        self.max_lists = limits.max_lists_per_batch
        self.allowance = allow(limits)
        self.cancellation = Cancellation() if cancellation is None else cancellation
        self.violations = []

    def __dealloc__(self):
        Py_XDECREF(self.answer)

    cdef Answer run(self):
        cdef Answer answer = Answer.__new__(Answer)
        cdef Reader reader = self.reader()
        cdef Search search
        cdef size_t i, count = self.count_lists()
        for i in range(count):
            search = new_search(self.request, self.allowance, self.cancellation)
            search.content = next_list(&reader)
            search.depth = MAX_DEPTH - 1
            self.read(search, i)
            if self.fault_count == 0:
                search.solve()
                self.write(search)
                answer.events += search.event_count
                answer.groups += search.group_count
        if self.fault_count:
            raise validation.InvalidRequestError(self.violations, self.fault_count)
        answer.content = self.take_answer()
        return answer

    cdef Reader reader(self):
        cdef Reader reader
        reader.at = <const uint8_t *>PyBytes_AS_STRING(self.request)
        reader.end = reader.at + PyBytes_GET_SIZE(self.request)
        return reader

    cdef size_t count_lists(self) except? 0:
        cdef Reader reader = self.reader()
        cdef Reader content
        cdef uint32_t tag = 0
        cdef size_t count = 0
        cdef bint is_read = True
        with nogil:
            while is_read and reader.at < reader.end:
                is_read = read_tag(&reader, &tag)
                if is_read and tag == (1 << 3 | LENGTH_DELIMITED):
                    is_read = read_delimited(&reader, &content)
                    count += 1
                elif is_read:
                    is_read = skip_value(&reader, tag, MAX_DEPTH)
        if not is_read:
            raise malformed_batch()
        if count > self.max_lists:
            raise LimitExceededError(
                f"the batch has more lists than MAX_LISTS_PER_BATCH = {self.max_lists}"
            )
        return count

    cdef read(self, Search search, size_t number):
        """Reads a list, and notes its faults."""
        try:
            search.read()
        except validation.InvalidRequestError:
            raise malformed_batch() from None
        except LimitExceededError as error:
            raise LimitExceededError(f"lists[{number}]: {error}") from None
        self.fault_count += search.faults_in_all()
        if search.faults_in_all() and len(self.violations) < MAX_FAULTS:
            refused = search.invalid_request(MAX_FAULTS - len(self.violations))
            self.violations += [each.within(f"lists[{number}]") for each in refused.violations]

    cdef write(self, Search search):
        """Adds the answer to a list."""
        cdef uint64_t size, end
        cdef uint8_t *at
        size = search.measure()
        end = self.answer_size + delimited_size(size)
        self.allowance.check_answer_size(end)
        self.make_room(end)
        at = <uint8_t *>PyBytes_AS_STRING(<object>self.answer) + self.answer_size
        with nogil:
            search.write_groups(write_header(at, 1, size))
        search.check_cancelled()
        self.answer_size = end

    cdef make_room(self, uint64_t size):
        """Makes the answer large enough; what of it is not written takes no memory."""
        cdef uint64_t room
        if self.answer == NULL:
            room = max(size, <uint64_t>PyBytes_GET_SIZE(self.request))
            self.answer = PyBytes_NewRef(NULL, room)
        elif size > <uint64_t>PyBytes_GET_SIZE(<object>self.answer):
            room = min(2 * size, self.allowance.max_answer_bytes)
            _PyBytes_Resize(&self.answer, max(size, room))

    cdef bytes take_answer(self):
        """The serialized BatchGetConflictsResponse."""
        if self.answer == NULL:
            return b""
        _PyBytes_Resize(&self.answer, self.answer_size)
        return <bytes>self.answer


cdef Reader next_list(Reader *batch) noexcept nogil:
    """The next list of a batch that has one more."""
    cdef Reader content
    cdef uint32_t tag = 0
    content.at = content.end = batch.at
    read_tag(batch, &tag)
    while tag != (1 << 3 | LENGTH_DELIMITED):
        skip_value(batch, tag, MAX_DEPTH)
        read_tag(batch, &tag)
    read_delimited(batch, &content)
    return content


cdef malformed_batch():
    return validation.malformed("BatchGetConflictsRequest")


cdef inline void insert_active(ActiveSet *active, uint32_t member, uint32_t sentinel) noexcept nogil:
    cdef uint32_t last = active.previous[sentinel]
    active.next[last] = member
    active.previous[member] = last
    active.next[member] = sentinel
    active.previous[sentinel] = member
    active.count += 1


cdef inline void remove_active(ActiveSet *active, uint32_t member) noexcept nogil:
    active.next[active.previous[member]] = active.next[member]
    active.previous[active.next[member]] = active.previous[member]
    active.count -= 1


cdef inline void set_prefix(Key *key, const Resource *name) noexcept nogil:
    """Lets a key stand for the first bytes of a name, as many as it orders by."""
    cdef uint32_t i
    key.seconds = 0
    key.nanos = 0
    for i in range(<uint32_t>PREFIX_BYTES):
        if i < PREFIX_BYTES - 4:
            key.seconds = key.seconds << 8 | (name.at[i] if i < name.length else 0)
        else:
            key.nanos = key.nanos << 8 | (name.at[i] if i < name.length else 0)


cdef inline bint is_gap(int64_t seconds, int32_t nanos) noexcept nogil:
    """As validation.gap_fault has it."""
    if seconds < 0 or not 0 <= nanos <= MAX_NANOS:
        return False
    return seconds < MAX_GAP_SECONDS or (seconds == MAX_GAP_SECONDS and nanos == 0)


cdef inline void extend_end(const Interval *interval, Instant *latest_end) noexcept nogil:
    """Moves the end of a group to that of the interval, if that is later."""
    cdef End end = end_of(interval, 0)
    if is_earlier(latest_end.seconds, latest_end.nanos, end.seconds, end.nanos):
        latest_end.seconds = end.seconds
        latest_end.nanos = end.nanos


cdef inline Instant clamp_to_timestamp(Instant instant) noexcept nogil:
    """The instant, or the last one that a Timestamp tells if that is earlier."""
    if instant.seconds > MAX_SECONDS - MIN_SECONDS:
        instant.seconds = MAX_SECONDS - MIN_SECONDS
        instant.nanos = MAX_NANOS
    return instant


cdef inline uint64_t timestamp_size(Instant instant) noexcept nogil:
    return number_size(<uint64_t>(instant.seconds + MIN_SECONDS)) + number_size(instant.nanos)


cdef inline uint64_t overlap_size(const Overlap *overlap) noexcept nogil:
    return (
        delimited_size(timestamp_size(overlap.start))
        + delimited_size(timestamp_size(overlap.end))
        + number_size(overlap.depth)
        + delimited_size(overlap.members_size)
    )


cdef inline uint8_t *write_timestamp(uint8_t *at, uint32_t field, Instant instant) noexcept nogil:
    at = write_header(at, field, timestamp_size(instant))
    at = write_number(at, 1, <uint64_t>(instant.seconds + MIN_SECONDS))
    return write_number(at, 2, instant.nanos)


cdef bint merge_timestamp(Reader reader, Timestamp *timestamp, int depth) noexcept nogil:
    """Reads a Timestamp over what was read before; False where the bytes are none."""
    cdef uint32_t tag
    cdef uint64_t value
    timestamp.present = True
    while reader.at < reader.end:
        if not read_tag(&reader, &tag):
            return False
        if likely(tag == (1 << 3 | VARINT)):
            if not read_varint(&reader, &value):
                return False
            timestamp.seconds = <int64_t>value
        elif likely(tag == (2 << 3 | VARINT)):
            if not read_varint(&reader, &value):
                return False
            timestamp.nanos = <int32_t>value
        elif not skip_value(&reader, tag, depth):
            return False
    return True
