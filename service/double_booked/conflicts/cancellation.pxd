# cython: language_level=3
"""What tells a search, in whatever thread it is, that nobody waits for it any more."""

cdef enum:
    # How many events pass between two looks at whether the call was cancelled.
    CHECK_EVERY = 4096

cdef extern from *:
    # Read anew at each look, as another thread sets it.
    ctypedef int Flag "volatile int"
