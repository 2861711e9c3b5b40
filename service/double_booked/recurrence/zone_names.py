"""Find time zones by the names that calendar programs write."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

_OFFSET = re.compile(r"(?:UTC|GMT)([+-])(\d{2}):?(\d{2})", re.IGNORECASE)
_CAPTION = re.compile(r"\((?:UTC|GMT)(?:([+-])(\d{2})[:.](\d{2}))?\)\s*(.+)", re.IGNORECASE)
_MAX_OFFSET = timedelta(hours=15)
_WINTER, _SUMMER = datetime(2024, 1, 1), datetime(2024, 7, 1)  # noqa: DTZ001 - in any zone


@lru_cache(maxsize=1024)
def iana_zone(name: str) -> ZoneInfo | None:
    """Return the zone of a TZID that is an IANA name, or None (RFC 5545, section 3.2.19).

    Case is ignored. A vendor may have put a prefix before the name, as in
    "/freeassociation.sourceforge.net/Europe/Berlin" or "tzone://Microsoft/Utc".
    """
    for candidate in (name, name.removeprefix("/")):
        try:
            return ZoneInfo(candidate)
        except (KeyError, ValueError, OSError):  # unknown, not a name, or a region like Europe
            continue
    for candidate in _without_vendor(name):
        iana_name = _iana_names().get(_plain(candidate))
        if iana_name:
            return ZoneInfo(iana_name)
    return None


@lru_cache(maxsize=1024)
def non_iana_zone(name: str) -> tzinfo | None:
    """Return the zone of a Windows name or caption, or of an offset such as "GMT+01:00"."""
    for candidate in _without_vendor(name):
        windows = _windows_names().get(_plain(candidate))
        if windows:
            return ZoneInfo(windows)
    return _fixed(name) or _of_caption(name)


def _without_vendor(name: str) -> Iterator[str]:
    """Yield a name, then its rests after a vendor's prefix with "." or ":", longest first."""
    yield name
    first, *others = name.lstrip("/").split("/")
    if name.startswith("/") or "." in first or ":" in first:
        for index in range(len(others)):
            yield "/".join(others[index:])


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_")


@cache
def _iana_names() -> dict[str, str]:
    names = (resources.files("tzdata") / "zones").read_text("ascii").split()
    return {_plain(name): name for name in names}


@cache
def _windows_names() -> dict[str, str]:
    return {_plain(name): zone for name, zone in WINDOWS_TO_OLSON.items()}


def _fixed(name: str) -> tzinfo | None:
    match = _OFFSET.fullmatch(name.strip())
    offset = _offset(*match.groups()) if match else None
    return timezone(offset) if offset is not None and abs(offset) < _MAX_OFFSET else None


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> timedelta:
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return -offset if sign == "-" else offset


def _of_caption(name: str) -> tzinfo | None:
    """Return the zone of a caption such as "(UTC+01:00) Amsterdam, Berlin, Bern, Rome"."""
    match = _CAPTION.fullmatch(name.strip())
    if not match:
        return None
    if _plain(match[4]) in {"utc", "coordinated_universal_time"}:
        return UTC
    offset = _offset(match[1], match[2], match[3])
    zones = (_of_place(place.strip(), offset) for place in match[4].split(","))
    return next(filter(None, zones), None)


def _of_place(place: str, offset: timedelta) -> ZoneInfo | None:
    """Return the zone of a city, or of a time such as "Eastern Time (US & Canada)"."""
    time = _plain(place.partition("(")[0]).removesuffix("_time")
    names = [_windows_names().get(f"{time}_standard_time")]
    names += [zone for plain, zone in _iana_names().items() if plain.endswith(f"/{_plain(place)}")]
    zones = (ZoneInfo(name) for name in names if name)
    return next((zone for zone in zones if _standard(zone) == offset), None)


def _standard(zone: ZoneInfo) -> timedelta:
    """Return the standard offset of a zone, without summer time."""
    offsets = (zone.utcoffset(_WINTER), zone.utcoffset(_SUMMER))
    return min(offset for offset in offsets if offset is not None)
