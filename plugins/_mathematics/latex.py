r"""LaTeX to plain text: `\frac{1}{2} \times \sqrt{x^{2}}` is `((1)/(2)) * sqrt(x^(2))`.

Known are fractions, roots, braces, operators and relations; any other command becomes its bare name.
"""

from __future__ import annotations

import re

_BRACED = r"\s*\{([^{}]*)\}"
_INNERMOST = [
    (re.compile(rf"\\[dt]?frac{_BRACED}{_BRACED}"), r"((\1)/(\2))"),
    (re.compile(rf"\\sqrt\s*\[([^\[\]{{}}]*)\]{_BRACED}"), r"((\2)^(1/(\1)))"),
    (re.compile(rf"\\sqrt{_BRACED}"), r"sqrt(\1)"),
    (re.compile(rf"\\(?:text|mathrm){_BRACED}"), r" \1 "),
    (re.compile(rf"\^{_BRACED}"), r"^(\1)"),
]
_MAX_NESTING = 50
_SYMBOLS = {
    "times": "*", "cdot": "*", "div": "/", "leq": "<=", "le": "<=", "geq": ">=", "ge": ">=", "neq": " !=", "ne": " !=",
    "left": "", "right": "", "circ": "°", "dots": "...", "ldots": "...", "cdots": "...", "quad": " ",
}  # fmt: skip
_COMMAND = re.compile(r"\\([A-Za-z]+)|\\(.)|\$", re.DOTALL)


def without_latex(text: str) -> str:
    """The text with LaTeX commands replaced; unchanged if it holds no backslash."""
    if "\\" not in text:
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
    if name:
        return _SYMBOLS.get(name, f" {name} ")
    return {"\\": ";", "%": "%", "$": ""}.get(character or "", " ")
