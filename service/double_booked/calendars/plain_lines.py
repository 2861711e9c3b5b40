"""Split the usual content lines in one pass (RFC 5545, section 3.1). Pure: no I/O."""

import re

MAX_ODD_HEAD = 65_536
"""Maximum number of characters before the value of an odd line; real lines have a few hundred."""

# The quantifiers are possessive, so that a line without a match takes linear time. Backslashes and
# carets (RFC 6868) in parameters are left to icalendar.
_NAME = r"[A-Za-z0-9-]++"
_VALUE = r'(?:"[^"\\^\x00-\x1f\x7f]*+"|[^"\\^;:,\x00-\x1f\x7f]*+)'
_VALUES = rf"{_VALUE}(?:,{_VALUE})*+"
_LINE = re.compile(rf"({_NAME})((?:;{_NAME}={_VALUES})*+):([^\x00-\x08\x0a-\x1f\x7f]*+)")
_PARAMETER = re.compile(rf";({_NAME})=({_VALUES})")
_HEAD = re.compile(r'(?:[^":]|"[^"]*+")*+')


def split_plain(text: str) -> tuple[str, dict[str, str], str] | None:
    """Return the name, the parameters and the value of a line; None if it is unusual.

    Names are in capitals. Several values of a parameter are joined by commas, without quotes.
    """
    match = _LINE.fullmatch(text)
    if not match:
        return None
    name, parameters, value = match.groups()
    if not parameters:
        return name.upper(), {}, value
    # The pattern allows quotes only around values.
    pairs = _PARAMETER.findall(parameters)
    return name.upper(), {key.upper(): values.replace('"', "") for key, values in pairs}, value


def has_long_head(text: str) -> bool:
    """Return whether name and parameters of a line are longer than MAX_ODD_HEAD.

    After a quote that is not closed, the rest of the line counts as parameters.
    """
    head = _HEAD.match(text)
    end = head.end() if head else 0
    return (end if text[end : end + 1] == ":" else len(text)) > MAX_ODD_HEAD
