"""Runs a long computation in steps, so that admission reviews are answered between them."""

import asyncio
from time import monotonic
from typing import TypeVar

from double_booked.operator.calendar_conflicts import Steps

_MAX_SECONDS = 0.01
"""How long to compute before other tasks run: this much later a review is answered at worst."""

_Result = TypeVar("_Result")


async def run_cooperatively(steps: Steps[_Result]) -> _Result:
    """Run all steps, let other tasks run in between, and return the result."""
    started = monotonic()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result
        if monotonic() - started > _MAX_SECONDS:
            await asyncio.sleep(0)
            started = monotonic()
