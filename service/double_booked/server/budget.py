"""Limits on the calls that are open at a time, and on the bytes that they hold."""

import threading

from double_booked.conflicts.limits import LimitExceededError


class CallLimit:
    """The number of open calls of one kind; for the serving thread only.

    Attributes:
        kind: Plural noun for the calls, for the error.
        maximum: How many may be open.
        count: How many are open.
    """

    def __init__(self, kind: str, maximum: int) -> None:
        self.kind = kind
        self.maximum = maximum
        self.count = 0

    def acquire(self) -> None:
        """Count a call.

        Raises:
            LimitExceededError: `maximum` calls are open already; this one is not counted.
        """
        if self.count >= self.maximum:
            raise LimitExceededError(
                f"more {self.kind} at a time than MAX_CONCURRENT_RPCS = {self.maximum}"
            )
        self.count += 1

    def release(self) -> None:
        """Stop counting a call that has ended."""
        self.count -= 1


class Budget:
    """The bytes in flight of all calls.

    These are the bytes of large requests, of large answers that are not sent yet, and of what
    streams hold while their client reads the answer. Small requests and answers do not count.

    Attributes:
        max_bytes: How many bytes may be in flight.
        bytes_in_flight: How many bytes are in flight.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes_in_flight = 0
        self._lock = threading.Lock()

    def share(self) -> "Share":
        """Return the share of a new call, which is empty."""
        return Share(self, self._lock)


class Share:
    """The bytes in flight of one call; its methods may be called from any thread.

    Attributes:
        size: The number of bytes.
    """

    __slots__ = ("_budget", "_is_released", "_lock", "size")

    def __init__(self, budget: Budget, lock: threading.Lock) -> None:
        self._budget = budget
        self._lock = lock
        self._is_released = False
        self.size = 0

    def resize(self, size: int) -> None:
        """Change the size, if the budget has room for the increase.

        Raises:
            LimitExceededError: It has no room; the share keeps its size.
        """
        with self._lock:
            self._reject_if(self._is_too_much(size))
            self._set(size)

    def keep(self, size: int) -> None:
        """Change the size to that of bytes which are in memory already.

        Unlike `resize`, this never rejects a call that is alone in holding bytes: otherwise the
        largest requests would never get an answer.

        Raises:
            LimitExceededError: Other calls leave no room; the share keeps its size.
        """
        with self._lock:
            is_alone = self._budget.bytes_in_flight == self.size
            self._reject_if(self._is_too_much(size) and not is_alone)
            self._set(size)

    def release(self) -> None:
        """Give all bytes back; later changes of the size have no effect."""
        with self._lock:
            self._set(0)
            self._is_released = True

    def _is_too_much(self, size: int) -> bool:
        more = size - self.size
        return more > 0 and self._budget.bytes_in_flight + more > self._budget.max_bytes

    def _reject_if(self, is_too_much: bool) -> None:  # noqa: FBT001 - private
        if is_too_much:
            raise LimitExceededError(
                "more bytes of requests and answers at a time than "
                f"MAX_BYTES_IN_FLIGHT = {self._budget.max_bytes}; try again later"
            )

    def _set(self, size: int) -> None:
        if not self._is_released:
            self._budget.bytes_in_flight += size - self.size
            self.size = size
