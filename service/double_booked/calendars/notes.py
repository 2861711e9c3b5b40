"""Notes about what was read differently from what a file says."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notes:
    """Collects notes of a file; those with the same text become one.

    Attributes:
        lines: The lines that a note is about, in the order of the file, by its text.
    """

    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, line: int, text: str) -> None:
        """Note what was read how on a line."""
        self.lines.setdefault(text, []).append(line)

    def sentences(self) -> tuple[str, ...]:
        """Return each note with its first line, and how many more lines it is about."""
        return tuple(f"{_place(lines)}: {text}" for text, lines in self.lines.items())


def _place(lines: list[int]) -> str:
    more = len(set(lines)) - 1
    if not more:
        return f"line {lines[0]}"
    return f"line {lines[0]} and {more} more line{'s' if more > 1 else ''}"
