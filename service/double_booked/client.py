"""A client of the gRPC service: conflicts of a list of events, and the health of a service."""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import grpc
from cryptography import x509
from cryptography.x509.oid import NameOID
from google.rpc.error_details_pb2 import BadRequest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.conflicts.validation import InvalidRequestError, Violation
from double_booked.runtime.address import Address
from double_booked.tls import pem
from double_booked.tls.pem import CertificateError, PemFile

CALL_SECONDS = 60
HEALTH_SECONDS = 3
_ATTEMPTS = 100
_T = TypeVar("_T")


class ServerError(Exception):
    """A call that failed, or could not be made; the message says why."""


class LimitError(ServerError):
    """A request or response exceeded a limit; a smaller request may succeed."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """The TLS settings of a client.

    Attributes:
        ca: Authorities to verify the service with; None to accept any certificate.
        server_name: Name to verify instead of the host.
        certificate: Client certificate, for mutual TLS.
        key: Private key of the client certificate; set if the certificate is.
    """

    ca: PemFile | None
    server_name: str | None = None
    certificate: PemFile | None = None
    key: PemFile | None = None


def get_conflicts(server: str, request: EventList, tls: ClientTls | None = None) -> ConflictList:
    """Return the groups of conflicting events.

    Args:
        server: HOST:PORT of the service; without a host, the one on this machine.
        request: The events and options.
        tls: TLS settings; without them, the connection is not encrypted.

    Raises:
        InvalidRequestError: The service rejects fields of the request.
        LimitError: The request or the response is over a limit.
        ServerError: The service returns another error, or does not answer.
    """

    def call(channel: grpc.Channel) -> ConflictList:
        return ConflictServiceStub(channel).GetConflicts(request, timeout=CALL_SECONDS)

    return _call(server, tls, call)


def check_health(server: str, tls: ClientTls | None = None) -> str:
    """Return SERVING, the status of a healthy service in grpc.health.v1.

    Args:
        server: HOST:PORT of the service; without a host, the one on this machine.
        tls: TLS settings; without them, the connection is not encrypted.

    Raises:
        ServerError: The service is not serving, or does not answer.
    """

    def call(channel: grpc.Channel) -> HealthCheckResponse:
        return HealthStub(channel).Check(HealthCheckRequest(), timeout=HEALTH_SECONDS)

    response = _call(server, tls, call)
    status: str = HealthCheckResponse.ServingStatus.Name(response.status)
    if response.status != HealthCheckResponse.SERVING:
        raise ServerError(f"{server} is {status}")
    return status


def _call(server: str, tls: ClientTls | None, call: Callable[[grpc.Channel], _T]) -> _T:
    address = _parse_address(server)
    try:
        if not tls:
            return _call_over(address, None, None, call)
        if not tls.ca:
            return _call_unverified(address, tls, call)
        credentials = _credentials(pem.load_authorities(tls.ca), tls)
        return _call_over(address, credentials, tls.server_name, call)
    except CertificateError as error:
        raise ServerError(str(error)) from error
    except grpc.RpcError as error:
        # grpc raises the finished call itself, which has the code and the details.
        raise _error_of(cast("grpc.Call", error), server) from error


def _call_unverified(address: Address, tls: ClientTls, call: Callable[[grpc.Channel], _T]) -> _T:
    """Make a call that trusts the certificate shown on a connection just before.

    gRPC cannot skip verification. An address may lead to several servers with a certificate each,
    so it may take several attempts to reach the same server twice.

    Raises:
        ServerError: Each connection shows another certificate.
    """
    for _ in range(_ATTEMPTS):
        authority, name = _fetch_peer_certificate(address)
        try:
            return _call_over(address, _credentials(authority, tls), name, call)
        except grpc.RpcError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(cast("grpc.Call", error).details()):
                raise
    raise ServerError(f"{address}: each connection shows another certificate")


def _call_over(
    address: Address,
    credentials: grpc.ChannelCredentials | None,
    name: str | None,
    call: Callable[[grpc.Channel], _T],
) -> _T:
    options: list[tuple[str, int | str]] = [
        # The server limits the size of its responses.
        ("grpc.max_receive_message_length", -1),
        # Connect to HOST:PORT itself, whatever http_proxy is set to.
        ("grpc.enable_http_proxy", 0),
    ]
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    target = str(address)
    with (
        grpc.secure_channel(target, credentials, options)
        if credentials
        else grpc.insecure_channel(target, options)
    ) as channel:
        return call(channel)


def _fetch_peer_certificate(address: Address) -> tuple[bytes, str]:
    """Return the certificate that a service shows, in PEM, and the name in it."""
    try:
        shown = ssl.get_server_certificate((address.host, address.port), timeout=HEALTH_SECONDS)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServerError(f"{address}: it shows no certificate: {reason}") from error
    certificate = x509.load_pem_x509_certificate(shown.encode())
    return shown.encode(), _name(certificate)


def _name(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return str(next(iter(names.value)).value)
    except x509.ExtensionNotFound:
        return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _credentials(authorities: bytes, tls: ClientTls) -> grpc.ChannelCredentials:
    if not (tls.certificate and tls.key):
        return grpc.ssl_channel_credentials(authorities)
    pair = pem.load_key_pair(tls.certificate, tls.key)
    return grpc.ssl_channel_credentials(authorities, pair.key, pair.certificate)


def _parse_address(server: str) -> Address:
    """Parse HOST:PORT; without a host, return an address on this machine."""
    try:
        address = Address.parse(server)
    except ValueError as error:
        raise ServerError(f"'{server}' is not HOST:PORT: {error}") from error
    return address if address.host else Address("127.0.0.1", address.port)


def _error_of(failed: grpc.Call, server: str) -> InvalidRequestError | ServerError:
    violations = list(_violations(failed))
    if violations:
        return InvalidRequestError(violations, len(violations))
    kind = LimitError if failed.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else ServerError
    return kind(f"{server}: {failed.code().name}: {failed.details()}")


def _violations(failed: grpc.Call) -> Iterator[Violation]:
    status = rpc_status.from_call(failed)
    for detail in status.details if status else ():
        bad_request = BadRequest()
        if detail.Unpack(bad_request):
            for violation in bad_request.field_violations:
                yield Violation(violation.field, violation.description)
