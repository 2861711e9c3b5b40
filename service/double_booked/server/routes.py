"""Routes of calls to the methods of the services."""

from double_booked.server.budget import CallLimit
from double_booked.server.calls import Method, Respond, ServerContext, UnaryCall, UnknownCall
from double_booked.server.metrics import Metrics
from double_booked.server.service import CONFLICT_SERVICE, ConflictService
from double_booked.server.standard import HEALTH_SERVICE, REFLECTION_SERVICE, Health, Reflection
from double_booked.server.streams import Handler, StreamCall

_UNARY, _SERVER_STREAM, _BIDI_STREAM = "unary", "server_stream", "bidi_stream"


def add_routes(
    context: ServerContext,
    metrics: Metrics,
    service: ConflictService,
    health: Health,
    reflection: Reflection | None,
) -> None:
    """Register the methods of the services with the core of a server."""
    routes = _Routes(context, metrics)
    service_name = CONFLICT_SERVICE
    routes.add_unary(service_name, "GetConflicts", service.get_conflicts, is_batch=False)
    routes.add_unary(service_name, "BatchGetConflicts", service.batch_get_conflicts, is_batch=True)
    routes.add_stream(_SERVER_STREAM, service_name, "StreamConflicts", service.stream_conflicts)
    routes.add_stream(_BIDI_STREAM, service_name, "SweepConflicts", service.sweep_conflicts)
    routes.add_stream(_UNARY, HEALTH_SERVICE, "Check", health.check)
    routes.add_stream(_SERVER_STREAM, HEALTH_SERVICE, "Watch", health.watch)
    if reflection:
        method = "ServerReflectionInfo"
        routes.add_stream(_BIDI_STREAM, REFLECTION_SERVICE, method, reflection.info)
    routes.add_others()


class _Routes:
    def __init__(self, context: ServerContext, metrics: Metrics) -> None:
        self._context = context
        self._metrics = metrics

    def add_unary(self, service: str, name: str, respond: Respond, *, is_batch: bool) -> None:
        method = self._method(_UNARY, service, name)
        self._context.core.on_calls(
            method.name,
            lambda event: UnaryCall(method, event, respond, is_batch=is_batch).begin(),
        )

    def add_stream(self, kind: str, service: str, name: str, handler: Handler) -> None:
        method = self._method(kind, service, name)
        self._context.core.on_calls(
            method.name, lambda event: StreamCall(method, event, handler).begin()
        )

    def add_others(self) -> None:
        """Reject calls of other methods; they share a label, so that clients cannot add series."""
        unknown = self._method(_UNARY, "unknown", "unknown")
        self._context.core.on_other_calls(lambda event: UnknownCall(unknown, event).begin())

    def _limit(self, kind: str, service: str) -> CallLimit | None:
        if service == CONFLICT_SERVICE:
            return self._context.work_limit
        # Probes and rejections end immediately, so they need no limit.
        return None if kind == _UNARY else self._context.health_and_reflection_limit

    def _method(self, kind: str, service: str, name: str) -> Method:
        return Method(
            f"/{service}/{name}",
            self._context,
            self._metrics.add_method(kind, service, name),
            limit=self._limit(kind, service),
            is_client_stream=kind == _BIDI_STREAM,
            is_work=service == CONFLICT_SERVICE,
            is_traced=service not in {HEALTH_SERVICE, REFLECTION_SERVICE},
        )
