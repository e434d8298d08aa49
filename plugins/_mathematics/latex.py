r"""LaTeX to plain text: `\frac{1}{2} \times \sqrt{x^{2}}` is `((1)/(2)) * sqrt(x^(2))`.

Known are fractions, roots, braces, indices, systems, operators, relations, functions and Greek letters; any
other command is an error that names it.
"""

from __future__ import annotations

import re

from moss_agent.errors import PluginError

from .names import GREEK

_BRACED = r"\s*\{([^{}]*)\}"
_FRACTION = rf"\\[dt]?frac{_BRACED}{_BRACED}"
_INNERMOST = [
    (re.compile(rf"(?<![\w.^])(\d+)\s*{_FRACTION.replace('[^{}]*', '[0-9]+')}"), r" \1 \2/\3 "),  # two and a half
    (re.compile(_FRACTION), r"((\1)/(\2))"),
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"(\1/\2)"),
    (re.compile(rf"\\binom{_BRACED}{_BRACED}"), r"binomial(\1, \2)"),
    (re.compile(r"\\log\s*_\s*\{?(\d+)\}?"), r" log_\1 "),
    (re.compile(rf"\\sqrt\s*\[([^\[\]{{}}]*)\]{_BRACED}"), r"((\2)^(1/(\1)))"),
    (re.compile(rf"\\sqrt{_BRACED}"), r"sqrt(\1)"),
    (re.compile(rf"\\(?:text|mathrm|mathbf|boldsymbol){_BRACED}"), r" \1 "),
    (re.compile(rf"\\(?:begin|end){_BRACED}"), " "),
    (re.compile(rf"\^{_BRACED}"), r"^(\1)"),
    (re.compile(r"_\s*\{(\w+)\}"), r"_\1"),
]
_MAX_NESTING = 50
_SYMBOLS = {
    "times": "*", "cdot": "*", "div": "/", "leq": "<=", "le": "<=", "geq": ">=", "ge": ">=", "neq": " !=", "ne": " !=",
    "left": "", "right": "", "circ": "°", "dots": "...", "ldots": "...", "cdots": "...", "quad": " ", "qquad": " ",
}  # fmt: skip
_FUNCTIONS = frozenset({
    "sqrt", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "log", "ln", "lg", "exp", "min", "max", "gcd",
})  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z]+)|\\(.)|\$", re.DOTALL)


def without_latex(text: str) -> str:
    """Return the text with LaTeX commands replaced; unchanged if it holds neither a backslash nor an index in braces.

    Raises PluginError for a command that is not known.
    """
    if "\\" not in text and "_{" not in text:
        return text
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?", "°", text)
    for _ in range(_MAX_NESTING):
        before = text
        for pattern, plain in _INNERMOST:
            text = pattern.sub(plain, text)
        if text == before:
            break
    return _COMMAND.sub(_plain, text)


def _plain(command: re.Match[str]) -> str:
    name, character = command.groups()
    if name is None:
        return {"\\": ";", "%": "%", ",": "", "!": ""}.get(character or "", " ")
    if name in _FUNCTIONS or name in GREEK:
        return f" {name} "
    if name not in _SYMBOLS:
        raise PluginError(f"the LaTeX command {name[:40]} is not known")
    return _SYMBOLS[name]
