"""Options of a list, as people write them."""

import re

MAX_CAPACITY = 2**32 - 1
"""The largest capacity that the wire holds, a uint32."""

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_SECONDS = (86_400, 3_600, 60, 1)


def parse_duration(text: str) -> int:
    """Return the seconds of a duration like 1d, 1h30m, 15m or 90s; zero is 0s.

    Raises:
        ValueError: The text is not a duration; the message says how to write one.
    """
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f"'{text}' is not a duration like 1h30m, 15m or 90s.")
    return sum(int(count or 0) * unit for count, unit in zip(match.groups(), _SECONDS, strict=True))
