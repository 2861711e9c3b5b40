# cython: language_level=3
"""How a step of a search ends; GOING_ON is the only one that lets the next step begin."""


cdef enum Outcome:
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
