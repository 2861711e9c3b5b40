"""Add a name to the image of a docker-archive: `image_tag.py build/image.tar NAME:TAG`."""

import io
import json
import sys
import tarfile
from pathlib import Path


def add(archive: Path, name: str) -> None:
    """Add a name to the image of a docker-archive; buildah writes only one."""
    renamed = archive.with_suffix(".renamed")
    with tarfile.open(archive) as old, tarfile.open(renamed, "w") as new:
        for member in old:
            content = old.extractfile(member)
            if member.name == "manifest.json" and content:
                [image] = json.load(content)
                image["RepoTags"].append(name)
                content = io.BytesIO(json.dumps([image]).encode())
                member.size = len(content.getvalue())
            new.addfile(member, content)
    renamed.replace(archive)


if __name__ == "__main__":
    add(Path(sys.argv[1]), sys.argv[2])
