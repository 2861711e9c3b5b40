"""The documents of the settings say what settings.py says."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import settings_docs


def test_settings_page_is_up_to_date() -> None:
    assert settings_docs.PAGE.read_text() == settings_docs.page()
