"""Text of unknown origin, made safe to print on a terminal."""

import unicodedata

# Format characters (Cf) that many emoji and Persian words need.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """Return the text as one line without control sequences.

    White space becomes single spaces. Control, format and surrogate characters (Unicode's Cc, Cf
    and Cs) become Python's escape sequences, so that they cannot move the cursor, set a colour or
    reverse the text.
    """
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(map(_printable_character, line))


def _printable_character(character: str) -> str:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs") and character not in _JOINERS:
        return character.encode("unicode_escape").decode("ascii")
    return character
