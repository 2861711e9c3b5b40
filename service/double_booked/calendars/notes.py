"""Notes about parts of a file that were read differently from what they say."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notes:
    """Collects the notes of a file; notes with the same text become one.

    Attributes:
        lines: The lines of each note in the order of the file, by its text.
    """

    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, line: int, text: str) -> None:
        """Add a note about a line: what was read, and how."""
        self.lines.setdefault(text, []).append(line)

    def sentences(self) -> tuple[str, ...]:
        """Return each note with its first line and the number of further lines."""
        return tuple(f"{_place(lines)}: {text}" for text, lines in self.lines.items())


def _place(lines: list[int]) -> str:
    more = len(set(lines)) - 1
    if not more:
        return f"line {lines[0]}"
    return f"line {lines[0]} and {more} more line{'s' if more > 1 else ''}"
