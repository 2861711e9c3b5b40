"""How much may be under way at a time: calls, and the bytes that they hold."""

import threading

from double_booked.conflicts.limits import LimitExceeded


class Budget:
    """The calls of ConflictService under way, and the bytes in flight.

    Bytes in flight are those of requests received and of answers not sent yet, as far as they are
    too large to be answered at once, and those that feeds hold.

    Attributes:
        max_calls: How many calls may be under way.
        max_bytes: How many bytes may be in flight.
        calls: How many calls are; written by the serving thread only.
        bytes_in_flight: How many bytes are.
    """

    def __init__(self, max_calls: int, max_bytes: int) -> None:
        self.max_calls = max_calls
        self.max_bytes = max_bytes
        self.calls = 0
        self.bytes_in_flight = 0
        self._lock = threading.Lock()

    def add_call(self) -> None:
        """Count a call.

        Raises:
            LimitExceeded: There are too many already; it is not counted.
        """
        if self.calls >= self.max_calls:
            raise LimitExceeded(f"more calls at a time than MAX_CONCURRENT_RPCS = {self.max_calls}")
        self.calls += 1

    def end_call(self) -> None:
        """Count a call no more."""
        self.calls -= 1

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
            LimitExceeded: It has none; the share is as before.
        """
        budget = self._budget
        with self._lock:
            more = size - self.size
            if more > 0 and budget.bytes_in_flight + more > budget.max_bytes:
                raise LimitExceeded(
                    "more bytes of requests and answers at a time than "
                    f"MAX_BYTES_IN_FLIGHT = {budget.max_bytes}; try again later"
                )
            self._take(size)

    def become(self, size: int) -> None:
        """Hold so many bytes from now on, come what may: they are in memory already."""
        with self._lock:
            self._take(size)

    def end(self) -> None:
        """Hold nothing from now on, whatever is said later."""
        with self._lock:
            self._take(0)
            self._is_over = True

    def _take(self, size: int) -> None:
        if not self._is_over:
            self._budget.bytes_in_flight += size - self.size
            self.size = size
