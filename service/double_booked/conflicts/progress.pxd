# cython: language_level=3
"""What can end a query early: a cancellation, a limit, bytes that are malformed, no memory.

A step that can fail returns whether it succeeded. One that did not has called `fail`, which notes
why; its callers return False at once. Only the entry points of kernel.pyx raise exceptions.
Helpers that know no Progress return False or NULL for one reason alone: memory ran out.
"""

from libc.stdint cimport uint64_t

cdef enum:
    # How many events pass between two checks for a cancellation.
    CHECK_EVERY = 4096

cdef extern from *:
    # Another thread sets it, so that each check has to read it again.
    ctypedef int Flag "volatile int"


cdef enum Outcome:
    # The only outcome that lets the next step begin.
    GOING_ON
    NO_MEMORY
    MALFORMED
    CANCELLED
    TOO_MANY_EVENTS
    TOO_MANY_RESOURCES
    TOO_MANY_OPTION_BYTES
    TOO_MANY_CAPACITIES
    TOO_MANY_MEMBERS
    TOO_MANY_ANSWER_BYTES


cdef struct Budget:
    # Limits of each list.
    size_t max_events
    size_t max_resources
    size_t max_options_bytes
    # Limits of the call, and what all its lists have used of them: the members that overlaps
    # list, and the bytes that the answer has at least.
    uint64_t members
    uint64_t max_members
    uint64_t answer_bytes
    uint64_t max_answer_bytes


cdef struct Progress:
    Budget *budget
    const Flag *cancelled
    Outcome outcome
    # The position of the event that is over a limit.
    size_t offending_event


cdef inline bint fail(Progress *progress, Outcome outcome) noexcept nogil:
    """Note why the query ends; return False, for the callers to pass on."""
    progress.outcome = outcome
    return False


cdef inline bint not_cancelled(Progress *progress) noexcept nogil:
    """Return True, or fail if the query was cancelled."""
    return fail(progress, CANCELLED) if progress.cancelled[0] else True


cdef inline bint charge_answer_bytes(Progress *progress, uint64_t size) noexcept nogil:
    """Count bytes that the answer must hold; fail if they are over the limit."""
    progress.budget.answer_bytes += size
    if progress.budget.answer_bytes > progress.budget.max_answer_bytes:
        return fail(progress, TOO_MANY_ANSWER_BYTES)
    return True


cdef inline bint charge_members(Progress *progress, uint64_t count) noexcept nogil:
    """Count members that an overlap lists; fail, and count none, if they are over the limit."""
    if progress.budget.members + count > progress.budget.max_members:
        return fail(progress, TOO_MANY_MEMBERS)
    progress.budget.members += count
    return True
