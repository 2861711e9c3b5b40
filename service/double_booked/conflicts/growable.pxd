# cython: language_level=3
"""Arrays that grow; the functions return False if memory ran out."""

from libc.stdlib cimport realloc

cdef extern from *:
    """
    #ifdef __linux__
    #include <sys/mman.h>
    #endif
    #ifdef MADV_HUGEPAGE
    #define advise_huge_pages(memory, size) ((void)madvise((void *)(memory), size, MADV_HUGEPAGE))
    #else
    #define advise_huge_pages(memory, size) ((void)0)
    #endif
    """
    void advise_huge_pages(size_t memory, size_t size) noexcept nogil

cdef enum:
    # So a small array grows once, not three times.
    MIN_ROOM = 8
    # A block of this size comes from mmap: to touch its pages one by one takes as long as to sort.
    # Huge pages of 2 MiB saved 12 % of the time for 1,000,000 events.
    MIN_HUGE = 4_194_304
    PAGE = 4096


cdef inline bint make_room(void **items, size_t count, size_t item_size) noexcept nogil:
    """Make room for one item after `count` others.

    The array has a power of two of places, 8 or more. So it is full only if the count is one.
    """
    cdef void *bigger
    if count & (count - 1) or 0 < count < MIN_ROOM:
        return True
    bigger = realloc(items[0], (2 * count if count else <size_t>MIN_ROOM) * item_size)
    if bigger == NULL:
        return False
    items[0] = bigger
    return True


cdef inline bint reserve(void **items, size_t *room, size_t count, size_t item_size) noexcept nogil:
    """Make room for `count` items; an array that has to grow at least doubles."""
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
    """Give back most of the room if less than a quarter of it is used."""
    cdef void *smaller
    cdef size_t less = 2 * count + 16
    if less >= room[0] // 2:
        return
    smaller = realloc(items[0], less * item_size)
    if smaller != NULL:
        items[0] = smaller
        room[0] = less


cdef inline void use_huge_pages(const void *memory, size_t size) noexcept nogil:
    """Ask the system to back a large block, which is not touched yet, by huge pages."""
    cdef size_t first_page = (<size_t>memory + PAGE - 1) & ~<size_t>(PAGE - 1)
    if size >= MIN_HUGE:
        advise_huge_pages(first_page, (size - PAGE) & ~<size_t>(PAGE - 1))
