"""A queue of keys, each worked on by one worker at a time, as client-go's workqueue has it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to work on, in the order in which they were added.

    A key that is added while it waits is there once. One that is added while a worker has it waits
    until that worker is done, so two workers never have the same key.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._waiting: OrderedDict[K, float] = OrderedDict()
        self._working: dict[K, float] = {}
        self._changed = asyncio.Event()

    def add(self, key: K) -> None:
        """Add a key."""
        self._waiting.setdefault(key, self._clock())
        self._changed.set()

    async def take(self) -> K:
        """Return the next key that no worker has; wait for one. Call `done` after the work."""
        while True:
            for key in self._waiting:
                if key not in self._working:
                    self._working[key] = self._waiting.pop(key)
                    return key
            self._changed.clear()
            await self._changed.wait()

    def done(self, key: K) -> None:
        """End the work on a key."""
        del self._working[key]
        self._changed.set()

    def oldest(self) -> float:
        """Return when the oldest key was added that waits or is worked on; 0 if there is none."""
        added = [*self._working.values()]
        if self._waiting:
            added.append(next(iter(self._waiting.values())))
        return min(added, default=0.0)
