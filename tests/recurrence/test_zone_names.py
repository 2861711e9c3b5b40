"""Zones are found by the names that programs write."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from double_booked.recurrence import zone_names
from double_booked.recurrence.zone_names import iana_zone, non_iana_zone

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Berlin",
        "/Europe/Berlin",
        "europe/berlin",
        "EUROPE/BERLIN",
        "/freeassociation.sourceforge.net/Europe/Berlin",
        "/freeassociation.sourceforge.net/Tzfile/Europe/Berlin",
        "/mozilla.org/20050126_1/Europe/Berlin",
        "/softwarestudio.org/Olson_20011030_5/europe/berlin",
        "http://tzurl.org/zoneinfo/Europe/Berlin",
        "tzone://Microsoft/Europe/Berlin",
    ],
)
def test_an_iana_name_is_found_in_any_case_and_after_a_vendor_prefix(name: str) -> None:
    assert iana_zone(name) == BERLIN


def test_a_name_of_three_parts_or_with_blanks_is_found() -> None:
    expected = ZoneInfo("America/Argentina/Buenos_Aires")
    assert iana_zone("/citadel.org/20190914_1/America/Argentina/Buenos_Aires") == expected
    assert iana_zone("America/New York") == ZoneInfo("America/New_York")


@pytest.mark.parametrize("name", ["UTC", "utc", "tzone://Microsoft/Utc", "/x.org/UTC"])
def test_utc_is_found(name: str) -> None:
    zone = iana_zone(name)
    assert zone
    assert zone.utcoffset(datetime(2026, 7, 1)) == timedelta(0)  # noqa: DTZ001 - in that zone


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("tzone://Microsoft/Tokyo Standard Time", "Asia/Tokyo"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("(GMT+01:00) Bern, Berlin", "Europe/Berlin"),
        ("(GMT+01.00) Bern, Berlin", "Europe/Berlin"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC) Dublin, Edinburgh, Lisbon, London", "Europe/Dublin"),
        ("(UTC+10:00) Canberra, Melbourne, Sydney", "Australia/Canberra"),
    ],
)
def test_windows_names_and_captions_are_found(name: str, zone: str) -> None:
    assert iana_zone(name) is None
    found, expected = non_iana_zone(name), ZoneInfo(zone)
    assert found
    for month in (1, 7):
        local = datetime(2026, month, 1)  # noqa: DTZ001 - in either zone
        assert found.utcoffset(local) == expected.utcoffset(local)


@pytest.mark.parametrize(
    ("name", "hours"),
    [("GMT+01:00", 1), ("UTC-0530", -5.5), ("(UTC) Coordinated Universal Time", 0)],
)
def test_an_offset_is_a_fixed_zone(name: str, hours: float) -> None:
    zone = non_iana_zone(name)
    assert zone
    assert zone.utcoffset(datetime(2026, 7, 1, tzinfo=UTC)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Nowhere",
        "Europe",
        "a\0b",
        "../x",
        "../../etc/passwd",
        "GMT+99:00",
        "GMT+99:00 (custom)",
        "(UTC+05:00) Berlin",
        "tzone://Microsoft/Custom",
        "Customized Time Zone",
        "/x.org/Nowhere",
    ],
)
def test_an_unknown_name_is_not_found(name: str) -> None:
    assert iana_zone(name) is None
    assert non_iana_zone(name) is None


def test_a_name_is_looked_up_in_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every time in a file of Outlook has a name that is not IANA's."""
    request = []

    def find(name: str) -> ZoneInfo:
        request.append(name)
        raise KeyError(name)

    monkeypatch.setattr(zone_names, "ZoneInfo", find)
    for _ in range(3):
        assert iana_zone("Nowhere at all") is None
    assert set(request) == {"Nowhere at all"}
    assert len(request) == 2
