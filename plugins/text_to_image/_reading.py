"""What a pipeline's text encoders make of a description: what is cut off, what they do not know."""

from __future__ import annotations

import inspect
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from moss_agent.errors import PluginError

if TYPE_CHECKING:
    from ._loading import Loaded

CHINESE = re.compile(r"[\u3400-\u9fff]")
PIECES = 1.5  # tokens for one Chinese character: more means that it is spelled out in bytes
SYMBOLS = {"So", "Sm"}  # categories of characters that say something, emoji among them
SHOWN = 80  # characters of the description in a notice
NO_LIMIT = 10**6  # tokenizers without a limit say some huge number


def notices(loaded: Loaded, text: str) -> tuple[str, ...]:
    """Return what people should know, line by line. Raises PluginError if the pipeline can draw none of the text."""
    named = [getattr(loaded.pipe, name, None) for name in ("tokenizer", "tokenizer_2", "tokenizer_3")]
    tokenizers = [getattr(one, "tokenizer", one) for one in named if one]  # FLUX.2 has a processor there
    if not tokenizers:
        return ()
    # The one that takes most decides: what the others leave out reaches the picture through it.
    tokenizer = max(tokenizers, key=lambda one: limit(one, loaded.pipe))
    encoded = tokenizer(text, return_offsets_mapping=tokenizer.is_fast, return_special_tokens_mask=True)
    words = Words(text, encoded, tokenizer)
    unknown = words.unknown()
    if (loaded.things and not loaded.things & set(words.known())) or (unknown and not words.known()):
        raise PluginError(nothing_known(loaded, unknown or [text]))
    things = [word for word in words.known() if word in loaded.things]
    said = [
        unknown and f"the pipeline {loaded.name} does not know and leaves out: {shown(', '.join(unknown))}",
        len(things) > 2 and f"the pipeline {loaded.name} has learned to draw one or two things, not {len(things)}",
        words.cut_off(limit(tokenizer, loaded.pipe)),
        words.spelled_out() and f"the text encoder of {loaded.name} hardly knows Chinese: describe it in English",
    ]
    return tuple(notice for notice in said if notice)


def limit(tokenizer: Any, pipe: Any) -> int:
    """Return how many tokens of a description the pipeline takes, the special ones included."""
    own = tokenizer.model_max_length
    asked = inspect.signature(pipe).parameters.get("max_sequence_length")
    if "CLIP" not in type(tokenizer).__name__ and asked is not None and asked.default:
        own = min(own, asked.default)
    return own if own < NO_LIMIT else NO_LIMIT


class Words:
    """A description cut into tokens."""

    def __init__(self, text: str, encoded: Any, tokenizer: Any) -> None:
        self._text = text
        self._ids = encoded["input_ids"]
        self._tokenizer = tokenizer
        self._places = encoded.get("offset_mapping") or [(0, 0)] * len(self._ids)
        self._own = [i for i, is_special in enumerate(encoded["special_tokens_mask"]) if not is_special]

    def unknown(self) -> list[str]:
        """Return the words and symbols that the tokenizer has no token for, each once."""
        words = [slice(*self._places[i]) for i in self._own if self._is_unknown(i)]
        read = {n for place in self._places for n in range(*place)}
        symbols = [n for n, c in enumerate(self._text) if read and n not in read and unicodedata.category(c) in SYMBOLS]
        found = sorted([*words, *(slice(n, n + 1) for n in symbols)], key=lambda place: place.start)
        said = [self._text[place] or self._text for place in found]
        return list(dict.fromkeys(word for word in said if word.isprintable() and not is_mark(word)))

    def known(self) -> list[str]:
        """Return the tokens that are known."""
        ids = [self._ids[i] for i in self._own if not self._is_unknown(i)]
        return list(self._tokenizer.convert_ids_to_tokens(ids))

    def cut_off(self, most: int) -> str:
        """Return a notice if the description has more tokens than the pipeline takes."""
        kept = most - (len(self._ids) - len(self._own))
        if len(self._ids) <= most:
            return ""
        start = self._places[self._own[kept]][0]
        rest = f", this is left out: {shown(self._text[start:])}" if start else ""
        return f"the description is too long for the pipeline, which takes {kept} tokens of it{rest}"

    def spelled_out(self) -> bool:
        """Return whether Chinese characters are cut into bytes, as by tokenizers made for English."""
        chinese = CHINESE.findall(self._text)
        pieces = self._tokenizer("".join(chinese), add_special_tokens=False)["input_ids"] if chinese else []
        return len(pieces) > PIECES * len(chinese)

    def _is_unknown(self, i: int) -> bool:
        unknown = self._tokenizer.unk_token_id  # CLIP's is its end token, and never stands for a word
        return unknown is not None and unknown != self._tokenizer.eos_token_id and self._ids[i] == unknown


def nothing_known(loaded: Loaded, unknown: list[str]) -> str:
    """Return the reason for people."""
    examples = ", ".join(sorted(loaded.things)[:: max(1, len(loaded.things) // 6)][:6])
    such = f": it draws single things such as {examples}" if examples else ""
    return f"the pipeline {loaded.name} knows nothing that it could draw in {shown(', '.join(unknown))}{such}"


def shown(text: str) -> str:
    """Return as much of the text as a line has room for."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def is_mark(word: str) -> bool:
    """Return whether it only changes how what stands before it looks, as the selectors behind emoji do."""
    return all(unicodedata.category(character).startswith("M") for character in word)
