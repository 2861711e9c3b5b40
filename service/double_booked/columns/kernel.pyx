# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: cdivision=True
"""Find groups and overlaps in columns, from Arrow memory to Arrow memory, without the GIL.

conflicts/definition.py defines the answer. The steps are in .pxd files, which are compiled into
this module: times.pxd and names.pxd read the columns, records.pxd sorts, grouping.pxd sweeps.
"""

cimport cython
from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_STRIDES,
    Py_buffer,
    PyBuffer_IsContiguous,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport ENOMEM
from libc.stdint cimport (
    INT32_MAX,
    INT64_MAX,
    INT64_MIN,
    UINT32_MAX,
    UINT64_MAX,
    int32_t,
    int64_t,
    uint8_t,
    uint32_t,
)
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset, strcmp

from double_booked.columns.arrow cimport (
    ARROW_FLAG_NULLABLE,
    ArrowArray,
    ArrowArrayStream,
    ArrowSchema,
    Bitmap,
    is_valid,
    read_integer,
    validity_of,
)
from double_booked.columns.grouping cimport (
    Arrivals,
    Crowd,
    Group,
    Grouping,
    arrive,
    free_crowd,
    group_exclusive,
    group_with_capacity,
    leave_all,
    make_crowd,
)
from double_booked.columns.names cimport (
    LARGE_STRINGS,
    NAME_NO_MEMORY,
    NAME_NULL,
    NAME_VALID,
    STRING_VIEWS,
    STRINGS,
    Elements,
    NameChunk,
    NameColumn,
    NameFault,
    Strings,
    code_at,
    list_begin,
)
from double_booked.columns.ordering cimport order_groups
from double_booked.columns.records cimport Record, sort_records
from double_booked.columns.times cimport (
    NO_FAULT,
    Places,
    TimeChunk,
    TimeColumn,
    TimeFault,
    Timeline,
    TimeReader,
    are_ordered,
    free_places,
    free_timeline,
    int128,
    key_of,
    make_copy,
    make_timeline,
    place_at,
    place_of,
    plain_range,
    read_time,
    reader_of,
    take_values,
    time_of_row,
)
from double_booked.conflicts.growable cimport make_room, use_huge_pages
from double_booked.conflicts.instants cimport (
    MAX_SECONDS,
    MIN_SECONDS,
    NANOS_PER_SECOND,
    Instant,
    Interval,
)
from double_booked.conflicts.overlaps cimport ActiveSet, explain_group, free_active, make_active
from double_booked.conflicts.progress cimport (
    CANCELLED,
    CHECK_EVERY,
    MALFORMED,
    NO_MEMORY,
    Budget,
    Flag,
    Progress,
    fail,
    not_cancelled,
)
from double_booked.conflicts.query cimport Group as WireGroup
from double_booked.conflicts.query cimport (
    GroupOverlaps,
    Overlap,
    Query,
    free_query,
    open_query,
)
from double_booked.conflicts.radix_sort cimport Key
from double_booked.conflicts.resources cimport (
    NO_RESOURCE,
    UNNAMED,
    Resource,
    ResourceTable,
    add_resource,
    find_resource,
)
from double_booked.conflicts.wire cimport Reader, prefetch

from double_booked.columns.errors import (
    InvalidColumnsError,
    different_types,
    invalid_rows,
    invalid_type,
)
from double_booked.columns.results import Overlaps, Sweep

cdef enum:
    MAX_FAULTS = 100
    # In the order of FaultKind.
    END_FAULTS = 3
    END_BEFORE_START = 7
    RESOURCE_FAULTS = 7
    # So many bare codes are always allowed; there is a counter for each up to the highest.
    MIN_CODE_LIMIT = 1_048_576
    CODES_PER_ROW = 4
    # How many occurrences ahead to fetch the place of a record: each resource has its own.
    RECORDS_AHEAD = 16

cdef extern from *:
    const size_t MAX_ROWS "((size_t)UINT32_MAX - 1)"

TIMES = "a timestamp, int64, or struct<seconds: int64, nanos: int32>"
NAMES = "strings, a dictionary of strings, lists of either, or integer codes"
INTEGERS = frozenset((b"c", b"C", b"s", b"S", b"i", b"I", b"l", b"L"))
SCALES = {b"s": 1_000_000_000, b"m": 1_000_000, b"u": 1_000, b"n": 1}
BUFFER_CODES = frozenset("bBhHiIlLqQ")
NUMPY_UNITS = {"s": b"tss:", "ms": b"tsm:", "us": b"tsu:", "ns": b"tsn:"}


# Columns out


@cython.final
cdef class Memory:
    """Memory that is freed with the last column that shows it."""

    cdef void *content

    def __dealloc__(self):
        free(self.content)


cdef Memory allocate(size_t size):
    cdef Memory memory = Memory.__new__(Memory)
    memory.content = malloc(size + 1)
    if memory.content == NULL:
        raise MemoryError
    return memory


@cython.final
cdef class Column:
    """A column of a result, for any library that reads Arrow's PyCapsule interface.

    A column of int64 or of timestamps is a buffer too, of int64, for NumPy: there a null is -1.
    """

    cdef bytes format
    cdef int64_t length
    cdef int64_t null_count
    # Each a Memory, or None for the validity of a column without nulls.
    cdef tuple buffers
    # The names and the columns of lists and structs.
    cdef tuple names
    cdef tuple children
    cdef Py_ssize_t shape[1]

    def __len__(self):
        return self.length

    def __arrow_c_schema__(self):
        """Return the type as a PyCapsule of an ArrowSchema."""
        cdef ArrowSchema *schema = <ArrowSchema *>calloc(1, sizeof(ArrowSchema))
        if schema == NULL:
            raise MemoryError
        capsule = PyCapsule_New(schema, b"arrow_schema", release_schema_capsule)
        export_schema(self, b"", schema)
        return capsule

    def __arrow_c_array__(self, requested_schema=None):
        """Return the type and the content as PyCapsules; the type is the column's own always."""
        cdef ArrowArray *array
        schema = self.__arrow_c_schema__()
        array = <ArrowArray *>calloc(1, sizeof(ArrowArray))
        if array == NULL:
            raise MemoryError
        capsule = PyCapsule_New(array, b"arrow_array", release_array_capsule)
        export_array(self, array)
        return schema, capsule

    def __arrow_c_stream__(self, requested_schema=None):
        """Return the column as a PyCapsule of a stream of one chunk."""
        cdef ArrowArrayStream *stream = <ArrowArrayStream *>calloc(1, sizeof(ArrowArrayStream))
        if stream == NULL:
            raise MemoryError
        capsule = PyCapsule_New(stream, b"arrow_array_stream", release_stream_capsule)
        state = [self, False]
        Py_INCREF(state)
        stream.private_data = <void *>state
        stream.get_schema = stream_schema
        stream.get_next = stream_next
        stream.get_last_error = stream_error
        stream.release = release_stream
        return capsule

    def __getbuffer__(self, Py_buffer *view, int flags):
        if self.format != b"l" and not self.format.startswith(b"ts"):
            raise BufferError("only a column of integers or timestamps is a buffer")
        self.shape[0] = self.length
        view.buf = (<Memory>self.buffers[1]).content
        view.obj = self
        view.len = self.length * sizeof(int64_t)
        view.itemsize = sizeof(int64_t)
        view.readonly = 1
        view.format = b"q"
        view.ndim = 1
        view.shape = self.shape
        view.strides = &view.itemsize
        view.suboffsets = NULL
        view.internal = NULL


cdef Column make_column(
    bytes column_format, size_t length, tuple buffers, size_t null_count=0, tuple names=(),
    tuple children=()
):
    cdef Column column = Column.__new__(Column)
    column.format = column_format
    column.length = length
    column.null_count = null_count
    column.buffers = buffers
    column.names = names
    column.children = children
    return column


