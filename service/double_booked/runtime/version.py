"""What is running."""

from importlib.metadata import version
from importlib.resources import files

VERSION = version("double-booked")


def commit() -> str:
    """The commit that an image was built from; "unknown" where none was recorded."""
    recorded = files("double_booked") / "commit.txt"
    return recorded.read_text().strip() if recorded.is_file() else "unknown"
