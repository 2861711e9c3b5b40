"""Conflicts over a feed: events in the order of their starts, however many."""

from collections.abc import Iterator

from double_booked.conflicts import kernel
from double_booked.conflicts.limits import LimitExceeded, Limits

CHUNK_BYTES = 1024 * 1024
"""The size of a message of a stream, if no single event is larger."""


class Sweep:
    """A feed under way.

    It holds the events that later ones may yet conflict with: those that are not
    over, and the members of groups that something may join.

    Attributes:
        events: How many events it has taken.
        groups: How many groups it has closed.
    """

    def __init__(self, limits: Limits, cancellation: kernel.Cancellation | None = None) -> None:
        self.events = 0
        self.groups = 0
        self._noted = (0, 0)
        self._limits = limits
        self._cancellation = cancellation
        self._options = b""
        self._held = b""
        self._held_events = 0
        self._last_start: tuple[int, int] | None = None
        self._is_first = True

    def take(self, message: bytes) -> Iterator[bytes]:
        """Takes a serialized EventList; yields the ConflictLists of the groups that it closes.

        Raises:
            InvalidRequest: The bytes are not an EventList, an event or the options
                cannot be used, an event starts before the one before it, or options
                come after the first message. Positions count from the feed's start.
            LimitExceeded: It holds, or the message has, more than the limits allow.
        """
        yield from self._step(message, is_last=False)

    @property
    def held_bytes(self) -> int:
        """The size of the events held."""
        return len(self._held)

    def last_step(self) -> tuple[int, int]:
        """How many events and groups there are more than when this was asked last."""
        before, self._noted = self._noted, (self.events, self.groups)
        return self.events - before[0], self.groups - before[1]

    def finish(self) -> Iterator[bytes]:
        """Yields the ConflictLists of the groups that are still open; the feed ends."""
        yield from self._step(b"", is_last=True)

    def _step(self, message: bytes, *, is_last: bool) -> Iterator[bytes]:
        before = self._options + self._held
        step = kernel.sweep(
            before + message,
            len(before),
            self._held_events,
            self._last_start,
            events_before=self.events,
            is_first=self._is_first,
            is_last=is_last,
            limits=self._limits,
            cancellation=self._cancellation,
        )
        self._is_first = False
        yield from chunks(step.chunks)
        self._hold(step)

    def _hold(self, step: kernel.SweepStep) -> None:
        self.events += step.chunks.events
        self.groups += step.chunks.groups
        self._options = step.options
        self._held, self._held_events = step.held, step.held_events
        self._last_start = step.last_start
        limits = self._limits
        if step.held_events > limits.max_events_per_list:
            raise LimitExceeded(
                f"the feed has {step.held_events} events that later ones may conflict with, "
                f"more than MAX_EVENTS_PER_LIST = {limits.max_events_per_list}"
            )
        if len(step.held) > limits.max_message_bytes:
            raise LimitExceeded(
                f"the feed has {len(step.held)} bytes of events that later ones may conflict "
                f"with, more than MAX_MESSAGE_BYTES = {limits.max_message_bytes}"
            )


def chunks(answer: kernel.Chunks) -> Iterator[bytes]:
    """Yields the serialized ConflictLists of an answer, each made when it is asked for."""
    while chunk := answer.next(CHUNK_BYTES):
        yield chunk
