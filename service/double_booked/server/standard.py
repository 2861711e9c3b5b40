"""The standard services health and reflection, implemented by their own packages."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION_SERVICE
from grpc_reflection.v1alpha.reflection import ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from double_booked.server.errors import RejectionError
from double_booked.server.service import CONFLICT_SERVICE
from double_booked.server.streams import Mailbox, StreamCall

__all__ = ["HEALTH_SERVICE", "REFLECTION_SERVICE", "Health", "Reflection"]

_SERVICES_WITH_HEALTH = ("", CONFLICT_SERVICE)

_M = TypeVar("_M", bound=Message)


def _parse(kind: type[_M], content: bytes) -> _M:
    try:
        return kind.FromString(content)
    except DecodeError:
        name = kind.DESCRIPTOR.name
        raise RejectionError(
            grpc.StatusCode.INVALID_ARGUMENT, f"the message is not a {name}"
        ) from None


class _Context:
    """The part of grpc.ServicerContext that the servicers use."""

    def __init__(self, call: StreamCall) -> None:
        self._call = call
        self.code: grpc.StatusCode | None = None

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self._call.on_closed.append(callback)
        return True


class Health:
    """grpc.health.v1.Health, for the server as a whole ("") and for ConflictService."""

    def __init__(self) -> None:
        self._servicer = HealthServicer()
        self.set(is_serving=False)

    def set(self, *, is_serving: bool) -> None:
        """Report whether the server accepts traffic."""
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        for service in _SERVICES_WITH_HEALTH:
            self._servicer.set(service, status)

    def stop(self) -> None:
        """Report that the server accepts no more traffic."""
        self._servicer.enter_graceful_shutdown()

    async def check(self, call: StreamCall) -> None:
        """Answer a health check."""
        request = _parse(HealthCheckRequest, await call.receive_only())
        context = _Context(call)
        answer = self._servicer.Check(request, context)
        if context.code:
            raise RejectionError(context.code)
        await call.send(answer.SerializeToString())

    async def watch(self, call: StreamCall) -> None:
        """Send the health now and at each change, until the client ends the call."""
        request = _parse(HealthCheckRequest, await call.receive_only())
        mailbox: Mailbox[HealthCheckResponse | None] = Mailbox()
        if request.service in _SERVICES_WITH_HEALTH:
            self._servicer.Watch(request, _Context(call), mailbox.put)
        else:
            # Not by the servicer, which keeps every name that it was ever asked for.
            mailbox.put(HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN))
            call.on_closed.append(partial(mailbox.put, None))
        while answer := await call.next_from(mailbox):
            await call.send(answer.SerializeToString())


class Reflection:
    """grpc.reflection.v1alpha.ServerReflection."""

    def __init__(self) -> None:
        services = (CONFLICT_SERVICE, HEALTH_SERVICE, REFLECTION_SERVICE)
        self._servicer = ReflectionServicer(services)

    async def info(self, call: StreamCall) -> None:
        """Answer each request of a stream."""
        while (message := await call.receive()) is not None:
            request = _parse(ServerReflectionRequest, message)
            for answer in self._servicer.ServerReflectionInfo(iter([request]), None):
                await call.send(answer.SerializeToString())
