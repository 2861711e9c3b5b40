"""Content lines as nearly all are (RFC 5545, section 3.1), split in one pass. Pure."""

import re

MAX_ODD_HEAD = 65_536
"""How long name and parameters of another line may be; a real one has a few hundred characters."""

# Possessive, so that a line which does not match is looked at once. Backslashes and carets
# (RFC 6868) within parameters are left to icalendar.
_NAME = r"[A-Za-z0-9-]++"
_VALUE = r'(?:"[^"\\^\x00-\x1f\x7f]*+"|[^"\\^;:,\x00-\x1f\x7f]*+)'
_VALUES = rf"{_VALUE}(?:,{_VALUE})*+"
_LINE = re.compile(rf"({_NAME})((?:;{_NAME}={_VALUES})*+):([^\x00-\x08\x0a-\x1f\x7f]*+)")
_PARAMETER = re.compile(rf";({_NAME})=({_VALUES})")
_HEAD = re.compile(r'(?:[^":]|"[^"]*+")*+')


def split_plain(text: str) -> tuple[str, dict[str, str], str] | None:
    """Return the name, the parameters and the value of a line; None if it is not plain.

    Names are in capitals. Several values of a parameter are joined by commas, without quotes.
    """
    match = _LINE.fullmatch(text)
    if not match:
        return None
    name, parameters, value = match.groups()
    if not parameters:
        return name.upper(), {}, value
    # Quotes stand only around values here.
    pairs = _PARAMETER.findall(parameters)
    return name.upper(), {each.upper(): values.replace('"', "") for each, values in pairs}, value


def has_long_head(text: str) -> bool:
    """Tell whether name and parameters of a line are longer than MAX_ODD_HEAD.

    Behind a quote that is not closed, all belongs to them.
    """
    head = _HEAD.match(text)
    end = head.end() if head else 0
    return (end if text[end : end + 1] == ":" else len(text)) > MAX_ODD_HEAD
