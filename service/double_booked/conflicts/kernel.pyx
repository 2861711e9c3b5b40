# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The answer to a request, from wire bytes to wire bytes, without the GIL.

A ConflictGroup holds its Events as they came, so that no message object is
made: the request's own bytes are sorted and framed anew. The meaning is that of
definition.py.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from double_booked.conflicts.order cimport Key, sort_keys
from double_booked.conflicts.wire cimport (
    LENGTH_DELIMITED,
    MAX_DEPTH,
    VARINT,
    Reader,
    delimited_size,
    is_utf8,
    read_delimited,
    read_tag,
    read_varint,
    skip_value,
    write_header,
)

from double_booked.conflicts import validation

cdef enum:
    # The numbers of validation.FaultKind.
    MALFORMED = 0
    ID_NOT_UTF8 = 1
    START_MISSING = 4
    START_SECONDS = 5
    START_NANOS = 6
    END_MISSING = 7
    END_SECONDS = 8
    END_NANOS = 9
    END_BEFORE_START = 10

cdef enum:
    MAX_FAULTS = 100  # validation.MAX_VIOLATIONS
    MAX_NANOS = 999_999_999

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void *) noexcept nogil

cdef enum:
    # How many events ahead of its use to fetch one's interval, and then its bytes:
    # sorted, they lie all over memory. Measured at 1,000,000 events: 207 -> 168 ns each.
    INTERVALS_AHEAD = 16
    BYTES_AHEAD = 8

cdef int64_t MIN_SECONDS = validation.MIN_SECONDS
cdef int64_t MAX_SECONDS = validation.MAX_SECONDS


cdef struct Fault:
    uint32_t position
    uint32_t kind


cdef struct Faults:
    Fault first[MAX_FAULTS]
    size_t count


cdef struct Timestamp:
    int64_t seconds
    int32_t nanos
    bint present


cdef struct Interval:
    # Seconds since 0001-01-01, so that none is negative.
    int64_t start_seconds
    int64_t end_seconds
    uint32_t start_nanos
    uint32_t end_nanos
    # The Event's bytes in the request.
    uint32_t offset
    uint32_t length


cdef struct Group:
    uint32_t first  # in the sorted order
    uint32_t count
    uint64_t size  # of the ConflictGroup's content, in bytes


cdef class Answer:
    """The answer to one request.

    Attributes:
        content: The serialized ConflictList. Each event is the slice of the
            request that it came as.
        events: How many events the request holds.
        groups: How many groups of conflicting events the answer holds.
    """

    cdef readonly bytes content
    cdef readonly size_t events
    cdef readonly size_t groups


def get_conflicts(bytes request not None):
    """Finds the groups of conflicting events of a serialized EventList.

    The GIL is released while it works.

    Raises:
        double_booked.conflicts.validation.InvalidRequest: The bytes are not an
            EventList, or an event's times cannot be used.
    """
    cdef Search search = Search(request)
    cdef Answer answer = Answer.__new__(Answer)
    search.run()
    answer.content = search.answer()
    answer.events = search.event_count
    answer.groups = search.group_count
    return answer


