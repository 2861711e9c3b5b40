"""Test what is in the image, and what is not."""

import gzip
import stat
import subprocess
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from image.conftest import ARCHIVE, Image

MAX_MEGABYTES = 85
MAX_MEGABYTES_COMPRESSED = 32
SITE = "usr/lib/python3/dist-packages"


def test_the_image_has_tags_and_labels(image: Image) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=True,
        cwd=ARCHIVE.parent,
    ).stdout.strip()
    name = "docker.io/library/double-booked"
    assert image.tags == [f"{name}:dev", f"{name}:0.2.0"]
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.revision"].removesuffix("-modified") == commit
    assert labels["org.opencontainers.image.version"] == "0.2.0"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_the_image_runs_the_server_as_an_unprivileged_user(image: Image) -> None:
    assert image.config["User"] == "65532:65532"
    assert image.config["Entrypoint"] == ["double-booked"]
    assert image.config["Cmd"] == ["serve"]


def test_the_image_has_no_shell_package_manager_or_compiler(image: Image) -> None:
    programs = {path.name for path in (image.root / "usr/bin").iterdir()}
    assert programs == {"double-booked", "python3.13"}
    # The folder of dpkg stays, because scanners read the installed packages there.
    names = {path.name for path in image.root.rglob("*") if path.is_file()}
    assert not names & {"sh", "bash", "pip", "apt", "dpkg", "gcc", "ensurepip", "busybox"}


def test_no_file_is_setuid_or_writable_by_the_user(image: Image) -> None:
    for path in image.root.rglob("*"):
        mode = path.lstat().st_mode
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        assert path.is_symlink() or not mode & stat.S_IWOTH, path
        assert path.lstat().st_uid == 0, path


def test_the_image_has_byte_code_but_no_sources_or_tests(image: Image) -> None:
    packages = image.root / SITE
    assert (packages / "double_booked/server/service.pyc").exists()
    assert list(packages.glob("double_booked/conflicts/kernel.*.so"))
    assert not (packages / "double_booked/columns").exists()
    suffixes = {".py", ".pyx", ".pxd", ".pyi", ".c", ".h", ".proto"}
    assert [path for path in image.root.rglob("*") if path.suffix in suffixes] == []
    assert not [path for path in image.root.rglob("tests") if path.is_dir()]


def test_the_image_is_small(image: Image) -> None:
    files = (path for path in image.root.rglob("*") if path.is_file() and not path.is_symlink())
    assert sum(path.stat().st_size for path in files) < MAX_MEGABYTES * 1e6
    assert len(gzip.compress(ARCHIVE.read_bytes(), 6)) < MAX_MEGABYTES_COMPRESSED * 1e6


def test_the_image_has_every_licence(image: Image) -> None:
    for folder in (image.root / SITE).glob("*.dist-info"):
        metadata = Distribution.at(folder).metadata
        names = " ".join(str(path.relative_to(folder)).lower() for path in folder.rglob("*"))
        assert "licen" in names or metadata.get("License-Expression") or metadata.get("License"), (
            folder
        )
    debian = {path.name for path in (image.root / "usr/share/doc").iterdir()}
    assert {"libc6", "libssl3t64", "libpython3.13-stdlib", "python3.13-minimal"} <= debian
    # Debian's copyright files refer to these texts.
    assert (image.root / "usr/share/common-licenses/LGPL-2.1").read_text().count("GNU") > 10


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_image_has_the_packages_for_tracing(image: Image, protocol: str) -> None:
    otel = image.root / SITE / "opentelemetry"
    assert (otel / "sdk/trace/__init__.pyc").exists()
    assert (otel / f"exporter/otlp/proto/{protocol}/trace_exporter/__init__.pyc").exists()


@pytest.mark.parametrize("library", ["libc.so.6", "libssl.so.3"])
def test_every_library_is_found(image: Image, library: str) -> None:
    assert list(Path(image.root, "usr/lib").glob(f"*/{library}"))


def test_scanners_find_the_packages(image: Image) -> None:
    status = {path.name for path in (image.root / "var/lib/dpkg/status.d").iterdir()}
    for name in ("libc6", "libssl3t64", "libpython3.13-stdlib", "base-files"):
        assert {name, f"{name}.md5sums"} <= status
    assert "ID=debian" in (image.root / "etc/os-release").read_text()


def test_the_image_has_no_test_modules_of_python(image: Image) -> None:
    assert not list(image.root.rglob("lib-dynload/*test*"))
    assert not list(image.root.rglob("lib-dynload/*xx*"))
