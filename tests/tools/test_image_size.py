"""Test the report of `make image-size`."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pack(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def test_the_largest_parts_come_first_and_the_whole_last(tmp_path: Path) -> None:
    site = "usr/lib/python3/dist-packages"
    layer = pack(
        {
            f"{site}/grpc/one.so": bytes(2_000_000),
            f"{site}/grpc/deep/two.so": bytes(1_000_000),
            "etc/passwd": bytes(500_000),
        }
    )
    manifest = json.dumps([{"Layers": ["layer.tar"]}]).encode()
    archive = tmp_path / "image.tar"
    archive.write_bytes(pack({"manifest.json": manifest, "layer.tar": layer}))
    command = [sys.executable, "tools/image_size.py", archive]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    first, second, whole = output.splitlines()
    assert first.split() == ["3.0", "MB", f"{site}/grpc"]
    assert second.split() == ["0.5", "MB", "etc/passwd"]
    assert whole.startswith("    3.5 MB  in total, ")
