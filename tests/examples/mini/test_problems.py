"""The problems that mini learns from: each can be filled, is right, and thinks what it calls."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path
from random import Random

import pytest

from examples.mini import problems
from examples.mini.check_problems import check
from examples.mini.data import DATA
from examples.mini.problems import Question, Situation, fill
from examples.mini.wording import with_words

ROOT = Path(__file__).parents[3]
NAMES = sorted(path.stem for path in (DATA / "problems").glob("*.jsonl"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_problems_of_a_file_have_no_faults(name):
    assert check(name) == []


def test_there_are_hundreds_of_situations_in_each_language():
    for language in ("en", "zh"):
        every = [*chain(*problems.topics(language))]
        assert len({id(situation) for situation, _ in every}) > 400 and len(every) > 1000


def test_questions_of_few_operations_come_more_often():
    drawn, every = [], [question for topic in problems.topics("en") for _, question in topic]
    random = Random(0)
    for _ in range(2000):
        drawn.append(len(re.findall(r"(?<=[\d)])[-+*/%^]", problems.draw(random, "en").calls[0][1])))
    of_one = sum(len(re.findall("[-+*/%^]", "".join(question.calculate))) == 1 for question in every)
    assert drawn.count(1) / len(drawn) > 1.3 * of_one / len(every)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"calculate": "{p}/{d}", "solve": "x={p}"}, "one of calculate and solve"),
        ({"calculate": "{p}*{d}"}, "is not in the thought"),
        ({"answers": ["It takes days."]}, "no result in the answer"),
        (
            {"calculate": "", "numbers": "x=3..9", "solve": "x+1={p}", "thoughts": ["x+1={p}"], "answers": ["{x}"]},
            "does not solve",
        ),
        ({"asks": "When?"}, "a list is wanted"),
        ({"asks": ["How {many}?"]}, "KeyError"),
    ],
)
def test_a_faulty_question_is_named(tmp_path, monkeypatch, change, said):
    question = {"asks": ["How many days?"], "thoughts": ["{p}/{d}"], "calculate": "{p}/{d}", "answers": ["{r} days."]}
    row = {"kind": "rate", "numbers": "d=5..9 n=2..9 p=[d*n]", "told": ["{p} pages, {d} a day."]}
    (tmp_path / "problems").mkdir()
    (tmp_path / "problems" / "own_en.jsonl").write_text(json.dumps(row | {"questions": [question | change]}))
    monkeypatch.setattr("examples.mini.data.DATA", tmp_path)
    (fault,) = check("own_en")
    assert fault.startswith("own_en, line 1: ") and said in fault


def test_what_belongs_together_is_drawn_together():
    cast = ({"animal": "spiders", "legs": 8}, {"animal": "ants", "legs": 6})
    question = Question(["{n}*{legs}"], ["{r} legs."], whole=["{n} {animal}: how many legs?"], calculate="{n}*{legs}")
    situation = Situation("legs", "n=13..99", (question,), cast=cast)
    for seed in range(20):
        problem = fill(Random(seed), "en", situation, question)
        legs = 8 if "spiders" in problem.text.lower() else 6
        assert problem.calls[0][1].endswith(f"*{legs}") and float(problem.outputs[0]) % legs == 0


def test_small_numbers_become_words_where_they_count_something():
    texts = {with_words(Random(seed), "He has 3 cats, 45 dogs and $7 for 2.5 kg.", "en") for seed in range(60)}
    assert texts == {"He has 3 cats, 45 dogs and $7 for 2.5 kg.", "He has three cats, 45 dogs and $7 for 2.5 kg."}
    texts = {with_words(Random(seed), "他有2个梨，第2个重12克，买了12本书。", "zh") for seed in range(60)}
    assert texts == {"他有2个梨，第2个重12克，买了12本书。", "他有两个梨，第2个重12克，买了十二本书。"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_question_is_one_of_those_that_measure_the_model(language):
    lines = (ROOT / "bench" / "everyday" / f"{language}.jsonl").read_text("utf-8").splitlines()
    everyday = {plain(json.loads(line)["question"]) for line in lines}
    for situation, question in chain(*problems.topics(language)):
        texts = [*question.whole, *(each + ask for each in question.told or situation.told for ask in question.asks)]
        assert everyday.isdisjoint(map(plain, texts))


def plain(text: str) -> str:
    """The text without case, spaces and punctuation."""
    return "".join(filter(str.isalnum, text.lower()))
