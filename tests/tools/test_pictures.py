"""The picture of the page is that of the page as it is."""

import re
import sys
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import pictures  # noqa: E402


def test_picture_shows_the_page_as_it_is() -> None:
    """If this fails, run `make pictures`."""
    [source] = re.findall(rb"tEXtSource\0([0-9a-f]{64})", pictures.PICTURE.read_bytes())
    assert source.decode() == pictures.digest()
