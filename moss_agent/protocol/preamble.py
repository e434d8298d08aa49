"""The text before the first turn: who the model is and which plugins it may call."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from moss_agent.protocol.neutral import neutralise

_TOLD = re.compile(r"^- (.+): enabled\. API: (\w+\([^()\n]*\)) *$", re.MULTILINE)


@dataclass(frozen=True)
class Capability:
    """A plugin as the model is told of it: `- Calculator: enabled. API: Calculate(expression)`."""

    label: str
    api: str

    def line(self, enabled: bool) -> str:
        """Return the plugin's line. An enabled plugin carries its API: without it the model calls nothing."""
        state = f"enabled. API: {self.api}" if enabled else "disabled."
        return neutralise(" ".join(f"- {self.label}: {state}".splitlines())) + "\n"

    @property
    def name(self) -> str:
        """The name by which it is called."""
        return self.api.partition("(")[0]

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that the API shows."""
        return re.findall(r"\w+", self.api.partition("(")[2])


@dataclass(frozen=True)
class Preamble:
    """What a model family was trained to see first.

    instruction: text up to and including the line before the capabilities.
    known: the plugins that every training conversation lists, on or off, in this order.
    never: labels that are listed after all others and always off.
    examples: turns that show the protocol to a model that was not taught it.
    """

    instruction: str
    known: tuple[Capability, ...]
    never: tuple[str, ...] = ()
    examples: str = ""

    def render(self, enabled: Iterable[Capability]) -> str:
        """Return the whole preamble with the given plugins on; ones that the family does not know come last.

        No label comes twice: of plugins with the same label the last counts, and one that is on is not off.
        """
        on = {capability.label: capability for capability in enabled}
        lines = [self.instruction, "- Inner thoughts: enabled.\n"]
        for known in self.known:
            lines.append(on.get(known.label, known).line(known.label in on))
            on.pop(known.label, None)
        lines += [f"- {label}: disabled.\n" for label in self.never if label not in on]
        lines += [own.line(True) for own in on.values()]
        lines.append(self.examples)
        return "".join(lines)


def told_plugins(preamble: str) -> list[Capability]:
    """Return the plugins that a preamble tells of as enabled."""
    return [Capability(label, api) for label, api in _TOLD.findall(preamble)]
