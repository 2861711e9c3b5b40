"""Worker threads for requests that are too large for the serving thread."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Workers:
    """Threads for large requests, and one more thread for the largest.

    The kernel needs up to 4.4 times the size of a request. So the largest requests are processed
    one at a time, and other requests do not wait for them.
    """

    def __init__(self, threads: int, largest_from: int) -> None:
        """Prepare the threads.

        Args:
            threads: How many large requests to process at a time.
            largest_from: Size in bytes above which a request is one of the largest.
        """
        self._largest_from = largest_from
        self._large = ThreadPoolExecutor(threads, "engine")
        self._largest = ThreadPoolExecutor(1, "engine-largest")

    def submit(self, size: int, work: Callable[[], None]) -> None:
        """Run a function that processes a request of `size` bytes."""
        executor = self._largest if size > self._largest_from else self._large
        executor.submit(work)

    def shutdown(self) -> None:
        """Start no more work; running work continues to its end."""
        for executor in (self._large, self._largest):
            executor.shutdown(wait=False, cancel_futures=True)
