"""Asks a running service over gRPC."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import grpc
from google.rpc.error_details_pb2 import BadRequest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from double_booked import certificates
from double_booked.api.scheduling_pb2 import ConflictList, EventList
from double_booked.api.scheduling_pb2_grpc import ConflictServiceStub
from double_booked.certificates import BadCertificate, CallerFiles
from double_booked.conflicts.validation import InvalidRequest, Violation
from double_booked.settings import Address

ANSWER_SECONDS = 60
HEALTH_SECONDS = 3


class ServerError(Exception):
    """The service cannot be asked, did not answer, or refused to; the text says which and why."""


def get_conflicts(server: str, request: EventList, tls: CallerFiles | None = None) -> ConflictList:
    """Asks the service at HOST:PORT for the groups of conflicting events.

    Without files for TLS, what is said is not encrypted.

    Raises:
        InvalidRequest: The service names fields that it cannot use.
        ServerError: It answers otherwise, or not at all.
    """
    with _connect(server, tls) as channel:
        return ConflictServiceStub(channel).GetConflicts(request, timeout=ANSWER_SECONDS)


def check_health(server: str, tls: CallerFiles | None = None) -> str:
    """Asks the service at HOST:PORT whether it is well, and answers SERVING.

    Without files for TLS, what is said is not encrypted.

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
def _connect(server: str, tls: CallerFiles | None) -> Iterator[grpc.Channel]:
    options = [
        # The server bounds its answers; this side takes what comes.
        ("grpc.max_receive_message_length", -1),
        # HOST:PORT means that very address, whatever http_proxy is set to.
        ("grpc.enable_http_proxy", 0),
    ]
    try:
        with _channel(_target(server), tls, options) as channel:
            yield channel
    except grpc.RpcError as error:
        # What a finished call raises is the Call too.
        raise _explain(cast("grpc.Call", error), server) from error


def _channel(target: str, tls: CallerFiles | None, options: list[tuple[str, int]]) -> grpc.Channel:
    if tls:
        return grpc.secure_channel(target, _credentials(tls), options)
    return grpc.insecure_channel(target, options)


def _credentials(files: CallerFiles) -> grpc.ChannelCredentials:
    try:
        authorities = certificates.load_authorities(files.ca)
        if not (files.certificate and files.key):
            return grpc.ssl_channel_credentials(authorities)
        pair = certificates.load_pair(files.certificate, files.key)
    except BadCertificate as error:
        raise ServerError(str(error)) from error
    return grpc.ssl_channel_credentials(authorities, pair.key, pair.certificate)


def _target(server: str) -> str:
    """What gRPC connects to; an address without a host is on this machine."""
    try:
        address = Address.parse(server)
    except ValueError as error:
        raise ServerError(f"'{server}' is not HOST:PORT: {error}") from error
    return str(address) if address.host else f"127.0.0.1{address}"


def _explain(call: grpc.Call, server: str) -> InvalidRequest | ServerError:
    violations = list(_violations(call))
    if violations:
        return InvalidRequest(violations, len(violations))
    return ServerError(f"{server}: {call.code().name}: {call.details()}")


def _violations(call: grpc.Call) -> Iterator[Violation]:
    status = rpc_status.from_call(call)
    for detail in status.details if status else ():
        refusal = BadRequest()
        if detail.Unpack(refusal):
            for violation in refusal.field_violations:
                yield Violation(violation.field, violation.description)
