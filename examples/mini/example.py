"""What a generated conversation is made of."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

Output = str | tuple[str, ...] | None
Plugin = tuple[str, str, bool]
Call = tuple[str, ...]  # a command's name and its arguments


@dataclass(frozen=True)
class ExampleTurn:
    """One question with everything the model has to write for it.

    ``outputs`` holds one entry per command: a text, the texts of the search hits, or None for "No result.".
    """

    human: str
    thoughts: str
    commands: tuple[Call, ...]
    outputs: tuple[Output, ...]
    answer: str


@dataclass(frozen=True)
class Example:
    """A whole conversation; ``plugins`` are (label, API, enabled) in the order of the preamble."""

    plugins: tuple[Plugin, ...]
    turns: tuple[ExampleTurn, ...]
    kind: str
    language: str


@dataclass(frozen=True)
class Tools:
    """Which of the four standard plugins are enabled."""

    search: bool = True
    calculator: bool = True
    solver: bool = True
    drawing: bool = True

    def plugins(self) -> tuple[Plugin, ...]:
        """The four standard capability lines."""
        return (
            ("Web search", "Search(query)", self.search),
            ("Calculator", "Calculate(expression)", self.calculator),
            ("Equation solver", "Solve(equation)", self.solver),
            ("Text-to-image", "Text2Image(description)", self.drawing),
        )


ALL_TOOLS = tuple(Tools(*enabled) for enabled in product((True, False), repeat=4))


def spoken(human: str, thoughts: str, answer: str) -> ExampleTurn:
    """A turn that runs no command."""
    return ExampleTurn(human, thoughts, (), (), answer)
