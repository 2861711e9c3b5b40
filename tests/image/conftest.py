"""The production image in build/image.tar: its configuration and its files."""

import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ARCHIVE = Path(__file__).parents[2] / "build/image.tar"


@dataclass(frozen=True, slots=True)
class Image:
    """An unpacked image.

    Attributes:
        config: Its configuration (OCI image-spec, "Image Configuration").
        root: The root of its file tree.
        tags: Its names.
    """

    config: dict[str, Any]
    root: Path
    tags: list[str]


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    assert ARCHIVE.exists(), "there is no build/image.tar; run `make image`"
    folder = tmp_path_factory.mktemp("image")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="fully_trusted")  # noqa: S202 - built here
    [manifest] = json.loads(folder.joinpath("manifest.json").read_text())
    root = folder / "root"
    for layer in manifest["Layers"]:
        with tarfile.open(folder / layer) as files:
            files.extractall(root, filter="fully_trusted")  # noqa: S202 - as above
    config = json.loads(folder.joinpath(manifest["Config"]).read_text())
    return Image(config["config"], root, manifest["RepoTags"])


@pytest.fixture(scope="session")
def runc() -> str:
    found = shutil.which("runc")
    assert found, "these tests run the image with runc; install Debian's package runc"
    return found
