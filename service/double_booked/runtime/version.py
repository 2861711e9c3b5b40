"""Version and commit of this program."""

from importlib.metadata import version
from importlib.resources import files

VERSION = version("double-booked")


def commit() -> str:
    """Return the commit that the image was built from; "unknown" if none is recorded."""
    recorded = files("double_booked") / "commit.txt"
    return recorded.read_text().strip() if recorded.is_file() else "unknown"
