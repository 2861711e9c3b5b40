# cython: language_level=3
"""Read columns of resources: names, dictionaries, lists of either, and bare codes."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from double_booked.columns.arrow cimport ArrowArray, Bitmap, is_valid, read_integer
from double_booked.conflicts.resources cimport (
    NO_RESOURCE,
    UNNAMED,
    Resource,
    ResourceTable,
    add_resource,
)

cdef enum:
    # Of the bytes of a string view: length, then the text itself, or else four bytes of it, the
    # number of its buffer, and the place there.
    VIEW_BYTES = 16
    MAX_INLINE = 12


cdef enum Encoding:
    STRINGS
    LARGE_STRINGS
    STRING_VIEWS


cdef struct Text:
    const uint8_t *at
    uint32_t length


cdef struct Strings:
    Encoding encoding
    const ArrowArray *array


cdef struct Elements:
    # Names, or the integers that stand for them; element 0 is where the validity begins.
    Bitmap validity
    Strings strings
    # For integers: their values and format; else NULL.
    const void *integers
    char format
    # For indices into a dictionary: the code of each of its values; NULL if the integers are codes.
    uint32_t *dictionary
    size_t dictionary_length


cdef struct NameChunk:
    # The rows are lists of elements if there are offsets, and else elements.
    size_t length
    Elements elements
    Bitmap list_validity
    const int32_t *offsets
    const int64_t *large_offsets


cdef struct NameColumn:
    NameChunk *chunks
    size_t chunk_count
    size_t length
    bint is_list
    bint is_bare_codes
    # Bare codes are below it.
    size_t code_limit


cdef enum NameFault:
    # In the order of FaultKind, from RESOURCE_NULL on.
    NAME_VALID
    NAME_NULL
    CODE_INVALID
    NAME_NO_MEMORY


cdef inline Text text_at(const Strings *strings, size_t at) noexcept nogil:
    """Return a string, counted from the beginning of the array's memory."""
    cdef const void **buffers = strings.array.buffers
    cdef int64_t begin, end
    if strings.encoding == STRING_VIEWS:
        return view_at(buffers, at)
    if strings.encoding == STRINGS:
        begin = (<const int32_t *>buffers[1])[at]
        end = (<const int32_t *>buffers[1])[at + 1]
    else:
        begin = (<const int64_t *>buffers[1])[at]
        end = (<const int64_t *>buffers[1])[at + 1]
    return text_of(buffers[2], begin, end - begin)


cdef inline Text text_of(const void *content, int64_t begin, int64_t length) noexcept nogil:
    """Return a part of a buffer, which may be NULL if the part is empty."""
    cdef Text text
    text.at = <const uint8_t *>content + begin if length else UNNAMED
    text.length = <uint32_t>length
    return text


cdef inline Text view_at(const void **buffers, size_t at) noexcept nogil:
    cdef const uint8_t *view = <const uint8_t *>buffers[1] + at * VIEW_BYTES
    cdef int32_t length, number, place
    memcpy(&length, view, 4)
    if length <= MAX_INLINE:
        return text_of(view, 4, length)
    memcpy(&number, view + 8, 4)
    memcpy(&place, view + 12, 4)
    return text_of(buffers[2 + number], place, length)


cdef inline NameFault code_at(
    const Elements *elements, size_t i, size_t code_limit, ResourceTable *table, uint32_t *code
) noexcept nogil:
    """Set the code of element i; a name that is new is added to the table."""
    cdef Text text
    cdef Resource *resource
    if not is_valid(&elements.validity, i):
        return NAME_NULL
    if elements.integers != NULL:
        return integer_code(elements, i, code_limit, code)
    text = text_at(&elements.strings, elements.validity.offset + i)
    resource = add_resource(table, text.at, text.length)
    if resource == NULL:
        return NAME_NO_MEMORY
    code[0] = <uint32_t>(resource - table.items)
    return NAME_VALID


cdef inline NameFault integer_code(
    const Elements *elements, size_t i, size_t code_limit, uint32_t *code
) noexcept nogil:
    cdef int64_t value = read_integer(
        elements.integers, elements.format, elements.validity.offset + i
    )
    cdef size_t limit = code_limit if elements.dictionary == NULL else elements.dictionary_length
    if value < 0 or <size_t>value >= limit:
        return CODE_INVALID
    code[0] = <uint32_t>value if elements.dictionary == NULL else elements.dictionary[value]
    return NAME_VALID if code[0] != NO_RESOURCE else NAME_NULL


cdef inline size_t list_begin(const NameChunk *chunk, size_t i) noexcept nogil:
    """Return where the elements of row i begin; those of the row before end there."""
    cdef size_t at = chunk.list_validity.offset + i
    if chunk.offsets != NULL:
        return <size_t>chunk.offsets[at]
    return <size_t>chunk.large_offsets[at]
