# cython: language_level=3, cdivision=True
"""Read columns of times, and map their instants to 64 bits in the same order.

An instant is nanoseconds since 1970 in 128 bits: 64 bits would overflow in the year 2262.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from double_booked.columns.arrow cimport Bitmap, is_valid
from double_booked.conflicts.growable cimport use_huge_pages
from double_booked.conflicts.instants cimport MAX_NANOS, MIN_SECONDS, NANOS_PER_SECOND
from double_booked.conflicts.progress cimport NO_MEMORY, Progress, fail, not_cancelled
from double_booked.conflicts.radix_sort cimport Key, sort_keys, sorts_before

cdef extern from *:
    # Cython takes it for 64 bits: so no min or max, whose temporaries would have those.
    ctypedef long long int128 "__int128"

cdef enum:
    # The struct, its seconds and its nanos each have a validity bitmap.
    MAX_BITMAPS = 3


cdef struct TimeChunk:
    # The row of its first value.
    size_t first_row
    size_t length
    Bitmap validity[MAX_BITMAPS]
    bint may_have_nulls
    const int64_t *values
    # NULL if the values are the whole instant.
    const int32_t *nanos


cdef struct TimeColumn:
    TimeChunk *chunks
    size_t chunk_count
    size_t length
    # Nanoseconds of a value's unit, and the values of the years 1 and 9999 in it.
    int64_t scale
    int64_t min_value
    int64_t max_value
    # NumPy's NaT, which is the lowest value, is a null.
    bint has_nat
    # No value is null, and none has nanos besides.
    bint is_plain


cdef struct TimeReader:
    # Reads the values in turn; `at` counts within the chunk.
    const TimeColumn *column
    size_t chunk
    size_t at


cdef enum TimeFault:
    # In the order of FaultKind.
    NO_FAULT
    NULL_TIME
    YEAR_OUT_OF_RANGE
    NANOS_OUT_OF_RANGE


cdef inline TimeReader reader_of(const TimeColumn *column) noexcept nogil:
    cdef TimeReader reader
    reader.column = column
    reader.chunk = reader.at = 0
    return reader


cdef inline bint plain_range(
    const TimeColumn *column, int128 *lowest, int128 *highest
) noexcept nogil:
    """Set the earliest and the latest instant; return whether all are in years 1 to 9999."""
    cdef int64_t low = INT64_MAX, high = INT64_MIN
    cdef size_t i, j
    for i in range(column.chunk_count):
        for j in range(column.chunks[i].length):
            low = min(low, column.chunks[i].values[j])
            high = max(high, column.chunks[i].values[j])
    lowest[0] = <int128>low * column.scale
    highest[0] = <int128>high * column.scale
    return column.length == 0 or (low >= column.min_value and high <= column.max_value)


cdef inline bint is_null(const TimeChunk *chunk, size_t i) noexcept nogil:
    cdef int bitmap
    for bitmap in range(<int>MAX_BITMAPS):
        if not is_valid(&chunk.validity[bitmap], i):
            return True
    return False


cdef inline TimeFault read_time(TimeReader *reader, int128 *instant) noexcept nogil:
    """Read the next of the column's values, of which there must be one more."""
    while reader.at == reader.column.chunks[reader.chunk].length:
        reader.chunk += 1
        reader.at = 0
    reader.at += 1
    return read_value(
        reader.column, &reader.column.chunks[reader.chunk], reader.at - 1, instant
    )


cdef inline TimeFault read_value(
    const TimeColumn *column, const TimeChunk *chunk, size_t i, int128 *instant
) noexcept nogil:
    """Read value i of a chunk."""
    cdef int64_t value = chunk.values[i]
    if chunk.may_have_nulls and is_null(chunk, i):
        return NULL_TIME
    if value < column.min_value or value > column.max_value:
        return NULL_TIME if column.has_nat and value == INT64_MIN else YEAR_OUT_OF_RANGE
    instant[0] = <int128>value * column.scale
    if chunk.nanos != NULL:
        if <uint32_t>chunk.nanos[i] > MAX_NANOS:
            return NANOS_OUT_OF_RANGE
        instant[0] += chunk.nanos[i]
    return NO_FAULT


cdef inline int128 time_of_row(const TimeColumn *column, size_t row) noexcept nogil:
    """Return the instant of a row that is valid."""
    cdef size_t low = 0, high = column.chunk_count - 1, middle
    cdef int128 instant = 0
    while low < high:
        middle = (low + high + 1) >> 1
        if column.chunks[middle].first_row <= row:
            low = middle
        else:
            high = middle - 1
    read_value(column, &column.chunks[low], row - column.chunks[low].first_row, &instant)
    return instant


# Timelines


cdef struct Timeline:
    # Maps instants to numbers from 0 to MAX_PLACE, such that an end is mapped to at most the place
    # of a start if and only if it is at most that start.
    int128 lowest
    # NULL: the places are nanoseconds since the lowest start. Else: the distinct starts in order;
    # the place of an instant is how many of them are before it.
    Key *starts
    size_t start_count


