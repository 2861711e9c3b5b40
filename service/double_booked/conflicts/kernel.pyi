from typing import final

from double_booked.conflicts.limits import Limits

class Cancelled(Exception): ...  # noqa: N818 - named as the status that it becomes

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
class SweepStep:
    chunks: Chunks
    options: bytes
    held: bytes
    held_events: int
    last_start: tuple[int, int] | None

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
def sweep(
    request: bytes,
    message_at: int,
    held_events: int,
    last_start: tuple[int, int] | None,
    *,
    events_before: int,
    is_first: bool,
    is_last: bool,
    limits: Limits = ...,
    cancellation: Cancellation | None = None,
) -> SweepStep: ...
