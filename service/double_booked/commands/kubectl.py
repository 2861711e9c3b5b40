"""The Calendars and Bookings of a cluster, read through kubectl.

kubectl handles every kind of login that a kubeconfig can name.
"""

import json
import re
import shutil
import subprocess
from dataclasses import replace

from double_booked.commands.cluster_state import BookingsQuery
from double_booked.commands.errors import Failure
from double_booked.operator.objects import GROUP, RawObject

_LOG_PREFIX = re.compile(r"[EWIF]\d{4} ")
"""The severity and date before a line of kubectl's own log; its messages to people follow."""


def get_objects(query: BookingsQuery, timeout: float | None = None) -> list[RawObject]:
    """Return the Calendars and Bookings of a cluster, as the API server encodes them.

    Args:
        query: The context and the namespaces to read.
        timeout: Seconds after which kubectl is ended; None for no limit.

    Raises:
        Failure: kubectl is not installed, or fails; the message has its standard error.
    """
    # The managed fields, which kubectl hides by default, have the time of the last change.
    arguments = [f"calendars.{GROUP},bookings.{GROUP}", "--output=json", "--show-managed-fields"]
    if query.context:
        arguments.append(f"--context={query.context}")
    if query.all_namespaces:
        arguments.append("--all-namespaces")
    elif query.namespace:
        arguments.append(f"--namespace={query.namespace}")
    return _parse_list(_run("get", *arguments, timeout=timeout))


def resolve(query: BookingsQuery) -> BookingsQuery:
    """Return the query with the kubeconfig's current context, and the namespace of that.

    Without a kubeconfig, as in a pod, it stays as it is.
    """
    try:
        config = json.loads(_run("config", "view", "--minify", "--output=json"))
        [named] = config["contexts"]
        context, namespace = named["name"], named["context"].get("namespace") or "default"
    except (Failure, ValueError, KeyError, TypeError):
        return query
    return replace(query, context=context, namespace=query.namespace or namespace)


def _run(*arguments: str, timeout: float | None = None) -> bytes:
    """Return the output of kubectl."""
    program = shutil.which("kubectl")
    if not program:
        raise Failure("kubectl is not on PATH; it is needed to read the cluster")
    try:
        finished = subprocess.run(  # noqa: S603 - no shell
            [program, *arguments], capture_output=True, check=False, timeout=timeout
        )
    except OSError as error:
        raise Failure(f"kubectl: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"kubectl: it does not end within {timeout:.0f} s") from error
    if finished.returncode:
        raise Failure(f"kubectl: {_error_text(finished)}")
    return finished.stdout


def _parse_list(output: bytes) -> list[RawObject]:
    try:
        content = json.loads(output)
    except ValueError:
        content = None
    items = content.get("items") if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise Failure("kubectl: its output is not a JSON list of objects")
    return items


def _error_text(finished: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line.strip() for line in finished.stderr.decode(errors="replace").splitlines()]
    messages = [line for line in lines if line and not _LOG_PREFIX.match(line)]
    text = "; ".join(messages or filter(None, lines))
    return text or f"it ends with exit code {finished.returncode}"
