"""What texts are indexed under, and what questions look for."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.text_search.words import expressions, terms


def matches(text: str, question: str) -> bool:
    """Tell whether a text has all words of a question, by FTS5 itself."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'porter unicode61 remove_diacritics 2')")
    db.execute("INSERT INTO t VALUES (?)", [terms(text)])
    return bool(db.execute("SELECT 1 FROM t WHERE t MATCH ?", [expressions(question)[0]]).fetchall())


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Otters were resting on the ice.", "otter rests"),
        ("Café Málaga", "cafe malaga"),
        ("ＧＤＰ２０２３年增长", "gdp 2023"),
        ("深度学习工程师", "学习"),
        ("臺灣的軟體工程師", "台湾工程师"),
        ("台湾的软件", "臺灣"),
        ("结婚的和尚未结婚的", "尚未"),
        ("他爱喝茶", "茶"),
        ("请把猫带来", "猫"),
        ("G20 countries", "g20"),
        ("1,234,567 people", "1234567"),
        ("人口14,1175万", "1175"),
        ("COVID-19", "covid19"),
        ("feed-in tariff", "feed in tariffs"),
        ("co\u00adoperation", "cooperation"),
        ("コンピュータを買う", "コンピュータ"),
        ("ภาษาไทยง่าย", "ไทย"),
        ("हिन्दी में", "हिन्दी"),
        ("iPhone15手机很贵", "iphone15 手机"),
        ("Is it he?", "is it he"),
    ],
)
def test_question_finds_text(text: str, question: str) -> None:
    assert matches(text, question)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("北海道的大学", "北大"),
        ("walnut", "wal"),
        ("海象", "大象"),
        ("学生大会", "大学"),
        ("猫", "狗"),
        ("20 g", "g20"),
    ],
)
def test_question_does_not_find_text(text: str, question: str) -> None:
    assert not matches(text, question)


def test_words_that_say_nothing_are_left_out_unless_there_are_no_others() -> None:
    assert expressions("What is the capital of France?") == ['"capital" AND "france"', '"capital" OR "france"']
    assert expressions("中国的首都是什么？")[0] == '"中国" AND "首都"'
    assert expressions("what is it")[0] == '"what" AND "is" AND "it"'


def test_all_words_first_then_any_word_or_part_of_one() -> None:
    assert expressions("国家图书馆 猫") == [
        '"国家 家图 图书 书馆" AND "猫"*',
        '"国家" OR "图书" OR "书馆" OR "图书 书馆" OR "国家 家图 图书 书馆" OR "猫"*',
    ]
    assert expressions("walrus") == ['"walrus"']


@pytest.mark.parametrize("question", ["", "  ", "?!", '"', "*", "。。。", "\x00", "\u200b", "()^:-+{}"])
def test_a_question_without_a_word_looks_for_nothing(question: str) -> None:
    assert expressions(question) == []


HOSTILE = st.text(st.sampled_from(list("\"*^:(){}+-,.ANDORT E海象'\\\0\ud800")), max_size=60)


@given(st.one_of(st.text(max_size=300), HOSTILE))
def test_no_question_is_syntax(question: str) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize = 'porter unicode61 remove_diacritics 2')")
    for expression in expressions(question):
        db.execute("SELECT 1 FROM t WHERE t MATCH ?", [expression]).fetchall()


def test_a_huge_question_is_cut() -> None:
    assert all(expression.count('"') == 64 for expression in expressions(" ".join(f"w{n}" for n in range(9999))))


SCRIPTS = [
    "abcdefghijklmnop",
    "海象在浮冰上休息它们潜入底寻找蛤蜊和贻贝",
    "臺灣軟體工程師資訊",
    "コンピュータかな",
    "абвгдежз",
    "0123456789",
]
WORDS = st.sampled_from(SCRIPTS).flatmap(lambda script: st.text(script, min_size=1, max_size=6))


@pytest.mark.slow
@given(st.lists(WORDS, min_size=1, max_size=12), st.sampled_from([" ", "", "，", " - "]), st.data())
def test_every_word_of_a_text_finds_it(words: list[str], join: str, data: st.DataObject) -> None:
    word = data.draw(st.sampled_from(words))
    text = join.join(words)
    if join == "" and (word[0] + word[-1]).isalnum() and not any(character > "\u3000" for character in word):
        return  # grown together with its neighbours, it is no word of the text
    if join == "，" and word.isdecimal():
        return  # 1，000 is one number
    assert matches(text, word)