cdef int export_schema(Column column, bytes name, ArrowSchema *schema) except -1:
    cdef size_t i, count = len(column.children)
    owner = (column, name)
    schema.children = <ArrowSchema **>calloc(count + 1, sizeof(void *))
    if schema.children == NULL:
        raise MemoryError
    schema.format = column.format
    schema.name = name
    schema.flags = ARROW_FLAG_NULLABLE
    schema.release = release_schema
    Py_INCREF(owner)
    schema.private_data = <void *>owner
    for i in range(count):
        schema.children[i] = <ArrowSchema *>calloc(1, sizeof(ArrowSchema))
        if schema.children[i] == NULL:
            raise MemoryError
        schema.n_children = i + 1
        export_schema(column.children[i], column.names[i], schema.children[i])
    return 0


cdef int export_array(Column column, ArrowArray *array) except -1:
    cdef size_t i, count = len(column.children), buffer_count = len(column.buffers)
    array.children = <ArrowArray **>calloc(count + 1, sizeof(void *))
    array.buffers = <const void **>calloc(buffer_count + 1, sizeof(void *))
    if array.children == NULL or array.buffers == NULL:
        free(array.children)
        free(array.buffers)
        raise MemoryError
    array.length = column.length
    array.null_count = column.null_count
    array.n_buffers = buffer_count
    array.release = release_array
    Py_INCREF(column)
    array.private_data = <void *>column
    for i in range(buffer_count):
        if column.buffers[i] is not None:
            array.buffers[i] = (<Memory>column.buffers[i]).content
    for i in range(count):
        array.children[i] = <ArrowArray *>calloc(1, sizeof(ArrowArray))
        if array.children[i] == NULL:
            raise MemoryError
        array.n_children = i + 1
        export_array(column.children[i], array.children[i])
    return 0


cdef void release_schema(ArrowSchema *schema) noexcept with gil:
    cdef int64_t i
    for i in range(schema.n_children):
        if schema.children[i].release != NULL:
            schema.children[i].release(schema.children[i])
        free(schema.children[i])
    free(schema.children)
    Py_DECREF(<object>schema.private_data)
    schema.release = NULL


cdef void release_array(ArrowArray *array) noexcept with gil:
    cdef int64_t i
    for i in range(array.n_children):
        if array.children[i].release != NULL:
            array.children[i].release(array.children[i])
        free(array.children[i])
    free(array.children)
    free(array.buffers)
    Py_DECREF(<object>array.private_data)
    array.release = NULL


cdef int stream_schema(ArrowArrayStream *stream, ArrowSchema *schema) noexcept with gil:
    memset(schema, 0, sizeof(ArrowSchema))
    try:
        export_schema((<list>stream.private_data)[0], b"", schema)
    except MemoryError:
        return ENOMEM
    return 0


cdef int stream_next(ArrowArrayStream *stream, ArrowArray *array) noexcept with gil:
    state = <list>stream.private_data
    memset(array, 0, sizeof(ArrowArray))
    try:
        if not state[1]:
            export_array(state[0], array)
            state[1] = True
    except MemoryError:
        return ENOMEM
    return 0


cdef const char *stream_error(ArrowArrayStream *stream) noexcept nogil:
    return NULL


cdef void release_stream(ArrowArrayStream *stream) noexcept with gil:
    Py_DECREF(<object>stream.private_data)
    stream.release = NULL


cdef void release_schema_capsule(object capsule) noexcept:
    cdef ArrowSchema *schema = <ArrowSchema *>PyCapsule_GetPointer(capsule, b"arrow_schema")
    if schema.release != NULL:
        schema.release(schema)
    free(schema)


cdef void release_array_capsule(object capsule) noexcept:
    cdef ArrowArray *array = <ArrowArray *>PyCapsule_GetPointer(capsule, b"arrow_array")
    if array.release != NULL:
        array.release(array)
    free(array)


cdef void release_stream_capsule(object capsule) noexcept:
    cdef ArrowArrayStream *stream = <ArrowArrayStream *>PyCapsule_GetPointer(
        capsule, b"arrow_array_stream"
    )
    if stream.release != NULL:
        stream.release(stream)
    free(stream)


# Columns in


@cython.final
cdef class Source:
    """A column of another library: its type and its chunks, held until this object is freed."""

    cdef ArrowSchema schema
    cdef ArrowArray *chunks
    cdef size_t chunk_count
    cdef size_t length
    # Of a NumPy array, whose memory the only chunk shows.
    cdef Py_buffer view
    cdef const void *buffers[2]
    cdef bytes view_format

    def __dealloc__(self):
        cdef size_t i
        for i in range(self.chunk_count):
            if self.chunks[i].release != NULL:
                self.chunks[i].release(&self.chunks[i])
        if self.schema.release != NULL:
            self.schema.release(&self.schema)
        if self.view_format is not None:
            PyBuffer_Release(&self.view)
        free(self.chunks)

    cdef ArrowArray *add_chunk(self) except NULL:
        """Return a new chunk without content."""
        if not make_room(<void **>&self.chunks, self.chunk_count, sizeof(ArrowArray)):
            raise MemoryError
        memset(&self.chunks[self.chunk_count], 0, sizeof(ArrowArray))
        self.chunk_count += 1
        return &self.chunks[self.chunk_count - 1]

    cdef const ArrowSchema *type(self):
        """Return the type of the column, which may be a table of one column."""
        return self.schema.children[0] if self.is_table() else &self.schema

    cdef bint is_table(self):
        return self.schema.n_children == 1 and strcmp(self.schema.format, b"+s") == 0

    cdef const ArrowArray *content(self, size_t i, size_t *first):
        """Return the array of chunk i, and which of its values is the first of the column."""
        first[0] = <size_t>self.chunks[i].offset if self.is_table() else 0
        return self.chunks[i].children[0] if self.is_table() else &self.chunks[i]


cdef Source source_of(column, str name):
    """Return a column by the interface that its object has.

    Raises:
        InvalidColumnsError: It has none of them.
    """
    cdef Source source = Source.__new__(Source)
    cdef size_t i
    if hasattr(column, "__arrow_c_stream__"):
        read_stream(source, column.__arrow_c_stream__(), name)
    elif hasattr(column, "__arrow_c_array__"):
        schema, array = column.__arrow_c_array__()
        read_array(source, schema, array)
    elif PyObject_CheckBuffer(column) or hasattr(column, "dtype"):
        read_buffer(source, column, name)
    else:
        raise InvalidColumnsError(
            f"{name} is {type(column).__name__}; pass a column of pyarrow, Polars, pandas, DuckDB "
            "or nanoarrow, or a NumPy array"
        )
    for i in range(source.chunk_count):
        source.length += source.chunks[i].length
    if source.length > MAX_ROWS:
        raise InvalidColumnsError(f"{name} has {source.length} rows, more than {MAX_ROWS}")
    return source


cdef read_array(Source source, schema_capsule, array_capsule):
    """Take what two capsules hold."""
    cdef ArrowSchema *schema = <ArrowSchema *>PyCapsule_GetPointer(schema_capsule, b"arrow_schema")
    cdef ArrowArray *array = <ArrowArray *>PyCapsule_GetPointer(array_capsule, b"arrow_array")
    cdef ArrowArray *chunk = source.add_chunk()
    source.schema = schema[0]
    schema.release = NULL
    chunk[0] = array[0]
    array.release = NULL


cdef read_stream(Source source, capsule, str name):
    """Take all chunks of a stream."""
    cdef ArrowArrayStream *stream = <ArrowArrayStream *>PyCapsule_GetPointer(
        capsule, b"arrow_array_stream"
    )
    cdef ArrowArray chunk
    cdef int failure
    with nogil:
        failure = stream.get_schema(stream, &source.schema)
    while not failure:
        with nogil:
            failure = stream.get_next(stream, &chunk)
        if failure or chunk.release == NULL:
            break
        source.add_chunk()[0] = chunk
    if failure:
        raise InvalidColumnsError(f"{name} could not be read: {stream_reason(stream)}")


