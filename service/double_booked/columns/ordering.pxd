# cython: language_level=3
"""Put groups in the order of the definition: by the first member's start, then by the resource."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc

from double_booked.columns.grouping cimport Group, Grouping
from double_booked.columns.records cimport Record, sort_records
from double_booked.conflicts.growable cimport use_huge_pages
from double_booked.conflicts.progress cimport NO_MEMORY, Progress, fail, not_cancelled
from double_booked.conflicts.resources cimport NamedItem, ResourceTable, sort_by_name


cdef inline bint order_groups(
    Grouping *grouping, const ResourceTable *table, Progress *progress
) noexcept nogil:
    """Sort the groups, which follow one another by resource, and then by start.

    The sort by start is stable, so the groups enter it in the order of their resources.

    Args:
        grouping: The groups.
        table: The names of the resources; without any, their codes are in order.
        progress: Notes why it fails.
    """
    cdef size_t count = grouping.group_count
    cdef Record *records
    cdef bint is_ordered
    if count == 0 or grouping.groups[0].resource == grouping.groups[count - 1].resource:
        return True
    records = <Record *>malloc(2 * count * sizeof(Record))
    use_huge_pages(records, 2 * count * sizeof(Record))
    is_ordered = records != NULL and enter_by_resource(grouping, table, records)
    if is_ordered:
        sort_records(records, records + count, count, progress.cancelled)
        is_ordered = permute(grouping, records)
    free(records)
    return not_cancelled(progress) if is_ordered else fail(progress, NO_MEMORY)


cdef inline bint enter_by_resource(
    const Grouping *grouping, const ResourceTable *table, Record *records
) noexcept nogil:
    """Fill a record for each group, in the order of resources; return False if memory ran out."""
    cdef size_t i, count = grouping.group_count, runs = 0
    cdef const Group *groups = grouping.groups
    cdef NamedItem *first_groups = <NamedItem *>malloc(count * sizeof(NamedItem))
    if first_groups == NULL:
        return False
    for i in range(count):
        if i == 0 or groups[i].resource != groups[i - 1].resource:
            first_groups[runs].item = <uint32_t>i
            if table.count:
                first_groups[runs].name = table.items[groups[i].resource].name
                first_groups[runs].length = table.items[groups[i].resource].length
            runs += 1
    if table.count:
        sort_by_name(first_groups, runs)
    enter_runs(grouping, first_groups, runs, records)
    free(first_groups)
    return True


cdef inline void enter_runs(
    const Grouping *grouping, const NamedItem *first_groups, size_t runs, Record *records
) noexcept nogil:
    """Fill the records of each run of groups of one resource."""
    cdef size_t i, place = 0, group
    cdef const Group *groups = grouping.groups
    for i in range(runs):
        group = first_groups[i].item
        while True:
            records[place].key = groups[group].start
            records[place].row = <uint32_t>group
            place += 1
            group += 1
            if (
                group == grouping.group_count
                or groups[group].resource != groups[group - 1].resource
            ):
                break


cdef inline bint permute(Grouping *grouping, const Record *records) noexcept nogil:
    """Replace the groups by those that the records name; return False if memory ran out."""
    cdef size_t i, count = grouping.group_count
    cdef Group *ordered = <Group *>malloc(count * sizeof(Group))
    if ordered == NULL:
        return False
    use_huge_pages(ordered, count * sizeof(Group))
    for i in range(count):
        ordered[i] = grouping.groups[records[i].row]
    free(grouping.groups)
    grouping.groups = ordered
    return True
