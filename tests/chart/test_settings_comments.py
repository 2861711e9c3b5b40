"""The comments of the chart's settings say what settings.py says."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import settings_docs


def test_comments_of_chart_settings_are_up_to_date() -> None:
    text = settings_docs.VALUES.read_text()
    assert settings_docs.values(text) == text
