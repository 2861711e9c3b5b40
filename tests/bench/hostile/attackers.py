"""A separate process that runs the attacks."""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self

from bench.hostile import attacks
from bench.hostile.attacks import Outcome, Shot


class Attackers:
    """A process that runs one attack at a time, so that the good caller is not delayed."""

    def __init__(self) -> None:
        # gRPC does not survive a fork.
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def fire(self, port: int, shots: list[Shot], seconds: float, **how: Any) -> Outcome:
        """Run `attacks.fire`."""
        attack = partial(attacks.fire, port, shots, seconds, **how)
        return await asyncio.get_running_loop().run_in_executor(self._pool, attack)

    async def reset_rapidly(self, port: int, seconds: float, connections: int) -> int:
        """Run `attacks.reset_rapidly`."""
        attack = partial(attacks.reset_rapidly, port, seconds, connections)
        return await asyncio.get_running_loop().run_in_executor(self._pool, attack)
