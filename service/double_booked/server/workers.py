"""The threads that work on requests too large for the serving thread."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Workers:
    """Threads for large requests, and one of its own for the largest.

    The kernel needs up to 4.4 times the size of a request while it works on it. So the largest are
    worked on one at a time, and others do not wait for them.
    """

    def __init__(self, threads: int, largest_from: int) -> None:
        """Prepare the threads.

        Args:
            threads: How many large requests to work on at a time.
            largest_from: The size in bytes over which a request is one of the largest.
        """
        self._largest_from = largest_from
        self._large = ThreadPoolExecutor(threads, "engine")
        self._largest = ThreadPoolExecutor(1, "engine-largest")

    def submit(self, size: int, work: Callable[[], None]) -> None:
        """Run a function that works on so many bytes."""
        executor = self._largest if size > self._largest_from else self._large
        executor.submit(work)

    def shutdown(self) -> None:
        """Run nothing more; what runs ends by itself."""
        for executor in (self._large, self._largest):
            executor.shutdown(wait=False, cancel_futures=True)
