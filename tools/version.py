"""Give the project a version: `version.py 0.2.0`.

pyproject.toml holds the version. The chart, kustomize, docs and tests name it too, and are
written with it; the changelog's [Unreleased] becomes its section.
"""

import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

# What PyPI, Helm and tags of images all spell alike.
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
CHANGELOG = "CHANGELOG.md"
# They name versions of others.
LOCKS = re.compile(r"requirements[\w-]*\.txt|go\.(mod|sum)")
UNRELEASED = "## [Unreleased]\n"


def current(root: Path) -> str:
    """Return the version in pyproject.toml."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version


def naming(version: str) -> re.Pattern[str]:
    """Return what finds a version that is not a part of another one, or of an address."""
    return re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d]|\.\d)")


def files(root: Path) -> list[Path]:
    """Return the files in Git that may name the version."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git there is
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (root / name for name in listed.stdout.split("\0") if name and name != CHANGELOG)
    return [path for path in paths if path.is_file() and not LOCKS.fullmatch(path.name)]


def write(root: Path, version: str) -> None:
    """Write the version wherever the current one is named."""
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
    """Give what is unreleased the version and today's date."""
    section = f"{UNRELEASED}\n## [{version}] - {datetime.now(UTC):%Y-%m-%d}\n"
    path.write_text(path.read_text().replace(UNRELEASED, section, 1))


def main(root: Path, version: str) -> None:
    """Write the version; say what cannot be one."""
    if not VERSION.fullmatch(version):
        sys.exit(f"{version!r} is no version; give three numbers, as in make version VERSION=0.2.0")
    if f"## [{version}]" in (root / CHANGELOG).read_text():
        sys.exit(f"{CHANGELOG} has a section [{version}] already; give a newer version")
    write(root, version)
    date_changelog(root / CHANGELOG, version)


if __name__ == "__main__":
    main(Path.cwd(), sys.argv[1] if len(sys.argv) > 1 else "")
