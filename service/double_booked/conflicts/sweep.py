"""Conflicts of a feed: any number of events, in the order of their starts."""

from collections.abc import Iterator
from typing import Protocol

from double_booked.conflicts import kernel
from double_booked.conflicts.limits import LimitExceededError, Limits

CHUNK_BYTES = 1024 * 1024
"""The maximum size of a message of a stream, unless a single event is larger."""

# The bytes of events up to which a step is small: those kept plus the message; see cost.pxd.
_MAX_SMALL_BYTES = 64 * 1024
_MAX_SMALL_EXPLAINED_BYTES = 6 * 1024


class Sweep:
    """A feed in progress."""

    def __init__(self, limits: Limits, cancellation: kernel.Cancellation | None = None) -> None:
        self._feed = kernel.Feed(limits, cancellation)
        self._limits = limits
        self._counted = (0, 0)

    @property
    def events(self) -> int:
        """The number of events received."""
        return self._feed.events

    @property
    def groups(self) -> int:
        """The number of groups yielded."""
        return self._feed.groups

    @property
    def held_bytes(self) -> int:
        """The bytes of memory in use between messages."""
        return self._feed.memory_bytes

    def is_small(self, message: bytes) -> bool:
        """Return whether the step of a message takes at most about two milliseconds."""
        closable = len(message) + self._feed.held_bytes
        most = _MAX_SMALL_EXPLAINED_BYTES if self._feed.explain else _MAX_SMALL_BYTES
        return closable <= most and kernel.is_small(message, is_batch=False)

    def push(self, message: bytes) -> Iterator[bytes]:
        """Add a serialized EventList; yield the ConflictLists of the groups that it closes.

        Raises:
            InvalidRequestError: The bytes are not an EventList, an event or the options are
                invalid, an event starts before the event before it, or a later message than the
                first has options. Positions count from the start of the feed.
            LimitExceededError: The message, or what the feed keeps after it, exceeds a limit.
        """
        self._feed.take(message)
        yield from chunks(self._feed)
        self._check_held()

    def finish(self) -> Iterator[bytes]:
        """End the feed; yield the ConflictLists of the groups that are still open."""
        self._feed.finish()
        yield from chunks(self._feed)

    def take_counts(self) -> tuple[int, int]:
        """Return how many events and groups were added since the previous call."""
        before, self._counted = self._counted, (self.events, self.groups)
        return self.events - before[0], self.groups - before[1]

    def _check_held(self) -> None:
        events, size, limits = self._feed.held_events, self._feed.held_bytes, self._limits
        if events > limits.max_events_per_list:
            raise LimitExceededError(
                f"the feed has {events} events that later ones may conflict with, "
                f"more than MAX_EVENTS_PER_LIST = {limits.max_events_per_list}"
            )
        if size > limits.max_message_bytes:
            raise LimitExceededError(
                f"the feed has {size} bytes of events that later ones may conflict "
                f"with, more than MAX_MESSAGE_BYTES = {limits.max_message_bytes}"
            )


class _Chunked(Protocol):
    def next(self, size: int) -> bytes | None: ...


def chunks(answer: _Chunked) -> Iterator[bytes]:
    """Yield the serialized ConflictLists of an answer, each encoded when it is requested."""
    while chunk := answer.next(CHUNK_BYTES):
        yield chunk
