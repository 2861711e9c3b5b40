# cython: language_level=3
"""Numbers that are defined elsewhere; tests/conflicts/test_kernel_constants.py compares them.

The numbers of fields are those of scheduling.proto and of protobuf's Timestamp and Duration.
"""

cdef enum:
    EVENT_ID = 1
    EVENT_TITLE = 2
    EVENT_DESCRIPTION = 3
    EVENT_START = 4
    EVENT_END = 5
    EVENT_RESOURCES = 6

cdef enum:
    EVENT_LIST_EVENTS = 1
    EVENT_LIST_OPTIONS = 2

cdef enum:
    CONFLICT_OPTIONS_CAPACITY = 1
    CONFLICT_OPTIONS_MIN_GAP = 2
    CONFLICT_OPTIONS_EXPLAIN = 3

cdef enum:
    CAPACITY_ENTRY_KEY = 1
    CAPACITY_ENTRY_VALUE = 2

cdef enum:
    TIMESTAMP_SECONDS = 1
    TIMESTAMP_NANOS = 2

cdef enum:
    DURATION_SECONDS = 1
    DURATION_NANOS = 2

cdef enum:
    CONFLICT_LIST_CONFLICTS = 1

cdef enum:
    CONFLICT_GROUP_CONFLICT_GROUP = 1
    CONFLICT_GROUP_RESOURCE = 2
    CONFLICT_GROUP_OVERLAPS = 3
    CONFLICT_GROUP_CONTINUED = 4

cdef enum:
    OVERLAP_START = 1
    OVERLAP_END = 2
    OVERLAP_DEPTH = 3
    OVERLAP_MEMBERS = 4

cdef enum:
    BATCH_GET_CONFLICTS_REQUEST_LISTS = 1
    BATCH_GET_CONFLICTS_RESPONSE_RESULTS = 1


cdef enum FaultKind:
    # As validation.FaultKind. Faults of the texts are in the order of Event's fields, and those of
    # the end in the order of those of the start: events.pxd counts on from the first of each.
    ID_NOT_UTF8 = 1
    TITLE_NOT_UTF8 = 2
    DESCRIPTION_NOT_UTF8 = 3
    START_MISSING = 4
    START_SECONDS = 5
    START_NANOS = 6
    END_MISSING = 7
    END_SECONDS = 8
    END_NANOS = 9
    END_BEFORE_START = 10
    RESOURCE_NOT_UTF8 = 11
    BACK_IN_TIME = 12
