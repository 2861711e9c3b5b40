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


def get_objects(namespace: str | None, *, all_namespaces: bool) -> list[RawObject]:
    """Return the Calendars and Bookings of a cluster, as the API server encodes them.

    Args:
        namespace: Their namespace; None for that of the kubeconfig's context.
        all_namespaces: Whether to read all namespaces instead.

    Raises:
        Failure: kubectl is not installed, or fails; the message has its standard error.
    """
    program = shutil.which("kubectl")
    if not program:
        raise Failure("kubectl is not on PATH; it is needed to read the cluster")
    command = [program, "get", f"calendars.{GROUP},bookings.{GROUP}", "--output=json"]
    if all_namespaces:
        command.append("--all-namespaces")
    elif namespace:
        command.append(f"--namespace={namespace}")
    try:
        finished = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    except OSError as error:
        raise Failure(f"kubectl: {error.strerror}") from error
    if finished.returncode:
        raise Failure(f"kubectl: {_error_text(finished)}")
    return _parse_list(finished.stdout)


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
