from collections.abc import Mapping, Sequence
from typing import final

from double_booked.columns.results import Overlaps, Sweep

class Cancelled(Exception): ...  # noqa: N818 - CancelledError is asyncio's

@final
class Column:
    def __len__(self) -> int: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Groups:
    @property
    def first(self) -> Column: ...
    @property
    def members(self) -> Column: ...
    def __len__(self) -> int: ...

@final
class Search:
    rows: int
    def __init__(
        self,
        start: object,
        end: object,
        resource: object,
        *,
        scale: int,
        capacity: int | Mapping[str, int] | object,
        min_gap: int,
        amount: object = None,
    ) -> None: ...
    def cancel(self) -> None: ...
    def find_groups(self) -> Groups: ...
    def find_overlaps(self) -> Overlaps: ...

def sweep_range(
    start: object, end: object, *, capacity: int, min_gap: int, carried: Sequence[int]
) -> Sweep: ...
