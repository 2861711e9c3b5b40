"""Options for TLS, of the commands that call a service."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from double_booked.client import ClientTls


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for TLS; the command gets a ClientTls as `tls`, None without TLS."""

    @click.option(
        "--ca-file",
        metavar="PEM",
        help="File with CA certificates to verify the service with; enables TLS.",
    )
    @click.option(
        "--insecure", is_flag=True, help="Use TLS without verifying the service's certificate."
    )
    @click.option(
        "--server-name",
        metavar="NAME",
        help="Name expected in the service's certificate, if it is not the host.",
    )
    @click.option(
        "--cert-file", metavar="PEM", help="File with the client certificate, for mutual TLS."
    )
    @click.option(
        "--key-file", metavar="PEM", help="File with the private key of the client certificate."
    )
    @functools.wraps(command)
    def with_tls(
        *arguments: Any,  # noqa: ANN401 - click passes any
        ca_file: str | None,
        insecure: bool,
        server_name: str | None,
        cert_file: str | None,
        key_file: str | None,
        **values: Any,  # noqa: ANN401 - as above
    ) -> Any:  # noqa: ANN401 - as above
        _check_tls(ca_file, server_name, cert_file, key_file, insecure=insecure)
        tls = None
        if ca_file or insecure:
            tls = _make_tls(ca_file, server_name, cert_file, key_file)
        return command(*arguments, tls=tls, **values)

    decorated: Callable[..., Any] = with_tls
    return decorated


def _check_tls(
    ca: str | None, name: str | None, certificate: str | None, key: str | None, *, insecure: bool
) -> None:
    if bool(certificate) != bool(key):
        raise click.UsageError("TLS needs both --cert-file and --key-file; only one is set.")
    if ca and insecure:
        raise click.UsageError("--ca-file and --insecure exclude each other.")
    if certificate and not (ca or insecure):
        raise click.UsageError("--cert-file and --key-file need --ca-file or --insecure too.")
    if name and not ca:
        raise click.UsageError("--server-name needs --ca-file too.")


def _make_tls(
    ca: str | None, name: str | None, certificate: str | None, key: str | None
) -> "ClientTls":
    from double_booked.client import ClientTls
    from double_booked.tls.pem import PemFile

    return ClientTls(
        PemFile(ca, "--ca-file") if ca else None,
        name,
        PemFile(certificate, "--cert-file") if certificate else None,
        PemFile(key, "--key-file") if key else None,
    )
