"""A queue of keys, each worked on by one worker at a time, as client-go's workqueue has it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to work on, in the order in which they were added; some of them can wait.

    A key that is added while it waits is there once. One that is added while a worker has it waits
    until that worker is done, so two workers never have the same key.
    """

    def __init__(self, patience: float = 0.0, clock: Callable[[], float] = monotonic) -> None:
        """Make an empty queue.

        Args:
            patience: Seconds for which a key that can wait is left alone, so that what changes
                again meanwhile is one piece of work.
            clock: In seconds.
        """
        self._patience = patience
        self._clock = clock
        self._urgent: OrderedDict[K, float] = OrderedDict()
        self._patient: OrderedDict[K, float] = OrderedDict()
        self._working: dict[K, float] = {}
        self._changed = asyncio.Event()

    def add(self, key: K, *, can_wait: bool = False) -> None:
        """Add a key; one that can wait comes after all that cannot."""
        if not can_wait:
            self._patient.pop(key, None)
            self._urgent.setdefault(key, self._clock())
        elif key not in self._urgent:
            self._patient.setdefault(key, self._clock())
        self._changed.set()

    async def take(self) -> K:
        """Return the next key that no worker has; wait for one. Call `done` after the work."""
        while True:
            for waiting in (self._urgent, self._patient):
                for key, since in waiting.items():
                    if waiting is self._patient and since + self._patience > self._clock():
                        break
                    if key not in self._working:
                        del waiting[key]
                        self._working[key] = since if waiting is self._urgent else 0.0
                        return key
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._patience or None)

    def done(self, key: K) -> None:
        """End the work on a key."""
        del self._working[key]
        self._changed.set()

    def oldest(self) -> float:
        """Return when the oldest key that cannot wait was added; 0 if there is none."""
        added = [since for since in self._working.values() if since]
        if self._urgent:
            added.append(next(iter(self._urgent.values())))
        return min(added, default=0.0)

    def patient(self) -> int:
        """Return how many keys wait that can wait."""
        return len(self._patient)
