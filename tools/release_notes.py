"""Print the changelog's section of a version: `release_notes.py CHANGELOG.md v0.2.0`.

`[Unreleased]` is the section that a dry run prints: `release_notes.py CHANGELOG.md Unreleased`.
"""

import re
import sys
from pathlib import Path

from version import current


def section(changelog: str, version: str) -> str:
    """Return what stands under the heading of a version, empty if nothing does."""
    heading = rf"^## \[{re.escape(version)}\][^\n]*\n"
    found = re.search(rf"{heading}(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def main(path: Path, tag: str) -> None:
    """Print the section; say which is missing."""
    version = tag.removeprefix("v")
    ours = current(path.parent)
    if version not in (ours, "Unreleased"):
        sys.exit(f"the tag is {tag}, but pyproject.toml has version {ours}; see RELEASE.md")
    notes = section(path.read_text(), version)
    if not notes:
        sys.exit(f"{path} says nothing under [{version}]; `make version` makes the section")
    print(notes)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
