"""Work in steps, so that a long computation lets reviews through.

A function that takes long is a generator: it yields now and then, and returns its result.
"""

import asyncio
from collections.abc import Generator
from time import monotonic
from typing import TypeVar

_AT_A_TIME_SECONDS = 0.01
"""How long to compute before reviews are let through."""

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]


async def run_cooperatively(steps: Steps[_Result]) -> _Result:
    """Do all steps, and let other tasks run in between; return the result."""
    begun = monotonic()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result
        if monotonic() - begun > _AT_A_TIME_SECONDS:
            await asyncio.sleep(0)
            begun = monotonic()
