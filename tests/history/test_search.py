"""Finding what was said, in English and Chinese."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from moss_agent.events import Call, Hit
from moss_agent.history import History
from moss_agent.records import Round, Turn
from moss_agent.store import About
from moss_agent.text_search import words

pytest.importorskip("opencc")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.sqlite") as opened:
        yield opened


def say(history: History, *turns: Turn) -> str:
    history.create(about := About())
    parent = None
    for turn in turns:
        history.save(about.id, turn, parent)
        parent = turn.id
    return about.id


def questions(history: History, query: str, limit: int = 10) -> list[str]:
    return [match.question for match in history.search(query, limit)]


def test_turns_are_found_by_question_answer_and_calls(history: History) -> None:
    call = Call("Search", "otters", "Otters hold hands.", True, 0.1, hits=(Hit("x", "The sea page"),))
    say(history, Turn("About seals", answer="They rest on ice."), Turn("More", (Round(calls=(call,)),), "Done."))
    assert questions(history, "Seal") == questions(history, "resting ICE") == ["About seals"]
    assert questions(history, "otter") == questions(history, "sea page") == ["More"]
    assert questions(history, "tiger") == questions(history, "?!") == []


def test_chinese_is_found_by_words_and_in_either_script(history: History) -> None:
    say(history, Turn("锂电池怎么保存？", answer="放在阴凉的地方。"), Turn("海象吃什么？", answer="蛤蜊。"))
    for query in ("电池保存", "電池", "阴凉"):
        assert questions(history, query) == ["锂电池怎么保存？"]


def test_turns_with_all_words_come_first(history: History) -> None:
    say(history, Turn("battery battery battery"), Turn("battery storage"))
    assert questions(history, "battery storage") == ["battery storage", "battery battery battery"]


def test_one_conversation_does_not_hide_the_others(history: History) -> None:
    say(history, *(Turn(f"walrus {number}") for number in range(20)))
    say(history, Turn("a few more words and a walrus"))
    assert "a few more words and a walrus" in questions(history, "walrus", 4)
    assert len(questions(history, "walrus", 15)) == 15


def test_what_is_written_once_more_is_found_as_it_is_now(history: History) -> None:
    id = say(history, turn := Turn("Hi", answer="walrus", status="stopped"))
    assert questions(history, "walrus") == ["Hi"]
    history.save(id, Turn("Hi", answer="seal", id=turn.id), None)
    assert questions(history, "walrus") == [] and questions(history, "seal") == ["Hi"]


def test_a_record_that_cannot_be_read_hides_no_other(history: History) -> None:
    say(history, Turn("walrus"), Turn("seal"))
    with closing(sqlite3.connect(history.path)) as db:
        db.execute("UPDATE turns SET record = '{' WHERE question = 'seal'")
        db.commit()
    assert questions(history, "walrus") == ["walrus"] and questions(history, "seal") == []


def test_all_is_indexed_anew_when_the_words_are_made_otherwise(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(history, Turn("walrus"))
    assert questions(history, "walrus")
    monkeypatch.setattr(words, "terms", lambda text: text[::-1])
    assert questions(history, "walrus")  # as it was indexed
    monkeypatch.setattr(words, "signature", lambda: "another")
    assert not questions(history, "walrus") and questions(history, "surlaw")


def test_a_passage_shows_the_words_in_one_line(history: History) -> None:
    say(history, Turn("Hi", answer="padding " * 100 + "the\nWalrus\nrests " + "padding " * 100))
    (match,) = history.search("walrus")
    assert "the Walrus rests" in match.passage and match.passage.startswith("…") and len(match.passage) <= 160


def test_other_answers_are_found_too(history: History) -> None:
    history.create(about := About())
    for answer in ("walrus", "seal"):
        history.save(about.id, Turn("Hi", answer=answer), None)
    (match,) = history.search("walrus")
    assert history.load(match.turn).turns[-1].answer == "walrus"
    assert history.load(about.id).turns[-1].answer == "seal"
