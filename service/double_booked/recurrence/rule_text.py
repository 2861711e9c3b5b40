"""The text of recurrence rules, cleaned of oddities that have one plain meaning."""

from collections import Counter
from collections.abc import Callable

_NO_COUNT = "-1"


def clean_parts(text: str, note: Callable[[str], None]) -> dict[str, str]:
    """Return the parts of a rule by name, in capitals, as RFC 5545 has them.

    Blanks, empty values and names that begin with "X-" are passed over, and COUNT=-1, by which
    some programs mean that a rule has no count.

    Args:
        text: The value of an RRULE.
        note: Receives a sentence about each oddity.

    Raises:
        ValueError: A part stands there twice.
    """
    plain = "".join(text.split()).upper()
    if plain != text.upper():
        note("blanks within a rule are passed over")
    pairs = [part.partition("=") for part in plain.split(";") if part]
    twice = [name for name, times in Counter(name for name, _, _ in pairs).items() if times > 1]
    if twice:
        raise ValueError(f"{twice[0]} stands there twice")
    parts = {}
    for name, equals, value in pairs:
        values = ",".join(filter(None, value.split(",")))
        reason = _passed_over(name, values) if equals else None
        if reason:
            note(reason)
        else:
            parts[name] = values
    return parts


def _passed_over(name: str, values: str) -> str | None:
    """Say why a part is passed over; None if it counts."""
    if name.startswith("X-"):
        return f"{name} of a rule is passed over"
    if not values:
        return f"{name} of a rule is passed over: it has no value"
    if name == "COUNT" and values == _NO_COUNT:
        return "COUNT=-1 is read as no count"
    return None
