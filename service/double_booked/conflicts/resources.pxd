# cython: language_level=3
"""The resources of a request: a hash table from name to number.

It hashes as Python's bytes do: by SipHash with a secret of the process. So no caller can choose
names that collide.
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
    # The name of the resource that events without resources occupy.
    const uint8_t *UNNAMED "((const uint8_t *)\"\")"


cdef struct Resource:
    # The name; its bytes are the request's or the feed's.
    const uint8_t *name
    uint32_t length
    uint32_t capacity
    # How many events occupy the resource.
    uint32_t event_count
    # While events are read: the last event that was assigned, which finds a name that an event
    # repeats. Then, in grouping: where in `members` the next event of the resource goes.
    uint32_t mark


cdef struct ResourceTable:
    Resource *items
    size_t count
    # For each hash the number of a resource plus one, or 0; a power of two of slots.
    uint32_t *slots
    size_t slot_count


cdef inline size_t slot_of(
    const ResourceTable *table, const uint8_t *name, uint32_t length
) noexcept nogil:
    """Return the slot that holds the name, or else the free slot for it."""
    cdef size_t mask = table.slot_count - 1
    cdef size_t slot = <size_t>hash_bytes(name, length) & mask
    cdef const Resource *resource
    while table.slots[slot]:
        resource = &table.items[table.slots[slot] - 1]
        if resource.length == length and memcmp(resource.name, name, length) == 0:
            break
        slot = (slot + 1) & mask
    return slot


cdef inline uint32_t find_resource(
    const ResourceTable *table, const uint8_t *name, uint32_t length
) noexcept nogil:
    """Return the number of a resource, or NO_RESOURCE."""
    if table.slot_count == 0:
        return NO_RESOURCE
    # A free slot holds 0, and 0 - 1 is NO_RESOURCE.
    return table.slots[slot_of(table, name, length)] - 1


cdef inline bint double_slots(ResourceTable *table) noexcept nogil:
    cdef size_t i
    cdef uint32_t *old_slots = table.slots
    cdef size_t count = max(2 * table.slot_count, <size_t>16)
    cdef uint32_t *slots = <uint32_t *>calloc(count, sizeof(uint32_t))
    if slots == NULL:
        return False
    free(old_slots)
    table.slots = slots
    table.slot_count = count
    for i in range(table.count):
        slots[slot_of(table, table.items[i].name, table.items[i].length)] = <uint32_t>i + 1
    return True


cdef inline Resource *add_resource(
    ResourceTable *table, const uint8_t *name, uint32_t length
) noexcept nogil:
    """Return the resource of a name, added if it is new; NULL if memory ran out."""
    cdef size_t slot
    cdef Resource *resource
    if 2 * table.count >= table.slot_count and not double_slots(table):
        return NULL
    slot = slot_of(table, name, length)
    if table.slots[slot]:
        return &table.items[table.slots[slot] - 1]
    if not make_room(<void **>&table.items, table.count, sizeof(Resource)):
        return NULL
    resource = &table.items[table.count]
    resource.name = name
    resource.length = length
    resource.capacity = 1
    resource.event_count = 0
    resource.mark = UINT32_MAX
    table.count += 1
    table.slots[slot] = <uint32_t>table.count
    return resource


cdef struct NamedItem:
    # An item to sort by a name.
    const uint8_t *name
    uint32_t length
    uint32_t item


cdef inline int compare_names(const void *left, const void *right) noexcept nogil:
    cdef const NamedItem *first = <const NamedItem *>left
    cdef const NamedItem *second = <const NamedItem *>right
    cdef uint32_t common = min(first.length, second.length)
    cdef int order = memcmp(first.name, second.name, common)
    if order:
        return order
    return (first.length > second.length) - (first.length < second.length)


cdef inline void sort_by_name(NamedItem *items, size_t count) noexcept nogil:
    """Sort by the bytes of the names."""
    qsort(items, count, sizeof(NamedItem), compare_names)
