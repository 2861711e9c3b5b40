"""Sockets to listen on, with errors that name the address, its setting and the reason."""

import errno
import os
import resource
import socket

from double_booked.runtime.address import Address

_NOT_ON_THIS_MACHINE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_PORTS_TRIED = 10


class ListenError(Exception):
    """A process cannot listen on an address; the message names it, its setting and the reason."""

    def __init__(self, address: Address, setting: str, reason: str) -> None:
        super().__init__(f"cannot listen on {address} ({setting}): {reason}")


def listen(address: Address, setting: str) -> list[socket.socket]:
    """Listen on one port of each IP address of a host that this machine has.

    Args:
        address: Where to listen.
        setting: Name of the setting with the address, for the error.

    Raises:
        ListenError: The host is unknown or another machine, or the port is in use or privileged.
    """
    try:
        return _listen_everywhere(address.port) if not address.host else _listen_on_any(address)
    except socket.gaierror as error:
        raise ListenError(address, setting, error.strerror or "unknown host") from error
    except UnicodeError as error:
        raise ListenError(address, setting, "not a host name") from error
    except OSError as error:
        raise ListenError(address, setting, os.strerror(error.errno or 0)) from error


def raise_open_files_limit() -> None:
    """Raise the limit of open files to the highest allowed; each connection needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def close(sockets: list[socket.socket]) -> None:
    """Close all sockets."""
    for sock in sockets:
        sock.close()


def _listen_everywhere(port: int) -> list[socket.socket]:
    if socket.has_dualstack_ipv6():
        return [socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)]
    return [socket.create_server(("", port))]


def _listen_on_any(address: Address) -> list[socket.socket]:
    """Listen as `_listen_on`, but try again if a port that the system chose is in use elsewhere."""
    for _ in range(_PORTS_TRIED - 1 if address.port == 0 else 0):
        try:
            return _listen_on(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return _listen_on(address)


def _listen_on(address: Address) -> list[socket.socket]:
    listening: list[socket.socket] = []
    port = address.port
    not_here = None
    for family, _, _, _, ip in socket.getaddrinfo(address.host, None, type=socket.SOCK_STREAM):
        try:
            listening.append(socket.create_server((str(ip[0]), port), family=family))
        except OSError as error:
            if error.errno not in _NOT_ON_THIS_MACHINE:
                close(listening)
                raise
            not_here = error
        else:
            port = listening[0].getsockname()[1]
    if not_here and not listening:
        raise not_here
    return listening
