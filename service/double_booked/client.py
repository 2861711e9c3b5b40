"""Asks a running service over gRPC."""

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

ANSWER_SECONDS = 60
HEALTH_SECONDS = 3
_ATTEMPTS = 100
_T = TypeVar("_T")


class ServerError(Exception):
    """The service cannot be asked, did not answer, or refused to; the text says which and why."""


class LimitError(ServerError):
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
        InvalidRequestError: The service names fields that it cannot use.
        LimitError: The request or the answer is over a limit.
        ServerError: It answers otherwise, or not at all.
    """

    def question(channel: grpc.Channel) -> ConflictList:
        return ConflictServiceStub(channel).GetConflicts(request, timeout=ANSWER_SECONDS)

    return _ask(server, tls, question)


def check_health(server: str, tls: CallerTls | None = None) -> str:
    """Asks the service at HOST:PORT whether it is well, and answers SERVING.

    Without TLS, what is said is not encrypted.

    Raises:
        ServerError: It is not serving, or does not answer.
    """

    def question(channel: grpc.Channel) -> HealthCheckResponse:
        return HealthStub(channel).Check(HealthCheckRequest(), timeout=HEALTH_SECONDS)

    answer = _ask(server, tls, question)
    status: str = HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != HealthCheckResponse.SERVING:
        raise ServerError(f"{server} is {status}")
    return status


def _ask(server: str, tls: CallerTls | None, question: Callable[[grpc.Channel], _T]) -> _T:
    address = _address(server)
    try:
        if not tls:
            return _ask_over(address, None, None, question)
        if not tls.ca:
            return _ask_whoever_answers(address, tls, question)
        credentials = _credentials(pem.load_authorities(tls.ca), tls)
        return _ask_over(address, credentials, tls.server_name, question)
    except CertificateError as error:
        raise ServerError(str(error)) from error
    except grpc.RpcError as error:
        # What a finished call raises is the Call too.
        raise _explain(cast("grpc.Call", error), server) from error


def _ask_whoever_answers(
    address: Address, tls: CallerTls, question: Callable[[grpc.Channel], _T]
) -> _T:
    """Believes the certificate shown on one connection on the next one.

    gRPC has no way to verify nothing. Behind one address there may be several servers, each with a
    certificate of its own, so that it takes more than one attempt to reach the same one twice.
    """
    for _ in range(_ATTEMPTS):
        authority, name = _shown(address)
        try:
            return _ask_over(address, _credentials(authority, tls), name, question)
        except grpc.RpcError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(cast("grpc.Call", error).details()):
                raise
    raise ServerError(f"{address}: it shows another certificate every time")


def _ask_over(
    address: Address,
    credentials: grpc.ChannelCredentials | None,
    name: str | None,
    question: Callable[[grpc.Channel], _T],
) -> _T:
    options: list[tuple[str, int | str]] = [
        # The server bounds its answers; this side takes what comes.
        ("grpc.max_receive_message_length", -1),
        # HOST:PORT means that very address, whatever http_proxy is set to.
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
        return question(channel)


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
    pair = pem.load_key_pair(tls.certificate, tls.key)
    return grpc.ssl_channel_credentials(authorities, pair.key, pair.certificate)


def _address(server: str) -> Address:
    """What to connect to; an address without a host is on this machine."""
    try:
        address = Address.parse(server)
    except ValueError as error:
        raise ServerError(f"'{server}' is not HOST:PORT: {error}") from error
    return address if address.host else Address("127.0.0.1", address.port)


def _explain(call: grpc.Call, server: str) -> InvalidRequestError | ServerError:
    violations = list(_violations(call))
    if violations:
        return InvalidRequestError(violations, len(violations))
    kind = LimitError if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else ServerError
    return kind(f"{server}: {call.code().name}: {call.details()}")


def _violations(call: grpc.Call) -> Iterator[Violation]:
    status = rpc_status.from_call(call)
    for detail in status.details if status else ():
        refusal = BadRequest()
        if detail.Unpack(refusal):
            for violation in refusal.field_violations:
                yield Violation(violation.field, violation.description)
