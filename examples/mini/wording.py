"""Small changes that make questions look as if many different people had typed them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from .data import read_tables

PHRASES = read_tables("wording")

_HALF_WIDTH = str.maketrans("，。？！：；（）", ",.?!:;()")


def roughen(random: Random, text: str, language: str) -> str:
    """``text`` with, now and then, other punctuation, letter case, spacing or a typo."""
    dice = random.random()
    if language == "zh":
        return _rough_chinese(text, dice)
    return _rough_english(random, text, dice)


def _rough_chinese(text: str, dice: float) -> str:
    if dice < 0.12:
        return text.translate(_HALF_WIDTH)
    if dice < 0.24:
        return text.rstrip("？。?")
    if dice < 0.28:
        return text.rstrip("？。?") + "??"
    if dice < 0.31:
        return text.replace("，", " ")
    return text


def _rough_english(random: Random, text: str, dice: float) -> str:
    if dice < 0.08:
        return text.lower()
    if dice < 0.16:
        return text.rstrip("?.")
    if dice < 0.20:
        return text.lower().rstrip("?.")
    if dice < 0.24:
        return _typo(random, text)
    if dice < 0.25:
        return text.upper()
    if dice < 0.27:
        return text.rstrip("?.") + " ?"
    return text


def _typo(random: Random, text: str) -> str:
    """Two neighbouring small letters of one longer word change places."""
    words = text.split(" ")
    places = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha() and word.islower()]
    if not places:
        return text
    place = random.choice(places)
    word = words[place]
    at = random.randrange(1, len(word) - 2)
    words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)


def decorate(
    random: Random, text: str, language: str, before: Sequence[str] | None = None, after: Sequence[str] | None = None
) -> str:
    """``text`` with now and then a polite or explaining phrase around it, then roughened."""
    before = PHRASES[language]["before"] if before is None else before
    after = PHRASES[language]["after"] if after is None else after
    dice = random.random()
    gap = " " if language == "en" else ""
    if dice < 0.22 and before:
        text = random.choice(before) + gap + text
    elif dice < 0.32 and after:
        text = text + gap + random.choice(after)
    return roughen(random, text, language)


_ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_CHINESE = "零一二三四五六七八九十"
_MEASURES = "个只支本张件辆棵朵块颗瓶盒袋包条双把位名人天年周次小分米公千斤层排行页班组"


def with_words(random: Random, text: str, language: str) -> str:
    """``text`` with, now and then, its small whole numbers in words."""
    if random.random() > 0.15:
        return text
    if language == "en":
        return re.sub(r"(?<![\w.,$€£/:*+^=-])(\d\d?)(?= [a-z]{2,})", _english_number, text)
    return re.sub(rf"(?<![A-Za-z0-9.第$/:*+^=-])(\d\d?)(?=[{_MEASURES}])", _chinese_number, text)


def _english_number(found: re.Match[str]) -> str:
    number = int(found[1])
    return _ENGLISH[number] if 0 < number < len(_ENGLISH) else found[1]


def _chinese_number(found: re.Match[str]) -> str:
    number = int(found[1])
    if number == 2:
        return "两"
    if not 0 < number < 100:
        return found[1]
    tens, ones = divmod(number, 10)
    return (_CHINESE[tens] if tens > 1 else "") + ("十" if tens else "") + (_CHINESE[ones] if ones else "")


def joined(random: Random, language: str, *questions: str) -> str:
    """Several questions in one message."""
    joiner = random.choice(PHRASES[language]["joiners"])
    stop = random.choice("?," if language == "en" else "？，")
    closed = [text + stop if text[-1].isalnum() else text for text in questions[:-1]]
    return joiner.join([*closed, questions[-1]])
