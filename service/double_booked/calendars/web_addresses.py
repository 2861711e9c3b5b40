"""Addresses of calendars on the web, and how they are shown without secrets."""

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from double_booked.calendars.errors import InvalidCalendarError

_ADDRESS = re.compile(r"(?:https?|webcals?)://", re.IGNORECASE)


def is_address(path: str) -> bool:
    """Return whether an argument FILE is a web address rather than a path."""
    return bool(_ADDRESS.match(path))


def to_http(address: str) -> str:
    """Return the address to download; webcal: means https:.

    Raises:
        InvalidCalendarError: The address has no host, or an invalid port.
    """
    scheme, _, rest = address.partition("://")
    scheme = "https" if scheme.lower().startswith("webcal") else scheme.lower()
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        is_usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise InvalidCalendarError(["the address has no host, or an invalid port"])
    return f"{scheme}://{rest}"


def show_address(address: str) -> str:
    """Return host and path of an address; the rest may contain a password or a secret."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address.partition("://")[0] + "://..."
    return f"{parts.hostname or ''}{parts.path}"


def resource_of(address: str) -> str:
    """Return the name of the resource of a calendar: the end of its path, else its host."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return show_address(address)
    return PurePosixPath(unquote(parts.path)).stem or parts.hostname or ""
