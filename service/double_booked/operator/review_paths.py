"""The secret path to which the API server sends reviews.

A caller that knows the path may send reviews. The operator writes the path into the webhook's
configuration. While the operator cannot be reached, the API server prints the path in the errors
of all writes, so it changes after every outage.

Every replica accepts the paths that are stored in the Secret. Only the leader adds one, and writes
it into the configuration once every replica has had the time to read it.
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

SPREAD_SECONDS = 15.0
"""How long a path is stored before it is written into the configuration. Every replica reads the
Secret every 5 s, and one of release 0.2.0 every 10 s."""

MAX_KEPT = 3
"""How many paths are stored, in case a process ends between two steps of a change. A path that is
in the configuration stays stored in any case."""

_BYTES = 16


class ReviewPaths:
    """The paths at which this process answers reviews, and when the next one is due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current = ""
        self._until: dict[str, float] = {}
        self._stored_since: dict[str, float] = {}
        self._rotate_at = clock() + ROTATION_SECONDS
        self._had_outage = False

    @property
    def had_outage(self) -> bool:
        """Whether an error may have disclosed the current path."""
        return self._had_outage

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

    def next(
        self,
        stored: Sequence[str],
        registered: Collection[str],
        *,
        must_rotate: bool = False,
    ) -> Sequence[str]:
        """Return the secrets to store, the newest first; only the leader may add one.

        Args:
            stored: The secrets that are stored now.
            registered: The secrets that are in the configuration now.
            must_rotate: Whether to add a new one in any case.
        """
        # A path that is not in the configuration yet needs no successor.
        is_due = self._clock() >= self._rotate_at and set(stored[:1]) <= set(registered)
        if stored and not is_due and not must_rotate:
            return stored
        candidates = (secrets.token_hex(_BYTES), *stored)
        others = (secret for secret in candidates[MAX_KEPT:] if secret in registered)
        return (*candidates[:MAX_KEPT], *others)

    def to_register(self, stored: Sequence[str], registered: Collection[str]) -> str:
        """Return the secret to write into the configuration.

        It is the newest that every replica accepts. If there is none, for example after the first
        start, the newest is written at once.

        Args:
            stored: The secrets that are stored now, and accepted by this process.
            registered: The secrets that are in the configuration now.
        """
        last = self._clock() - SPREAD_SECONDS
        for secret in stored:
            if secret in registered or self._stored_since[secret] <= last:
                return secret
        return stored[0]

    def accept(self, stored: Sequence[str]) -> None:
        """Accept the stored paths from now on, and older ones until `confirm` is called."""
        now = self._clock()
        self._until = {
            secret: self._until.get(secret, inf) for secret in (*self.accepted(), *stored)
        }
        self._until[stored[0]] = inf
        self._stored_since = {secret: self._stored_since.get(secret, now) for secret in stored}
        if self._current and self._current != stored[0]:
            self._rotate_at = now + ROTATION_SECONDS
            self._had_outage = False
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
        self._had_outage = True
