"""Test that the soak test runs and finds leaks."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parent


def test_a_short_soak_finds_nothing() -> None:
    soaked = subprocess.run(
        [sys.executable, SOAK, "2"], capture_output=True, text=True, check=False
    )
    assert (soaked.returncode, soaked.stderr) == (0, "")
    assert "| open files |" in soaked.stdout


def test_grown_figures_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOAK))
    soak = runpy.run_path(str(SOAK / "__main__.py"))
    figures = soak["Figures"]
    leaked = soak["leaks"](figures(50, 10, 5, 7, 0), figures(90, 11, 5, 6, 1))
    assert leaked == ["memory_mebibytes", "open_files", "calls"]