cdef str stream_reason(ArrowArrayStream *stream):
    cdef const char *reason = stream.get_last_error(stream)
    return "the library gives no reason" if reason == NULL else reason.decode(errors="replace")


cdef read_buffer(Source source, column, str name):
    """Show the memory of a NumPy array, or of another buffer of integers."""
    cdef ArrowArray *chunk
    kind = getattr(getattr(column, "dtype", None), "str", "")
    column_format = datetime_format(kind, name)
    if column_format is not None:
        column = column.view("int64")
    try:
        PyObject_GetBuffer(column, &source.view, PyBUF_STRIDES | PyBUF_FORMAT)
    except (BufferError, ValueError, TypeError) as error:
        raise InvalidColumnsError(f"{name} cannot be read: {error}") from None
    source.view_format = b""
    if not PyBuffer_IsContiguous(&source.view, b"C"):
        raise InvalidColumnsError(f"{name} is not contiguous; copy it")
    source.view_format = column_format or buffer_format(&source.view, kind, name)
    source.schema.format = source.view_format
    source.buffers[0] = NULL
    source.buffers[1] = source.view.buf
    chunk = source.add_chunk()
    chunk.buffers = source.buffers
    chunk.n_buffers = 2
    chunk.length = source.view.shape[0]


cdef bytes datetime_format(str kind, str name):
    """Return the type of a NumPy array of datetime64; None for another type."""
    if kind[1:3] != "M8":
        return None
    found = NUMPY_UNITS.get(kind[4:].rstrip("]"))
    if found is None or kind[0] == ">":
        raise InvalidColumnsError(f"{name} is {kind}; use .astype('datetime64[ns]')")
    return found


cdef bytes buffer_format(const Py_buffer *view, str kind, str name):
    """Return the type of a buffer of integers, as an Arrow schema writes it."""
    code = (<bytes>view.format).decode().lstrip("@=<")
    if view.ndim != 1 or code not in BUFFER_CODES:
        what = f"NumPy array of {view.ndim} dimensions and type {kind}" if kind else "buffer"
        raise InvalidColumnsError(
            f"{name} is a {what}; use integers or datetime64 in one dimension, and for names "
            "the numbers of numpy.unique(names, return_inverse=True)"
        )
    found = {1: b"c", 2: b"s", 4: b"i", 8: b"l"}[view.itemsize]
    return found.upper() if code.isupper() else found


cdef bytes format_of(Source source):
    return <bytes>source.type().format


# Types


cdef int64_t scale_of(Source source, str name, int64_t integer_scale) except 0:
    """Return the nanoseconds of the unit of a column of times.

    Raises:
        InvalidColumnsError: It is no column of times.
    """
    found = format_of(source)
    if found == b"l":
        return integer_scale
    if found[:2] == b"ts" and found[3:4] == b":":
        return SCALES[found[2:3]]
    if found == b"+s" and part_of(source.type(), b"seconds", b"l") >= 0:
        if part_of(source.type(), b"nanos", b"i") >= 0:
            return NANOS_PER_SECOND
    raise invalid_type(name, found.decode(), TIMES)


cdef int part_of(const ArrowSchema *schema, const char *name, const char *part_format) noexcept:
    """Return the number of the part of a struct with a name and a type, or -1."""
    cdef int i
    for i in range(<int>schema.n_children):
        if strcmp(schema.children[i].name, name) == 0:
            return i if strcmp(schema.children[i].format, part_format) == 0 else -1
    return -1


