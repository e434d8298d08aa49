"""Whether a turn is what its case expects, check by check.

| check | of | right if |
|---|---|---|
| choice | recorded turns, functions, some questions | a plugin was called that should be, or none where none should |
| arguments | turns with calls | each expected call was made, with equal arguments or ones that compute the same |
| result | turns that compute | the end result stands in what the model's calls gave; if it made none, in its answer |
| answer | turns that compute, questions | the answer states it |
| citations | answers that cite | each number stands for a source, and none for one that says something else |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from moss_agent.errors import MossAgentError
from moss_agent.evaluation.cases import Alternatives, Case, FunctionsCase, QuestionCase, RecordedCase
from moss_agent.evaluation.functions import fits, pair_off
from moss_agent.evaluation.numbers import Number, are_close, concludes, contains, number, states_all, states_each
from moss_agent.events import Call
from moss_agent.plugin_host import Plugin
from moss_agent.protocol import NO_COMMAND, check_citations, cited_numbers
from moss_agent.records import Round, Turn

Compute = Callable[[Call], "str | None"]
"""What a call gives by the plugin itself, as text; None if that is nothing, or if the plugin does not compute."""


@dataclass(frozen=True)
class Judgement:
    """right: by the check that counts. checks: those that could be made. faults: of form, each in a few words."""

    right: bool
    checks: Mapping[str, bool] = field(default_factory=dict)
    faults: tuple[str, ...] = ()


def judge(case: Case, turn: Turn, plugins: Sequence[Plugin], compute: Compute) -> Judgement:
    """Judge the turn. plugins: those that the model was told of."""
    if isinstance(case, FunctionsCase):
        checks = _functions_checks(case, turn)
        right = all(checks.values())
    elif isinstance(case, QuestionCase):
        checks = _question_checks(case, turn, plugins)
        right = all(checks[name] for name in ("choice", "answer") if name in checks)
    else:
        assert isinstance(case, RecordedCase)
        checks = _recorded_checks(case.turn, turn, compute)
        right = checks.get("result", checks["choice"])
    if (holds := citations_hold(turn)) is not None:
        checks["citations"] = holds
    return Judgement(right, checks, tuple(faults(turn, plugins)))


def _recorded_checks(recorded: Turn, turn: Turn, compute: Compute) -> dict[str, bool]:
    wanted, made = {call.name for call in recorded.calls}, {call.name for call in turn.calls}
    checks = {"choice": bool(wanted & made) if wanted else not made}
    if wanted:
        checks["arguments"] = all(any(is_same_call(a, b, compute) for b in turn.calls) for a in recorded.calls)
    if ends := end_results(recorded, compute):
        given = "\n".join(call.result for call in turn.calls if call.ok)
        told = all(states_all(turn.text, end) for end in ends)
        checks["result"] = all(states_each(given, end) for end in ends) if turn.calls else told
        checks["answer"] = told
    return checks


def end_results(recorded: Turn, compute: Compute) -> list[list[Number]]:
    """Return the values that a recorded turn comes to, those of a call together.

    They are those that its answer states, else the last that it computes. What the plugin itself gives counts rather
    than what is recorded, which may be wrong or missing.
    """
    values = [_wanted_of(compute(call) or (call.result if call.ok else "")) for call in recorded.calls]
    told = [each for each in values if each and states_all(recorded.text, each)]
    computed = [each for each in values if each]
    return told or computed[-1:]


def _wanted_of(result: str) -> list[Number]:
    """Return the values of a result; of several solutions, which may hold the same ones, each value once."""
    values = values_of(result)
    return list(dict.fromkeys(values)) if _SECOND_SOLUTION.search(result) else values


def values_of(result: str) -> list[Number]:
    """Return the values of a result's lines, such as `36` or `x = 160/3`; none unless all of them are numbers."""
    values = [number(line.rpartition("=")[2]) for line in result.splitlines() if line.strip()]
    return [value for value in values if value is not None] if None not in values else []