cdef class Search:
    """One request, and what is found out about it step by step."""

    cdef bytes request
    cdef const uint8_t *begin
    cdef Interval *intervals
    cdef uint32_t *order
    cdef Group *groups
    cdef size_t event_count, group_count
    cdef bint sorted
    cdef Faults faults

    def __cinit__(self, bytes request):
        self.request = request
        self.begin = <const uint8_t *>PyBytes_AS_STRING(request)

    def __dealloc__(self):
        free(self.intervals)
        free(self.order)
        free(self.groups)

    cdef run(self):
        cdef Reader reader
        cdef bint enough_memory = False
        if PyBytes_GET_SIZE(self.request) > INT32_MAX:
            self.malformed()
        else:
            reader.at = self.begin
            reader.end = reader.at + PyBytes_GET_SIZE(self.request)
            with nogil:
                enough_memory = self.parse(reader) and self.sort() and self.find_groups()
        if self.faults.count:
            raise self.invalid_request()
        if not enough_memory:
            raise MemoryError

    cdef bint parse(self, Reader reader) noexcept nogil:
        """Fills `intervals` and `faults`; False where memory ran out."""
        cdef size_t i = 0
        cdef uint32_t tag
        cdef Reader event
        if not self.count_events(reader):
            self.malformed()
            return True
        self.intervals = <Interval *>malloc((self.event_count + 1) * sizeof(Interval))
        if self.intervals == NULL:
            return False
        self.sorted = True
        while reader.at < reader.end:
            # count_events has read the same tags and lengths.
            read_tag(&reader, &tag)
            if tag != (1 << 3 | LENGTH_DELIMITED):
                skip_value(&reader, tag, MAX_DEPTH)
                continue
            read_delimited(&reader, &event)
            self.intervals[i].offset = <uint32_t>(event.at - self.begin)
            self.intervals[i].length = <uint32_t>(event.end - event.at)
            if not self.parse_event(event, i):
                self.malformed()
                return True
            if i > 0 and starts_before(&self.intervals[i], &self.intervals[i - 1]):
                self.sorted = False
            i += 1
        return True

    cdef bint count_events(self, Reader reader) noexcept nogil:
        cdef uint32_t tag
        cdef Reader event
        self.event_count = 0
        while reader.at < reader.end:
            if not read_tag(&reader, &tag):
                return False
            if tag == (1 << 3 | LENGTH_DELIMITED):
                if not read_delimited(&reader, &event):
                    return False
                self.event_count += 1
            elif not skip_value(&reader, tag, MAX_DEPTH):
                return False
        return True

    cdef bint parse_event(self, Reader event, size_t position) noexcept nogil:
        """Fills the interval at `position`; False where the bytes are not an Event."""
        cdef uint32_t tag, field
        cdef Reader content
        cdef Timestamp start, end
        start.seconds = start.nanos = start.present = 0
        end.seconds = end.nanos = end.present = 0
        while event.at < event.end:
            if not read_tag(&event, &tag):
                return False
            field = tag >> 3
            if field > 5 or tag & 7 != LENGTH_DELIMITED:
                if not skip_value(&event, tag, MAX_DEPTH - 1):
                    return False
                continue
            if not read_delimited(&event, &content):
                return False
            if field == 4:
                if not merge_timestamp(content, &start):
                    return False
            elif field == 5:
                if not merge_timestamp(content, &end):
                    return False
            elif not is_utf8(content):
                self.fault(position, ID_NOT_UTF8 + field - 1)
        self.take_times(position, &start, &end)
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
        cdef size_t before = self.faults.count
        if not timestamp.present:
            self.fault(position, missing)
            return False
        if not MIN_SECONDS <= timestamp.seconds <= MAX_SECONDS:
            self.fault(position, missing + START_SECONDS - START_MISSING)
        if not 0 <= timestamp.nanos <= MAX_NANOS:
            self.fault(position, missing + START_NANOS - START_MISSING)
        return self.faults.count == before

    cdef void fault(self, size_t position, uint32_t kind) noexcept nogil:
        if self.faults.count < MAX_FAULTS:
            self.faults.first[self.faults.count].position = <uint32_t>position
            self.faults.first[self.faults.count].kind = kind
        self.faults.count += 1

    cdef void malformed(self) noexcept nogil:
        """Bytes that are not the message are the only fault of a request."""
        self.faults.count = 0
        self.fault(0, MALFORMED)

    cdef invalid_request(self):
        named = min(self.faults.count, <size_t>MAX_FAULTS)
        faults = [
            validation.Fault(
                self.faults.first[i].position, validation.FaultKind(self.faults.first[i].kind)
            )
            for i in range(named)
        ]
        return validation.invalid_request(faults, self.faults.count)

    cdef bint sort(self) noexcept nogil:
        """Fills `order` with positions by start; False where memory ran out."""
        cdef size_t i, count = self.event_count
        cdef Key *keys
        cdef Key *in_order
        if self.faults.count:
            return True
        self.order = <uint32_t *>malloc((count + 1) * sizeof(uint32_t))
        if self.order == NULL:
            return False
        if self.sorted:
            for i in range(count):
                self.order[i] = <uint32_t>i
            return True
        keys = <Key *>malloc(2 * count * sizeof(Key))
        if keys == NULL:
            return False
        for i in range(count):
            keys[i].seconds = self.intervals[i].start_seconds
            keys[i].nanos = self.intervals[i].start_nanos
            keys[i].position = <uint32_t>i
        in_order = sort_keys(keys, keys + count, count)
        for i in range(count):
            self.order[i] = in_order[i].position
        free(keys)
        return True

    cdef bint find_groups(self) noexcept nogil:
        """Fills `groups` with runs of `order` that overlap; False where memory ran out."""
        cdef size_t i, first = 0
        cdef uint64_t size = 0
        cdef const Interval *interval
        cdef int64_t reach_seconds = -1
        cdef uint32_t reach_nanos = 0
        if self.faults.count:
            return True
        for i in range(self.event_count):
            interval = &self.intervals[self.order[i]]
            self.prefetch_interval(i + INTERVALS_AHEAD)
            if not is_earlier(
                interval.start_seconds, interval.start_nanos, reach_seconds, reach_nanos
            ):
                if not self.add_group(first, i - first, size):
                    return False
                first = i
                size = 0
            size += delimited_size(interval.length)
            extend_reach(interval, &reach_seconds, &reach_nanos)
        return self.add_group(first, self.event_count - first, size)

    cdef void prefetch_interval(self, size_t i) noexcept nogil:
        if i < self.event_count:
            prefetch(&self.intervals[self.order[i]])

    cdef bint add_group(self, size_t first, size_t count, uint64_t size) noexcept nogil:
        """Notes a group, if it is one; False where memory ran out."""
        cdef Group *groups
        cdef size_t filled = self.group_count
        if count < 2:
            return True
        # The capacity is a power of two, and full whenever the count is one.
        if filled & (filled - 1) == 0:
            groups = <Group *>realloc(self.groups, max(2 * filled, <size_t>1) * sizeof(Group))
            if groups == NULL:
                return False
            self.groups = groups
        self.groups[filled].first = <uint32_t>first
        self.groups[filled].count = <uint32_t>count
        self.groups[filled].size = size
        self.group_count += 1
        return True

    cdef bytes answer(self):
        """The serialized ConflictList."""
        cdef uint64_t size = 0
        cdef size_t i
        cdef bytes answer
        cdef uint8_t *at
        for i in range(self.group_count):
            size += delimited_size(self.groups[i].size)
        answer = PyBytes_FromStringAndSize(NULL, size)
        at = <uint8_t *>PyBytes_AS_STRING(answer)
        with nogil:
            for i in range(self.group_count):
                at = self.write_group(at, &self.groups[i])
        return answer

    cdef uint8_t *write_group(self, uint8_t *at, const Group *group) noexcept nogil:
        cdef const Interval *interval
        cdef size_t i
        at = write_header(at, 1, group.size)
        for i in range(group.first, group.first + group.count):
            interval = &self.intervals[self.order[i]]
            self.prefetch_interval(i + INTERVALS_AHEAD)
            if i + BYTES_AHEAD < self.event_count:
                prefetch(self.begin + self.intervals[self.order[i + BYTES_AHEAD]].offset)
            at = write_header(at, 1, interval.length)
            memcpy(at, self.begin + interval.offset, interval.length)
            at += interval.length
        return at


