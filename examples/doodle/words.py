"""The words the pipeline knows: its tokenizer, one token for each name, and other words for the same thing."""

from __future__ import annotations

import csv
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from .scenes import COLOURS, PLACES, RELATIONS, SIZES

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unknown>"
# They stand behind every description. With them places in the picture can be told apart: see `network`.
ANCHORS = tuple(f"<{number}>" for number in range(12))
LENGTH = 16 + len(ANCHORS)  # tokens of a description, with the special ones
SILENT = "a an the of in at is are it its some this that there his her my your please draw picture image drawing"
SILENT_CHINESE = "的 了 是 在 一 个 只 条 张 幅 画 请 有 着 色"
DATA = Path(__file__).parent / "data"


def _read(name: str) -> dict[str, str]:
    """The two columns of a table."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return dict(list(csv.reader(file))[1:])


PLURALS = _read("plurals")  # those that are not regular
SYNONYMS = _read("synonyms")
CHINESE = _read("chinese")


def learned(names: list[str]) -> list[str]:
    """The tokens that are trained, in the order of their numbers."""
    special = [PAD, START, END, UNKNOWN, *ANCHORS]
    return list(dict.fromkeys([*special, ",", "background", *SIZES, *COLOURS, *PLACES, *RELATIONS, *names]))


def vocabulary(names: list[str]) -> dict[str, int]:
    """Every token with its number: those that are trained, then other words for them."""
    return {word: number for number, word in enumerate([*learned(names), *meanings(names)])}


def meanings(names: list[str]) -> dict[str, str]:
    """What is learned, by other words for it: the synonyms, and plurals, of which one is drawn."""
    trained, things = set(learned(names)), set(names)
    said = SYNONYMS | {name: name for name in names}
    plurals = {plural(word): name for word, name in said.items() if name in things and len(word.split()) <= 2}
    others = plurals | SYNONYMS | CHINESE
    return {word: name for word, name in others.items() if word not in trained and name in trained}


def plural(words: str) -> str:
    """The plural of a name of one or two words, of the last of them: hot dogs, snowmen."""
    *before, last = words.split()
    if last in PLURALS:
        return " ".join([*before, PLURALS[last]])
    if last.endswith("man"):
        return words.removesuffix("man") + "men"
    if words.endswith(("s", "x", "ch", "sh")):
        return words + "es"
    if words.endswith("y") and words[-2] not in "aeiou":
        return words[:-1] + "ies"
    return words + "s"


def tokenizer(names: list[str]) -> PreTrainedTokenizerFast:
    """Lower case, words and whole names; articles and the like say nothing and are dropped."""
    words = vocabulary(names)
    made = Tokenizer(models.WordLevel(words, unk_token=UNKNOWN))
    silent, silent_zh = "|".join(SILENT.split()), "|".join(SILENT_CHINESE.split())
    made.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"['’](?=s\b)"), ""),  # woman's hat: womans hat
            normalizers.Replace(Regex(r"[^\w,]+|_"), " "),
            normalizers.Replace(Regex(rf"\b({silent})\b|{silent_zh}"), " "),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    phrases = [AddedToken(word, single_word=True) for word in words if " " in word]
    chinese = [AddedToken(word, single_word=False) for word in words if not word.isascii()]
    made.add_tokens([*phrases, *chinese])
    made.post_processor = processors.TemplateProcessing(
        single=" ".join((START, "$A", END, *ANCHORS)),
        special_tokens=[(token, words[token]) for token in (START, END, *ANCHORS)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=LENGTH,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
    )
