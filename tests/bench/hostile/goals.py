"""Figures beside their goals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.tables import show


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure beside its goal.

    Attributes:
        what: What was attacked, and how.
        goal: The goal, in words.
        figure: What was measured, in words.
        is_met: Whether the goal was reached.
    """

    what: str
    goal: str
    figure: str
    is_met: bool


def show_figures(title: str, figures: Sequence[Figure]) -> None:
    """Print a table of figures."""
    rows = [(figure.what, figure.goal, figure.figure, verdict(figure.is_met)) for figure in figures]
    show(title, ("what", "goal", "figure", ""), rows)


def verdict(is_met: bool) -> str:  # noqa: FBT001 - the one thing that it is about
    """Return the verdict as the table shows it."""
    return "met" if is_met else "MISSED"


def listed(codes: Mapping[str, int]) -> str:
    """Return the number of each code as text."""
    return ", ".join(f"{number:,} {code}" for code, number in codes.items() if number) or "none"
