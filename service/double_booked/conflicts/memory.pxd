# cython: language_level=3
"""Arrays that grow by one item at a time."""

from libc.stdlib cimport realloc


cdef inline bint make_room(void **items, size_t count, size_t item_size) noexcept nogil:
    """Makes room for one item more than `count`; False where memory ran out.

    The room is a power of two, so that it is full whenever the count is one.
    """
    cdef void *bigger
    if count & (count - 1):
        return True
    bigger = realloc(items[0], (2 * count if count else 1) * item_size)
    if bigger == NULL:
        return False
    items[0] = bigger
    return True
