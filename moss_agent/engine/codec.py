"""Between text and token ids: only the markers may become special tokens."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tokenizers import AddedToken


class TextTokenizer(Protocol):
    """What is needed of a tokenizer; those of transformers have it."""

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]: ...

    def get_added_vocab(self) -> dict[str, int]: ...

    def encode(self, text: str, /, *, add_special_tokens: bool, split_special_tokens: bool) -> list[int]: ...

    def decode(self, ids: list[int], /, *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool) -> Any: ...


class Codec:
    """Encodes and decodes with a tokenizer. Thread-safe, which tokenizers are not.

    markers: texts that keep their meaning as special tokens; any other special token's text is encoded as the
        ordinary characters it consists of, so that no text can smuggle one in.
    """

    def __init__(self, tokenizer: TextTokenizer, markers: Sequence[str] = ()) -> None:
        self.tokenizer = tokenizer
        self._lock = threading.Lock()
        self._added: dict[int, AddedToken] = tokenizer.added_tokens_decoder
        vocabulary = tokenizer.get_added_vocab()
        self._markers = {marker: vocabulary[marker] for marker in markers if marker in vocabulary}
        patterns = (token_pattern(self._added[index]) for index in self._markers.values())
        self._split = re.compile("|".join(patterns) or "(?!)")
        self._newline = self.encode_ordinary("\n")
        self._adds_space = self.encode_ordinary("a") != self.encode_ordinary("\na")[len(self._newline) :]

    def encode(self, text: str, after: Sequence[int] = ()) -> list[int]:
        """Return the ids of `text` that comes after those ids."""
        last = self._added.get(after[-1]) if after else None
        if last and last.rstrip:
            text = text.lstrip()
        ids: list[int] = []
        for part in filter(None, self._split.split(text)):
            if part in self._markers:
                ids.append(self._markers[part])
            else:
                ids += self.encode_further(part) if after or ids else self.encode_ordinary(part)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        with self._lock:
            text = self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)  # a list for a batch only
        return text

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of text in which nothing may become a special token."""
        with self._lock:
            return self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)

    def encode_further(self, text: str) -> list[int]:
        """Return the ids of ordinary text that goes on: some tokenizers begin every text with a space of their own."""
        if self._adds_space:
            return self.encode_ordinary("\n" + text)[len(self._newline) :]
        return self.encode_ordinary(text)


def token_pattern(token: AddedToken) -> str:
    """Return the token's text as a group, with the whitespace that it swallows around it."""
    return r"\s*" * token.lstrip + f"({re.escape(token.content)})" + r"\s*" * token.rstrip
