"""Conflicts over a feed: events in the order of their starts, however many."""

from collections.abc import Iterator
from typing import Protocol

from double_booked.conflicts import kernel
from double_booked.conflicts.limits import LimitExceededError, Limits

CHUNK_BYTES = 1024 * 1024
"""The size of a message of a stream, if no single event is larger."""

_MAX_SMALL_BYTES = 64 * 1024
_MAX_SMALL_EXPLAINED_BYTES = 6 * 1024
"""What a message may close, its own events included, for its step to be small; see cost.pxd."""


class Sweep:
    """A feed under way."""

    def __init__(self, limits: Limits, cancellation: kernel.Cancellation | None = None) -> None:
        self._feed = kernel.Feed(limits, cancellation)
        self._limits = limits
        self._noted = (0, 0)

    @property
    def events(self) -> int:
        """How many events it has taken."""
        return self._feed.events

    @property
    def groups(self) -> int:
        """How many groups it has closed."""
        return self._feed.groups

    @property
    def held_bytes(self) -> int:
        """The memory that it holds between messages."""
        return self._feed.memory_bytes

    def is_small(self, message: bytes) -> bool:
        """Return whether the step of a message takes about a millisecond."""
        closable = len(message) + self._feed.held_bytes
        most = _MAX_SMALL_EXPLAINED_BYTES if self._feed.explain else _MAX_SMALL_BYTES
        return closable <= most and kernel.is_small(message, is_batch=False)

    def take(self, message: bytes) -> Iterator[bytes]:
        """Take a serialized EventList; yield the ConflictLists of the groups that it closes.

        Raises:
            InvalidRequestError: The bytes are not an EventList, an event or the options
                cannot be used, an event starts before the one before it, or options
                come after the first message. Positions count from the feed's start.
            LimitExceededError: It holds, or the message has, more than the limits allow.
        """
        self._feed.take(message)
        yield from chunks(self._feed)
        self._check_held()

    def finish(self) -> Iterator[bytes]:
        """Yield the ConflictLists of the groups that are still open; the feed ends."""
        self._feed.finish()
        yield from chunks(self._feed)

    def last_step(self) -> tuple[int, int]:
        """Return how many events and groups there are more than at the last call."""
        before, self._noted = self._noted, (self.events, self.groups)
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
    """Yield the serialized ConflictLists of an answer, each made when it is asked for."""
    while chunk := answer.next(CHUNK_BYTES):
        yield chunk
