# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True
"""Answer requests, from wire bytes to wire bytes, without the GIL.

A ConflictGroup holds its Events as they came. So no message object is made: the request's own
bytes are sorted, and framed again. definition.py defines the answer. The steps are in .pxd files,
which are compiled into this module; query.pxd lists them.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_XDECREF, PyObject
from libc.stdint cimport INT64_MAX, UINT64_MAX, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from double_booked.conflicts.cost cimport (
    MAX_SMALL_BYTES,
    MAX_SMALL_EXPLAINED_BYTES,
    MAX_TINY_BYTES,
    is_explained,
    is_small_batch,
)
from double_booked.conflicts.encoding cimport (
    Piece,
    answer_size,
    fitting_groups,
    fitting_piece,
    group_size,
    write_groups,
    write_piece,
)
from double_booked.conflicts.events cimport MAX_VIOLATIONS, read_events, total_faults
from double_booked.conflicts.feed cimport (
    FeedState,
    add_message,
    allocated_bytes,
    expire,
    free_feed,
    keep_capacities,
    release_closed,
    show_closed,
)
from double_booked.conflicts.fields cimport (
    BATCH_GET_CONFLICTS_REQUEST_LISTS,
    BATCH_GET_CONFLICTS_RESPONSE_RESULTS,
)
from double_booked.conflicts.grouping cimport apply_gap, find_groups
from double_booked.conflicts.growable cimport use_huge_pages
from double_booked.conflicts.instants cimport Instant, Interval, start_of
from double_booked.conflicts.options cimport MAX_CAPACITIES
from double_booked.conflicts.overlaps cimport explain_groups
from double_booked.conflicts.progress cimport (
    CANCELLED,
    CHECK_EVERY,
    MALFORMED,
    NO_MEMORY,
    TOO_MANY_CAPACITIES,
    TOO_MANY_EVENTS,
    TOO_MANY_MEMBERS,
    TOO_MANY_OPTION_BYTES,
    TOO_MANY_RESOURCES,
    Budget,
    Flag,
)
from double_booked.conflicts.query cimport (
    Events,
    Group,
    GroupOverlaps,
    Overlap,
    Query,
    free_query,
    free_scratch,
    open_query,
)
from double_booked.conflicts.resources cimport NamedItem, Resource, sort_by_name
from double_booked.conflicts.wire cimport (
    LENGTH_DELIMITED,
    MAX_DEPTH,
    Reader,
    delimited_size,
    read_delimited,
    read_tag,
    skip_value,
    write_header,
)

from google.protobuf.duration_pb2 import Duration

from double_booked.conflicts import validation
from double_booked.conflicts.limits import LimitExceededError, Limits

cdef enum:
    # A request of so few bytes takes 3 to 60 microseconds, if overlaps are not asked for. To
    # release the GIL and to take it again would add 0.15 to that.
    MAX_BYTES_WITH_GIL = 4096
    # To free the memory of so large a request can take tens of milliseconds.
    LARGE_BYTES = 1_048_576

cdef extern from "Python.h":
    PyObject *PyBytes_NewRef "PyBytes_FromStringAndSize"(const char *, Py_ssize_t) except NULL
    # Moves the bytes, or frees them and raises MemoryError.
    int _PyBytes_Resize(PyObject **, Py_ssize_t) except -1

DEFAULT_LIMITS = Limits()

cdef Flag NEVER_CANCELLED = 0

# The limits of the last call and their budget: to read the attributes takes 0.1 microseconds.
cdef object last_limits = None
cdef Budget last_budget


class Cancelled(Exception):
    """The query was cancelled."""


@cython.final
@cython.freelist(8)
cdef class Cancellation:
    """A way to cancel a query from another thread."""

    cdef Flag flag

    def cancel(self):
        """Cancel every query that uses this object; each raises Cancelled at its next check."""
        self.flag = 1


@cython.final
@cython.freelist(8)
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


# Entry points


def get_conflicts(bytes request not None, limits=DEFAULT_LIMITS, Cancellation cancellation=None):
    """Answer a serialized EventList with a serialized ConflictList.

    The GIL is released meanwhile, unless the request is very small.

    Raises:
        double_booked.conflicts.validation.InvalidRequestError: The bytes are not an
            EventList, or an option or an event's times cannot be used.
        double_booked.conflicts.limits.LimitExceededError: It asks for too much.
        Cancelled: The cancellation was used.
    """
    cdef Answer answer = Answer.__new__(Answer)
    cdef Budget budget = budget_of(limits)
    cdef Query query
    open_query(&query, reader_of(request), MAX_DEPTH, &budget, flag_of(cancellation))
    try:
        run(&query)
        answer.content = encode(&query)
        answer.events = query.events.count
        answer.groups = query.groups.count
    finally:
        close(&query)
    return answer


def stream_conflicts(bytes request not None, limits=DEFAULT_LIMITS, Cancellation cancellation=None):
    """Answer a serialized EventList in chunks; raise what get_conflicts raises.

    The size of the answer is not limited.
    """
    cdef Chunks chunks = Chunks.__new__(Chunks)
    chunks.request = request
    chunks.cancellation = cancellation
    chunks.budget = unlimited_answer(limits)
    open_query(
        &chunks.query, reader_of(request), MAX_DEPTH, &chunks.budget, flag_of(cancellation)
    )
    run(&chunks.query)
    with nogil:
        free_scratch(&chunks.query)
    chunks.held_bytes = held_bytes(&chunks.query)
    chunks.events = chunks.query.events.count
    chunks.groups = chunks.query.groups.count
    return chunks


def batch_get_conflicts(
    bytes request not None, limits=DEFAULT_LIMITS, Cancellation cancellation=None
):
    """Answer a serialized BatchGetConflictsRequest with its serialized response.

    Raise what get_conflicts raises; the path of a fault begins with its list.
    """
    return Batch(request, limits, cancellation).run()


def is_small(bytes request not None, bint is_batch):
    """Return whether a request is answered in at most about two milliseconds.

    Args:
        request: A serialized EventList, or BatchGetConflictsRequest. Bytes that are
            neither are rejected soon, and count as small by their size.
        is_batch: Whether it is the latter.
    """
    cdef size_t size = PyBytes_GET_SIZE(request)
    cdef bint may_explain = size <= MAX_SMALL_EXPLAINED_BYTES
    if size <= MAX_TINY_BYTES or size > MAX_SMALL_BYTES:
        return size <= MAX_TINY_BYTES
    if is_batch:
        return is_small_batch(reader_of(request), may_explain)
    return may_explain or not is_explained(reader_of(request))


# The steps of a query, with the GIL


cdef Budget budget_of(limits):
    """Return the budget of a new call."""
    global last_limits, last_budget
    if limits is not last_limits:
        last_budget = read_limits(limits)
        last_limits = limits
    return last_budget


cdef Budget read_limits(limits):
    cdef Budget budget
    budget.max_events = limits.max_events_per_list
    budget.max_resources = limits.max_resources_per_event
    budget.max_options_bytes = limits.max_options_bytes
    budget.max_members = limits.max_explained_members
    budget.max_answer_bytes = limits.max_answer_bytes
    budget.members = budget.answer_bytes = 0
    return budget


cdef Budget unlimited_answer(limits):
    """Return the budget of a call whose answer is sent in chunks."""
    cdef Budget budget = budget_of(limits)
    budget.max_answer_bytes = UINT64_MAX
    return budget


cdef inline Reader reader_of(bytes request):
    cdef Reader reader
    reader.at = <const uint8_t *>PyBytes_AS_STRING(request)
    reader.end = reader.at + PyBytes_GET_SIZE(request)
    return reader


cdef inline const Flag *flag_of(Cancellation cancellation):
    return &NEVER_CANCELLED if cancellation is None else &cancellation.flag


cdef inline bint may_keep_gil(const Query *query):
    """Return whether a step takes so little time that other threads can wait for it."""
    return (
        query.events.content.end - query.events.content.at <= MAX_BYTES_WITH_GIL
        and not query.events.options.explain
    )


cdef run(Query *query):
    """Read the request, and find and explain its groups."""
    read(query)
    if total_faults(&query.events):
        raise invalid_request(&query.events, 0, MAX_VIOLATIONS)
    solve(query)


cdef read(Query *query):
    """Read the request, and note its faults."""
    cdef bint is_read
    if may_keep_gil(query):
        is_read = read_events(&query.events, &query.progress)
    else:
        with nogil:
            is_read = read_events(&query.events, &query.progress)
    if not is_read:
        raise error_of(query)


cdef solve(Query *query):
    """Find the groups, and their overlaps if they are asked for."""
    cdef bint is_solved
    if may_keep_gil(query):
        is_solved = find_groups(query)
    else:
        with nogil:
            is_solved = find_groups(query) and (
                not query.events.options.explain or explain_groups(query)
            )
    if not is_solved:
        raise error_of(query)


cdef bytes encode(Query *query):
    """Return the serialized ConflictList."""
    cdef uint64_t size = measure(query)
    cdef bytes answer
    cdef uint8_t *out
    check_answer_size(query.progress.budget, size)
    answer = PyBytes_FromStringAndSize(NULL, size)
    out = <uint8_t *>PyBytes_AS_STRING(answer)
    if may_keep_gil(query):
        write_groups(out, query, 0, query.groups.count)
    else:
        with nogil:
            use_huge_pages(out, size)
            write_groups(out, query, 0, query.groups.count)
    check_cancelled(query)
    return answer


cdef uint64_t measure(const Query *query):
    """Return the size of the answer."""
    cdef uint64_t size
    if query.groups.count < CHECK_EVERY:
        return answer_size(query)
    with nogil:
        size = answer_size(query)
    return size


cdef void close(Query *query):
    if query.events.content.end - query.events.content.at < LARGE_BYTES:
        free_query(query)
    else:
        with nogil:
            free_query(query)


cdef size_t held_bytes(const Query *query):
    """Return the memory of a query once the groups are found, its request included."""
    return (
        (query.events.content.end - query.events.begin)
        + query.events.count * sizeof(Interval)
        + query.events.resources.count * sizeof(Resource)
        + query.groups.member_count * sizeof(uint32_t)
        + query.groups.count * sizeof(Group)
        + (query.groups.count * sizeof(GroupOverlaps) if query.overlaps.of_group != NULL else 0)
        + query.overlaps.count * sizeof(Overlap)
        + query.overlaps.present_count * sizeof(uint32_t)
    )


# Errors


cdef error_of(const Query *query):
    """Return the exception for the outcome of a query that failed."""
    if query.progress.outcome == MALFORMED:
        return validation.malformed("EventList")
    if query.progress.outcome == CANCELLED:
        return Cancelled()
    if query.progress.outcome == NO_MEMORY:
        return MemoryError()
    return LimitExceededError(exceeded(query))


cdef str exceeded(const Query *query):
    """Return the message for a query that is over a limit."""
    cdef const Budget *budget = query.progress.budget
    if query.progress.outcome == TOO_MANY_EVENTS:
        return (
            f"the list has {query.events.count} events, "
            f"more than MAX_EVENTS_PER_LIST = {budget.max_events}"
        )
    if query.progress.outcome == TOO_MANY_RESOURCES:
        return (
            f"events[{query.progress.offending_event}].resources: more than "
            f"MAX_RESOURCES_PER_EVENT = {budget.max_resources}"
        )
    if query.progress.outcome == TOO_MANY_OPTION_BYTES:
        return f"options: more bytes than MAX_OPTIONS_BYTES = {budget.max_options_bytes}"
    if query.progress.outcome == TOO_MANY_CAPACITIES:
        return f"options.capacity: more than {MAX_CAPACITIES} entries, which no setting allows"
    if query.progress.outcome == TOO_MANY_MEMBERS:
        return (
            f"the overlaps list more members than MAX_EXPLAINED_MEMBERS = {budget.max_members}"
        )
    return exceeded_answer(budget)


cdef str exceeded_answer(const Budget *budget):
    return (
        f"the answer takes more bytes than MAX_ANSWER_BYTES = {budget.max_answer_bytes}; "
        "StreamConflicts gives it in parts"
    )


cdef check_answer_size(const Budget *budget, uint64_t size):
    if size > budget.max_answer_bytes:
        raise LimitExceededError(exceeded_answer(budget))


cdef check_cancelled(const Query *query):
    """Raise Cancelled if the writers may have left out a part of the answer."""
    if query.progress.cancelled[0]:
        raise Cancelled


cdef invalid_request(const Events *events, size_t events_before, size_t most):
    """Return the error that names the first `most` faults.

    Positions count on from the `events_before` that came in earlier messages of a feed.
    """
    violations = option_faults(events, most)
    cdef size_t i, count = min(events.fault_count, most - min(<size_t>len(violations), most))
    for i in range(count):
        position = events_before + events.faults[i].position
        kind = validation.FaultKind(events.faults[i].kind)
        violations.append(validation.describe(validation.Fault(position, kind)))
    return validation.InvalidRequestError(violations[:most], total_faults(events))


cdef list option_faults(const Events *events, size_t most):
    if events.has_late_options:
        return [validation.LATE_OPTIONS]
    violations = first_zero_capacities(events, min(events.zero_capacities, most))
    if events.has_gap_fault:
        gap = Duration(seconds=events.options.gap_seconds, nanos=events.options.gap_nanos)
        violations.append(validation.gap_fault(gap))
    return violations


cdef list first_zero_capacities(const Events *events, size_t count):
    """Return the faults of the first `count` resources, by name, whose capacity is 0."""
    cdef size_t i
    if count == 0:
        return []
    cdef NamedItem *zeros = <NamedItem *>malloc(events.zero_capacities * sizeof(NamedItem))
    if zeros == NULL:
        raise MemoryError
    with nogil:
        list_zero_capacities(events, zeros)
        sort_by_name(zeros, events.zero_capacities)
    try:
        return [
            validation.zero_capacity((<const char *>zeros[i].name)[: zeros[i].length].decode())
            for i in range(count)
        ]
    finally:
        free(zeros)


cdef void list_zero_capacities(const Events *events, NamedItem *zeros) noexcept nogil:
    cdef const Resource *resource
    cdef size_t i, count = 0
    for i in range(events.options.capacities.count):
        resource = &events.options.capacities.items[i]
        if resource.capacity == 0:
            zeros[count].name = resource.name
            zeros[count].length = resource.length
            count += 1


# Answers in chunks


cdef class Chunks:
    """The answer to one request, in messages of a bounded size.

    Attributes:
        events: How many events the request holds.
        groups: How many groups of conflicting events the messages hold in all.
        held_bytes: How much memory it takes until it is freed, the request included.
    """

    cdef readonly size_t held_bytes
    cdef readonly size_t events
    cdef readonly size_t groups
    cdef bytes request
    cdef Cancellation cancellation
    cdef Budget budget
    cdef Query query

    def __cinit__(self):
        self.query.progress.cancelled = &NEVER_CANCELLED

    def __dealloc__(self):
        close(&self.query)

    def next(self, size_t size):
        """Return the next serialized ConflictList, of at most `size` bytes; None after the last.

        A group of more than `size` bytes comes in pieces, all but the last marked
        `continued`. An event, or the overlaps of a group, of more than `size` bytes
        make a message that is larger.
        """
        return next_chunk(&self.query, size)


cdef bytes next_chunk(Query *query, size_t size):
    """Return the next ConflictList of at most `size` bytes; see Chunks.next."""
    cdef bytes chunk = None
    if query.next_group < query.groups.count:
        if query.next_member or group_size(query, query.next_group) > size:
            chunk = next_piece(query, size)
        else:
            chunk = next_groups(query, size)
    check_cancelled(query)
    return chunk


cdef bytes next_groups(Query *query, size_t size):
    """Return as many whole groups as fit."""
    cdef uint64_t total = 0
    cdef size_t end
    cdef bytes chunk
    cdef uint8_t *out
    with nogil:
        end = fitting_groups(query, size, &total)
    chunk = PyBytes_FromStringAndSize(NULL, total)
    out = <uint8_t *>PyBytes_AS_STRING(chunk)
    with nogil:
        write_groups(out, query, query.next_group, end)
    query.next_group = end
    return chunk


cdef bytes next_piece(Query *query, size_t size):
    """Return as many events as fit of a group that is too large; at least one."""
    cdef Piece piece
    cdef bytes chunk
    cdef uint8_t *out
    with nogil:
        piece = fitting_piece(query, size)
    chunk = PyBytes_FromStringAndSize(NULL, delimited_size(piece.size))
    out = <uint8_t *>PyBytes_AS_STRING(chunk)
    with nogil:
        write_piece(out, query, piece)
    if piece.is_continued:
        query.next_member = piece.end
    else:
        query.next_group += 1
        query.next_member = 0
    return chunk


# Feeds


cdef class Feed:
    """A feed under way: events in the order of their starts, in messages.

    It holds the events that later ones may yet conflict with: those that have not ended, and
    the members of open groups. It serves one thread at a time.

    Attributes:
        events: How many events it has taken.
        groups: How many groups it has closed.
        explain: Whether its options ask for the overlaps.
    """

    cdef readonly size_t events
    cdef readonly size_t groups
    cdef readonly bint explain
    cdef Cancellation cancellation
    cdef Budget budget
    cdef FeedState state
    cdef bint has_begun
    cdef Instant last_start
    cdef Instant gap
    # Shows the groups that are closed and not sent yet.
    cdef Query closed

    def __cinit__(self, limits=DEFAULT_LIMITS, Cancellation cancellation=None):
        self.budget = unlimited_answer(limits)
        self.cancellation = cancellation
        self.last_start.seconds = -1
        self.open(&self.closed, b"")

    def __dealloc__(self):
        free_query(&self.closed)
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
        """How much memory it has allocated."""
        return allocated_bytes(&self.state)

    def take(self, bytes message not None):
        """Add a serialized EventList; `next` returns the groups that it closes.

        Its cost is that of its own events and of the groups that they close, not of all that is
        held.

        Raise what get_conflicts raises, with positions counted over the whole feed; also
        for an event that starts before the one before it, and for options after the first
        message.
        """
        cdef Query query
        self.drop_closed()
        self.open(&query, message)
        try:
            self.read(&query)
            self.add(&query)
        finally:
            close(&query)
        self.answer_closed()

    def finish(self):
        """End the feed; `next` returns the groups that were still open."""
        cdef Instant forever
        cdef bint is_expired
        self.drop_closed()
        forever.seconds = INT64_MAX
        forever.nanos = 0
        with nogil:
            is_expired = expire(&self.state, forever, 0, &self.closed.progress)
        if not is_expired:
            raise error_of(&self.closed)
        self.answer_closed()

    def next(self, size_t size):
        """Return the next serialized ConflictList, as Chunks.next; None after the last."""
        cdef bytes chunk = next_chunk(&self.closed, size)
        if chunk is None:
            self.drop_closed()
        return chunk

    cdef void open(self, Query *query, bytes message):
        open_query(
            query, reader_of(message), MAX_DEPTH, &self.budget, flag_of(self.cancellation)
        )

    cdef read(self, Query *query):
        """Read a message; the first one has the options."""
        cdef Events *events = &query.events
        events.is_feed = True
        events.may_have_options = not self.has_begun
        events.last_start = self.last_start
        read(query)
        if total_faults(events):
            raise invalid_request(events, self.events, MAX_VIOLATIONS)
        if not self.has_begun:
            self.has_begun = True
            self.gap = events.gap
            self.explain = events.options.explain
            if not keep_capacities(&self.state, &events.options.capacities, &query.progress):
                raise error_of(query)

    cdef add(self, Query *query):
        """Add the events of a message that was read."""
        cdef Events *events = &query.events
        cdef bint is_added
        events.gap = self.gap
        with nogil:
            apply_gap(events)
            is_added = add_message(&self.state, events, &query.progress)
        if not is_added:
            raise error_of(query)
        self.events += events.count
        if events.count:
            self.last_start = start_of(&events.intervals[events.count - 1])

    cdef answer_closed(self):
        """Make the closed groups the answer; their events stay where they are."""
        cdef bint is_shown
        with nogil:
            is_shown = show_closed(&self.state, &self.closed) and (
                not self.explain or explain_groups(&self.closed)
            )
        if not is_shown:
            raise error_of(&self.closed)
        self.groups += self.closed.groups.count

    cdef drop_closed(self):
        """Hold the closed groups no longer: they were sent."""
        cdef bint is_released
        free_query(&self.closed)
        self.open(&self.closed, b"")
        with nogil:
            is_released = release_closed(&self.state, &self.closed.progress)
        if not is_released:
            raise error_of(&self.closed)


# Batches


cdef class Batch:
    """A BatchGetConflictsRequest, answered list by list, so that one at a time takes memory."""

    cdef bytes request
    cdef size_t max_lists
    cdef Budget budget
    cdef Cancellation cancellation
    # The answer so far, in bytes that have room for more.
    cdef PyObject *content
    cdef size_t content_size
    cdef list violations
    cdef size_t fault_count

    def __cinit__(self, bytes request, limits, Cancellation cancellation):
        self.request = request
        self.max_lists = limits.max_lists_per_batch
        self.budget = budget_of(limits)
        self.cancellation = cancellation
        self.violations = []

    def __dealloc__(self):
        Py_XDECREF(self.content)

    cdef Answer run(self):
        cdef Answer answer = Answer.__new__(Answer)
        cdef Reader reader = reader_of(self.request)
        cdef size_t number, count = self.count_lists()
        for number in range(count):
            self.answer_list(next_list(&reader), number, answer)
        if self.fault_count:
            raise validation.InvalidRequestError(self.violations, self.fault_count)
        answer.content = self.finish()
        return answer

    cdef size_t count_lists(self) except? 0:
        cdef Reader reader = reader_of(self.request)
        cdef Reader content
        cdef uint32_t tag = 0
        cdef size_t count = 0
        cdef bint is_read = True
        with nogil:
            while is_read and reader.at < reader.end:
                is_read = read_tag(&reader, &tag)
                if is_read and tag == (BATCH_GET_CONFLICTS_REQUEST_LISTS << 3 | LENGTH_DELIMITED):
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

    cdef answer_list(self, Reader content, size_t number, Answer answer):
        """Add the answer to a list, unless a list has had a fault."""
        cdef Query query
        open_query(&query, content, MAX_DEPTH - 1, &self.budget, flag_of(self.cancellation))
        try:
            self.read(&query, number)
            if self.fault_count == 0:
                solve(&query)
                self.write(&query)
                answer.events += query.events.count
                answer.groups += query.groups.count
        finally:
            close(&query)

    cdef read(self, Query *query, size_t number):
        """Read a list, and note its faults."""
        try:
            read(query)
        except validation.InvalidRequestError:
            raise malformed_batch() from None
        except LimitExceededError as error:
            raise LimitExceededError(f"lists[{number}]: {error}") from None
        self.fault_count += total_faults(&query.events)
        if total_faults(&query.events) and len(self.violations) < MAX_VIOLATIONS:
            error = invalid_request(&query.events, 0, MAX_VIOLATIONS - len(self.violations))
            path = f"lists[{number}]"
            self.violations += [violation.within(path) for violation in error.violations]

    cdef write(self, Query *query):
        """Add the answer to a list."""
        cdef uint64_t size = measure(query)
        cdef uint64_t end = self.content_size + delimited_size(size)
        cdef uint8_t *out
        check_answer_size(&self.budget, end)
        self.reserve(end)
        out = <uint8_t *>PyBytes_AS_STRING(<object>self.content) + self.content_size
        with nogil:
            out = write_header(out, BATCH_GET_CONFLICTS_RESPONSE_RESULTS, size)
            write_groups(out, query, 0, query.groups.count)
        check_cancelled(query)
        self.content_size = end

    cdef reserve(self, uint64_t size):
        """Make the answer large enough; what is not written of it takes no memory."""
        cdef uint64_t room
        if self.content == NULL:
            room = max(size, <uint64_t>PyBytes_GET_SIZE(self.request))
            self.content = PyBytes_NewRef(NULL, room)
        elif size > <uint64_t>PyBytes_GET_SIZE(<object>self.content):
            room = min(2 * size, self.budget.max_answer_bytes)
            _PyBytes_Resize(&self.content, max(size, room))

    cdef bytes finish(self):
        """Return the serialized BatchGetConflictsResponse."""
        if self.content == NULL:
            return b""
        _PyBytes_Resize(&self.content, self.content_size)
        return <bytes>self.content


cdef Reader next_list(Reader *batch) noexcept nogil:
    """Return the next list of a batch that has one more."""
    cdef Reader content
    cdef uint32_t tag = 0
    content.at = content.end = batch.at
    read_tag(batch, &tag)
    while tag != (BATCH_GET_CONFLICTS_REQUEST_LISTS << 3 | LENGTH_DELIMITED):
        skip_value(batch, tag, MAX_DEPTH)
        read_tag(batch, &tag)
    read_delimited(batch, &content)
    return content


cdef malformed_batch():
    return validation.malformed("BatchGetConflictsRequest")
