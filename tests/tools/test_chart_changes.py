"""Test that the changelog's entries of a version become annotations for Artifact Hub."""

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import chart_changes

ROOT = Path(__file__).parents[2]

CHANGELOG = """# Changelog

## [Unreleased]

## [0.2.0] - 2027-01-04

### Added

- A page: with colours,
  on two lines.
- A feed.

### Fixed

- A fault.
"""


def write(folder: Path, changelog: str, version: str) -> tuple[Path, Path]:
    log, chart = folder / "CHANGELOG.md", folder / "Chart.yaml"
    log.write_text(changelog)
    chart.write_text(yaml.safe_dump({"version": version, "annotations": {"a": "b"}}))
    return log, chart


def test_each_entry_has_its_kind_and_whole_text(tmp_path: Path) -> None:
    log, chart = write(tmp_path, CHANGELOG, "0.2.0")
    chart_changes.main(log, chart)
    notes = yaml.safe_load(chart.read_text())["annotations"]
    assert notes["a"] == "b"
    assert yaml.safe_load(notes["artifacthub.io/changes"]) == [
        {"kind": "added", "description": "A page: with colours, on two lines."},
        {"kind": "added", "description": "A feed."},
        {"kind": "fixed", "description": "A fault."},
    ]


def test_a_version_without_entries_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"lists no change of 0\.3\.0"):
        chart_changes.main(*write(tmp_path, CHANGELOG, "0.3.0"))


def test_a_heading_unknown_to_artifact_hub_is_rejected(tmp_path: Path) -> None:
    log, chart = write(tmp_path, CHANGELOG.replace("Fixed", "Improved"), "0.2.0")
    with pytest.raises(SystemExit, match="### Improved"):
        chart_changes.main(log, chart)


def test_the_changelog_of_this_project_can_be_read() -> None:
    changes = chart_changes.changes((ROOT / "CHANGELOG.md").read_text())
    assert {"added", "fixed"} <= {change["kind"] for change in changes} <= chart_changes.KINDS
