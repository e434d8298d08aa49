"""Outcomes counted: shares with their intervals by check, category and language; two runs compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from moss_agent.evaluation.cases import Mode
from moss_agent.evaluation.intervals import sign_test, wilson
from moss_agent.evaluation.outcomes import Outcome

LANGUAGES = {"en": "English", "zh": "Chinese"}
CHECKS = ("choice", "arguments", "result", "answer", "citations")
FORM = "well-formed"  # the row of turns without faults of form


@dataclass(frozen=True)
class Share:
    """How many of so many."""

    right: int
    n: int

    def __str__(self) -> str:
        if not self.n:
            return "-"
        low, high = wilson(self.right, self.n)
        return f"{self.right}/{self.n} {self.right / self.n:.0%} ({100 * low:.0f}-{100 * high:.0f})"

    @property
    def value(self) -> float:
        return self.right / self.n if self.n else 0.0


@dataclass(frozen=True)
class Table:
    """Rows of cells as text, each with its name first."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def judged(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return those that were answered."""
    return [outcome for outcome in outcomes if not outcome.error]


def share_right(outcomes: Sequence[Outcome]) -> Share:
    """Return how many of those that were answered are right."""
    counted = judged(outcomes)
    return Share(sum(outcome.right for outcome in counted), len(counted))


def check_table(outcomes: Sequence[Outcome]) -> Table:
    """Count by check. Rows without a case are left out."""
    rows: dict[str, Callable[[Outcome], bool | None]] = {"right": lambda outcome: outcome.right}
    for name in CHECKS:
        rows[name] = lambda outcome, name=name: outcome.checks.get(name)  # type: ignore[misc]
    rows[FORM] = lambda outcome: not outcome.faults
    return _table("", outcomes, rows)


def category_table(outcomes: Sequence[Outcome]) -> Table:
    """Count what is right by category, the largest first."""
    sizes = Counter(outcome.category for outcome in judged(outcomes))
    rows: dict[str, Callable[[Outcome], bool | None]] = {
        name: lambda outcome, name=name: outcome.right if outcome.category == name else None  # type: ignore[misc]
        for name, _ in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0]))
    }
    return _table("right by category", outcomes, rows)


def _table(title: str, outcomes: Sequence[Outcome], rows: dict[str, Callable[[Outcome], bool | None]]) -> Table:
    groups = _groups(judged(outcomes))
    made = []
    for name, check in rows.items():
        shares = [_share(check(outcome) for outcome in members) for members in groups.values()]
        if any(share.n for share in shares):
            made.append((name, *map(str, shares)))
    return Table((title, *groups), tuple(made))


def _groups(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Return all, and those of each language if there are several; with and without plugins apart if both are there."""
    modes = dict.fromkeys(outcome.mode for outcome in outcomes)
    groups: dict[str, list[Outcome]] = {}
    for mode in modes:
        members = [outcome for outcome in outcomes if outcome.mode == mode]
        groups[mode or ("with plugins" if len(modes) > 1 else "all")] = members
        languages = sorted({outcome.language for outcome in members})
        for language in languages if len(languages) > 1 else ():
            name = LANGUAGES.get(language, language) + (f", {mode}" if mode else "")
            groups[name] = [outcome for outcome in members if outcome.language == language]
    return groups or {"all": []}


def _share(checks: Iterator[bool | None]) -> Share:
    made = [check for check in checks if check is not None]
    return Share(sum(made), len(made))


def fault_line(outcomes: Sequence[Outcome]) -> str:
    """Say which faults of form there are."""
    found = Counter(fault for outcome in judged(outcomes) for fault in set(outcome.faults))
    return ", ".join(f"{fault} {count}" for fault, count in found.most_common())


def cost_line(outcomes: Sequence[Outcome]) -> str:
    """Say what a case takes in tokens and seconds."""
    counted = judged(outcomes)
    if not counted:
        return ""
    read, written = (mean(getattr(each, name) for each in counted) for name in ("prompt_tokens", "generated_tokens"))
    seconds = [each.seconds for each in counted]
    return (
        f"a case: {read:.0f} tokens read, {written:.0f} written, {mean(seconds):.1f} s "
        f"(median {median(seconds):.1f} s), beside the others that ran at the same time"
    )


@dataclass(frozen=True)
class Difference:
    """Cases of both runs that changed. both: how many cases both have judged."""

    better: tuple[Outcome, ...]
    worse: tuple[Outcome, ...]
    both: int
    before: Share
    after: Share

    @property
    def probability(self) -> float:
        """That of a change at least as uneven if neither run is better."""
        return sign_test(len(self.better), len(self.worse))


def compare(before: Sequence[Outcome], after: Sequence[Outcome], mode: Mode = "") -> Difference:
    """Return which cases of that mode changed, as they are after."""
    earlier = {(outcome.key, outcome.question): outcome for outcome in judged(before) if outcome.mode == mode}
    later = [outcome for outcome in judged(after) if (outcome.key, outcome.question) in earlier]
    paired = [(earlier[outcome.key, outcome.question], outcome) for outcome in later]
    changed = [new for old, new in paired if old.right != new.right]
    return Difference(
        tuple(outcome for outcome in changed if outcome.right),
        tuple(outcome for outcome in changed if not outcome.right),
        len(later),
        share_right([old for old, _ in paired]),
        share_right(later),
    )
