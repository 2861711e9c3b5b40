"""JSON texts in, documents out; faults come with their position."""

import json
from collections.abc import Callable

from double_booked.calendars.errors import InvalidCalendarError


def decode_text(content: bytes) -> str:
    """Return the text of a JSON file.

    Raises:
        InvalidCalendarError: The file is empty, or not UTF-8.
    """
    if not content.strip():
        raise InvalidCalendarError(['it is empty; a list without events is {"events": []}'])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidCalendarError([f"line {line}: the text is not UTF-8"]) from error


def describe_position(error: json.JSONDecodeError) -> str:
    """Return the line and column of a fault."""
    return f"line {error.lineno}, column {error.colno}"


def load_document(
    text: str | bytes, message: str, place: Callable[[json.JSONDecodeError], str]
) -> object:
    """Return the document of a JSON text.

    Args:
        text: The JSON.
        message: What the document should be, for messages.
        place: Returns the position of a fault, for messages.

    Raises:
        InvalidCalendarError: The text is not JSON, or an object has a field twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        fault = f"{place(error)}: not JSON: {error.msg}"
    except RecursionError:
        fault = f"not an {message}: it is nested too deeply"
    except _DuplicateKeyError as error:
        fault = str(error)
    except ValueError:
        fault = f"not an {message}: a number has too many digits"
    raise InvalidCalendarError([fault])


class _DuplicateKeyError(ValueError):
    pass


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique: dict[str, object] = {}
    for name, value in pairs:
        if name in unique:
            raise _DuplicateKeyError(f'an object has the field "{name}" twice')
        unique[name] = value
    return unique
