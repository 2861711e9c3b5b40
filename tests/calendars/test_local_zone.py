"""The local zone is found as the C library finds it."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from double_booked.calendars import local_zone as module
from double_booked.calendars.local_zone import local_zone

MOMENTS = [datetime(2026, month, 15, 12, tzinfo=UTC) for month in range(1, 13)]


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", ":America/New_York", "UTC", "CET-1CEST,M3.5.0,M10.5.0/3"]
)
def test_the_local_zone_is_that_of_tz(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        for moment in MOMENTS:
            assert moment.astimezone(local_zone()).utcoffset() == moment.astimezone().utcoffset()
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_local_zone_is_that_of_etc_localtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    zones = Path("/usr/share/zoneinfo/Asia/Tokyo")
    if not zones.exists():
        zones = Path(os.path.realpath("/etc/localtime"))
    monkeypatch.setattr(module, "_LOCALTIME", zones)
    assert MOMENTS[0].astimezone(local_zone()).utcoffset() is not None


def test_the_local_zone_has_the_name_to_which_etc_localtime_links(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    monkeypatch.setattr(module, "_LOCALTIME", link)
    assert str(local_zone()) == "Europe/Berlin"


@pytest.mark.parametrize("name", ["", "Nowhere/At-all"])
def test_the_local_zone_is_utc_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("TZ", name)
    monkeypatch.setattr(module, "_LOCALTIME", tmp_path / "missing")
    assert local_zone() is UTC
