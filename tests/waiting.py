"""Waits in tests for what another task, thread or process does."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(
    holds: Callable[[], object | Awaitable[object]], what: str, seconds: float = 10
) -> None:
    """Wait until a function, asynchronous or not, returns something true.

    Raises:
        AssertionError: It does not within the seconds; the message names `what`.
    """
    deadline = time.monotonic() + seconds
    while not await _result(holds):
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.01)


async def _result(holds: Callable[[], object | Awaitable[object]]) -> object:
    result = holds()
    return await result if inspect.isawaitable(result) else result


def wait_until(
    find: Callable[[], T], what: str, seconds: float = 10, *, log: Callable[[], str] = str
) -> T:
    """Block until a function returns something true, and return that.

    Args:
        find: The function.
        what: What is waited for.
        seconds: How long.
        log: Returns what explains a failure.

    Raises:
        AssertionError: The function does not within the seconds.
    """
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"never: {what}\n{log()}"
        time.sleep(0.02)
    return found
