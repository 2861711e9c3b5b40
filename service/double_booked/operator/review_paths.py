"""The secret path to which the API server sends reviews.

A caller that knows the path may send reviews. The operator writes the path into the webhook's
configuration. While the operator cannot be reached, the API server prints the path in the errors
of all writes, so it changes after every outage.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from math import inf

from double_booked.operator.enforcement import KINDS, path_for

ROTATION_SECONDS = 3600.0
"""The longest use of a path: this process may miss an outage that discloses it."""

SETTLE_SECONDS = 30.0
"""How long after a start the API server may still fail to connect, and print the path. It learns
of a ready pod from probes (2 s), the EndpointSlice and each node's proxy."""

OVERLAP_SECONDS = 60.0
"""How long a path is accepted after its successor is in the configuration. API servers follow that
with a watch, within a second; a watch that broke is opened again within half a minute."""

MAX_KEPT = 3
"""How many paths are stored, in case a process ends between two steps of a change."""

_BYTES = 16


class ReviewPaths:
    """The paths at which this process answers reviews, and when the next one is due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current = ""
        self._until: dict[str, float] = {}
        self._rotate_at = clock() + ROTATION_SECONDS

    def kind_of(self, path: str) -> str | None:
        """Return the kind whose reviews a path accepts; None for any other path."""
        requested = path.encode()
        matching = None
        # All paths are compared, in constant time, so that timing discloses nothing of them.
        for secret in self.accepted():
            for kind in KINDS:
                if hmac.compare_digest(requested, path_for(kind, secret).encode()):
                    matching = kind
        return matching

    def accepted(self) -> Collection[str]:
        """Return the secret parts of the paths at which this process answers now."""
        now = self._clock()
        return [secret for secret, until in self._until.items() if until > now]

    def next(self, stored: Sequence[str], *, may_rotate: bool, must_rotate: bool) -> Sequence[str]:
        """Return the secrets to store, the newest first.

        Args:
            stored: The secrets that are stored now.
            may_rotate: Whether to add a new one when it is due.
            must_rotate: Whether to add a new one in any case.
        """
        is_due = may_rotate and self._clock() >= self._rotate_at
        if stored and not is_due and not must_rotate:
            return stored
        return (secrets.token_hex(_BYTES), *stored)[:MAX_KEPT]

    def accept(self, stored: Sequence[str]) -> None:
        """Accept the stored paths from now on, and older ones until `confirm` is called."""
        self._until = {
            secret: self._until.get(secret, inf) for secret in (*self.accepted(), *stored)
        }
        self._until[stored[0]] = inf
        if self._current and self._current != stored[0]:
            self._rotate_at = self._clock() + ROTATION_SECONDS
        self._current = stored[0]

    def confirm(self) -> None:
        """Accept older paths for OVERLAP_SECONDS only: the configuration has the newest one."""
        last = self._clock() + OVERLAP_SECONDS
        for secret, until in self._until.items():
            if secret != self._current:
                self._until[secret] = min(until, last)

    def note_outage(self) -> None:
        """Make the next path due in SETTLE_SECONDS: an error may have disclosed the current one."""
        self._rotate_at = min(self._rotate_at, self._clock() + SETTLE_SECONDS)
