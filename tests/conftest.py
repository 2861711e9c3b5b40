"""Settings of all tests."""

from hypothesis import settings

# A machine that others use too is slow now and then; no test is about its own time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
