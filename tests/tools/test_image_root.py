"""Test which files go into the production image."""

import runpy
from pathlib import Path

import pytest

image_root = runpy.run_path(str(Path(__file__).parents[2] / "tools/image_root.py"))
is_shipped = image_root["is_shipped"]


@pytest.mark.parametrize(
    "path",
    [
        "grpc/aio/_server.py",
        "grpc/_cython/cygrpc.so",
        "google/protobuf/message.py",
        "google/rpc/status_pb2.py",
        "grpcio.dist-info/METADATA",
        "pygments/lexers/__init__.py",
        "some.dist-info/licenses/tests/LICENSE",
    ],
)
def test_imported_files_and_licences_are_shipped(path: str) -> None:
    assert is_shipped(path, image_root["NEVER_SHIPPED"])


@pytest.mark.parametrize(
    "path",
    [
        "double_booked/conflicts/kernel.pyx",
        "double_booked/py.typed",
        "double_booked/columns/errors.py",
        "aiohttp/tests/test_web.py",
        "google/ads/errors_pb2.py",
        "pygments/lexers/python.py",
        "bin/double-booked",
        "grpcio.dist-info/RECORD",
    ],
)
def test_sources_tests_and_unused_parts_are_not_shipped(path: str) -> None:
    assert not is_shipped(path, image_root["NEVER_SHIPPED"])


def test_unused_parts_of_the_standard_library_are_left_out(tmp_path: Path) -> None:
    library, target = tmp_path / "library", tmp_path / "target"
    for name in (
        "json/decoder.py",
        "tkinter/__init__.py",
        "lib-dynload/_sqlite3.so",
        "lib-dynload/_ctypes_test.so",
        "lib-dynload/xxsubtype.so",
    ):
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).write_text("")
    image_root["copy_tree"](library, target, image_root["NEVER_USED"])
    assert [file for file in target.rglob("*") if file.is_file()] == [target / "json/decoder.py"]


def test_byte_code_replaces_source(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("ANSWER = 42\n")
    image_root["compile_tree"](tmp_path, tmp_path)
    assert not module.exists()
    assert runpy.run_path(str(tmp_path / "module.pyc"))["ANSWER"] == 42


def test_all_files_get_the_time_of_the_commit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    image_root["set_times"](tmp_path, 1_000)
    assert {path.lstat().st_mtime for path in (tmp_path, *tmp_path.rglob("*"))} == {1_000}
