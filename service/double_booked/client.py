"""Asks a running service over gRPC."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import grpc
from cryptography import x509
from cryptography.x509.oid import NameOID
from google.rpc.error_details_pb2 import BadRequest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from double_booked import certificates
from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.certificates import BadCertificate, PemFile
from double_booked.conflicts.validation import InvalidRequest, Violation
from double_booked.settings import Address

ANSWER_SECONDS = 60
HEALTH_SECONDS = 3


class ServerError(Exception):
    """The service cannot be asked, did not answer, or refused to; the text says which and why."""


class TooMuch(ServerError):  # noqa: N818 - named for what to do about it
    """The service refuses to do so much at once; asked for less, it may do it."""


@dataclass(frozen=True, slots=True)
class CallerTls:
    """How a caller asks with TLS.

    Attributes:
        ca: Authorities that prove the service; None to believe whatever it shows.
        server_name: Whom the service's certificate names, where that is not the host asked.
        certificate: What proves the caller, where the service asks for that.
        key: Its private key; there if the certificate is.
    """

    ca: PemFile | None
    server_name: str | None = None
    certificate: PemFile | None = None
    key: PemFile | None = None


def get_conflicts(server: str, request: EventList, tls: CallerTls | None = None) -> ConflictList:
    """Asks the service at HOST:PORT for the groups of conflicting events.

    Without TLS, what is said is not encrypted.

    Raises:
        InvalidRequest: The service names fields that it cannot use.
        TooMuch: The request or the answer is over a limit.
        ServerError: It answers otherwise, or not at all.
    """
    with _connect(server, tls) as channel:
        return ConflictServiceStub(channel).GetConflicts(request, timeout=ANSWER_SECONDS)


def check_health(server: str, tls: CallerTls | None = None) -> str:
    """Asks the service at HOST:PORT whether it is well, and answers SERVING.

    Without TLS, what is said is not encrypted.

    Raises:
        ServerError: It is not serving, or does not answer.
    """
    with _connect(server, tls) as channel:
        answer = HealthStub(channel).Check(HealthCheckRequest(), timeout=HEALTH_SECONDS)
    status: str = HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != HealthCheckResponse.SERVING:
        raise ServerError(f"{server} is {status}")
    return status


@contextmanager
def _connect(server: str, tls: CallerTls | None) -> Iterator[grpc.Channel]:
    try:
        with _channel(_address(server), tls) as channel:
            yield channel
    except BadCertificate as error:
        raise ServerError(str(error)) from error
    except grpc.RpcError as error:
        # What a finished call raises is the Call too.
        raise _explain(cast("grpc.Call", error), server) from error


def _channel(address: Address, tls: CallerTls | None) -> grpc.Channel:
    options: list[tuple[str, int | str]] = [
        # The server bounds its answers; this side takes what comes.
        ("grpc.max_receive_message_length", -1),
        # HOST:PORT means that very address, whatever http_proxy is set to.
        ("grpc.enable_http_proxy", 0),
    ]
    if not tls:
        return grpc.insecure_channel(str(address), options)
    if tls.ca:
        authorities, name = certificates.load_authorities(tls.ca), tls.server_name
    else:
        authorities, name = _shown(address)
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    return grpc.secure_channel(str(address), _credentials(authorities, tls), options)


def _shown(address: Address) -> tuple[bytes, str]:
    """The certificate that a service shows, PEM, and whom it names."""
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


def _credentials(authorities: bytes, tls: CallerTls) -> grpc.ChannelCredentials:
    if not (tls.certificate and tls.key):
        return grpc.ssl_channel_credentials(authorities)
    pair = certificates.load_pair(tls.certificate, tls.key)
    return grpc.ssl_channel_credentials(authorities, pair.key, pair.certificate)


def _address(server: str) -> Address:
    """What to connect to; an address without a host is on this machine."""
    try:
        address = Address.parse(server)
    except ValueError as error:
        raise ServerError(f"'{server}' is not HOST:PORT: {error}") from error
    return address if address.host else Address("127.0.0.1", address.port)


def _explain(call: grpc.Call, server: str) -> InvalidRequest | ServerError:
    violations = list(_violations(call))
    if violations:
        return InvalidRequest(violations, len(violations))
    kind = TooMuch if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else ServerError
    return kind(f"{server}: {call.code().name}: {call.details()}")


def _violations(call: grpc.Call) -> Iterator[Violation]:
    status = rpc_status.from_call(call)
    for detail in status.details if status else ():
        refusal = BadRequest()
        if detail.Unpack(refusal):
            for violation in refusal.field_violations:
                yield Violation(violation.field, violation.description)