cdef extern from *:
    # An end beyond it is later than every start, which is all that matters.
    const uint64_t MAX_PLACE "((uint64_t)INT64_MAX)"


cdef inline Key key_of(int128 instant, size_t position) noexcept nogil:
    """Return an instant as seconds since the year 1, and nanos."""
    cdef Key key
    cdef int128 since = instant - <int128>MIN_SECONDS * NANOS_PER_SECOND
    key.seconds = <int64_t>(since // NANOS_PER_SECOND)
    key.nanos = <uint32_t>(since % NANOS_PER_SECOND)
    key.position = <uint32_t>position
    return key


cdef inline bint make_timeline(
    Timeline *timeline, const TimeColumn *column, int128 lowest, int128 highest, Progress *progress
) noexcept nogil:
    """Make the timeline of a column of valid starts, of which the earliest and latest are given."""
    timeline.lowest = lowest
    timeline.starts = NULL
    if highest - lowest < <int128>INT64_MAX:
        return True
    timeline.starts = <Key *>malloc(2 * column.length * sizeof(Key))
    if timeline.starts == NULL:
        return fail(progress, NO_MEMORY)
    return sort_starts(timeline, column, progress)


cdef inline bint sort_starts(
    Timeline *timeline, const TimeColumn *column, Progress *progress
) noexcept nogil:
    """Fill the distinct starts; their array has room for each twice."""
    cdef TimeReader reader = reader_of(column)
    cdef Key *keys = timeline.starts
    cdef Key *in_order
    cdef size_t i, count = column.length, distinct = 0
    cdef int128 instant = 0
    for i in range(count):
        read_time(&reader, &instant)
        keys[i] = key_of(instant, i)
    in_order = sort_keys(keys, keys + count, count, progress.cancelled)
    for i in range(count):
        if i == 0 or sorts_before(&keys[distinct - 1], &in_order[i]):
            keys[distinct] = in_order[i]
            distinct += 1
    timeline.start_count = distinct
    in_order = <Key *>realloc(keys, distinct * sizeof(Key))
    if in_order != NULL:
        timeline.starts = in_order
    return not_cancelled(progress)


cdef inline uint64_t place_of(const Timeline *timeline, int128 instant) noexcept nogil:
    """Return the place of an instant; one before the earliest start has place 0."""
    if instant < timeline.lowest:
        return 0
    if timeline.starts != NULL:
        return starts_before(timeline, key_of(instant, 0))
    instant -= timeline.lowest
    return MAX_PLACE if instant > <int128>INT64_MAX else <uint64_t>instant


cdef inline size_t starts_before(const Timeline *timeline, Key key) noexcept nogil:
    """Return how many of the distinct starts are before a key."""
    cdef size_t low = 0, high = timeline.start_count, middle
    while low < high:
        middle = (low + high) >> 1
        if sorts_before(&timeline.starts[middle], &key):
            low = middle + 1
        else:
            high = middle
    return low


cdef inline void free_timeline(Timeline *timeline) noexcept nogil:
    free(timeline.starts)
    timeline.starts = NULL


# Places


cdef struct Places:
    # The place of each row's start or padded end: (values[row] - lowest) * scale + gap.
    const int64_t *values
    int64_t lowest
    int64_t scale
    int64_t gap
    # NULL if the values are the memory of the column.
    int64_t *copy


cdef inline uint64_t place_at(const Places *places, size_t row) noexcept nogil:
    return <uint64_t>((places.values[row] - places.lowest) * places.scale + places.gap)


cdef inline bint make_copy(Places *places, size_t rows) noexcept nogil:
    """Make room for values that are places; return False if memory ran out."""
    places.copy = <int64_t *>malloc((rows + 1) * sizeof(int64_t))
    places.values = places.copy
    places.lowest = places.gap = 0
    places.scale = 1
    use_huge_pages(places.copy, rows * sizeof(int64_t))
    return places.copy != NULL


cdef inline bint take_values(Places *places, const TimeColumn *column) noexcept nogil:
    """Take the values of a plain column where they are, or else copy its chunks.

    Pages of memory that are touched first cost more than all else for 10,000,000 events.
    """
    cdef size_t i
    cdef const TimeChunk *chunk
    if column.chunk_count == 1:
        places.values = column.chunks[0].values
        return True
    if not make_copy(places, column.length):
        return False
    for i in range(column.chunk_count):
        chunk = &column.chunks[i]
        if chunk.length:
            memcpy(places.copy + chunk.first_row, chunk.values, chunk.length * sizeof(int64_t))
    return True


cdef inline bint are_ordered(const Places *starts, const Places *ends, size_t rows) noexcept nogil:
    """Return whether no value of an end is below that of its start."""
    cdef bint ordered = True
    cdef size_t row
    for row in range(rows):
        ordered &= starts.values[row] <= ends.values[row]
    return ordered


cdef inline void free_places(Places *places) noexcept nogil:
    free(places.copy)
    places.copy = NULL
    places.values = NULL
