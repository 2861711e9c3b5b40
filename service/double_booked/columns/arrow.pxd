# cython: language_level=3
"""The Arrow C data and stream interfaces, and how to read validity bitmaps.

https://arrow.apache.org/docs/format/CDataInterface.html
"""

from libc.stdint cimport int32_t, int64_t, uint8_t


cdef struct ArrowSchema:
    const char *format
    const char *name
    const char *metadata
    int64_t flags
    int64_t n_children
    ArrowSchema **children
    ArrowSchema *dictionary
    void (*release)(ArrowSchema *) noexcept nogil
    void *private_data


cdef struct ArrowArray:
    int64_t length
    int64_t null_count
    int64_t offset
    int64_t n_buffers
    int64_t n_children
    const void **buffers
    ArrowArray **children
    ArrowArray *dictionary
    void (*release)(ArrowArray *) noexcept nogil
    void *private_data


cdef struct ArrowArrayStream:
    int (*get_schema)(ArrowArrayStream *, ArrowSchema *) noexcept nogil
    int (*get_next)(ArrowArrayStream *, ArrowArray *) noexcept nogil
    const char *(*get_last_error)(ArrowArrayStream *) noexcept nogil
    void (*release)(ArrowArrayStream *) noexcept nogil
    void *private_data


cdef enum:
    ARROW_FLAG_NULLABLE = 2


cdef struct Bitmap:
    # A bit for each value, of which the first is at `offset`; NULL if all values are valid.
    const uint8_t *bits
    size_t offset


cdef inline bint is_valid(const Bitmap *bitmap, size_t i) noexcept nogil:
    """Return whether value i is not null."""
    cdef size_t at = bitmap.offset + i
    return bitmap.bits == NULL or bitmap.bits[at >> 3] >> (at & 7) & 1


cdef inline Bitmap validity_of(const ArrowArray *array, size_t first) noexcept nogil:
    """Return the validity of the values of an array from its value `first` on."""
    cdef Bitmap bitmap
    bitmap.bits = NULL
    if array.n_buffers and array.null_count:
        bitmap.bits = <const uint8_t *>array.buffers[0]
    bitmap.offset = <size_t>array.offset + first
    return bitmap


cdef inline int64_t read_integer(const void *values, char format, size_t i) noexcept nogil:
    """Return value i of an array of integers; one of over 63 bits comes out negative.

    Args:
        values: The values.
        format: Their type, as an Arrow schema writes it: one of cCsSiIlL.
        i: Which one.
    """
    if format == b"c":
        return (<const signed char *>values)[i]
    if format == b"C":
        return (<const uint8_t *>values)[i]
    if format == b"s":
        return (<const short *>values)[i]
    if format == b"S":
        return (<const unsigned short *>values)[i]
    if format == b"i":
        return (<const int32_t *>values)[i]
    if format == b"I":
        return (<const unsigned int *>values)[i]
    return (<const int64_t *>values)[i]
