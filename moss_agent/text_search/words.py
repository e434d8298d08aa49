"""Words as they are indexed and as they are asked for.

Both sides are folded first: full-width and other compatibility forms (NFKC), traditional Chinese to simplified
(OpenCC). Scripts that put no spaces between words (Chinese, Japanese, Thai and its neighbours) are indexed as
overlapping pairs of characters, so any part of a text can be found, whether a dictionary knows it or not, and the
index does not depend on a dictionary's version. A question in Chinese is cut into words with jieba's dictionary, and
each word is looked up as the sequence of its pairs: words decide what counts, pairs that nothing is missed. All
other scripts are split at what is neither letter, mark nor digit, and between letters and digits (GDP2023), but
1,000 is 1000; case, diacritics and English endings (Porter) are left to FTS5.

Not covered: synonyms, regional vocabulary (軟體 and 软件), endings of languages other than English, and
punctuation inside names (C++ is c).
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from unicodedata import category, normalize, unidata_version

if TYPE_CHECKING:
    from opencc import OpenCC

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
KANA = "\u3040-\u30ff"
SOUTH_EAST_ASIAN = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_RUN = re.compile(f"(?P<han>[{HAN}]+)|[{KANA}]+|[{SOUTH_EAST_ASIAN}]+")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")  # the comma of 1,000
_EDGE = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")  # between a letter and a digit
_CHARACTERS, _WORDS = 1000, 32  # of a question; what is longer is no question and costs time

_ENGLISH = """
a about an and any are as at be been but by can could did do does for from had has have he her his how i if in into is
it its me my no not of on or our she should so some than that the their them then there these they this to us was we
were what when where which who whom whose why will with would you your s t
"""
_CHINESE = """
的 了 是 在 和 与 及 或 而 被 把 从 对 为 于 之 其 这 那 这个 那个 这些 那些 有 也 都 就 不 吗 呢 吧 啊 呀
我 你 他 她 它 我们 你们 他们 什么 哪些 哪个 哪里 哪儿 谁 怎么 怎样 怎么样 如何 为什么 为何 几 多少 是否 能 能否
可以 请 请问 告诉 一下 一个 关于 以及
"""
STOP_WORDS = frozenset((_ENGLISH + _CHINESE).split())
"""Words that say nothing about the matter: left out of a question unless it has no others."""


def signature() -> str:
    """Return the versions of the libraries that an index's terms depend on."""
    from importlib.metadata import version

    return f"Unicode {unidata_version}, OpenCC {version('opencc')}"


def terms(text: str) -> str:
    """Return the terms to index `text` under, separated by spaces."""
    return _RUN.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", _EDGE.sub(" ", _fold(text)))


def expressions(question: str) -> list[str]:
    """Return queries in the syntax of FTS5, the strictest first: all words, then any word or part of one.

    None for a question without a word.
    """
    whole, parts = " AND ".join(phrases(question)), " OR ".join(phrases(question, parts=True))
    return list(dict.fromkeys((whole, parts))) if whole else []


def phrases(question: str, parts: bool = False) -> list[str]:
    """Return the words of a question that say something, or all if none does, each as a phrase in the syntax of FTS5.

    With the `parts` of long Chinese words, if wanted (国家图书馆: 国家, 图书). Nothing in the question can be syntax: a
    phrase is in quotes and holds letters, marks and digits only.
    """
    words = _words(_fold(question[:_CHARACTERS]), parts)
    telling = [word for word in words if word not in STOP_WORDS]
    return list(dict.fromkeys(map(_phrase, telling or words)))[:_WORDS]


def _fold(text: str) -> str:
    """Return `text` in one form of each character, with a space for everything that belongs to no word."""
    plain = _GROUPED.sub("", normalize("NFKC", text)).translate(_SEPARATORS)
    return str(_simplifier().convert(plain)).lower()


class _Separators(dict[int, "str | None"]):
    """For `str.translate`, filled as characters occur.

    All but letters, marks and digits become spaces; what is invisible, such as soft hyphens, nothing.
    """

    def __missing__(self, code: int) -> str | None:
        kind = category(chr(code))
        self[code] = chr(code) if kind[0] in "LMN" else None if kind == "Cf" else " "
        return self[code]


_SEPARATORS = _Separators()


@cache
def _simplifier() -> OpenCC:
    from opencc import OpenCC

    return OpenCC("t2s")


def _pairs(run: str) -> list[str]:
    """Return overlapping pairs, and the last character alone: every character begins one term."""
    return [run[i : i + 2] for i in range(len(run))]


def _words(folded: str, parts: bool) -> list[str]:
    """Return the words of a question in their order."""
    found, end = [], 0
    for run in _RUN.finditer(folded):
        found += folded[end : run.start()].split()
        found += _chinese(run[0], parts) if run["han"] else [run[0]]
        end = run.end()
    return found + folded[end:].split()


def _chinese(run: str, parts: bool) -> list[str]:
    import rjieba  # half a second: loads its dictionary

    return rjieba.cut_for_search(run) if parts else rjieba.cut(run)


def _phrase(word: str) -> str:
    """Return the word as a phrase. Of a script in pairs: what begins with the one character, or the pairs in a row."""
    if not _RUN.fullmatch(word):
        return f'"{_EDGE.sub(" ", word)}"'
    return f'"{word}"*' if len(word) == 1 else f'"{" ".join(_pairs(word)[:-1])}"'
