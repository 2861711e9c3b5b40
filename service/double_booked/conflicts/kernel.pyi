"""The answer to a request, from wire bytes to wire bytes, without the GIL."""

from typing import final

@final
class Answer:
    """The answer to one request.

    Attributes:
        content: The serialized ConflictList. Each event is the slice of the
            request that it came as.
        events: How many events the request holds.
        groups: How many groups of conflicting events the answer holds.
    """

    content: bytes
    events: int
    groups: int

def get_conflicts(request: bytes) -> Answer:
    """Finds the groups of conflicting events of a serialized EventList.

    The GIL is released while it works.

    Raises:
        double_booked.conflicts.validation.InvalidRequest: The bytes are not an
            EventList, or an event's times cannot be used.
    """
