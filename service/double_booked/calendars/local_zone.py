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
        if name:
            return ZoneInfo(name)
        with _LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file, "local")
    except (KeyError, ValueError, OSError):
        pass
    return (tz.gettz(name) if name else None) or UTC  # POSIX's own form, like CET-1CEST
