"""Talk that needs no plugin."""

from __future__ import annotations

from random import Random

from . import talk_en, talk_zh
from .shapes import ExampleTurn, Tools, spoken
from .templates import variants
from .wording import roughen

TALKS = {"en": talk_en.TALKS, "zh": talk_zh.TALKS}
WORDS = {"en": talk_en.WORDS, "zh": talk_zh.WORDS}
THOUGHTS = {
    "en": (
        "{k} No plugin is needed.",
        "{k} I can answer this myself.",
        "{k} I don't need any tool.",
        "{k} I answer directly.",
    ),
    "zh": ("{k}不需要插件。", "{k}直接回答即可。", "{k}无需工具。"),
}


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One remark or request that is answered without a command, whatever is enabled."""
    kind, asks, answers = random.choice(TALKS[language])
    slots = {name: random.choice(words) for name, words in WORDS[language].items()}
    slots |= {"p1": "", "p2": ""}
    slots["p1"], slots["p2"] = random.choice(talk_en.PHRASES if language == "en" else talk_zh.PHRASES)
    text = roughen(random, random.choice(variants(asks)).format(**slots), language)
    answer = random.choice(variants(answers)).format(**slots)
    return spoken(text, random.choice(THOUGHTS[language]).format(k=kind), answer)