cdef inline bint is_earlier(
    int64_t seconds, uint32_t nanos, int64_t other_seconds, uint32_t other_nanos
) noexcept nogil:
    return seconds < other_seconds or (seconds == other_seconds and nanos < other_nanos)


cdef inline bint starts_before(const Interval *interval, const Interval *other) noexcept nogil:
    return is_earlier(
        interval.start_seconds, interval.start_nanos, other.start_seconds, other.start_nanos
    )


cdef inline void extend_reach(
    const Interval *interval, int64_t *seconds, uint32_t *nanos
) noexcept nogil:
    """Moves the end of a group to that of the interval, if that is later.

    An instant ends one nanosecond on, as in definition.occupied_time; the
    nanosecond may come to 1e9, which compares as the next second does.
    """
    cdef uint32_t end_nanos = interval.end_nanos
    if interval.end_seconds == interval.start_seconds and end_nanos == interval.start_nanos:
        end_nanos += 1
    if is_earlier(seconds[0], nanos[0], interval.end_seconds, end_nanos):
        seconds[0] = interval.end_seconds
        nanos[0] = end_nanos


cdef bint merge_timestamp(Reader reader, Timestamp *timestamp) noexcept nogil:
    """Reads a Timestamp over what was read before; False where the bytes are none."""
    cdef uint32_t tag
    cdef uint64_t value
    timestamp.present = True
    while reader.at < reader.end:
        if not read_tag(&reader, &tag):
            return False
        if tag == (1 << 3 | VARINT):
            if not read_varint(&reader, &value):
                return False
            timestamp.seconds = <int64_t>value
        elif tag == (2 << 3 | VARINT):
            if not read_varint(&reader, &value):
                return False
            timestamp.nanos = <int32_t>value
        elif not skip_value(&reader, tag, MAX_DEPTH - 2):
            return False
    return True
