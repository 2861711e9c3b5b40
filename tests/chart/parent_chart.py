"""A parent chart with copies of this chart below it."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from chart.programs import CHART


def write_parent(folder: Path, *dependencies: dict[str, Any]) -> Path:
    """Write a parent chart that depends on this chart.

    Args:
        folder: The folder of the parent, which gives it its name.
        dependencies: For each copy, the fields besides name and version.
    """
    shutil.copytree(CHART, folder / "charts/double-booked")
    this_chart = {"name": "double-booked", "version": "*"}
    chart = {"apiVersion": "v2", "name": folder.name, "version": "0.2.0"}
    chart["dependencies"] = [this_chart | dependency for dependency in dependencies]  # type: ignore[assignment]
    (folder / "Chart.yaml").write_text(yaml.safe_dump(chart))
    return folder
