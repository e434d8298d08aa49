"""The grammar that the calculator and the equation solver share: text to a small frozen tree.

| level, loosest first | written | note |
|---|---|---|
| program | `a; b`, `a, b`, `{a, b}`, lines | empty parts are skipped |
| relation | `= == < <= > >= !=` | `a < b < c` is `a < b; b < c` |
| sum | `a + b - c` | left to right |
| product | `a * b / c // d % e`, `2x`, `3(4+1)`, `x y` | left to right, implicit or not: `1/2x` is `(1/2)x` |
| sign | `-a`, `+a` | looser than power: `-2^2` is -4 |
| power | `a ^ b`, `a ** b` | right to left: `2^3^2` is `2^(3^2)` |
| postfix | `5!`, `7%`, `30°` | with space on both sides `%` is the remainder: `7 % n`, otherwise see below |
| atom | number, name, `f(a, b)`, `max([a, b])`, `(a) [a] {a}`, `|a|` | also `√2`, `sin x`, `log_2(8)`, `C(5, 3)` |

`7%3` and `a%b` are remainders too; `20%x`, `20%(x+5)` and `5%-2` are percent; `10%3x` is refused.
Without parentheses a function takes one number or name only, never a product.
`f(x)` and `word(x)` are refused: they look like functions, and `f` times `x` is not what was meant.
A number never follows a value without an operator (`1 2`), except as in `3 x 4`.
Names are not judged here: what a name means is for the caller to know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from moss_agent.errors import PluginError

from .names import is_word
from .tokens import Token, tokenize
from .tree import PI, RELATIONS, Call, Chain, Name, Negative, Node, Number, Power, Relation, Statement

MAX_DEPTH = 50  # nested brackets, powers and arguments

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_ALIASES = {
    "ln": "log", "lg": "log10", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "tg": "tan", "ctg": "cot",
    "power": "pow", "ceiling": "ceil", "mod": "remainder", "int": "trunc", "fabs": "abs",
    "squareroot": "sqrt", "square_root": "sqrt", "cuberoot": "cbrt", "cube_root": "cbrt",
    **dict.fromkeys(("avg", "mean"), "average"),
    **dict.fromkeys(("comb", "combination", "combinations", "binom", "ncr", "choose"), "binomial"),
    **dict.fromkeys(("permutation", "permutations", "npr"), "perm"),
}  # fmt: skip
_LETTER_FUNCTIONS = {"C": "binomial", "P": "perm", "A": "perm"}  # of two arguments: `C(5, 3)`
_FUNCTION_LIKE = re.compile("[fgFG]|[A-Za-z_][A-Za-z0-9_]+")
_ONE_ARGUMENT = (
    "sqrt cbrt exp log10 log2 sin cos tan cot sec csc asin acos atan sinh cosh tanh abs floor ceil trunc float"
    " factorial sign radians degrees"
)
_ANY = 1000
ARITY = {
    **dict.fromkeys(_ONE_ARGUMENT.split(), (1, 1)),
    **dict.fromkeys(("pow", "remainder", "binomial", "perm"), (2, 2)),
    **dict.fromkeys(("log", "round"), (1, 2)),
    **dict.fromkeys(("min", "max", "sum", "average", "median"), (1, _ANY)),
    **dict.fromkeys(("gcd", "lcm"), (2, _ANY)),
}  # fmt: skip


def parse(text: str) -> tuple[Statement, ...]:
    """Return the statements in `text`, at least one. Raises PluginError naming the token or the limit."""
    return parse_tokens(tokenize(text))


def parse_tokens(tokens: list[Token]) -> tuple[Statement, ...]:
    """Parse tokens that end in `END`."""
    statements = tuple(_Parser(_unwrapped(tokens)).program())
    if not statements:
        raise PluginError("the argument is empty")
    return statements


def canonical(name: str) -> str | None:
    """Return the canonical name of a function, None if `name` is none."""
    known = _ALIASES.get(name.lower(), name.lower())
    return known if known in ARITY else None


def _unwrapped(tokens: list[Token]) -> list[Token]:
    """Remove the brackets of `{a = 1, b = 2}`; braces need not be closed."""
    begin = tokens[0].text
    if begin not in _BRACKETS or not any(t.text in RELATIONS for t in tokens):
        return tokens
    end = _closes_at(tokens)
    if end == len(tokens) - 2:
        return [*tokens[1:-2], tokens[-1]]
    return tokens[1:] if begin == "{" and end is None else tokens


def _closes_at(tokens: list[Token]) -> int | None:
    """Return where the bracket that the tokens begin with is closed."""
    depth = 0
    for position, token in enumerate(tokens):
        depth += (token.text in _BRACKETS) - (token.text in _BRACKETS.values())
        if depth == 0:
            return position
    return None


def _name(token: Token) -> Name:
    return PI if token.text.lower() == "pi" else Name(token.text)


def _sugar_free(function: str, arguments: list[Node]) -> Node:
    match function:
        case "pow":
            return Power(*arguments)
        case "average":
            return Chain(Call("sum", tuple(arguments)), (("/", Number(len(arguments))),))
        case "degrees":
            return Chain(arguments[0], (("*", Number(180)), ("/", PI)))
        case _:
            return Call(function, tuple(arguments))


class _Parser:
    """Recursive descent: one method per level of the table above."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._depth = 0

    def program(self) -> Iterator[Statement]:
        while self._next.kind != "end":
            if self._take(";", ",") is None:
                yield from self._relations()
                if self._next.kind != "end" and self._next.text not in ";,":
                    raise self._unexpected()

    def _relations(self) -> Iterator[Statement]:
        left: Node = self._sum()
        if self._next.text not in RELATIONS:
            yield left
        while symbol := self._take(*RELATIONS):
            right = self._sum()
            yield Relation(symbol, left, right)
            left = right

    def _sum(self) -> Node:
        with self._one_level_deeper():
            first, rest = self._product(), []
            while operator := self._take("+", "-"):
                rest.append((operator, self._product()))
            return Chain(first, tuple(rest)) if rest else first

    def _product(self) -> Node:
        first, rest = self._sign(), []
        while True:
            if operator := self._take("*", "/", "//", "%") or self._take_times():
                rest.append((operator, self._sign()))
            elif self._next.kind == "name" or self._next.text in _BRACKETS:
                self._check_no_call()
                self._check_no_sentence()
                rest.append(("*", self._power()))
            else:
                return Chain(first, tuple(rest)) if rest else first

    def _sign(self) -> Node:
        negative = False
        while sign := self._take("+", "-"):
            negative ^= sign == "-"
        operand = self._power()
        return Negative(operand) if negative else operand

    def _power(self) -> Node:
        base = self._postfix(self._atom())
        if not self._take("^"):
            return base
        with self._one_level_deeper():
            return Power(base, self._sign())

    def _postfix(self, node: Node) -> Node:
        while True:
            if self._next.text == "%" and self._is_remainder(node):
                return node
            match self._take("!", "%", "°"):
                case "!" if self._next.text == "!":
                    raise PluginError("!! can be read in two ways")
                case "!":
                    node = Call("factorial", (node,))
                case "%":
                    node = Chain(node, (("/", Number(100)),))
                case "°":
                    node = Call("radians", (node,))
                case _:
                    return node

    def _atom(self) -> Node:
        token = self._next
        if token.kind not in ("number", "name") and token.text not in ("(", "[", "{", "|"):
            raise self._unexpected()
        self._position += 1
        if token.kind == "number":
            return Number(token.value)
        if token.kind == "name":
            return self._named(token)
        inner = self._sum()
        self._expect(_BRACKETS.get(token.text, "|"))
        return inner if token.text in _BRACKETS else Call("abs", (inner,))

    def _named(self, token: Token) -> Node:
        function = canonical(token.text)
        if token.text in _LETTER_FUNCTIONS and self._begins_pair():
            function = _LETTER_FUNCTIONS[token.text]
        if function and self._begins_argument():
            return self._call(function)
        if function and self._take("^"):  # sin^2(x) is (sin(x))^2
            return self._power_of_call(function)
        if (base := re.fullmatch("log_?([0-9]{1,9})", token.text)) and self._begins_argument():
            return Call("log", (self._operands("exp")[0], Number(int(base[1]))))
        return _name(token)

    def _power_of_call(self, function: str) -> Node:
        exponent = self._atom()
        if not isinstance(exponent, Number) or not self._begins_argument():
            raise PluginError(f"{function} needs its argument")
        return Power(self._call(function), exponent)

    def _call(self, function: str) -> Node:
        return _sugar_free(function, self._operands(function))

    def _operands(self, function: str) -> list[Node]:
        """Read as many arguments as the function takes."""
        arguments = self._arguments() if self._next.text == "(" else [self._postfix(self._bare_argument(function))]
        least, most = ARITY[function]
        if not least <= len(arguments) <= most:
            raise PluginError(f"{function} cannot take {len(arguments)} argument{'s' * (len(arguments) != 1)}")
        return arguments

    def _bare_argument(self, function: str) -> Node:
        """Parse the argument of `sqrt 2`: a number or a name, never a product, which would be ambiguous."""
        token = self._next
        if token.kind not in ("number", "name") or canonical(token.text):
            raise PluginError(f"{function} needs its argument in parentheses")
        self._position += 1
        if self._next.kind == "name" and function not in ("sqrt", "cbrt"):
            raise PluginError(f"{function} needs its argument in parentheses")
        return Number(token.value) if token.kind == "number" else _name(token)

    def _arguments(self) -> list[Node]:
        self._expect("(")
        listed = self._take("[") is not None
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        if listed:
            self._expect("]")
        self._expect(")")
        return arguments

    def _check_no_call(self) -> None:
        """Raise PluginError for `f(x)` and `word(x)`: unknown functions, not products."""
        name = self._tokens[self._position - 1].text
        if self._next.text == "(" and _FUNCTION_LIKE.fullmatch(name) and name.lower() != "pi":
            raise PluginError(f"unknown function {name[:40]}")

    def _check_no_sentence(self) -> None:
        """Raise PluginError for `x squared` and `half x`, which are no products."""
        before, token = self._tokens[self._position - 1], self._next
        words = [t.text for t in (before, token) if is_word(t.text)]
        if words and before.kind == token.kind == "name" and not canonical(token.text):
            raise PluginError(f"the word {words[0][:40]!r} is not understood here")

    def _take_times(self) -> str | None:
        """Take the letter x between a value and a number as the operator "times"."""
        if self._next.text in ("x", "X") and self._tokens[self._position + 1].kind == "number":
            self._position += 1
            return "*"
        return None

    @contextmanager
    def _one_level_deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise PluginError(f"nested more than {MAX_DEPTH} levels deep")
        yield
        self._depth -= 1

    def _take(self, *texts: str) -> str | None:
        token = self._next
        if token.kind != "operator" or token.text not in texts:
            return None
        self._position += 1
        return token.text

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            raise PluginError(f"expected {text!r} before {self._next.text[:40]!r}")

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _is_remainder(self, node: Node) -> bool:
        """Return whether the % that comes next is an operator between two operands."""
        follower, beyond = (self._tokens[min(self._position + i, len(self._tokens) - 1)] for i in (1, 2))
        is_spaced = self._next.spaced and follower.spaced
        if is_spaced and follower.text in ("+", "-"):
            return not beyond.spaced
        if is_spaced or not isinstance(node, Number) or not self._begins_operand(follower):
            return self._begins_operand(follower)
        if follower.kind == "number" and (beyond.kind == "name" or beyond.text in _BRACKETS):
            raise PluginError(f"% can be read in two ways before {follower.text}{beyond.text}")
        return follower.kind == "number"

    def _begins_pair(self) -> bool:
        """Return whether two arguments in parentheses come next."""
        if self._next.text != "(" or (length := _closes_at(self._tokens[self._position :])) is None:
            return False
        inner = self._tokens[self._position + 1 : self._position + length]
        return sum(t.text == "," for t in inner) == 1

    def _begins_argument(self) -> bool:
        return self._next.kind in ("number", "name") or self._next.text == "("

    @staticmethod
    def _begins_operand(token: Token) -> bool:
        return token.kind in ("number", "name") or token.text in _BRACKETS

    def _unexpected(self) -> PluginError:
        return PluginError(f"unexpected {self._next.text[:40]!r}")
