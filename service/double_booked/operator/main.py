"""Runs the operator under kopf."""

import asyncio
import logging
import sys
from collections.abc import Iterator

import kopf
import structlog

from double_booked.operator.app import Operator
from double_booked.operator.cluster import ClusterError
from double_booked.operator.handlers import registry
from double_booked.runtime import logs, sockets
from double_booked.settings import OperatorSettings
from double_booked.tls.pem import CertificateError


def operate(settings: OperatorSettings) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises:
        SystemExit: An address is in use, there is no cluster, or a part of the operator failed;
            one line on stderr says which.
    """
    logs.configure(settings.log_level, settings.log_format)
    sockets.raise_open_files_limit()
    # handlers.py logs rejected reviews; kopf would log them a second time.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("kopf.objects").setLevel(logging.CRITICAL)
    try:
        asyncio.run(run(settings))
    except (sockets.ListenError, ClusterError, CertificateError) as error:
        sys.exit(f"double-booked: {error}")
    except Exception as error:  # noqa: BLE001 - any error ends in one line on stderr
        # kopf re-raises the error that ended one of its own tasks.
        structlog.get_logger().exception("operator task failed")
        sys.exit(f"double-booked: the operator failed: {error!r}")


async def run(settings: OperatorSettings) -> None:
    """Run the operator until a signal.

    Raises:
        ListenError: An address cannot be listened on.
        ClusterError: There are no credentials for a cluster.
        SystemExit: A part of the operator failed.
    """
    operator = Operator(settings)
    await kopf.operator(
        registry=registry,
        standalone=True,
        # By default kopf looks up the user's name, which a container's user may not have.
        identity="double-booked",  # type: ignore[arg-type]
        clusterwide=True,
        memo=operator,
        memories=_Memories(),  # type: ignore[arg-type]
        stop_flag=operator.ended,
    )
    if operator.has_failed:
        sys.exit("double-booked: the operator failed; its log says why")


class _Memories:
    """Replaces kopf's memories, which would keep an entry for each reviewed object for ever."""

    async def recall_memo(self, _object: object, *, memobase: object, **_: object) -> object:
        return memobase

    def iter_all_daemon_memories(self) -> Iterator[object]:
        return iter(())
