"""How well and how fast private documents are found: `python bench/documents.py` prints three tables.

1. Ways to cut Chinese, on the labelled passages beside this file and twenty times as many of the same words without
   sense: how often the passage that answers a question comes first or among the first three, and how many of the words
   that were labelled in a passage find it. Every way but the first gets the same folded text, and all the same stop
   words.
2. Indexing files of one language with `DocumentIndex.update`, reading in the worker included.
3. Queries of three words from an index of 100,000 passages, half English and half Chinese. The texts have no sense,
   but the words in them are as unevenly frequent as in real ones.

Needs the original jieba to compare with, and for the words of its dictionary: `pip install jieba`. In `labelled/*.txt`
a line `? question` or `! words` belongs to the passage above it. PASSAGES=10000 makes the last two tables quicker.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from statistics import median, quantiles

import rjieba

from moss_agent.documents import DocumentIndex
from moss_agent.text_search import words

PASSAGES = int(os.environ.get("PASSAGES", "100000"))
PORTER = "porter unicode61 remove_diacritics 2"
FILE = 100  # passages in each file that is indexed
QUERIES = 200
CHANCE = random.Random(1)
LABELLED = Path(__file__).with_name("labelled")
BEST = "SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT ?"


@dataclass
class Passage:
    text: str
    questions: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Way:
    """A way to cut text: what a text is indexed under, and the FTS5 expressions that a question becomes."""

    name: str
    terms: Callable[[str], str]
    expressions: Callable[[str], list[str]]
    tokenizer: str = PORTER


def labelled(language: str) -> list[Passage]:
    passages = []
    for line in (LABELLED / f"{language}.txt").read_text(encoding="utf-8").split("\n"):
        if line.startswith("? "):
            passages[-1].questions.append(line[2:])
        elif line.startswith("! "):
            passages[-1].words += line[2:].split()
        elif line:
            passages.append(Passage(line))
    return passages


def distractors(passages: list[Passage], space: str) -> list[Passage]:
    """Twenty times as many passages that have the same words and no sense."""
    found = [word for passage in passages for word in rjieba.cut(passage.text) if word.isalnum()]
    return [Passage(space.join(CHANCE.choices(found, k=20))) for _ in range(20 * len(passages))]


def ways() -> Iterable[Way]:
    yield Way("FTS5 unicode61 alone", str, lambda question: joined(question.split()))
    yield Way("FTS5 trigram", words._fold, lambda question: joined(triples(question)), "trigram")
    for name in ("jieba", "rjieba"):
        yield cutting(f"{name}, search mode", import_module(name).cut_for_search)
    yield cutting("pairs on both sides", lambda run: words._pairs(run)[:-1] or [run])
    yield Way("pairs, asked by words (ours)", words.terms, words.expressions)


def cutting(name: str, cut: Callable[[str], Iterable[str]]) -> Way:
    """Text and questions cut in the same way."""

    def terms(text: str) -> str:
        return words._RUN.sub(lambda run: f" {' '.join(cut(run[0]))} ", words._fold(text))

    return Way(name, terms, lambda question: joined(terms(question).split()))


def joined(found: list[str]) -> list[str]:
    telling = [word for word in found if word not in words.STOP_WORDS] or found
    quoted = ['"{}"'.format(word.replace('"', "")) for word in dict.fromkeys(telling)]
    return [" AND ".join(quoted), " OR ".join(quoted)] if quoted else []


def triples(question: str) -> list[str]:
    return [word[i : i + 3] for word in words._fold(question).split() for i in range(len(word) - 2)]


def print_ways() -> None:
    passages = {language: labelled(language) for language in ("zh", "en")}
    everything = passages["zh"] + passages["en"]
    everything += distractors(passages["zh"], "") + distractors(passages["en"], " ")
    print(f"{'':30}{'zh first':>9}{'in 3':>7}{'words':>7}{'en first':>10}{'in 3':>7}{'index':>9}{'seconds':>9}")
    for way in ways():
        started = time.perf_counter()
        way.terms("预热")
        db = sqlite3.connect(":memory:")
        db.execute(f"CREATE VIRTUAL TABLE t USING fts5 (x, content = '', tokenize = '{way.tokenizer}')")
        db.executemany(
            "INSERT INTO t (rowid, x) VALUES (?, ?)", ((i, way.terms(p.text)) for i, p in enumerate(everything))
        )
        seconds = time.perf_counter() - started
        db.execute("INSERT INTO t (t) VALUES ('optimize')")
        (size,) = db.execute("SELECT sum(length(block)) FROM t_data").fetchone()
        zh, en = (places(db, way, everything, passages[language]) for language in ("zh", "en"))
        share = found_words(db, way, everything)
        print(
            f"{way.name:30}{at(zh, 1):9.1%}{at(zh, 3):7.1%}{share:7.1%}{at(en, 1):10.1%}{at(en, 3):7.1%}"
            f"{size / 1000:6.1f} kB{seconds:9.2f}"
        )


def places(db: sqlite3.Connection, way: Way, everything: list[Passage], asked: list[Passage]) -> list[int]:
    """For each question the place of its passage, from 1; 9 if it is not among the first three."""
    result = []
    for passage in asked:
        for question in passage.questions:
            rows: list[int] = []
            for expression in way.expressions(question):
                rows += [row for row in matching(db, expression) if row not in rows]
            number = everything.index(passage)
            result.append(rows.index(number) + 1 if number in rows[:3] else 9)
    return result


def found_words(db: sqlite3.Connection, way: Way, everything: list[Passage]) -> float:
    """The share of labelled words that find the passage in which they are labelled."""
    found = [
        number in matching(db, (way.expressions(word) or ['""'])[0], limit=-1)
        for number, passage in enumerate(everything)
        for word in passage.words
    ]
    return sum(found) / len(found)


def matching(db: sqlite3.Connection, expression: str, limit: int = 3) -> list[int]:
    return [row for (row,) in db.execute(BEST, (expression, limit))]


def at(places: list[int], place: int) -> float:
    return sum(found <= place for found in places) / len(places)


class Language:
    """Text without sense of words that are as unevenly frequent as in a real language."""

    def __init__(self, vocabulary: dict[str, float], space: str) -> None:
        self._space, self._words = space, list(vocabulary)
        self._often = list(accumulate(vocabulary.values()))
        self._rarely = list(accumulate(weight**0.5 for weight in vocabulary.values()))

    def passage(self) -> str:
        """About 400 characters."""
        return self._space.join(CHANCE.choices(self._words, cum_weights=self._often, k=250))[:398] + "."

    def question(self) -> str:
        """Three words, not as common as in a text."""
        return " ".join(CHANCE.choices(self._words, cum_weights=self._rarely, k=3))


def english() -> Language:
    """Made-up words, the first of them as frequent as the first of any language."""
    made = ("".join(CHANCE.choices("etaoinshrdlucmfwygpbvk", k=CHANCE.randint(3, 9))) for _ in range(40_000))
    return Language({word: 1 / (rank + 10) for rank, word in enumerate(made)}, " ")


def chinese() -> Language:
    """The words of jieba's dictionary with its counts."""
    import jieba

    with jieba.get_dict_file() as file:
        entries = (line.decode().split(" ") for line in file)
        return Language({word: float(count) for word, count, *_ in entries}, "")


