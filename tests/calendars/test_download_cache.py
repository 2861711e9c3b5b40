"""Downloads are cached where only their user can read them."""

from pathlib import Path

import pytest

from double_booked.calendars.download_cache import Cache, Validators, cache_folder

ADDRESS = "https://anna:secret@example.org/a.ics"
STATE = Validators('"1"', "Thu, 03 Dec 2026 09:00:00 GMT")


def test_kept_content_is_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.keep(ADDRESS, STATE, b"old\n")
    cache.keep(ADDRESS, STATE, b"a\nb\n")
    assert Cache(tmp_path).find(ADDRESS) == (STATE, b"a\nb\n")
    assert cache.find("https://example.org/a.ics") is None


def test_the_cache_is_private_and_its_names_hide_addresses(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    Cache(folder).keep(ADDRESS, STATE, b"content")
    assert folder.stat().st_mode & 0o777 == 0o700
    [file] = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.name) == 64


def test_a_readable_folder_is_made_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Cache(tmp_path).keep(ADDRESS, STATE, b"content")
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", [b"", b"x", b"[]\ncontent", b"{}\ncontent", b"\xff\n"])
def test_a_damaged_file_is_ignored(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path)
    cache.keep(ADDRESS, STATE, b"content")
    [file] = tmp_path.iterdir()
    file.write_bytes(damage)
    assert cache.find(ADDRESS) is None


def test_a_truncated_file_is_ignored(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.keep(ADDRESS, STATE, b"content")
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert cache.find(ADDRESS) is None


def test_an_unwritable_folder_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")
    cache.keep(ADDRESS, STATE, b"content")
    assert cache.find(ADDRESS) is None


def test_the_folder_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is ignored (XDG Base Directory Specification)."""
    monkeypatch.setenv("HOME", "/home/anna")
    for value, expected in (
        ("/var/cache/anna", "/var/cache/anna/double-booked"),
        ("cache", "/home/anna/.cache/double-booked"),
        ("", "/home/anna/.cache/double-booked"),
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_folder() == Path(expected)
