"""What became of each case, as data: one JSON object a line, behind one that says what the run was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from msgspec import ValidationError, convert

from moss_agent.concurrently import results
from moss_agent.errors import MossAgentError, UsageError, said_by
from moss_agent.evaluation.cases import Case, Mode
from moss_agent.evaluation.judging import judge
from moss_agent.evaluation.standins import compute, plugins_for
from moss_agent.evaluation.subject import Subject
from moss_agent.records import Turn, as_command, now
from moss_agent.resources import read_bytes

LONGEST = 1_000_000_000  # bytes of a file of outcomes
FORMAT = "moss_agent.evaluation/1"


@dataclass(frozen=True)
class MadeCall:
    """A call that the model made: as it wrote it, and what it was given."""

    text: str
    result: str
    ok: bool


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A case that was asked. mode: whether the model had plugins. error: why there is no answer; not judged then."""

    type: Literal["case"] = "case"
    id: str
    category: str
    language: str
    question: str
    mode: Mode = ""
    right: bool = False
    checks: Mapping[str, bool] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    wanted: str = ""
    thoughts: str = ""
    calls: tuple[MadeCall, ...] = ()
    answer: str = ""
    prompt_tokens: int = 0
    generated_tokens: int = 0
    seconds: float = 0.0
    error: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """That of its case."""
        return self.id, self.mode


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a file of outcomes is of. plugins: by the names that the model calls. The rest is as the settings had it.

    settings: further ones, by name; files of earlier versions have none.
    """

    type: Literal["run"] = "run"
    format: str = FORMAT
    data: str
    model: str
    plugins: tuple[str, ...] = ()
    temperature: float | None = 0.0
    family: str = ""
    dialect: str = ""
    settings: Mapping[str, str | int | float | None] = field(default_factory=dict)
    time: str = field(default_factory=now)


def outcomes(subject: Subject, cases: Sequence[Case], at_once: int) -> Iterator[Outcome]:
    """Ask and judge the cases, several at a time; yield each as it is done. An interrupt closes the subject."""
    return results(lambda case: _outcome(subject, case), cases, at_once, subject.close)


def _outcome(subject: Subject, case: Case) -> Outcome:
    made = _asked(case)
    try:
        turn = subject.ask(case)
    except (MossAgentError, OSError) as error:
        return Outcome(**made, error=said_by(error))
    judgement = judge(case, turn, plugins_for(case, subject.runner), partial(compute, subject.runner))
    return Outcome(**made, **vars(judgement), **_written(turn))


def _asked(case: Case) -> dict[str, Any]:
    names = ("id", "category", "language", "question", "mode", "wanted")
    return {name: getattr(case, name) for name in names}


def _written(turn: Turn) -> dict[str, Any]:
    return {
        "thoughts": turn.thoughts.strip(),
        "calls": tuple(MadeCall(str(as_command(call)), call.error or call.result, call.ok) for call in turn.calls),
        "answer": turn.text.strip(),
        "prompt_tokens": turn.usage.prompt_tokens,
        "generated_tokens": turn.usage.generated_tokens,
        "seconds": round(turn.seconds, 3),
    }


def to_json(item: Outcome | Run) -> dict[str, Any]:
    """Return a line of the file as JSON data."""
    return asdict(item)


def read_outcomes(path: Path) -> tuple[Run, list[Outcome]]:
    """Read a file of outcomes; of a case that stands there twice the last counts, and half a line at the end does not.

    Raises UsageError if it is anything else.
    """
    first, *lines = read_bytes(path, LONGEST).split(b"\n")
    try:
        run = convert(json.loads(first), Run)
    except (ValueError, RecursionError, ValidationError):
        raise UsageError(f"{path} has no results of moss-agent eval: name a file that it has written") from None
    found: dict[tuple[str, str], Outcome] = {}
    for line in lines:
        with suppress(ValueError, RecursionError, ValidationError):
            outcome = convert(json.loads(line), Outcome)
            found.pop(outcome.key, None)
            found[outcome.key] = outcome
    return run, list(found.values())
