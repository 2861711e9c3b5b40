"""What the search refuses."""

MAX_ROWS = 100
"""The maximum number of rows that an error lists."""


class InvalidTableError(ValueError):
    """A table or an option that the search refuses.

    Attributes:
        rows: The first `MAX_ROWS` rows at fault as (key, reason); empty if it is not about rows.
        count: The number of all rows at fault.
    """

    def __init__(
        self, message: str, rows: tuple[tuple[object, str], ...] = (), count: int = 0
    ) -> None:
        super().__init__(message)
        self.rows = rows
        self.count = count


class ChangedInputError(RuntimeError):
    """The table had other events in a later scan; read a snapshot that does not change."""
