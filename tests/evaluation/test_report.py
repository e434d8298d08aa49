"""Counts and comparisons of outcomes, and the page of failures."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from moss_agent.evaluation.outcomes import MadeCall, Outcome, Run
from moss_agent.evaluation.page import page
from moss_agent.evaluation.report import category_table, check_table, compare, cost_line, fault_line, share_right


def outcome(id: str, right: bool = True, **more: object) -> Outcome:
    made = {"category": "sum", "language": "en", "question": f"{id}?", **more}
    return Outcome(id=id, right=right, **made)  # type: ignore[arg-type]


MANY = [
    *(outcome(f"a{n}", right=n < 3, checks={"answer": n < 3, "citations": True}) for n in range(4)),
    *(outcome(f"b{n}", right=n < 1, language="zh", category="price", faults=("cut off",)) for n in range(2)),
    outcome("c", right=False, error="no server"),
]


def test_shares_by_check_and_language() -> None:
    table = check_table(MANY)
    assert table.head == ("", "all", "English", "Chinese")
    assert table.rows == (
        ("right", "4/6 67% (30-90)", "3/4 75% (30-95)", "1/2 50% (9-91)"),
        ("answer", "3/4 75% (30-95)", "3/4 75% (30-95)", "-"),
        ("citations", "4/4 100% (51-100)", "4/4 100% (51-100)", "-"),
        ("well-formed", "4/6 67% (30-90)", "4/4 100% (51-100)", "0/2 0% (0-66)"),
    )
    assert fault_line(MANY) == "cut off 2"


def test_shares_by_category() -> None:
    rows = category_table(MANY).rows
    assert [row[:2] for row in rows] == [("sum", "3/4 75% (30-95)"), ("price", "1/2 50% (9-91)")]


def test_one_language_has_one_column_and_modes_have_their_own() -> None:
    assert check_table(MANY[:4]).head == ("", "all")
    both = [*MANY[:4], *(outcome(f"a{n}", right=False, mode="without plugins") for n in range(4))]
    assert check_table(both).head == ("", "with plugins", "without plugins")
    assert check_table(both).rows[0] == ("right", "3/4 75% (30-95)", "0/4 0% (0-49)")


def test_what_failed_to_run_is_not_counted() -> None:
    assert share_right(MANY).n == 6
    assert (check_table(MANY[-1:]).rows, cost_line(MANY[-1:])) == ((), "")


def test_costs() -> None:
    some = [
        outcome("1", prompt_tokens=10, generated_tokens=4, seconds=1.0),
        outcome("2", generated_tokens=6, seconds=3.0),
    ]
    assert cost_line(some).startswith("a case: 5 tokens read, 5 written, 2.0 s (median 2.0 s)")


def test_two_runs_are_compared_where_both_have_judged() -> None:
    after = [
        outcome("a0", right=False),
        outcome("a1"),
        outcome("a3"),
        outcome("b1", language="zh"),
        outcome("c"),
        outcome("new"),
        outcome("a2", right=False, question="another?"),
    ]
    found = compare(MANY, after)
    assert [each.id for each in found.better] == ["a3", "b1"] and [each.id for each in found.worse] == ["a0"]
    assert (found.both, str(found.before), str(found.after)) == (4, "2/4 50% (15-85)", "3/4 75% (30-95)")
    assert found.probability == 1.0
    assert compare(MANY, MANY).probability == 1.0


def test_cases_with_plugins_and_without_are_compared_apart() -> None:
    before = [outcome("a", right=False), outcome("a", mode="without plugins")]
    after = [outcome("a"), outcome("a", right=False, mode="without plugins")]
    found, without = compare(before, after), compare(before, after, "without plugins")
    assert (found.both, len(found.better), len(found.worse)) == (1, 1, 0)
    assert (without.both, len(without.better), len(without.worse)) == (1, 0, 1)


HOSTILE = "</dd><script>alert(1)</script>&\"'<img src=x onerror=y>\x1b[31m\u202e{title}"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_page_has_the_failures_and_nothing_of_a_text_is_structure() -> None:
    bad = outcome(
        HOSTILE,
        right=False,
        question=HOSTILE,
        category=HOSTILE,
        faults=(HOSTILE,),
        checks={"answer": False},
        wanted=HOSTILE,
        thoughts=HOSTILE,
        answer=HOSTILE,
        calls=(MadeCall(HOSTILE, HOSTILE, False),),
    )
    made = page(Run(data=HOSTILE, model=HOSTILE), [bad, outcome("fine"), outcome("down", right=False, error=HOSTILE)])
    read = Tags()
    read.feed(made)
    assert not read.tags & {"script", "img"} and not read.attributes & {"onerror", "src"}
    assert "\x1b" not in made and "\u202e" not in made and "default-src 'none'" in made
    assert "fine?" not in made and "down?" in made and "answer wrong" in made
    assert len(re.findall("<section", made)) == 2
