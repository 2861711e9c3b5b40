"""Text from elsewhere, made fit for a terminal."""

import unicodedata

# Both join what they stand between, as in many emoji and in Persian.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """One line that moves no cursor, sets no colour and turns no text around.

    White space becomes single spaces; control and format characters (Unicode's
    Cc and Cf) are written as Python's escape sequences.
    """
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(map(_printable_character, line))


def _printable_character(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character
