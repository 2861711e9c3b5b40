"""The local time zone of this machine."""

import os
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from dateutil import tz

_LOCALTIME = Path("/etc/localtime")


def local_zone() -> tzinfo:
    """Return the zone of the variable TZ, else that of /etc/localtime, else UTC (tzset(3))."""
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        return ZoneInfo(name) if name else _zone_of_machine()
    except (KeyError, ValueError, OSError):
        pass
    return (tz.gettz(name) if name else None) or UTC  # POSIX's own form, like CET-1CEST


def _zone_of_machine() -> ZoneInfo:
    """Return the zone of /etc/localtime, with its name if that is a link to a named zone.

    Raises:
        OSError: There is no such file, or no zone of that name.
        ValueError: It is not the file of a zone.
    """
    _, is_named, name = str(_LOCALTIME.resolve()).rpartition("/zoneinfo/")
    if is_named:
        return ZoneInfo(name)
    with _LOCALTIME.open("rb") as file:
        return ZoneInfo.from_file(file)
