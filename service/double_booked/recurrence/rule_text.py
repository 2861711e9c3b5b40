"""Clean the text of recurrence rules of oddities that have only one meaning."""

from collections import Counter
from collections.abc import Callable

_NO_COUNT = "-1"


def clean_parts(text: str, note: Callable[[str], None]) -> dict[str, str]:
    """Return the parts of a rule by name, in capitals (RFC 5545, section 3.3.10).

    Blanks, empty values and names that begin with "X-" are ignored, and so is COUNT=-1, which some
    programs write for a rule without a count.

    Args:
        text: The value of an RRULE.
        note: Receives a sentence about each oddity.

    Raises:
        ValueError: A part occurs twice.
    """
    plain = "".join(text.split()).upper()
    if plain != text.upper():
        note("blanks within a rule are ignored")
    pairs = [part.partition("=") for part in plain.split(";") if part]
    twice = [name for name, times in Counter(name for name, _, _ in pairs).items() if times > 1]
    if twice:
        raise ValueError(f"{twice[0]} occurs twice")
    parts = {}
    for name, equals, value in pairs:
        values = ",".join(filter(None, value.split(",")))
        reason = _why_ignored(name, values) if equals else None
        if reason:
            note(reason)
        else:
            parts[name] = values
    return parts


def _why_ignored(name: str, values: str) -> str | None:
    """Return why a part is ignored; None if it counts."""
    if name.startswith("X-"):
        return f"{name} of a rule is ignored"
    if not values:
        return f"{name} of a rule is ignored: it has no value"
    if name == "COUNT" and values == _NO_COUNT:
        return "COUNT=-1 is read as no count"
    return None
