"""How much may be under way at a time: calls, and the bytes that they hold."""

import threading

from double_booked.conflicts.limits import LimitExceededError


class CallLimit:
    """The calls of some kind under way; used by the serving thread only.

    Attributes:
        kind: What they are, in the plural.
        maximum: How many there may be.
        count: How many there are.
    """

    def __init__(self, kind: str, maximum: int) -> None:
        self.kind = kind
        self.maximum = maximum
        self.count = 0

    def acquire(self) -> None:
        """Count a call.

        Raises:
            LimitExceededError: There are too many already; it is not counted.
        """
        if self.count >= self.maximum:
            raise LimitExceededError(
                f"more {self.kind} at a time than MAX_CONCURRENT_RPCS = {self.maximum}"
            )
        self.count += 1

    def release(self) -> None:
        """Count a call no more."""
        self.count -= 1


class Budget:
    """The bytes in flight.

    They are those of requests received and of answers not sent yet, as far as they are too large
    to be answered at once, and those that streams hold while their reader takes what is sent.

    Attributes:
        max_bytes: How many bytes may be in flight.
        bytes_in_flight: How many bytes are.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes_in_flight = 0
        self._lock = threading.Lock()

    def share(self) -> "Share":
        """Return what one call may take of the bytes; nothing yet."""
        return Share(self, self._lock)


class Share:
    """The bytes in flight of one call; its methods may be called from any thread.

    Attributes:
        size: How many they are.
    """

    __slots__ = ("_budget", "_is_over", "_lock", "size")

    def __init__(self, budget: Budget, lock: threading.Lock) -> None:
        self._budget = budget
        self._lock = lock
        self._is_over = False
        self.size = 0

    def resize(self, size: int) -> None:
        """Hold so many bytes from now on, if the budget has room for what is more than before.

        Raises:
            LimitExceededError: It has none; the share is as before.
        """
        with self._lock:
            self._refuse_if(self._is_too_much(size))
            self._take(size)

    def keep(self, size: int) -> None:
        """Hold so many bytes that are in memory already, as `resize`.

        A call that alone holds any is never refused, or the largest requests never had an answer.

        Raises:
            LimitExceededError: Other calls leave no room; the share keeps its size.
        """
        with self._lock:
            is_alone = self._budget.bytes_in_flight == self.size
            self._refuse_if(self._is_too_much(size) and not is_alone)
            self._take(size)

    def release(self) -> None:
        """Hold nothing from now on, whatever is said later."""
        with self._lock:
            self._take(0)
            self._is_over = True

    def _is_too_much(self, size: int) -> bool:
        more = size - self.size
        return more > 0 and self._budget.bytes_in_flight + more > self._budget.max_bytes

    def _refuse_if(self, is_too_much: bool) -> None:  # noqa: FBT001 - private
        if is_too_much:
            raise LimitExceededError(
                "more bytes of requests and answers at a time than "
                f"MAX_BYTES_IN_FLIGHT = {self._budget.max_bytes}; try again later"
            )

    def _take(self, size: int) -> None:
        if not self._is_over:
            self._budget.bytes_in_flight += size - self.size
            self.size = size
