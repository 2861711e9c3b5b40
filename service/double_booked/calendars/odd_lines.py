"""Parse content lines that violate RFC 5545 but have only one meaning. Pure: no I/O."""

import quopri
import re

_NAME = re.compile(r"[A-Za-z0-9-]+")
_COMPONENT = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
# A quoted value ends with a quote before ";" or ":"; other quotes belong to it.
_QUOTED = re.compile(r';([^=;:"]*+)="((?:[^"]|"(?![;:]))*+)"')
_BARE = re.compile(r";([^=;:]*+)(?:=([^;:]*+))?")

# Lines that would matter if they had a colon.
_NO_WORDS = re.compile(
    r"(?:DTSTART|DTEND|RRULE|EXRULE|RDATE|EXDATE|RECURRENCE-ID|TZOFFSETFROM|TZOFFSETTO)(?![A-Za-z])"
)
_WORDS = re.compile(r"(?:BEGIN|END|DURATION|STATUS|TRANSP|FREEBUSY)(?!\s*[A-Za-z])")

_OF_TIME = {
    *("DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID"),
    *("FREEBUSY", "TZID", "X-WR-TIMEZONE"),
}
_TEXTS = {"SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT", "CONTACT", "RESOURCES", "CATEGORIES"}


class NotContentLineError(ValueError):
    """A line is not NAME:VALUE."""

    def __init__(self) -> None:
        super().__init__("not NAME:VALUE, as lines of a calendar are")


def decode_line(line: bytes) -> tuple[str, bool]:
    """Return the text of a line, and whether it was decoded as Windows-1252 instead of UTF-8.

    Raises:
        ValueError: The line is neither.
    """
    try:
        return line.decode(), False
    except UnicodeDecodeError:
        if b"\0" in line:
            raise ValueError("the text is not UTF-8") from None
        return line.decode("cp1252", errors="replace"), True


def split_loosely(text: str) -> tuple[str, dict[str, str], str]:
    """Return the name, the parameters and the value of a line with odd parameters.

    A parameter may have no value, as in "ATTENDEE;RSVP:mailto:a@b.example", or quotes inside of its
    quotes, as in 'CN="Bob "Bobby" Smith"'.

    Raises:
        NotContentLineError: The line is not NAME:VALUE.
    """
    name = _NAME.match(text)
    if not name:
        raise NotContentLineError
    parameters = {}
    position = name.end()
    # No quoted value ends after this position: the search for an end would be in vain.
    last_quote = max(text.rfind('";'), text.rfind('":'))
    while text[position : position + 1] == ";":
        match = _QUOTED.match(text, position) if position < last_quote else None
        match = match or _BARE.match(text, position)
        if not match:
            raise NotContentLineError
        parameters[match[1].strip().upper()] = (match[2] or "").replace('","', ",")
        position = match.end()
    if text[position : position + 1] != ":":
        raise NotContentLineError
    return name[0].upper(), parameters, text[position + 1 :]


def is_left_over(text: str) -> bool:
    """Return whether a line that is not NAME:VALUE is the rest of a text that was not folded.

    A line such as "DTSTART 20261123" is not: it is a property that cannot be read.
    """
    return not _NO_WORDS.match(text) and not _WORDS.match(text)


def is_nesting(value: str) -> bool:
    """Return whether the value of BEGIN or END can name a component; "10:00" cannot."""
    name = value.strip()
    return bool(_COMPONENT.fullmatch(name)) and (value == value.lstrip() or name[0] in "Vv")


def unquote_printable(value: str, parameters: dict[str, str]) -> str:
    """Decode a QUOTED-PRINTABLE text of vCalendar 1.0, and return it as iCalendar writes it."""
    charset = parameters.get("CHARSET", "utf-8")
    content = quopri.decodestring(value.encode())
    try:
        text = content.decode(charset)
    except (LookupError, UnicodeDecodeError):
        text = content.decode("cp1252", errors="replace")
    return "\\n".join(text.splitlines())


def is_quoted_printable(parameters: dict[str, str]) -> bool:
    """Return whether the parameters say that a value is QUOTED-PRINTABLE (vCalendar 1.0)."""
    encoding = parameters.get("ENCODING", "").upper()
    return encoding == "QUOTED-PRINTABLE" or "QUOTED-PRINTABLE" in parameters


def is_of_time(name: str) -> bool:
    """Return whether a property states the time of an event."""
    return name in _OF_TIME


def trim(name: str, value: str) -> str:
    """Return a value without surrounding blanks, unless it is a text."""
    return value if name in _TEXTS else value.strip()
