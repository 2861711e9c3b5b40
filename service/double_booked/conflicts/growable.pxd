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


cdef inline bint reserve(void **items, size_t *room, size_t count, size_t item_size) noexcept nogil:
    """Makes room for `count` items, and at least doubles it; False where memory ran out."""
    cdef void *bigger
    cdef size_t more = max(count, 2 * room[0])
    if count <= room[0]:
        return True
    bigger = realloc(items[0], more * item_size)
    if bigger == NULL:
        return False
    items[0] = bigger
    room[0] = more
    return True


cdef inline void shrink(void **items, size_t *room, size_t count, size_t item_size) noexcept nogil:
    """Gives room back of which less than a quarter is used."""
    cdef void *smaller
    cdef size_t less = 2 * count + 16
    if less >= room[0] // 2:
        return
    smaller = realloc(items[0], less * item_size)
    if smaller != NULL:
        items[0] = smaller
        room[0] = less
