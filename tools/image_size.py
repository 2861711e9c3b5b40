"""Show what takes up space in an image: `image_size.py build/image.tar`."""

import gzip
import json
import sys
import tarfile
from collections import Counter
from pathlib import Path, PurePosixPath

SHOWN = 12
SITE = "usr/lib/python3/dist-packages"


def part_of(path: str) -> str:
    """Return the part that a file is counted under: a package, a library, or a folder."""
    depth = 5 if path.startswith(SITE) else 4
    return "/".join(PurePosixPath(path).parts[:depth])


def sizes(archive: Path) -> Counter[str]:
    """Return the bytes by part in all layers of a docker-archive."""
    found: Counter[str] = Counter()
    with tarfile.open(archive) as image:
        manifest = json.load(image.extractfile("manifest.json"))  # type: ignore[arg-type]
        for layer in manifest[0]["Layers"]:
            with tarfile.open(fileobj=image.extractfile(layer)) as files:
                for file in files:
                    found[part_of(file.name)] += file.size
    return found


def main(archive: Path) -> None:
    """Print the largest parts and the total."""
    found = sizes(archive)
    for part, size in found.most_common(SHOWN):
        print(f"{size / 1e6:7.1f} MB  {part}")
    compressed = len(gzip.compress(archive.read_bytes(), 6))
    print(f"{found.total() / 1e6:7.1f} MB  in total, {compressed / 1e6:.1f} MB gzipped")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
