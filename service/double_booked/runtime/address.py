"""Addresses to listen on."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Self

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]*")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port to listen on, in Go's notation.

    Attributes:
        host: A name, an IPv4 address, or an IPv6 address without brackets; empty for all
            interfaces, IPv4 and IPv6.
        port: The port; 0 for any free port.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse "host:port", "[::1]:port" or ":port".

        Raises:
            ValueError: The text is not an address; the message says why.
        """
        host, colon, port = text.strip().rpartition(":")
        if not colon:
            raise ValueError("it has no port; write :7070, 127.0.0.1:7070 or [::1]:7070")
        if not (port.isascii() and port.isdecimal() and int(port) <= _MAX_PORT):
            raise ValueError(f"the port is not a number from 0 to {_MAX_PORT}")
        return cls(_parse_host(host), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _parse_host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(IPv6Address(host[1:-1]))
        except AddressValueError:
            raise ValueError(f"{host} is not an IPv6 address in brackets") from None
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets, as in [::1]:7070")
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("the host is neither a name nor an IP address")
    return host
