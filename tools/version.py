"""Set the version of the project: `version.py 0.2.0`.

pyproject.toml has the version. It is also replaced in the chart, kustomize, docs and tests, and the
[Unreleased] section of the changelog gets its heading.
"""

import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

# The versions that PyPI, Helm and image tags spell alike.
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
CHANGELOG = "CHANGELOG.md"
# These files have versions of other projects.
LOCKS = re.compile(r"requirements[\w-]*\.txt|go\.(mod|sum)")
UNRELEASED = "## [Unreleased]\n"
COMPARISON = re.compile(r"^(\[Unreleased\]: (.*/compare/))(v[\d.]+)\.\.\.HEAD$", re.MULTILINE)


def current(root: Path) -> str:
    """Return the version in pyproject.toml."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version


def naming(version: str) -> re.Pattern[str]:
    """Return a pattern for a version that is not part of another version or of an address."""
    return re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d]|\.\d)")


def files(root: Path) -> list[Path]:
    """Return the files in Git that may contain the version."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - the git on PATH
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (root / name for name in listed.stdout.split("\0") if name and name != CHANGELOG)
    return [path for path in paths if path.is_file() and not LOCKS.fullmatch(path.name)]


def write(root: Path, version: str) -> None:
    """Replace the current version in all files."""
    named = naming(current(root))
    for path in files(root):
        content = path.read_bytes()
        try:
            written = named.sub(version, content.decode()).encode()
        except UnicodeDecodeError:
            continue
        if written != content:
            path.write_bytes(written)
            print(path.relative_to(root))


def date_changelog(path: Path, version: str) -> None:
    """Insert a heading with the version and today's date below [Unreleased], and its link."""
    section = f"{UNRELEASED}\n## [{version}] - {datetime.now(UTC):%Y-%m-%d}\n"
    text = path.read_text().replace(UNRELEASED, section, 1)
    path.write_text(COMPARISON.sub(rf"\1v{version}...HEAD\n[{version}]: \2\3...v{version}", text))


def main(root: Path, version: str) -> None:
    """Set the version; exit with a message if it is invalid or already has a section."""
    if not VERSION.fullmatch(version):
        sys.exit(
            f"{version!r} is not a version; give three numbers, as in make version VERSION=0.2.0"
        )
    if f"## [{version}]" in (root / CHANGELOG).read_text():
        sys.exit(f"{CHANGELOG} already has a section [{version}]; give a newer version")
    write(root, version)
    date_changelog(root / CHANGELOG, version)


if __name__ == "__main__":
    main(Path.cwd(), sys.argv[1] if len(sys.argv) > 1 else "")
