"""Test the second name that `make image` gives the image."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MANIFEST = {"Config": "config.json", "RepoTags": ["double-booked:dev"], "Layers": ["layer.tar"]}


def test_the_archive_has_both_names_and_the_same_layers(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    files = {"layer.tar": b"bytes of the layer", "manifest.json": json.dumps([MANIFEST]).encode()}
    with tarfile.open(archive, "w") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))

    command = [sys.executable, "tools/image_tag.py", archive, "double-booked:0.2.0"]
    subprocess.run(command, check=True, cwd=ROOT)

    with tarfile.open(archive) as packed:
        found = {member.name: packed.extractfile(member).read() for member in packed}  # type: ignore[union-attr]
    assert found["layer.tar"] == files["layer.tar"]
    [manifest] = json.loads(found["manifest.json"])
    assert manifest == MANIFEST | {"RepoTags": ["double-booked:dev", "double-booked:0.2.0"]}
