"""The Calendars and Bookings of a cluster, read through kubectl.

kubectl handles every kind of login that a kubeconfig can name.
"""

import json
import re
import shutil
import subprocess

from double_booked.commands.errors import Failure
from double_booked.operator.objects import GROUP, RawObject

_LOG_PREFIX = re.compile(r"[EWIF]\d{4} ")
"""The severity and date before a line of kubectl's own log; its messages to people follow."""


def get_objects(
    namespace: str | None, *, all_namespaces: bool, timeout: float | None = None
) -> list[RawObject]:
    """Return the Calendars and Bookings of a cluster, as the API server encodes them.

    Args:
        namespace: Their namespace; None for that of the kubeconfig's context.
        all_namespaces: Whether to read all namespaces instead.
        timeout: Seconds after which kubectl is ended; None for no limit.

    Raises:
        Failure: kubectl is not installed, or fails; the message has its standard error.
    """
    # The managed fields, which kubectl hides by default, have the time of the last change.
    arguments = [f"calendars.{GROUP},bookings.{GROUP}", "--output=json", "--show-managed-fields"]
    if all_namespaces:
        arguments.append("--all-namespaces")
    elif namespace:
        arguments.append(f"--namespace={namespace}")
    return _parse_list(_run("get", *arguments, timeout=timeout))


def describe_source(namespace: str | None, *, all_namespaces: bool) -> str:
    """Return the context and the namespace that are read, like "namespace team of kind-dev".

    Args:
        namespace: The namespace; None for that of the kubeconfig's context.
        all_namespaces: Whether all namespaces are read instead.
    """
    context, default = _current_context()
    scope = "all namespaces" if all_namespaces else f"namespace {namespace or default}"
    return f"{scope} of {context}" if context else scope


def _current_context() -> tuple[str, str]:
    """Return the name of the kubeconfig's context, "" without one, and its namespace."""
    try:
        config = json.loads(_run("config", "view", "--minify", "--output=json"))
        [named] = config["contexts"]
        return named["name"], named["context"].get("namespace") or "default"
    except (Failure, ValueError, KeyError, TypeError):
        return "", "default"  # kubectl in a pod works without a kubeconfig


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
