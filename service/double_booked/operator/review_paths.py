"""The secret path at which the API server asks for reviews.

Whoever knows it may ask. It is written into the webhook's configuration, and the API server prints
it to whoever writes while the operator cannot be reached, so it changes after every such time.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from math import inf

from double_booked.operator.enforcement import KINDS, path_for

ROTATION_SECONDS = 3600.0
"""How long a path is used: an outage that this process does not notice shows the path too."""

SETTLE_SECONDS = 30.0
"""How long after a start the API server may still fail to connect, and print the path: it learns
of a ready pod from probes (2 s), the EndpointSlice and each node's proxy."""

OVERLAP_SECONDS = 60.0
"""How long a path is accepted after its successor is in the configuration. API servers follow that
with a watch, within a second; a watch that broke is opened again within half a minute."""

MAX_KEPT = 3
"""How many paths are kept, for a process that ends between two steps of a change."""

_BYTES = 16


class ReviewPaths:
    """The paths at which this process answers, and when the next one is due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._current = ""
        self._until: dict[str, float] = {}
        self._rotate_at = clock() + ROTATION_SECONDS

    def kind_of(self, path: str) -> str | None:
        """Return the kind that a request for a path asks about; None for any other path."""
        asked = path.encode()
        found = None
        # All are compared, so that the time says nothing of any.
        for secret in self.accepted():
            for kind in KINDS:
                if hmac.compare_digest(asked, path_for(kind, secret).encode()):
                    found = kind
        return found

    def accepted(self) -> Collection[str]:
        """Return the secret parts of the paths at which this process answers now."""
        now = self._clock()
        return [secret for secret, until in self._until.items() if until > now]

    def next(self, kept: Sequence[str], *, may_rotate: bool, must_rotate: bool) -> Sequence[str]:
        """Return the secrets to keep, the newest first.

        Args:
            kept: Those that are kept so far.
            may_rotate: Whether a new one may replace the newest if that is due.
            must_rotate: Whether a new one must.
        """
        is_due = may_rotate and self._clock() >= self._rotate_at
        if kept and not is_due and not must_rotate:
            return kept
        return (secrets.token_hex(_BYTES), *kept)[:MAX_KEPT]

    def accept(self, kept: Sequence[str]) -> None:
        """Answer at the paths that are kept, from now on.

        Older ones are accepted until `confirm` says that the API server has the newest.
        """
        self._until = {each: self._until.get(each, inf) for each in (*self.accepted(), *kept)}
        self._until[kept[0]] = inf
        if self._current and self._current != kept[0]:
            self._rotate_at = self._clock() + ROTATION_SECONDS
        self._current = kept[0]

    def confirm(self) -> None:
        """Accept older paths for a short time only: the configuration has the newest."""
        last = self._clock() + OVERLAP_SECONDS
        for secret, until in self._until.items():
            if secret != self._current:
                self._until[secret] = min(until, last)

    def note_outage(self) -> None:
        """Make the next path due soon, as somebody may have been shown the current one."""
        self._rotate_at = min(self._rotate_at, self._clock() + SETTLE_SECONDS)
