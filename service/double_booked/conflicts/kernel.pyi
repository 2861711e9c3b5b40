from typing import final

from double_booked.conflicts.limits import Limits

class Cancelled(Exception): ...  # noqa: N818 - CancelledError is asyncio's

@final
class Cancellation:
    def cancel(self) -> None: ...

@final
class Answer:
    content: bytes
    events: int
    groups: int

@final
class Chunks:
    events: int
    groups: int
    held_bytes: int
    def next(self, size: int) -> bytes | None: ...

@final
class Feed:
    events: int
    groups: int
    explain: bool
    held_events: int
    held_bytes: int
    memory_bytes: int
    def __init__(self, limits: Limits = ..., cancellation: Cancellation | None = None) -> None: ...
    def take(self, message: bytes) -> None: ...
    def finish(self) -> None: ...
    def next(self, size: int) -> bytes | None: ...

def get_conflicts(
    request: bytes, limits: Limits = ..., cancellation: Cancellation | None = None
) -> Answer: ...
def stream_conflicts(
    request: bytes, limits: Limits = ..., cancellation: Cancellation | None = None
) -> Chunks: ...
def batch_get_conflicts(
    request: bytes, limits: Limits = ..., cancellation: Cancellation | None = None
) -> Answer: ...
def is_small(request: bytes, is_batch: bool) -> bool: ...
