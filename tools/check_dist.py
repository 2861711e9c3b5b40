"""Check the distributions before the upload to PyPI: `check_dist.py dist/*`.

PyPI applies the same rules (packaging.metadata), but only after the tag is public.
"""

import re
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from packaging.metadata import Metadata
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from version import current

ROOT = Path(__file__).resolve().parents[1]


def names(path: Path) -> list[str]:
    """Return the names of the files in a wheel or an sdist."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.namelist()
    with tarfile.open(path) as sdist:
        return sdist.getnames()


def metadata(path: Path) -> bytes:
    """Return the metadata of a wheel or an sdist."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            [found] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
            return wheel.read(found)
    with tarfile.open(path) as sdist:
        opened = sdist.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
        return opened.read() if opened else b""


def faults(path: Path, version: str) -> list[str]:
    """Return the faults of a wheel or an sdist of a version."""
    parse = parse_wheel_filename if path.suffix == ".whl" else parse_sdist_filename
    found = [] if str(parse(path.name)[1]) == version else [f"does not have version {version}"]
    try:
        described = Metadata.from_email(metadata(path), validate=True)
    except ExceptionGroup as invalid:
        return [*found, *map(str, invalid.exceptions)]
    if not described.description or described.description_content_type != "text/markdown":
        found.append("has no description in Markdown")
    suffix = ".so" if path.suffix == ".whl" else ".pyx"
    kernels = (
        f".*double_booked/{package}/kernel.*{suffix}" for package in ("conflicts", "columns")
    )
    missing = [pattern for pattern in (*kernels, ".*LICENSE") if not holds(path, pattern)]
    return [*found, *(f"has no file {pattern}" for pattern in missing)]


def holds(path: Path, pattern: str) -> bool:
    """Return whether a file in a wheel or an sdist has a matching name."""
    return any(re.fullmatch(pattern, name) for name in names(path))


def main(paths: Sequence[str]) -> None:
    """Exit with the faults of the distributions, if any."""
    version = current(ROOT)
    found = [f"{path} {fault}" for path in paths for fault in faults(Path(path), version)]
    if found or not paths:
        sys.exit("\n".join(found) or "there are no distributions; run `make dist`")
    print(f"{len(paths)} files would be accepted by PyPI")


if __name__ == "__main__":
    main(sys.argv[1:])