def print_index(folder: Path) -> None:
    languages = {"English": english(), "Chinese": chinese()}
    index = DocumentIndex(folder / "index.sqlite")
    index.path.touch()  # to have a size before
    print(f"\n{'indexing':12}{'files':>7}{'text':>10}{'seconds':>9}{'MB/s':>7}{'index':>10}{'per MB':>9}{'again':>9}")
    for name, language in languages.items():
        place = folder / name
        place.mkdir()
        for number in range(PASSAGES // 2 // FILE):
            text = "\n\n".join(language.passage() for _ in range(FILE))
            (place / f"{number}.txt").write_text(text, encoding="utf-8")
        size = sum(path.stat().st_size for path in place.iterdir()) / 1e6
        before, started = index.path.stat().st_size, time.perf_counter()
        index.update(place)
        seconds = time.perf_counter() - started
        grown = (index.path.stat().st_size - before) / 1e6
        started = time.perf_counter()
        index.update(place)
        again = time.perf_counter() - started
        print(
            f"{name:12}{PASSAGES // 2 // FILE:7}{size:7.1f} MB{seconds:9.1f}{size / seconds:7.2f}{grown:7.1f} MB"
            f"{grown / size:6.2f} MB{again:7.2f} s"
        )
    print_queries(index, languages)


def print_queries(index: DocumentIndex, languages: dict[str, Language]) -> None:
    print(f"\n{f'{PASSAGES:,} passages':20}{'median':>9}{'p95':>12}{'slowest':>12}")
    for name, language in languages.items():
        index.search(language.question())
        times = []
        for _ in range(QUERIES):
            question = language.question()
            started = time.perf_counter()
            index.search(question, limit=3)
            times.append((time.perf_counter() - started) * 1000)
        p95 = quantiles(times, n=20)[-1]
        print(f"{name:20}{median(times):6.1f} ms{p95:9.1f} ms{max(times):9.1f} ms")


def main() -> None:
    print_ways()
    with tempfile.TemporaryDirectory() as folder:
        print_index(Path(folder))


if __name__ == "__main__":
    main()
