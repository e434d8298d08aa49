"""`moss-agent eval`: how good a model is at using plugins, on data; and which cases differ between two runs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from moss_agent.cli.batch import appending
from moss_agent.cli.eval_display import difference, summary
from moss_agent.cli.json_lines import print_json
from moss_agent.cli.options import add_agent_options, follow, settings_from, silence_for
from moss_agent.cli.screen import Screen
from moss_agent.cli.text import one_line
from moss_agent.errors import UsageError
from moss_agent.evaluation.cases import Case, QuestionCase, RecordedCase
from moss_agent.evaluation.outcomes import Outcome, Run, outcomes, read_outcomes, to_json
from moss_agent.evaluation.page import page
from moss_agent.evaluation.reading import read_cases
from moss_agent.evaluation.report import compare, share_right
from moss_agent.evaluation.subject import Subject, told_plugins
from moss_agent.json_records import FaultyData
from moss_agent.opening.served import find_served
from moss_agent.resources import replace_file, user_path
from moss_agent.settings import Settings

DESCRIPTION = """\
Ask a model the questions of DATA and judge what it calls and answers. DATA is a file or folder of recorded
conversations (MOSS's training format, or ours), JSON lines with a question and its answer (as GSM8K has them), or a
folder of BFCL's files. Calculator and solver run; searches give what is recorded; nothing is drawn. Greedy, unless
--temperature says otherwise.

moss-agent eval diff A B shows which cases changed between two files of results."""

EXAMPLES = """\
examples:
  moss-agent eval bench/everyday/en.jsonl
  moss-agent eval conversations/ --server http://127.0.0.1:11434 --server-model qwen3 --html failures.html
  moss-agent eval questions.jsonl --also-without --limit 50
  moss-agent eval questions.jsonl --resume           goes on with a run that was stopped
  moss-agent eval questions.jsonl --min 0.85         exit code 1 if fewer are right
  moss-agent eval diff eval-before.jsonl eval-after.jsonl

The results go to a file, one JSON object a case, as each is done."""

ELSEWHERE = "name another file (--out)"
NAMED = ("temperature", "family", "dialect")
SETTINGS = (
    *("dtype", "quantize", "context_length", "max_rounds", "max_new_tokens"),
    *("seed", "top_k", "top_p", "repetition_penalty"),
)
"""Settings that have to be the same when a run goes on, like `NAMED`; files of earlier versions do not have them."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    add = parser.add_argument
    add("data", nargs="+", metavar="DATA", help="file or folder; or diff A B")
    add("--out", metavar="FILE", help="where the results go (default: eval-DATA-MODEL.jsonl)")
    add("--html", metavar="FILE", help="also write a page with what failed, to look through")
    add("--resume", action="store_true", help="go on with the results that are there: ask what is not done yet")
    add("--limit", metavar="N", type=int, help="ask N cases, spread over the data")
    add("--first-turns", action="store_true", help="of recorded conversations, ask the first questions only")
    add("--also-without", action="store_true", help="ask questions with an answer without plugins, too")
    add("--min", metavar="SHARE", type=float, help="exit with 1 if less than this share is right, such as 0.85")
    add("--at-once", metavar="N", type=int, default=4, help="how many at the same time (default: 4)")
    add_agent_options(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    if parsed.data[0] == "diff" and len(parsed.data) == 3:
        return run_diff(*map(user_path, parsed.data[1:]))
    if len(parsed.data) != 1:
        raise UsageError("name one file or folder of DATA, or: moss-agent eval diff A B")
    _check(parsed)
    follow(parsed)
    path = user_path(parsed.data[0])
    cases = _chosen(_read(path), parsed)
    settings = settings_from(parsed)
    settings = settings if parsed.temperature is not None else replace(settings, temperature=0.0)
    out = user_path(parsed.out or _default_name(path, _model_name(settings)))
    before, made = _done(out, path, parsed.resume)
    if before:
        _check_same(before, settings, out)
    made = _of(cases, made)
    known = {outcome.key for outcome in made}
    left = [case for case in cases if case.key not in known]
    if left:
        silence_for(settings)
        with closing(Subject.open(settings, left)) as subject:
            try:
                _ask(subject, left, made, out, _run(path, subject, settings), parsed.at_once)
            except (KeyboardInterrupt, OSError) as error:  # asking raises no OSError: it is of the file
                print(f"stopped: {len(made)} of {len(cases)} cases are done; --resume goes on", file=sys.stderr)
                _show(made, out, parsed)
                if isinstance(error, OSError):
                    raise UsageError(f"cannot write {out}: {error.strerror or error}: make room there") from None
                raise
    return _show(_of(cases, made), out, parsed)


def _check(parsed: argparse.Namespace) -> None:
    for name in ("limit", "at_once"):
        value = getattr(parsed, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} {value}: must be 1 or more")
    if parsed.html and not user_path(parsed.html).absolute().parent.is_dir():
        raise UsageError(f"cannot write {parsed.html}: there is no such folder: name another file")
    if parsed.min is not None and not 0 <= parsed.min <= 1:
        raise UsageError(f"--min {parsed.min:g}: must be a share from 0 to 1, such as 0.85")


def _read(path: Path) -> list[Case]:
    """Read the cases, naming each faulty record on standard error."""
    try:
        return read_cases(path)
    except FaultyData as error:
        for fault in error.faults:
            print(f"moss-agent: {one_line(fault)}", file=sys.stderr)
        raise


def _chosen(cases: Sequence[Case], parsed: argparse.Namespace) -> list[Case]:
    """Return the cases to ask by the options. Raises UsageError if there is none."""
    chosen = [case for case in cases if not (parsed.first_turns and isinstance(case, RecordedCase) and case.before)]
    if parsed.limit:
        size = min(parsed.limit, len(chosen))
        chosen = [chosen[place * len(chosen) // size] for place in range(size)]
    if parsed.also_without:
        asked = [case for case in chosen if isinstance(case, QuestionCase) and case.answer]
        if not asked:
            raise UsageError("--also-without is for questions with an answer, and the data has none: leave it out")
        chosen += [replace(case, without_plugins=True, plugins=None) for case in asked]
    return chosen


def _model_name(settings: Settings) -> str:
    """Return the name that the model will have, by asking the server if it has one."""
    return find_served(settings).name if settings.server else settings.model


def _default_name(data: Path, model: str) -> str:
    parts = (re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] for name in (data.resolve().stem, model))
    return f"eval-{'-'.join(parts)}.jsonl"


def _done(out: Path, data: Path, resume: bool) -> tuple[Run | None, list[Outcome]]:
    """Return the earlier run, and what it has done. Raises UsageError if it is of other data, or is not to go on."""
    if _is_new(out):
        return None, []
    if not resume:
        raise UsageError(f"{out} is there already: go on with it (--resume), or {ELSEWHERE}")
    before, done = read_outcomes(out)
    if before.data != data.name:
        raise UsageError(f"{out} has results of {one_line(before.data)}: {ELSEWHERE}")
    return before, [outcome for outcome in done if not outcome.error]


def _is_new(out: Path) -> bool:
    return not out.exists() or not out.stat().st_size


def _run(data: Path, subject: Subject, settings: Settings) -> Run:
    named, others = ({name: getattr(settings, name) for name in names} for names in (NAMED, SETTINGS))
    return Run(data=data.name, model=subject.name, plugins=tuple(subject.runner.plugins), **named, settings=others)


def _check_same(before: Run, settings: Settings, out: Path) -> None:
    """Raise UsageError if the earlier run was of another model, or one that was asked in another way."""
    if before.model != _model_name(settings):
        raise UsageError(f"{out} has results of the model {one_line(before.model)}: {ELSEWHERE}")
    known = {name: getattr(before, name) for name in NAMED} | dict(before.settings)
    changed = [name for name in (*NAMED, *SETTINGS) if name in known and known[name] != getattr(settings, name)]
    if not changed and set(before.plugins) != told_plugins(settings):
        changed = ["plugins"]
    if changed:
        raise UsageError(f"{out} has results with another --{changed[0].replace('_', '-')}: {ELSEWHERE}")


def _ask(subject: Subject, cases: Sequence[Case], made: list[Outcome], out: Path, run: Run, at_once: int) -> None:
    """Ask the cases; append each outcome to the file as it is done, and to `made`."""
    screen, whole = Screen(sys.stderr), len(made) + len(cases)
    is_new = _is_new(out)
    with appending(out, sys.stdout) as lines:
        if is_new:
            print_json(to_json(run), lines)
        for outcome in outcomes(subject, cases, at_once):
            print_json(to_json(outcome), lines)
            made.append(outcome)
            share = share_right(_with_plugins(made))
            screen.pass_by(f"{len(made)} of {whole} cases, {share.right} of {share.n} right")
    screen.end_passing()


def _of(cases: Sequence[Case], made: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes of these cases, in their order; one that has changed since has none."""
    known = {(outcome.key, outcome.question, outcome.wanted): outcome for outcome in made}
    keys = [(case.key, case.question, case.wanted) for case in cases]
    return [known[key] for key in keys if key in known]


def _with_plugins(made: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes that the share counts which is to be reached: not those of `--also-without`."""
    return [outcome for outcome in made if not outcome.mode]


def _show(made: Sequence[Outcome], out: Path, parsed: argparse.Namespace) -> int:
    """Print the summary, write the page, and return the exit code."""
    print(summary(made))
    print(f"results: {one_line(str(out))}")
    if parsed.html:
        _write_page(user_path(parsed.html), out, made)
    failed, share = sum(bool(outcome.error) for outcome in made), share_right(_with_plugins(made))
    if parsed.min is not None and share.value < parsed.min:
        print(f"moss-agent: {share.value:.1%} are right, less than {parsed.min:.1%}", file=sys.stderr)
        return 1
    return int(failed > 0)


def _write_page(path: Path, out: Path, made: Sequence[Outcome]) -> None:
    try:
        replace_file(path, page(read_outcomes(out)[0], made).encode())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot write {path}: {reason}: name another file") from None


def run_diff(before: Path, after: Path) -> int:
    """Print which cases changed between two files of results; with and without plugins apart if both are there."""
    earlier, later = (read_outcomes(path)[1] for path in (before, after))
    modes = sorted({outcome.mode for outcome in (*earlier, *later)})
    found = {mode or "with plugins": compare(earlier, later, mode) for mode in modes}
    if not any(each.both for each in found.values()):
        raise UsageError(f"{before} and {after} have no case in common: name two runs on the same data")
    print("\n\n".join(difference(each, title if len(modes) > 1 else "") for title, each in found.items()))
    return 0
