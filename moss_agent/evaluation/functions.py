"""Files of the Berkeley Function-Calling Leaderboard (BFCL): declared functions become plugins.

A line of `BFCL_v4_simple_python.json` is `{"id", "question": [[{"role", "content"}]], "function": [{"name",
"description", "parameters"}]}`; the file of that name in the folder `possible_answer` has `{"id", "ground_truth":
[{"NAME": {"ARGUMENT": [right values]}}]}`. Read are the categories of one question each: simple (Python), multiple,
parallel, parallel_multiple, irrelevance, and the same with `live_`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import convert

from moss_agent.evaluation.cases import ExpectedCall, FunctionsCase, language_of
from moss_agent.plugin_host import Parameter, Plugin
from moss_agent.protocol import neutralise

ANSWERS = "possible_answer"  # the folder
DONE = "Done."
_FILE = re.compile(
    r"BFCL_v\d+_(?P<category>(?:live_)?(?:simple(?:_python)?|multiple|parallel(?:_multiple)?|irrelevance))\.json"
)
_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": None}
_IGNORED = re.compile(r"[ ,./\-_*^]")


@dataclass(frozen=True)
class Declared:
    """The kind of a parameter that a JSON schema declares; whatever is written is taken as it is."""

    schema: dict[str, Any]
    words: str = "as declared"

    def read(self, value: object) -> object:
        return value


def category_of(name: str) -> str:
    """Return the category that a file of that name has; "" if it is none of those that are read."""
    found = _FILE.fullmatch(name)
    return found["category"] if found else ""


def functions_case(record: Mapping[str, Any], answers: Mapping[str, Any], category: str) -> FunctionsCase:
    """Make a case of a line. answers: the `ground_truth` by id. Raises KeyError, TypeError, ValueError."""
    name, question = convert(record["id"], str), _question(record["question"])
    functions = tuple(map(_plugin, convert(record["function"], list[dict[str, Any]])))
    expected: Sequence[ExpectedCall] = ()
    if "irrelevance" not in category:
        if name not in answers:
            raise ValueError(f"{ANSWERS} has no answer with its id")
        calls = convert(answers[name], list[dict[str, dict[str, list[Any]]]])
        expected = [_expected(call, functions) for call in calls]
    return FunctionsCase(
        id=name,
        question=question,
        category=category,
        language=language_of(question),
        functions=functions,
        expected=tuple(expected),
    )


def fits(written: Mapping[str, Any], expected: ExpectedCall) -> bool:
    """Return whether these arguments are right: each has one of the right values, and none is missing."""
    if not written.keys() <= expected.arguments.keys():
        return False
    for name, values in expected.arguments.items():
        if name not in written:
            if "" not in values or name in expected.required:
                return False
        elif not any(_is_same(written[name], value) for value in values):
            return False
    return True


def pair_off(fitting: Sequence[Sequence[int]], taken: frozenset[int] = frozenset()) -> bool:
    """Return whether each can have a number of its own. fitting: the numbers that each may have."""
    if not fitting:
        return True
    first, *others = fitting
    return any(pair_off(others, taken | {number}) for number in first if number not in taken)


def _question(data: Any) -> str:
    """Return what the person says in the first turn, and what the system says before it."""
    if isinstance(data, str):
        return data
    first = data[0] if isinstance(data[0], list) else data
    said = [convert(message["content"], str) for message in first if message["role"] in ("system", "user")]
    if len(data) > 1 and isinstance(data[0], list) or not any(map(str.strip, said)):
        raise ValueError("it must have one turn, with a question")
    return "\n\n".join(said)


def _plugin(declared: Mapping[str, Any]) -> Plugin:
    name = _plain_name(convert(declared["name"], str))
    parameters = convert(declared["parameters"], dict[str, Any])
    required = convert(parameters.get("required", []), list[str])
    made = [
        Parameter(key, Declared(_schema(schema)), key in required)
        for key, schema in convert(parameters.get("properties", {}), dict[str, Any]).items()
    ]
    description = neutralise(convert(declared.get("description", ""), str))
    return Plugin(name, name, name, _done, tuple(made), description=description)


def _done(**_: Any) -> str:
    """Do nothing; the call stands in the record of the turn."""
    return DONE


def _plain_name(name: str) -> str:
    """Return a function's name as servers take it: `math.hypot` becomes `math_hypot`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)[:64]


def _schema(declared: Any) -> dict[str, Any]:
    """Return a parameter's declaration as JSON schema, without types that JSON has not."""
    data = {key: value for key, value in convert(declared, dict[str, Any]).items() if key != "optional"}
    if "type" in data and (kind := _TYPES.get(data["type"], data["type"])):
        data["type"] = kind
    elif "type" in data:
        del data["type"]
    if "items" in data:
        data["items"] = _schema(data["items"])
    if isinstance(data.get("properties"), dict):
        data["properties"] = {key: _schema(value) for key, value in data["properties"].items()}
    return data


def _expected(call: Mapping[str, Mapping[str, Sequence[Any]]], functions: Sequence[Plugin]) -> ExpectedCall:
    """Return a call that is right. What the function requires may not be left out, whatever the answer says."""
    ((declared, arguments),) = call.items()
    name = _plain_name(declared)
    required = {p.name for plugin in functions if plugin.name == name for p in plugin.parameters if p.required}
    return ExpectedCall(name, {key: tuple(values) for key, values in arguments.items()}, frozenset(required))


def _is_same(written: Any, right: Any) -> bool:
    """Return whether the values are the same but for case, blanks and signs between words.

    Items of lists come as text, whatever they were.
    """
    if isinstance(right, list):
        is_list = isinstance(written, list | tuple) and len(written) == len(right)
        return is_list and all(_is_same_item(a, b) for a, b in zip(written, right, strict=True))
    if isinstance(written, str) and isinstance(right, str):
        return _words(written) == _words(right)
    if isinstance(written, bool) or isinstance(right, bool):
        return written is right
    return isinstance(written, int | float) and isinstance(right, int | float) and written == right


def _is_same_item(written: Any, right: Any) -> bool:
    if not isinstance(written, str) or isinstance(right, str):
        return _is_same(written, right)
    if isinstance(right, bool):
        return written == ("true" if right else "false")
    try:
        return _is_same(float(written), right)
    except ValueError:
        return False


def _words(text: str) -> str:
    return _IGNORED.sub("", text).casefold().replace("'", '"')


def answers_of(records: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the ids of a file of possible answers, each with what is right."""
    for record in records:
        if isinstance(record, Mapping) and "id" in record and "ground_truth" in record:
            yield str(record["id"]), record["ground_truth"]
