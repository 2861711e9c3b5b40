"""A kubectl that prints files, and objects that it may print."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.operator.factories import raw_booking

MONDAY = "2026-12-07T{}:00Z"

CONTEXT = "kind-dev"


@dataclass(frozen=True, slots=True)
class FakeKubectl:
    """A program that prints a file for `get`, and records the arguments.

    `config view` prints a kubeconfig with the context CONTEXT and the namespace team.
    """

    folder: Path

    def install(self, code: int = 0, messages: str = "", answer: str = "") -> None:
        config = {"contexts": [{"name": CONTEXT, "context": {"namespace": "team"}}]}
        (self.folder / "config").write_text(json.dumps(config))
        (self.folder / "answer").write_text(answer)
        (self.folder / "messages").write_text(messages)
        program = self.folder / "kubectl"
        program.write_text(
            "#!/bin/sh\n"
            f"cd '{self.folder}'\n"
            '[ "$1" = config ] && exec /bin/cat config\n'
            'printf "%s\\n" "$@" > arguments\n'
            "echo >> reads\n"
            "/bin/cat answer; /bin/cat messages >&2\n"
            f"exit {code}\n"
        )
        program.chmod(0o755)

    def serves(self, *objects: Mapping[str, Any]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.install(answer=json.dumps(items))

    def arguments(self) -> list[str]:
        return (self.folder / "arguments").read_text().splitlines()

    def reads(self) -> int:
        """Return how often the objects were read."""
        return len((self.folder / "reads").read_text().splitlines())


def booked(
    name: str, start: str, end: str, *calendars: str, title: str = "", **metadata: Any
) -> dict[str, Any]:
    """Return a Booking from one time of Monday, 7 December 2026, to another."""
    raw = raw_booking(name, MONDAY.format(start), MONDAY.format(end), *calendars, **metadata)
    raw["spec"] |= {"title": title} if title else {}
    return raw


def in_namespace(name: str, raw: dict[str, Any]) -> dict[str, Any]:
    raw["metadata"]["namespace"] = name
    return raw
