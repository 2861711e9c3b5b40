"""The version and the commit of the running program."""

from importlib.metadata import version
from pathlib import Path

import pytest

from double_booked.runtime.version import VERSION, commit


def test_version_is_that_of_the_package() -> None:
    assert version("double-booked") == VERSION


def test_commit_is_read_from_the_image_or_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("double_booked.runtime.version.files", lambda _: tmp_path)
    assert commit() == "unknown"
    (tmp_path / "commit.txt").write_text("abc123\n")
    assert commit() == "abc123"
