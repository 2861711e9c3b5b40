"""A queue of keys, each processed by one worker at a time, like client-go's workqueue."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to process, in the order in which they were added; some of them can wait.

    A key that is added twice is processed once. A key that is added while a worker processes it is
    processed again after that, so two workers never have the same key.
    """

    def __init__(self, patience: float = 0.0, clock: Callable[[], float] = monotonic) -> None:
        """Make an empty queue.

        Args:
            patience: Seconds for which a key that can wait is held back, so that several changes
                are processed at once.
            clock: Returns monotonic seconds.
        """
        self._patience = patience
        self._clock = clock
        self._urgent: OrderedDict[K, float] = OrderedDict()
        self._held_back: OrderedDict[K, float] = OrderedDict()
        self._working: dict[K, float] = {}
        self._has_changed = asyncio.Event()

    def add(self, key: K, *, can_wait: bool = False) -> None:
        """Add a key; keys that can wait come after all others."""
        if not can_wait:
            self._held_back.pop(key, None)
            self._urgent.setdefault(key, self._clock())
        elif key not in self._urgent:
            self._held_back.setdefault(key, self._clock())
        self._has_changed.set()

    async def get(self) -> K:
        """Wait for the next key and return it. Call `done` after processing it."""
        while True:
            for waiting in (self._urgent, self._held_back):
                for key, since in waiting.items():
                    if waiting is self._held_back and since + self._patience > self._clock():
                        break
                    if key not in self._working:
                        del waiting[key]
                        self._working[key] = since if waiting is self._urgent else 0.0
                        return key
            self._has_changed.clear()
            # asyncio.wait_for may swallow a cancellation before Python 3.12 (gh-86296).
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience or None):
                    await self._has_changed.wait()

    def done(self, key: K) -> None:
        """Mark a key as processed."""
        del self._working[key]
        self._has_changed.set()

    def oldest(self) -> float:
        """Return when the oldest key that cannot wait was added, by the clock; 0 without one."""
        added = [since for since in self._working.values() if since]
        if self._urgent:
            added.append(next(iter(self._urgent.values())))
        return min(added, default=0.0)

    def held_back(self) -> int:
        """Return how many keys are held back."""
        return len(self._held_back)
