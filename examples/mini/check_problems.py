"""Check files of problems and look at some.

python -m examples.mini.check_problems rates_en --show 5
"""

from __future__ import annotations

import argparse
from random import Random

from .data import read_lines
from .expressions import evaluate
from .problems import Problem, Question, Situation, fill, situation, unknowns

TIMES = 30


def check(name: str) -> list[str]:
    """Return what is wrong in `data/problems/NAME.jsonl`."""
    language, faults = name.rpartition("_")[2], []
    for line, row in enumerate(read_lines(f"problems/{name}"), 1):
        try:
            each = situation(row)
            if not each.questions:
                raise ValueError("no questions")
            for question in each.questions:
                for seed in range(TIMES):
                    _check(Random(seed), language, each, question)
        except Exception as problem:
            faults.append(f"{name}, line {line}: {type(problem).__name__}: {problem}")
    return faults


def _check(random: Random, language: str, situation: Situation, question: Question) -> None:
    if bool(question.calculate) == bool(question.solve):
        raise ValueError("give one of calculate and solve")
    for texts in (question.thoughts, question.answers, question.asks, question.whole, question.told, situation.told):
        if isinstance(texts, str):
            raise ValueError(f"a list is wanted: {texts}")
    problem = fill(random, language, situation, question)
    for tool, argument in problem.calls:
        if argument not in problem.thoughts and not all(part in problem.thoughts for part in argument.split(";")):
            raise ValueError(f"{argument} is not in the thought: {problem.thoughts}")
        if "{" in argument or " " in argument:
            raise ValueError(f"spaces or braces: {argument}")
        if tool == "Solve":
            _check_solution(argument, problem.outputs[0])
        elif any(letter in argument for letter in "xyz"):
            raise ValueError(f"an unknown in a calculation: {argument}")
    for text in (problem.text, problem.thoughts, problem.answer):
        if "{" in text or "}" in text:
            raise ValueError(f"braces: {text}")
    if not any(character.isdigit() for character in problem.answer):
        raise ValueError(f"no result in the answer: {problem.answer}")
    for (tool, _), output in zip(problem.calls, problem.outputs, strict=True):
        if tool == "Calculate" and abs(evaluate(output)) > 1e9:
            raise ValueError(f"a huge result: {problem}")


def _check_solution(equations: str, printed: str) -> None:
    lines = [line.split(" = ") for line in printed.splitlines()]
    if any("_" in name for name, _ in lines):
        lines = [[name.partition("_")[0], value] for name, value in lines]
        solutions = [{name: evaluate(value)} for name, value in lines]
    else:
        solutions = [{name: evaluate(value) for name, value in lines}]
    for solution in solutions:
        for equation in equations.split(";"):
            left, right = equation.split("=")
            if abs(evaluate(left, solution) - evaluate(right, solution)) > 1e-6 * max(
                1, abs(evaluate(right, solution))
            ):
                raise ValueError(f"{solution} does not solve {equation}")
    if len(equations.split(";")) != len(unknowns(equations)):
        raise ValueError(f"{equations}: as many equations as unknowns are wanted")


def _shown(problem: Problem) -> str:
    calls = ", ".join(f"{tool}({argument})" for tool, argument in problem.calls)
    results = ", ".join(output.replace("\n", " ") for output in problem.outputs)
    return f"Q: {problem.text}\n   {problem.thoughts}\n   {calls} => {results}\n   {problem.answer}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="TOPIC_LANG")
    parser.add_argument("--show", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = Random(options.seed)
    for name in options.names:
        faults = check(name)
        print("\n".join(faults) or f"{name}: no faults")
        rows = [situation(row) for row in read_lines(f"problems/{name}")]
        every = [(each, question) for each in rows for question in each.questions]
        print(f"{len(rows)} situations, {len(every)} questions")
        if not faults:
            for each, question in random.sample(every, min(options.show, len(every))):
                print(_shown(fill(random, name.rpartition("_")[2], each, question)))


if __name__ == "__main__":
    main()