cdef open_times(TimeColumn *column, Source source, str name, int64_t integer_scale):
    """Prepare to read a column of times; the chunks have to be freed."""
    cdef size_t i
    column.scale = scale_of(source, name, integer_scale)
    column.length = source.length
    column.has_nat = source.view_format is not None and source.view_format != b"l"
    column.min_value = INT64_MIN + column.has_nat
    column.max_value = INT64_MAX
    if column.scale > 1:
        column.min_value = MIN_SECONDS * (NANOS_PER_SECOND // column.scale)
        column.max_value = (MAX_SECONDS + 1) * (NANOS_PER_SECOND // column.scale) - 1
    column.chunks = <TimeChunk *>calloc(source.chunk_count + 1, sizeof(TimeChunk))
    if column.chunks == NULL:
        raise MemoryError
    column.chunk_count = source.chunk_count
    column.is_plain = True
    for i in range(source.chunk_count):
        open_time_chunk(&column.chunks[i], source, i)
        column.is_plain = column.is_plain and is_plain_chunk(&column.chunks[i])
        if i:
            column.chunks[i].first_row = column.chunks[i - 1].first_row
            column.chunks[i].first_row += column.chunks[i - 1].length


cdef open_time_chunk(TimeChunk *chunk, Source source, size_t number):
    cdef size_t first
    cdef const ArrowArray *array = source.content(number, &first)
    cdef const ArrowArray *nanos
    chunk.length = source.chunks[number].length
    chunk.validity[0] = validity_of(array, first)
    if format_of(source) == b"+s":
        first += array.offset
        nanos = array.children[part_of(source.type(), b"nanos", b"i")]
        array = array.children[part_of(source.type(), b"seconds", b"l")]
        chunk.validity[1] = validity_of(array, first)
        chunk.validity[2] = validity_of(nanos, first)
        chunk.nanos = <const int32_t *>nanos.buffers[1] + nanos.offset + first
    chunk.values = <const int64_t *>array.buffers[1] + array.offset + first
    chunk.may_have_nulls = (
        chunk.validity[0].bits != NULL
        or chunk.validity[1].bits != NULL
        or chunk.validity[2].bits != NULL
    )


cdef bint is_plain_chunk(const TimeChunk *chunk):
    return not chunk.may_have_nulls and chunk.nanos == NULL


cdef check_same_type(Source start, Source end):
    """Raise InvalidColumnsError if one column has a zone, a unit or a kind that the other lacks."""
    first, last = format_of(start), format_of(end)
    if first[:4] != last[:4] or (len(first) > 4) != (len(last) > 4):
        raise different_types(first.decode(), last.decode())


cdef open_names(NameColumn *column, Source source):
    """Prepare to read a column of resources; the chunks have to be freed."""
    cdef size_t i
    cdef const ArrowSchema *schema = source.type()
    column.length = source.length
    column.is_list = format_of(source) in (b"+l", b"+L")
    if column.is_list:
        schema = schema.children[0]
    column.is_bare_codes = schema.dictionary == NULL and <bytes>schema.format in INTEGERS
    values = <bytes>(schema.format if schema.dictionary == NULL else schema.dictionary.format)
    if values not in (b"u", b"U", b"vu") and (column.is_list or not column.is_bare_codes):
        raise invalid_type("resource", format_of(source).decode(), NAMES)
    column.code_limit = max(<size_t>MIN_CODE_LIMIT, CODES_PER_ROW * column.length)
    column.chunks = <NameChunk *>calloc(source.chunk_count + 1, sizeof(NameChunk))
    if column.chunks == NULL:
        raise MemoryError
    column.chunk_count = source.chunk_count
    for i in range(source.chunk_count):
        open_name_chunk(&column.chunks[i], column.is_list, source, i)


cdef open_name_chunk(NameChunk *chunk, bint is_list, Source source, size_t number):
    cdef size_t first
    cdef const ArrowArray *array = source.content(number, &first)
    cdef const ArrowSchema *schema = source.type()
    chunk.length = source.chunks[number].length
    if is_list:
        chunk.list_validity = validity_of(array, first)
        if strcmp(schema.format, b"+l") == 0:
            chunk.offsets = <const int32_t *>array.buffers[1]
        else:
            chunk.large_offsets = <const int64_t *>array.buffers[1]
        schema = schema.children[0]
        array = array.children[0]
        first = 0
    open_elements(&chunk.elements, schema, array, first)


cdef open_elements(
    Elements *elements, const ArrowSchema *schema, const ArrowArray *array, size_t first
):
    elements.validity = validity_of(array, first)
    if schema.dictionary == NULL and <bytes>schema.format not in INTEGERS:
        elements.strings = strings_of(schema, array)
        return
    elements.integers = array.buffers[1]
    elements.format = schema.format[0]
    if schema.dictionary != NULL:
        elements.strings = strings_of(schema.dictionary, array.dictionary)
        elements.dictionary_length = array.dictionary.length
        elements.dictionary = <uint32_t *>malloc(
            (elements.dictionary_length + 1) * sizeof(uint32_t)
        )
        if elements.dictionary == NULL:
            raise MemoryError


cdef Strings strings_of(const ArrowSchema *schema, const ArrowArray *array):
    cdef Strings strings
    strings.array = array
    strings.encoding = STRINGS
    if strcmp(schema.format, b"U") == 0:
        strings.encoding = LARGE_STRINGS
    elif strcmp(schema.format, b"vu") == 0:
        strings.encoding = STRING_VIEWS
    return strings


# The search


class Cancelled(Exception):
    """The search was cancelled."""


cdef int128 to_instant(nanoseconds) except? -1:
    """Return a Python integer of nanoseconds, at most about 10,000 years."""
    seconds, nanos = divmod(nanoseconds, NANOS_PER_SECOND)
    return <int128><int64_t>seconds * NANOS_PER_SECOND + <int64_t>nanos


@cython.final
cdef class Search:
    """The columns of one call, and what is known about them so far.

    Occurrences are pairs of a row and a resource: as many as rows, unless resources are lists.
    """

    cdef Flag cancelled
    cdef Progress progress
    cdef Budget unlimited
    cdef Source start
    cdef Source end
    cdef Source resource
    cdef TimeColumn starts
    cdef TimeColumn ends
    cdef NameColumn names
    cdef int128 gap
    cdef readonly size_t rows

    # The code of each occurrence; those of a row of lists begin at first_of_row. NULL if all
    # events occupy the unnamed resource.
    cdef uint32_t *codes
    cdef uint32_t *first_of_row
    cdef size_t occurrences
    cdef size_t resource_count
    cdef ResourceTable table
    # The capacity of each code, of the codes below capacity_count; else that of all.
    cdef uint32_t *capacities
    cdef size_t capacity_count
    cdef uint32_t default_capacity
    cdef object named_capacities

    cdef Timeline timeline
    cdef Places start_places
    cdef Places end_places
    cdef Record *records
    # Where the records of each code begin.
    cdef uint32_t *first_of_code
    cdef Crowd crowd
    cdef Grouping grouping

    cdef uint32_t fault_rows[MAX_FAULTS]
    cdef uint8_t fault_kinds[MAX_FAULTS]
    cdef size_t fault_count

    def __cinit__(self, start, end, resource, *, scale, capacity, min_gap, amount=None):
        self.progress.cancelled = &self.cancelled
        # How much overlaps list is for the caller to decide.
        self.unlimited.max_members = self.unlimited.max_answer_bytes = UINT64_MAX
        self.start = source_of(start, "start")
        self.end = source_of(end, "end")
        check_same_type(self.start, self.end)
        open_times(&self.starts, self.start, "start", scale)
        open_times(&self.ends, self.end, "end", scale)
        self.rows = self.start.length
        check_length(self.end, "end", self.rows)
        if resource is not None:
            self.resource = source_of(resource, "resource")
            check_length(self.resource, "resource", self.rows)
            open_names(&self.names, self.resource)
        if amount is not None:
            check_amounts(source_of(amount, "amount"), self.rows)
        self.gap = to_instant(min_gap)
        self.take_capacity(capacity)

    def __dealloc__(self):
        cdef size_t i
        self.release_scratch()
        for i in range(self.names.chunk_count):
            free(self.names.chunks[i].elements.dictionary)
        free(self.starts.chunks)
        free(self.ends.chunks)
        free(self.names.chunks)
        free(self.table.items)
        free(self.table.slots)
        free(self.capacities)
        free(self.grouping.members)
        free(self.grouping.groups)

    cdef void release_scratch(self) noexcept nogil:
        """Free what only the search for groups needs."""
        free(self.codes)
        free(self.first_of_row)
        free_places(&self.start_places)
        free_places(&self.end_places)
        free(self.records)
        free(self.first_of_code)
        free_crowd(&self.crowd)
        free_timeline(&self.timeline)
        self.codes = self.first_of_row = self.first_of_code = NULL
        self.records = NULL
        memset(&self.crowd, 0, sizeof(Crowd))

    cdef take_capacity(self, capacity):
        """Note the capacity: a number, a mapping from names, or an array by code."""
        cdef Source source
        self.default_capacity = 1
        if isinstance(capacity, int):
            self.default_capacity = capacity
        elif hasattr(capacity, "items"):
            self.named_capacities = capacity
        else:
            source = source_of(capacity, "capacity")
            self.take_capacities(source)

    cdef take_capacities(self, Source source):
        cdef size_t place
        if self.resource is None or format_of(source) not in INTEGERS:
            raise InvalidColumnsError(
                "capacity is a column; use one of integers, for resources that are a dictionary or "
                "codes, or else a number or a mapping from the names of resources"
            )
        self.capacities = <uint32_t *>malloc((source.length + 1) * sizeof(uint32_t))
        if self.capacities == NULL:
            raise MemoryError
        for place, value in enumerate(integers_of(source)):
            if value is None or not 1 <= value <= UINT32_MAX:
                found = "null" if value is None else value
                raise InvalidColumnsError(
                    f"capacity[{place}] is {found}; use an integer from 1 to {UINT32_MAX}"
                )
            self.capacities[place] = <uint32_t>value
        self.capacity_count = source.length

    def cancel(self):
        """End the search, which another thread runs, at its next check, with Cancelled."""
        self.cancelled = 1

    def find_groups(self):
        """Find the groups, once.

        Raises:
            InvalidColumnsError: Some rows cannot be used.
            Cancelled: The search was cancelled.
        """
        cdef Groups groups = Groups.__new__(Groups)
        self.solve()
        groups.grouping = self.grouping
        groups.rows = self.rows
        groups.is_list = self.names.is_list
        memset(&self.grouping, 0, sizeof(Grouping))
        return groups

    def find_overlaps(self):
        """Find the overlaps, once; raise what find_groups raises."""
        cdef Query query
        cdef bint is_explained
        self.check_gap()
        self.solve()
        open_query(&query, no_reader(), 0, &self.unlimited, &self.cancelled)
        try:
            with nogil:
                is_explained = self.explain(&query)
            self.progress = query.progress
            if not is_explained:
                raise self.error()
            return self.overlaps_of(&query)
        finally:
            with nogil:
                free_query(&query)

    cdef solve(self):
        """Find the groups, in the order of the definition."""
        cdef bint is_found
        with nogil:
            is_found = self.read_names()
        if is_found:
            self.name_capacities()
            with nogil:
                is_found = (
                    self.read_times()
                    and self.sort_by_resource()
                    and self.group()
                    and order_groups(&self.grouping, &self.table, &self.progress)
                )
        if not is_found:
            raise self.error()
        with nogil:
            self.release_scratch()

    cdef error(self):
        """Return the exception for a step that failed."""
        if self.progress.outcome == NO_MEMORY:
            return MemoryError()
        if self.progress.outcome == CANCELLED:
            return Cancelled()
        with nogil:
            self.find_faults()
        faults = [
            (self.fault_rows[i], self.fault_kinds[i])
            for i in range(min(self.fault_count, <size_t>MAX_FAULTS))
        ]
        return invalid_rows(faults, self.fault_count)

    # Resources

    cdef bint read_names(self) noexcept nogil:
        """Fill the codes."""
        self.occurrences = self.rows
        self.resource_count = 1
        if self.names.chunk_count == 0:
            return True
        if not self.read_dictionaries():
            return False
        return self.read_lists() if self.names.is_list else self.read_codes()

    cdef bint read_dictionaries(self) noexcept nogil:
        """Give each value of each chunk's dictionary its code."""
        cdef size_t i, j
        cdef Elements values
        cdef Elements *elements
        cdef NameFault fault
        for i in range(self.names.chunk_count):
            elements = &self.names.chunks[i].elements
            if elements.dictionary == NULL:
                continue
            memset(&values, 0, sizeof(Elements))
            values.strings = elements.strings
            values.validity = validity_of(elements.strings.array, 0)
            for j in range(elements.dictionary_length):
                elements.dictionary[j] = NO_RESOURCE
                fault = code_at(&values, j, 0, &self.table, &elements.dictionary[j])
                if fault == NAME_NO_MEMORY:
                    return fail(&self.progress, NO_MEMORY)
        return True

    cdef bint read_codes(self) noexcept nogil:
        cdef size_t i, j, row = 0, limit = self.names.code_limit
        cdef const NameChunk *chunk
        cdef NameFault fault
        cdef uint32_t highest = 0
        self.codes = <uint32_t *>malloc((self.rows + 1) * sizeof(uint32_t))
        if self.codes == NULL:
            return fail(&self.progress, NO_MEMORY)
        use_huge_pages(self.codes, self.rows * sizeof(uint32_t))
        for i in range(self.names.chunk_count):
            chunk = &self.names.chunks[i]
            for j in range(chunk.length):
                fault = code_at(&chunk.elements, j, limit, &self.table, &self.codes[row])
                if fault != NAME_VALID:
                    return self.fail_name(fault)
                highest = max(highest, self.codes[row])
                row += 1
                if row % CHECK_EVERY == 0 and not not_cancelled(&self.progress):
                    return False
        self.resource_count = <size_t>highest + 1
        return True

    cdef bint fail_name(self, NameFault fault) noexcept nogil:
        return fail(&self.progress, NO_MEMORY if fault == NAME_NO_MEMORY else MALFORMED)

    cdef bint read_lists(self) noexcept nogil:
        cdef size_t i, j, row = 0
        cdef const NameChunk *chunk
        cdef NameFault fault
        self.first_of_row = <uint32_t *>malloc((self.rows + 1) * sizeof(uint32_t))
        if self.first_of_row == NULL:
            return fail(&self.progress, NO_MEMORY)
        self.occurrences = 0
        for i in range(self.names.chunk_count):
            chunk = &self.names.chunks[i]
            for j in range(chunk.length):
                self.first_of_row[row] = <uint32_t>self.occurrences
                fault = self.read_list(chunk, j, <uint32_t>row)
                if fault != NAME_VALID:
                    return self.fail_name(fault)
                row += 1
                if row % CHECK_EVERY == 0 and not not_cancelled(&self.progress):
                    return False
        self.first_of_row[row] = <uint32_t>self.occurrences
        self.resource_count = max(self.table.count, <size_t>1)
        return True

    cdef NameFault read_list(self, const NameChunk *chunk, size_t i, uint32_t row) noexcept nogil:
        """Add the resources of a row, each once; without one it occupies the unnamed resource."""
        cdef size_t element, begin = list_begin(chunk, i), end = list_begin(chunk, i + 1)
        cdef NameFault fault
        cdef uint32_t code = 0
        cdef Resource *unnamed
        if not is_valid(&chunk.list_validity, i):
            return NAME_NULL
        if begin == end:
            unnamed = add_resource(&self.table, UNNAMED, 0)
            if unnamed == NULL:
                return NAME_NO_MEMORY
            return self.add_occurrence(<uint32_t>(unnamed - self.table.items), row)
        for element in range(begin, end):
            fault = code_at(&chunk.elements, element, 0, &self.table, &code)
            if fault == NAME_VALID:
                fault = self.add_occurrence(code, row)
            if fault != NAME_VALID:
                return fault
        return NAME_VALID

    cdef NameFault add_occurrence(self, uint32_t code, uint32_t row) noexcept nogil:
        if self.table.items[code].mark == row:
            return NAME_VALID
        self.table.items[code].mark = row
        if self.occurrences >= MAX_ROWS:
            return NAME_NO_MEMORY
        if not make_room(<void **>&self.codes, self.occurrences, sizeof(uint32_t)):
            return NAME_NO_MEMORY
        self.codes[self.occurrences] = code
        self.occurrences += 1
        return NAME_VALID

    cdef name_capacities(self):
        """Set the capacity of each code, once the names have codes."""
        cdef size_t i
        cdef uint32_t code
        if self.capacities != NULL:
            self.check_capacities()
        if not self.named_capacities:
            return
        if self.names.is_bare_codes:
            raise InvalidColumnsError(
                "capacity is a mapping, but resource has codes instead of names; use an array of "
                "the capacity of each code"
            )
        self.capacities = <uint32_t *>malloc(self.resource_count * sizeof(uint32_t))
        if self.capacities == NULL:
            raise MemoryError
        self.capacity_count = self.resource_count
        for i in range(self.resource_count):
            self.capacities[i] = 1
        for name, capacity in self.named_capacities.items():
            encoded = name.encode()
            code = find_resource(&self.table, encoded, <uint32_t>len(encoded))
            if self.resource is None and not encoded:
                code = 0
            if code < self.resource_count:
                self.capacities[code] = capacity

    cdef check_capacities(self):
        """Raise InvalidColumnsError if an array of capacities does not fit the codes."""
        cdef size_t i, j
        cdef const Elements *elements
        for i in range(self.names.chunk_count):
            elements = &self.names.chunks[i].elements
            if elements.integers == NULL:
                raise InvalidColumnsError(
                    "capacity is an array, but resource has names instead of codes; use a mapping"
                )
            for j in range(elements.dictionary_length if elements.dictionary != NULL else 0):
                if elements.dictionary[j] != j:
                    raise InvalidColumnsError(
                        "capacity is an array, but the dictionaries of the resource's chunks "
                        "differ or repeat a name; use a mapping"
                    )
        if self.capacity_count < self.resource_count:
            raise InvalidColumnsError(
                f"capacity has {self.capacity_count} values for codes up to "
                f"{self.resource_count - 1}"
            )

    cdef size_t capacity_of(self, size_t code) noexcept nogil:
        return self.capacities[code] if self.capacities != NULL else self.default_capacity

    # Times

    cdef bint read_times(self) noexcept nogil:
        """Fill the places of starts and padded ends on the timeline."""
        cdef int128 lowest = 0, highest = 0
        if not self.find_range(&lowest, &highest):
            return False
        if not make_timeline(&self.timeline, &self.starts, lowest, highest, &self.progress):
            return False
        return self.take_places() if self.can_subtract() else self.fill_places()

    cdef bint find_range(self, int128 *lowest, int128 *highest) noexcept nogil:
        """Find the earliest and the latest start."""
        cdef TimeReader reader = reader_of(&self.starts)
        cdef int128 instant = 0
        cdef size_t i
        if self.starts.is_plain:
            if plain_range(&self.starts, lowest, highest):
                return not_cancelled(&self.progress)
            return fail(&self.progress, MALFORMED)
        for i in range(self.rows):
            if read_time(&reader, &instant) != NO_FAULT:
                return fail(&self.progress, MALFORMED)
            if i == 0 or instant < lowest[0]:
                lowest[0] = instant
            if i == 0 or instant > highest[0]:
                highest[0] = instant
        return not_cancelled(&self.progress)

    cdef bint fill_places(self) noexcept nogil:
        """Fill the places of all rows."""
        cdef TimeReader starts = reader_of(&self.starts), ends = reader_of(&self.ends)
        cdef int128 start = 0, end = 0
        cdef size_t i
        if not make_copy(&self.start_places, self.rows):
            return fail(&self.progress, NO_MEMORY)
        if not make_copy(&self.end_places, self.rows):
            return fail(&self.progress, NO_MEMORY)
        for i in range(self.rows):
            read_time(&starts, &start)
            if read_time(&ends, &end) != NO_FAULT or end < start:
                return fail(&self.progress, MALFORMED)
            self.start_places.copy[i] = <int64_t>place_of(&self.timeline, start)
            self.end_places.copy[i] = <int64_t>place_of(&self.timeline, end + self.gap)
        return not_cancelled(&self.progress)

    cdef bint can_subtract(self) noexcept nogil:
        """Return whether the places of all instants are differences that 64 bits hold."""
        cdef int128 lowest = 0, highest = 0
        if not self.starts.is_plain or not self.ends.is_plain or self.timeline.starts != NULL:
            return False
        if not plain_range(&self.ends, &lowest, &highest) or lowest < self.timeline.lowest:
            return False
        return highest + self.gap - self.timeline.lowest < <int128>INT64_MAX

    cdef bint take_places(self) noexcept nogil:
        """Set the places as fill_places does, from the columns' values."""
        cdef Places *starts = &self.start_places
        cdef Places *ends = &self.end_places
        if not take_values(starts, &self.starts) or not take_values(ends, &self.ends):
            return fail(&self.progress, NO_MEMORY)
        if not are_ordered(starts, ends, self.rows):
            return fail(&self.progress, MALFORMED)
        starts.scale = ends.scale = self.starts.scale
        starts.lowest = ends.lowest = <int64_t>(self.timeline.lowest // self.starts.scale)
        ends.gap = <int64_t>self.gap
        return not_cancelled(&self.progress)

    # Faults

    cdef void find_faults(self) noexcept nogil:
        """Note the first rows at fault, and count all."""
        cdef TimeReader starts = reader_of(&self.starts), ends = reader_of(&self.ends)
        cdef size_t row, chunk = 0, at = 0
        cdef int kind
        self.fault_count = 0
        for row in range(self.rows):
            kind = times_fault(&starts, &ends)
            if self.names.chunk_count:
                while at == self.names.chunks[chunk].length:
                    chunk += 1
                    at = 0
                kind = kind or self.resource_fault(&self.names.chunks[chunk], at)
                at += 1
            if kind:
                if self.fault_count < MAX_FAULTS:
                    self.fault_rows[self.fault_count] = <uint32_t>row
                    self.fault_kinds[self.fault_count] = <uint8_t>kind
                self.fault_count += 1

    cdef int resource_fault(self, const NameChunk *chunk, size_t i) noexcept nogil:
        """Return the FaultKind of a resource, or 0."""
        cdef size_t element, begin = i, end = i + 1
        cdef NameFault fault
        cdef uint32_t code
        if self.names.is_list:
            if not is_valid(&chunk.list_validity, i):
                return RESOURCE_FAULTS + NAME_NULL
            begin = list_begin(chunk, i)
            end = list_begin(chunk, i + 1)
        for element in range(begin, end):
            fault = code_at(&chunk.elements, element, self.names.code_limit, &self.table, &code)
            if fault != NAME_VALID:
                return RESOURCE_FAULTS + fault
        return 0

    # Groups

    cdef bint sort_by_resource(self) noexcept nogil:
        """Fill the records: the occurrences of each code in turn, in the order of the rows.

        There are none if the rows are in order already. The codes' memory is then for members.
        """
        self.first_of_code = <uint32_t *>calloc(self.resource_count + 1, sizeof(uint32_t))
        if self.first_of_code == NULL:
            return fail(&self.progress, NO_MEMORY)
        self.count_codes()
        if not self.is_in_order():
            self.records = <Record *>malloc((self.occurrences + 1) * sizeof(Record))
            if self.records == NULL:
                return fail(&self.progress, NO_MEMORY)
            use_huge_pages(self.records, self.occurrences * sizeof(Record))
            self.scatter()
            free_places(&self.start_places)
        free(self.first_of_row)
        self.first_of_row = NULL
        return self.make_members() and not_cancelled(&self.progress)

    cdef bint make_members(self) noexcept nogil:
        """Make room for the members, in place of the codes."""
        cdef size_t size = (self.occurrences + 1) * sizeof(uint32_t)
        cdef bint is_new = self.codes == NULL
        self.grouping.members = <uint32_t *>realloc(self.codes, size)
        if self.grouping.members == NULL:
            return fail(&self.progress, NO_MEMORY)
        self.codes = NULL
        if is_new:
            use_huge_pages(self.grouping.members, size)
        return True

    cdef void count_codes(self) noexcept nogil:
        """Set where the occurrences of each code begin."""
        cdef size_t i
        cdef uint32_t here, before = 0
        if self.codes == NULL:
            self.first_of_code[1] = <uint32_t>self.rows
            return
        for i in range(self.occurrences):
            self.first_of_code[self.codes[i]] += 1
        for i in range(self.resource_count + 1):
            here = self.first_of_code[i]
            self.first_of_code[i] = before
            before += here

    cdef bint is_in_order(self) noexcept nogil:
        """Return whether each row is one occurrence, and they are by code and then by start."""
        cdef size_t i
        if self.first_of_row != NULL:
            return False
        for i in range(1, self.rows):
            if self.codes != NULL and self.codes[i] != self.codes[i - 1]:
                if self.codes[i] < self.codes[i - 1]:
                    return False
            elif self.start_places.values[i] < self.start_places.values[i - 1]:
                return False
        return True

    cdef void scatter(self) noexcept nogil:
        """Put each occurrence where the next one of its code goes."""
        cdef uint32_t *next_of_code = self.first_of_code
        cdef size_t i, row = 0
        cdef uint32_t code = 0
        cdef Record *record
        for i in range(self.occurrences):
            if self.first_of_row == NULL:
                row = i
            while self.first_of_row != NULL and self.first_of_row[row + 1] <= i:
                row += 1
            if self.codes != NULL:
                code = self.codes[i]
                if i + RECORDS_AHEAD < self.occurrences:
                    prefetch(&self.records[next_of_code[self.codes[i + RECORDS_AHEAD]]])
            record = &self.records[next_of_code[code]]
            next_of_code[code] += 1
            record.key = place_at(&self.start_places, row)
            record.row = <uint32_t>row
        # Each has become the first of the next code.
        for i in range(self.resource_count, 0, -1):
            next_of_code[i] = next_of_code[i - 1]
        next_of_code[0] = 0

    cdef bint group(self) noexcept nogil:
        """Find the groups of each resource that can be over its capacity."""
        cdef size_t code, longest = self.longest()
        if self.records != NULL and not self.sort_all(longest):
            return False
        for code in range(self.resource_count):
            if self.count_of(code) > self.capacity_of(code):
                if not self.group_resource(code, longest):
                    return False
        return True

    cdef bint sort_all(self, size_t longest) noexcept nogil:
        """Sort the records of each resource that can be over its capacity.

        Carried events can bring any number of rows over it.
        """
        cdef size_t code
        cdef bint any_carried = self.crowd.ends.count > 0
        cdef Record *scratch = <Record *>malloc((longest + 1) * sizeof(Record))
        if scratch == NULL:
            return fail(&self.progress, NO_MEMORY)
        use_huge_pages(scratch, longest * sizeof(Record))
        for code in range(self.resource_count):
            if any_carried or self.count_of(code) > self.capacity_of(code):
                sort_records(
                    self.records + self.first_of_code[code],
                    scratch,
                    self.count_of(code),
                    &self.cancelled,
                )
        free(scratch)
        return not_cancelled(&self.progress)

    cdef size_t count_of(self, size_t code) noexcept nogil:
        return self.first_of_code[code + 1] - self.first_of_code[code]

    cdef size_t longest(self) noexcept nogil:
        """Return the most occurrences of a resource."""
        cdef size_t code, most = 0
        for code in range(self.resource_count):
            most = max(most, self.count_of(code))
        return most

    cdef Arrivals arrivals_of(self, size_t code) noexcept nogil:
        """Return the rows of a resource by start."""
        cdef Arrivals arrivals
        arrivals.first = self.first_of_code[code]
        arrivals.count = self.count_of(code)
        arrivals.rest = self.occurrences - arrivals.first
        arrivals.starts = &self.start_places
        arrivals.ends = &self.end_places
        arrivals.records = NULL
        if self.records != NULL:
            arrivals.records = self.records + arrivals.first
        return arrivals

    cdef bint group_resource(self, size_t code, size_t longest) noexcept nogil:
        cdef Arrivals arrivals = self.arrivals_of(code)
        cdef size_t capacity = self.capacity_of(code)
        cdef bint is_grouped
        if capacity == 1:
            return group_exclusive(&self.grouping, &arrivals, <uint32_t>code, &self.progress)
        if self.crowd.states == NULL:
            if not make_crowd(&self.crowd, longest, self.rows, 0, &self.progress):
                return False
        is_grouped = group_with_capacity(
            &self.grouping,
            &self.crowd,
            &arrivals,
            <uint32_t>code,
            capacity,
            &self.progress,
        )
        leave_all(&self.crowd)
        return is_grouped

    # Overlaps

    cdef check_gap(self):
        """Raise InvalidColumnsError if the ends of overlaps are no whole units of the ends."""
        if format_of(self.end) != b"+s" and self.gap % self.ends.scale != 0:
            raise InvalidColumnsError(
                "min_gap is no whole number of the columns' unit, so they cannot hold the ends of "
                "overlaps; convert start and end to a finer unit"
            )

    cdef bint explain(self, Query *query) noexcept nogil:
        """Find the overlaps of each group, with the wire kernel's sweep over its members."""
        cdef size_t i
        cdef ActiveSet active
        cdef bint is_explained = self.show_groups(query)
        if not is_explained:
            return False
        if not make_active(&active, query):
            is_explained = fail(&query.progress, NO_MEMORY)
        for i in range(self.grouping.group_count):
            if is_explained:
                query.events.default_capacity = <uint32_t>self.capacity_of(
                    self.grouping.groups[i].resource
                )
                is_explained = explain_group(query, i, &active)
        free_active(&active)
        return is_explained

    cdef bint show_groups(self, Query *query) noexcept nogil:
        """Make the query's events the members of all groups, in the order of groups."""
        cdef size_t i, count = self.grouping.group_count, member = 0
        cdef size_t members = self.grouping.member_count
        query.events.intervals = <Interval *>malloc((members + 1) * sizeof(Interval))
        query.groups.members = <uint32_t *>malloc((members + 1) * sizeof(uint32_t))
        query.groups.items = <WireGroup *>calloc(count + 1, sizeof(WireGroup))
        query.overlaps.of_group = <GroupOverlaps *>calloc(count + 1, sizeof(GroupOverlaps))
        if (
            query.events.intervals == NULL
            or query.groups.members == NULL
            or query.groups.items == NULL
            or query.overlaps.of_group == NULL
        ):
            return fail(&query.progress, NO_MEMORY)
        query.groups.count = count
        for i in range(count):
            query.groups.items[i].first = <uint32_t>member
            query.groups.items[i].count = self.grouping.groups[i].count
            query.groups.items[i].resource = NO_RESOURCE
            member = self.show_members(query, &self.grouping.groups[i], member)
        return not_cancelled(&query.progress)

    cdef size_t show_members(
        self, Query *query, const Group *group, size_t member
    ) noexcept nogil:
        """Make the members of a group the events from `member` on; return the next."""
        cdef size_t i, row
        for i in range(group.first, group.first + group.count):
            row = self.grouping.members[i]
            query.events.intervals[member] = interval_of(
                time_of_row(&self.starts, row), time_of_row(&self.ends, row) + self.gap
            )
            query.groups.members[member] = <uint32_t>member
            member += 1
        return member

    cdef overlaps_of(self, const Query *query):
        """Return the overlaps of a query as columns."""
        cdef size_t count = query.overlaps.count
        cdef Memory depths = allocate(count * sizeof(int64_t))
        cdef Memory groups = allocate(count * sizeof(int64_t))
        cdef Memory offsets = offsets_for(query.overlaps.present_count, count)
        cdef Memory rows = allocate(query.overlaps.present_count * sizeof(int64_t))
        start, end = self.boundaries(query, True), self.boundaries(query, False)
        with nogil:
            fill_overlaps(
                query,
                &self.grouping,
                <int64_t *>depths.content,
                <int64_t *>groups.content,
                <int32_t *>offsets.content,
                <int64_t *>rows.content,
            )
        members = rows_column(count, offsets, rows, query.overlaps.present_count)
        columns = (start, end, integers(depths, count), integers(groups, count), members)
        names = (b"start", b"end", b"depth", b"group", b"members")
        return Overlaps(*columns, make_column(b"+s", count, (None,), 0, names, columns))

    cdef Column boundaries(self, const Query *query, bint are_starts):
        """Return the starts or the ends of overlaps, of the type of the events' starts."""
        cdef size_t i, count = query.overlaps.count
        cdef bint is_struct = format_of(self.start) == b"+s"
        cdef Memory values = allocate(count * sizeof(int64_t))
        cdef Memory nanos = allocate(count * sizeof(int32_t) if is_struct else 0)
        cdef Instant instant
        cdef int128 value
        for i in range(count):
            instant = query.overlaps.items[i].start if are_starts else query.overlaps.items[i].end
            if is_struct:
                (<int64_t *>values.content)[i] = instant.seconds + MIN_SECONDS
                (<int32_t *>nanos.content)[i] = <int32_t>instant.nanos
                continue
            value = <int128>(instant.seconds + MIN_SECONDS) * NANOS_PER_SECOND + instant.nanos
            value = floor_to(value, self.starts.scale)
            if value > <int128>INT64_MAX:
                raise InvalidColumnsError(
                    "an overlap ends after the year 2262, which int64 nanoseconds cannot hold; "
                    "convert start and end to microseconds, or to seconds and nanos"
                )
            (<int64_t *>values.content)[i] = <int64_t>value
        if not is_struct:
            return make_column(format_of(self.start), count, (None, values))
        parts = (integers(values, count), make_column(b"i", count, (None, nanos)))
        return make_column(b"+s", count, (None,), 0, (b"seconds", b"nanos"), parts)

    # Ranges

    cdef sweep(self, carried):
        """Sweep over all rows as one range of a resource."""
        cdef bint is_swept
        self.resource_count = 1
        self.occurrences = self.rows
        with nogil:
            is_swept = self.read_times()
        if not is_swept or not self.carry(carried):
            raise self.error()
        with nogil:
            is_swept = self.sort_by_resource() and self.sweep_sorted()
        if not is_swept:
            raise self.error()
        return self.sweep_result()

    cdef bint carry(self, carried):
        """Add the carried ends, of events that are present from the beginning on."""
        cdef size_t i, count = len(carried)
        if not make_crowd(&self.crowd, self.rows, self.rows, count, &self.progress):
            return False
        for i in range(count):
            arrive(
                &self.crowd,
                place_of(&self.timeline, to_instant(carried[i])),
                <uint32_t>(self.rows + i),
            )
        return True

    cdef bint sweep_sorted(self) noexcept nogil:
        cdef Arrivals arrivals
        if self.records != NULL and not self.sort_all(self.rows):
            return False
        arrivals = self.arrivals_of(0)
        return group_with_capacity(
            &self.grouping,
            &self.crowd,
            &arrivals,
            0,
            self.default_capacity,
            &self.progress,
        )

    cdef sweep_result(self):
        first = first_column(&self.grouping, self.rows)
        if not self.crowd.overload.is_overloaded:
            return Sweep(first, False, None, None, None)
        return Sweep(
            first,
            True,
            self.crowd.overload.first_at,
            self.crowd.overload.first_group,
            self.crowd.overload.last_group,
        )


cdef inline int times_fault(TimeReader *starts, TimeReader *ends) noexcept nogil:
    """Return the FaultKind of the next row's times, or 0."""
    cdef int128 start = 0, end = 0
    cdef TimeFault start_fault = read_time(starts, &start), end_fault = read_time(ends, &end)
    if start_fault != NO_FAULT:
        return start_fault
    if end_fault != NO_FAULT:
        return END_FAULTS + end_fault
    return END_BEFORE_START if end < start else 0


cdef check_amounts(Source source, size_t rows):
    """Raise InvalidColumnsError unless each event has the amount 1."""
    check_length(source, "amount", rows)
    if format_of(source) not in INTEGERS or any(value != 1 for value in integers_of(source)):
        raise InvalidColumnsError(
            "amount has other values than the integer 1, which is the only amount so far"
        )


def integers_of(Source source):
    """Yield the values of a column of integers; a null is None."""
    cdef size_t i, j, first
    cdef const ArrowArray *array
    cdef Bitmap validity
    cdef char integer_format = source.type().format[0]
    for i in range(source.chunk_count):
        array = source.content(i, &first)
        validity = validity_of(array, first)
        for j in range(<size_t>source.chunks[i].length):
            if is_valid(&validity, j):
                yield read_integer(array.buffers[1], integer_format, validity.offset + j)
            else:
                yield None


cdef check_length(Source source, str name, size_t rows):
    if source.length != rows:
        raise InvalidColumnsError(
            f"{name} has {source.length} rows, but start has {rows}"
        )


def sweep_range(start, end, *, int64_t capacity, min_gap, carried):
    """Sweep over one range of one resource, after the ranges before it.

    Args:
        start: The starts of the range's rows, in any order, as struct<seconds, nanos>.
        end: The ends, as the starts.
        capacity: How many events may be present at an instant.
        min_gap: Nanoseconds for which an event is present after its end.
        carried: The padded ends of the `capacity` latest events of earlier ranges, in nanoseconds
            since 1970. They count for the depth, but are no rows.

    Raises:
        InvalidColumnsError: Some rows cannot be used.
    """
    cdef Search search = Search(
        start, end, None, scale=1, capacity=capacity, min_gap=min_gap
    )
    return search.sweep(carried)


# Results


cdef Column first_column(const Grouping *grouping, size_t rows):
    """Return for each row the row of its group's first member, null if it is in none."""
    cdef Memory values = allocate(rows * sizeof(int64_t))
    cdef Memory validity = allocate((rows + 7) // 8)
    cdef int64_t *first = <int64_t *>values.content
    cdef uint8_t *bits = <uint8_t *>validity.content
    with nogil:
        use_huge_pages(first, rows * sizeof(int64_t))
        fill_first(grouping, first, rows)
        fill_validity(first, bits, rows)
    return make_column(b"l", rows, (validity, values), rows - grouping.member_count)


cdef inline void fill_first(const Grouping *grouping, int64_t *first, size_t rows) noexcept nogil:
    cdef size_t i, j
    cdef const Group *group
    cdef const uint32_t *members
    memset(first, 0xFF, rows * sizeof(int64_t))
    for i in range(grouping.group_count):
        group = &grouping.groups[i]
        members = grouping.members + group.first
        for j in range(group.count):
            first[members[j]] = members[0]


cdef inline void fill_validity(const int64_t *first, uint8_t *bits, size_t rows) noexcept nogil:
    cdef size_t i, bit
    cdef uint8_t here
    for i in range(0, rows, 8):
        here = 0
        for bit in range(min(<size_t>8, rows - i)):
            here |= (first[i + bit] >= 0) << bit
        bits[i >> 3] = here


cdef Column integers(Memory values, size_t count):
    """Return a column of int64 without nulls."""
    return make_column(b"l", count, (None, values))


cdef Memory offsets_for(size_t total, size_t count):
    """Return memory for the offsets of lists that have `total` elements together."""
    if total > INT32_MAX:
        raise InvalidColumnsError(
            f"the answer lists {total} members, more than the {INT32_MAX} of an Arrow list; "
            "search fewer resources at a time"
        )
    return allocate((count + 1) * sizeof(int32_t))


cdef Column rows_column(size_t count, Memory offsets, Memory rows, size_t total):
    """Return a column of lists of rows."""
    return make_column(
        b"+l", count, (None, offsets), 0, (b"item",), (integers(rows, total),)
    )


cdef inline void fill_overlaps(
    const Query *query,
    const Grouping *grouping,
    int64_t *depths,
    int64_t *groups,
    int32_t *offsets,
    int64_t *rows,
) noexcept nogil:
    """Fill the columns of overlaps, which follow one another by group."""
    cdef size_t number, i, j
    cdef const Overlap *overlap
    cdef const GroupOverlaps *of_group
    cdef const uint32_t *members
    offsets[0] = 0
    for number in range(grouping.group_count):
        of_group = &query.overlaps.of_group[number]
        members = grouping.members + grouping.groups[number].first
        for i in range(of_group.first, of_group.first + of_group.count):
            overlap = &query.overlaps.items[i]
            depths[i] = overlap.depth
            groups[i] = number
            for j in range(overlap.first, overlap.first + overlap.depth):
                rows[j] = members[query.overlaps.present[j]]
            offsets[i + 1] = <int32_t>(overlap.first + overlap.depth)


cdef inline int128 floor_to(int128 nanoseconds, int64_t scale) noexcept nogil:
    """Return how many whole units are in an instant, rounded down."""
    cdef int128 units = nanoseconds // scale
    return units - (units * scale > nanoseconds)


cdef inline Interval interval_of(int128 start, int128 end) noexcept nogil:
    cdef Interval interval
    cdef Key first = key_of(start, 0), last = key_of(end, 0)
    interval.start_seconds = first.seconds
    interval.start_nanos = first.nanos
    interval.end_seconds = last.seconds
    interval.end_nanos = last.nanos
    interval.offset = interval.length = 0
    return interval


cdef inline Reader no_reader() noexcept nogil:
    """Return the reader of a query whose events are no bytes."""
    cdef Reader nothing
    nothing.at = nothing.end = NULL
    return nothing


@cython.final
cdef class Groups:
    """The groups of conflicting events that find_groups found; len() counts them."""

    cdef Grouping grouping
    cdef size_t rows
    cdef bint is_list

    def __dealloc__(self):
        free(self.grouping.members)
        free(self.grouping.groups)

    def __len__(self):
        return self.grouping.group_count

    @property
    def first(self):
        """For each row the row of its group's first member, null for a row without a conflict.

        Raises:
            InvalidColumnsError: The resources are lists, so that a row may be in several groups.
        """
        if self.is_list:
            raise InvalidColumnsError(
                "the resources are lists, so a row may be in several groups; use members"
            )
        return first_column(&self.grouping, self.rows)

    @property
    def members(self):
        """For each group a list of its rows, by start, ties in the order of the rows.

        The groups are in the order of their first member's start, then of the resource.
        """
        cdef Memory offsets = offsets_for(self.grouping.member_count, self.grouping.group_count)
        cdef Memory rows = allocate(self.grouping.member_count * sizeof(int64_t))
        with nogil:
            fill_members(&self.grouping, <int32_t *>offsets.content, <int64_t *>rows.content)
        return rows_column(
            self.grouping.group_count, offsets, rows, self.grouping.member_count
        )


cdef inline void fill_members(
    const Grouping *grouping, int32_t *offsets, int64_t *rows
) noexcept nogil:
    cdef size_t i, j, place = 0
    cdef const Group *group
    offsets[0] = 0
    for i in range(grouping.group_count):
        group = &grouping.groups[i]
        for j in range(group.count):
            rows[place + j] = grouping.members[group.first + j]
        place += group.count
        offsets[i + 1] = <int32_t>place
