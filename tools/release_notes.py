"""Print the changelog's section of a version: `release_notes.py CHANGELOG.md v0.2.0`.

A dry run prints the section `[Unreleased]`: `release_notes.py CHANGELOG.md Unreleased`.
"""

import re
import sys
from pathlib import Path

from version import current


def section(changelog: str, version: str) -> str:
    """Return the text under the heading of a version; empty if there is none."""
    heading = rf"^## \[{re.escape(version)}\][^\n]*\n"
    found = re.search(rf"{heading}(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def main(path: Path, tag: str) -> None:
    """Print the section; exit with a message if it is missing."""
    version = tag.removeprefix("v")
    own = current(path.parent)
    if version not in (own, "Unreleased"):
        sys.exit(f"the tag is {tag}, but pyproject.toml has version {own}; see RELEASE.md")
    notes = section(path.read_text(), version)
    if not notes:
        sys.exit(f"{path} has no text under [{version}]; `make version` creates the section")
    print(notes)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
