"""Write the changes of this version into the annotations of a Chart.yaml, for Artifact Hub.

`chart_changes.py CHANGELOG.md CHART.YAML` runs before the chart is packaged.
"""

import sys
from pathlib import Path

import yaml

from release_notes import section

KINDS = {"added", "changed", "deprecated", "fixed", "removed", "security"}


def changes(text: str) -> list[dict[str, str]]:
    """Return the entries of a changelog section, each with the kind of its heading."""
    found: list[dict[str, str]] = []
    kind = ""
    for line in text.splitlines():
        if line.startswith("### "):
            kind = line.removeprefix("### ").strip().lower()
            if kind not in KINDS:
                sys.exit(f"the changelog has a heading {line!r}; it must be one of {sorted(KINDS)}")
        elif line.startswith("- "):
            found.append({"kind": kind, "description": line.removeprefix("- ").strip()})
        elif line.strip() and found:
            found[-1]["description"] += f" {line.strip()}"
    return found


def main(changelog: Path, chart: Path) -> None:
    """Write the changes of the chart's version, or the unreleased ones if it has none."""
    described = yaml.safe_load(chart.read_text())
    text = changelog.read_text()
    entries = changes(section(text, described["version"]) or section(text, "Unreleased"))
    if not entries:
        sys.exit(f"{changelog} lists no change of {described['version']}")
    described["annotations"]["artifacthub.io/changes"] = yaml.safe_dump(entries, sort_keys=False)
    chart.write_text(yaml.safe_dump(described, sort_keys=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
