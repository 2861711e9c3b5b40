# cython: language_level=3
"""The resources of a request: a hash table from name to number.

The hash is the one of Python's bytes, SipHash with a secret of the process, so
that no caller can choose names that collide.
"""

from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memcmp

from double_booked.conflicts.growable cimport make_room

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030E0000
    #define hash_bytes Py_HashBuffer
    #else
    #define hash_bytes(content, length) (PyHash_GetFuncDef()->hash(content, length))
    #endif
    """
    Py_ssize_t hash_bytes(const void *content, Py_ssize_t length) noexcept nogil

cdef extern from *:
    const uint32_t NO_RESOURCE "UINT32_MAX"
    # The resource of events that name none.
    const uint8_t *UNNAMED "((const uint8_t *)\"\")"


cdef struct Resource:
    const uint8_t *at
    uint32_t length
    uint32_t capacity
    # How many events use the resource.
    uint32_t uses
    # The last event to be noted; once all are read, the place of the next to be dealt.
    uint32_t mark


cdef struct ResourceTable:
    Resource *items
    size_t count
    # Numbers of names plus one, 0 where there is none; a power of two of them.
    uint32_t *slots
    size_t slot_count


cdef inline size_t slot_of(const ResourceTable *names, const uint8_t *at, uint32_t length) noexcept nogil:
    """The slot that holds the name, or else the free one for it."""
    cdef size_t mask = names.slot_count - 1
    cdef size_t slot = <size_t>hash_bytes(at, length) & mask
    cdef const Resource *name
    while names.slots[slot]:
        name = &names.items[names.slots[slot] - 1]
        if name.length == length and memcmp(name.at, at, length) == 0:
            break
        slot = (slot + 1) & mask
    return slot


cdef inline uint32_t find_resource(const ResourceTable *names, const uint8_t *at, uint32_t length) noexcept nogil:
    """The number of a name; NO_NAME where it is not there."""
    if names.slot_count == 0:
        return NO_RESOURCE
    # 0 - 1 is NO_NAME.
    return names.slots[slot_of(names, at, length)] - 1


cdef inline bint double_slots(ResourceTable *names) noexcept nogil:
    cdef size_t i
    cdef uint32_t *before = names.slots
    cdef size_t count = max(2 * names.slot_count, <size_t>16)
    cdef uint32_t *slots = <uint32_t *>calloc(count, sizeof(uint32_t))
    if slots == NULL:
        return False
    free(before)
    names.slots = slots
    names.slot_count = count
    for i in range(names.count):
        slots[slot_of(names, names.items[i].at, names.items[i].length)] = <uint32_t>i + 1
    return True


cdef inline Resource *add_resource(ResourceTable *names, const uint8_t *at, uint32_t length) noexcept nogil:
    """The name, added if it is new; NULL where memory ran out."""
    cdef size_t slot
    cdef Resource *name
    if 2 * names.count >= names.slot_count and not double_slots(names):
        return NULL
    slot = slot_of(names, at, length)
    if names.slots[slot]:
        return &names.items[names.slots[slot] - 1]
    if not make_room(<void **>&names.items, names.count, sizeof(Resource)):
        return NULL
    name = &names.items[names.count]
    name.at = at
    name.length = length
    name.capacity = 1
    name.uses = 0
    name.mark = UINT32_MAX
    names.count += 1
    names.slots[slot] = <uint32_t>names.count
    return name


cdef struct NamedItem:
    # A name, and what it is the name of.
    const uint8_t *at
    uint32_t length
    uint32_t item


cdef inline int compare_names(const void *left, const void *right) noexcept nogil:
    cdef const NamedItem *first = <const NamedItem *>left
    cdef const NamedItem *second = <const NamedItem *>right
    cdef uint32_t common = min(first.length, second.length)
    cdef int order = memcmp(first.at, second.at, common)
    if order:
        return order
    return (first.length > second.length) - (first.length < second.length)


cdef inline void sort_by_name(NamedItem *labels, size_t count) noexcept nogil:
    """Sorts by the names' bytes."""
    qsort(labels, count, sizeof(NamedItem), compare_names)