def is_same_call(one: Call, other: Call, compute: Compute) -> bool:
    """Return whether both are calls of the same plugin, with equal arguments or ones that give the same."""
    if one.name != other.name:
        return False
    if _written(one) == _written(other):
        return True
    first, second = compute(one), compute(other)
    if first is None or second is None:
        return False
    a, b = values_of(first), values_of(second)
    if a and b:
        return are_close(a, b)
    return first == second


def _written(call: Call) -> str:
    """Return the arguments without what makes no difference: blanks, upper and lower case, the multiplication sign."""
    values = [str(value) for value in (*call.arguments, *call.named.values())] or [call.argument]
    return "".join("\0".join(values).casefold().translate(_SAME).split())


def _question_checks(case: QuestionCase, turn: Turn, plugins: Sequence[Plugin]) -> dict[str, bool]:
    checks, made = {}, {call.name for call in turn.calls}
    if case.plugins is not None:
        wanted = {*case.plugins, *(plugin.name for plugin in plugins if plugin.key in case.plugins)}
        checks["choice"] = bool(made & wanted) if wanted else not made
    if not case.answer:
        return checks | {"answer": bool(turn.text.strip())}
    given = "\n".join(call.result for call in turn.calls if call.ok)
    if given:
        checks["result"] = all(_states(given, part) for part in case.answer)
    is_one = len(case.answer) == 1
    checks["answer"] = all(_states(turn.text, part, case.question if is_one else None) for part in case.answer)
    return checks


def _states(text: str, part: Alternatives, question: str | None = None) -> bool:
    """Return whether the text states one of the alternatives. question: given if it should come to that value."""
    for said in part:
        value = number(said)
        if value is None:
            if contains(text, said):
                return True
        elif concludes(text, value, question) if question is not None else states_all(text, [value]):
            return True
    return False


def _functions_checks(case: FunctionsCase, turn: Turn) -> dict[str, bool]:
    made = [(call.name, _by_name(call, case.functions)) for call in turn.calls]
    checks = {"choice": sorted(name for name, _ in made) == sorted(each.name for each in case.expected)}
    if case.expected:
        fitting = [
            [place for place, (name, values) in enumerate(made) if name == each.name and fits(values, each)]
            for each in case.expected
        ]
        checks["arguments"] = len(made) == len(case.expected) and pair_off(fitting)
    return checks


def _by_name(call: Call, functions: Sequence[Plugin]) -> dict[str, object]:
    names = [p.name for plugin in functions if plugin.name == call.name for p in plugin.parameters]
    return {**dict(zip(names, call.arguments, strict=False)), **call.named}


def citations_hold(turn: Turn) -> bool | None:
    """Return whether all that the answer cites is there and supports it; None if it cites nothing."""
    said = "\n".join((*(each.text for each in turn.rounds), turn.answer))
    if not cited_numbers(said):
        return None
    known = {source.number for each in turn.rounds for source in each.sources}
    dangling = check_citations(said, known)[1]
    return not dangling and not any(citation.weak for citation in turn.citations)


def faults(turn: Turn, plugins: Sequence[Plugin]) -> Iterator[str]:
    """Yield what is wrong with the form of what the model wrote."""
    known = {plugin.name: plugin for plugin in plugins}
    if turn.is_cut_off:
        yield "cut off"
    if any(map(_is_unreadable, turn.rounds)):
        yield "unreadable commands"
    for call in turn.calls:
        if call.name not in known:
            yield "unknown plugin"
        elif not call.ok and not _binds(known[call.name], call):
            yield "wrong arguments"
    if not turn.text.strip():
        yield "no answer"


def _is_unreadable(done: Round) -> bool:
    return not done.calls and not done.commands.strip().lower().startswith(NO_COMMAND.lower()[:3])


def _binds(plugin: Plugin, call: Call) -> bool:
    try:
        plugin.bind(call.arguments, call.named)
    except MossAgentError:
        return False
    return True


_SECOND_SOLUTION = re.compile(r"^\w+_1 = ", re.MULTILINE)
_SAME = str.maketrans({"×": "*", "÷": "/", "−": "-", "，": ",", "；": ";", "（": "(", "）": ")", "“": '"', "”": '"'})
