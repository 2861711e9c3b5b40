"""Test the SBOM of build/image.tar that `make sbom` writes."""

import json
import re
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from image.conftest import ARCHIVE

ROOT = Path(__file__).parents[2]
Document = dict[str, Any]


def sbom(archive: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools/sbom.py", archive, target]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    target = tmp_path_factory.mktemp("sbom") / "sbom.spdx.json"
    result = sbom(ARCHIVE, target)
    assert result.returncode == 0, result.stderr
    written: Document = json.loads(target.read_text())
    for package in written["packages"]:
        assert f"{package['name']} " in result.stdout
    return written


def test_the_sbom_lists_every_requirement_with_its_version(document: Document) -> None:
    purls = {package["externalRefs"][0]["referenceLocator"] for package in document["packages"]}
    pinned = re.findall(
        r"^([\w.-]+)==(\S+) (?:; .*)?\\$", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert len(pinned) > 40
    for name, version in pinned:
        assert f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{version}" in purls


def test_the_sbom_lists_the_packages_of_debian(document: Document) -> None:
    debian = {
        package["name"]: package["externalRefs"][0]["referenceLocator"]
        for package in document["packages"]
        if package.get("supplier") == "Organization: Debian"
    }
    assert {"libc6", "libssl3t64", "libpython3.13-stdlib", "zlib1g", "base-files"} <= set(debian)
    assert all(re.fullmatch(r"pkg:deb/debian/.+@.+\?arch=\w+", purl) for purl in debian.values())


def test_every_package_has_a_licence_and_its_text(document: Document) -> None:
    texts = {info["licenseId"]: info for info in document["hasExtractedLicensingInfos"]}
    for package in document["packages"]:
        assert package["licenseDeclared"] not in ("NONE", "NOASSERTION"), package["name"]
        for reference in re.findall(r"LicenseRef-[\w.-]+", package["licenseDeclared"]):
            assert texts[reference]["extractedText"].strip(), reference


def test_a_file_of_no_package_is_rejected(tmp_path: Path) -> None:
    layer = BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as files:
        files.addfile(tarfile.TarInfo("usr/lib/stranger.so"))
    config = {"config": {"Labels": {}}, "architecture": "amd64", "created": "2026-01-01T00:00:00Z"}
    manifest = [{"Config": "config.json", "Layers": ["layer.tar"]}]
    content = {
        "manifest.json": json.dumps(manifest).encode(),
        "config.json": json.dumps(config).encode(),
        "layer.tar": layer.getvalue(),
    }
    archive = tmp_path / "image.tar"
    with tarfile.open(archive, "w") as image:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            image.addfile(member, BytesIO(data))
    result = sbom(archive, tmp_path / "sbom.json")
    assert result.returncode == 1
    assert "no package holds usr/lib/stranger.so" in result.stderr
    assert "Traceback" not in result.stderr
