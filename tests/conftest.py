"""Settings of all tests."""

from hypothesis import settings

# Tests also run on busy machines, and no property is about time.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
